"""The hint of a timed-out list names what would speed up exactly this list."""

import pytest

from gjobs.store.database.database import Database
from gjobs.store.errors import Locked, TimedOut
from gjobs.store.filters.filter_syntax import parse
from gjobs.store.job_list.index_advice import IndexAdvice
from gjobs.store.job_list.list_query import ListQuery
from gjobs.store.store import Store
from gjobs.tui.text.error_text import speedup_hint, with_index_hint
from tests.conftest import Conninfo
from tests.store.store_fixtures import NOTHING, NOW

STOPPED = TimedOut("Too long.", sqlstate="57014")


async def test_timeout_hint_suggests_how_to_speed_up_the_filter(database: Conninfo) -> None:
    narrow = "Narrow it: add since:7d or project:NAME."
    async with Store(Database(database)) as store:
        error = await with_index_hint(store, ListQuery(job_filter=parse("mode:lifestyle", now=NOW)), STOPPED)
    assert error.message == STOPPED.message
    assert error.hint == (
        f"{narrow} This index would help: CREATE INDEX CONCURRENTLY gjobs_newest_of_mode ON"
        " public.generation_jobs (lower(mode), created_at DESC, id DESC);"
    )
    async with Store(Database({**database, "dbname": "nowhere"})) as store:
        without_connection = await with_index_hint(store, ListQuery(), STOPPED)
    assert without_connection.hint == narrow


@pytest.mark.parametrize("error", [Locked("Kept.", sqlstate="55P03"), TimedOut("Silent.")])
async def test_timeout_with_another_cause_keeps_its_hint(database: Conninfo, error: TimedOut) -> None:
    async with Store(Database(database)) as store:
        assert await with_index_hint(store, ListQuery(), error) is error


INDEX = IndexAdvice(columns="status, created_at DESC, id DESC", sql="CREATE INDEX CONCURRENTLY x ON y (z);")

READS = "To find a total or part of a text, the database reads each job."

WORDS = "'gjobs doctor' shows whether an index for words can help."


@pytest.mark.parametrize(
    ("text", "of_project", "lacking", "words"),
    [
        ("mode:lifestyle", False, None, "Narrow it: add since:7d or project:NAME."),
        ("-since:7d", True, None, "Narrow it: add since:7d."),
        ("error:timeout project:Autumn", False, None, f"Narrow it: add since:7d. {READS} {WORDS}"),
        ("took:>5m since:7d", True, None, READS),
        (
            "status:failed since:24h",
            True,
            INDEX,
            "This index would help: CREATE INDEX CONCURRENTLY x ON y (z);",
        ),
        ("since:24h", True, None, "Try again when the server is less busy."),
    ],
)
def test_speedup_hint_matches_the_filter(text: str, of_project: bool, lacking: IndexAdvice | None, words: str) -> None:
    listed = ListQuery(project_id=NOTHING if of_project else None, job_filter=parse(text, now=NOW))
    assert speedup_hint(listed, lacking) == words
