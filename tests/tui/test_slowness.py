"""A list that took too long says what would help it, and not what would help others."""

import pytest

from store.database.database import Database
from store.errors import Locked, TimedOut
from store.filters.filter_text import parse
from store.job_list.list_query import ListQuery
from store.store import Store
from tests.conftest import Conninfo
from tests.store.support import NOW
from tui.error_help import with_index_hint

STOPPED = TimedOut("Too long.", sqlstate="57014")


async def test_timeout_hint_suggests_how_to_speed_up_the_filter(database: Conninfo) -> None:
    async with Store(Database(database)) as store:
        error = await with_index_hint(store, ListQuery(job_filter=parse("mode:lifestyle", now=NOW)), STOPPED)
    assert error.message == STOPPED.message
    assert error.hint == (
        "Narrow it: add since:7d or project:NAME. An index would read it in its order:"
        " CREATE INDEX CONCURRENTLY gjobs_newest_of_mode ON public.generation_jobs"
        " (lower(mode), created_at DESC, id DESC);"
    )


async def test_timeout_hint_omits_index_advice_without_a_connection(database: Conninfo) -> None:
    async with Store(Database({**database, "dbname": "nowhere"})) as store:
        error = await with_index_hint(store, ListQuery(), STOPPED)
    assert error.hint == "Narrow it: add since:7d or project:NAME."


@pytest.mark.parametrize("error", [Locked("Kept.", sqlstate="55P03"), TimedOut("Silent.")])
async def test_timeout_with_another_cause_keeps_its_hint(database: Conninfo, error: TimedOut) -> None:
    async with Store(Database(database)) as store:
        assert await with_index_hint(store, ListQuery(), error) is error
