"""Errors say whether a row is gone or hidden, what speeds up a slow list, and where a filter is wrong."""

from collections.abc import AsyncIterator
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from gjobs.store.database.database import Database
from gjobs.store.errors import Locked, RowMissing, TimedOut
from gjobs.store.filters.filter_syntax import parse
from gjobs.store.filters.filter_terms import FilterError
from gjobs.store.job_list.list_query import IndexAdvice, ListQuery
from gjobs.store.job_list.read_listing import ListCost
from gjobs.store.store import Store
from gjobs.store.users.actor import ActingUser
from gjobs.tui.text.clean_text import visible_cells
from gjobs.tui.text.error_text import (
    expensive_filter_words,
    hidden_from,
    hidden_or_gone,
    missing_words,
    mistake_lines,
    speedup_hint,
    still_listed,
    with_index_hint,
)
from tests.conftest import Conninfo
from tests.store.filters.filter_strategies import typed
from tests.store.store_fixtures import NOTHING, NOW
from tests.tui.jobs_database import ADA, BEN, JobsDatabase, job_id

A, B, C, D, E = (UUID(int=number) for number in range(1, 6))


@pytest.mark.parametrize(
    ("ids", "hidden", "words"),
    [
        ((A,), {A}, f"{A} exists, but ada does not see it"),
        ((A,), set(), f"{A} does not exist"),
        ((A, B), {A, B}, f"{A}, {B} exist, but ada does not see them"),
        ((A, B, C), {B}, f"{B} exists, but ada does not see it; {A}, {C} do not exist"),
        ((A, B, C, D, E), {A, B, C, D, E}, f"{A}, {B}, {C} and 2 more exist, but ada does not see them"),
    ],
)
def test_missing_words_separate_hidden_from_unknown_ids(ids: tuple[UUID, ...], hidden: set[UUID], words: str) -> None:
    assert missing_words(ids, frozenset(hidden), "ada") == words


@pytest.fixture
async def operator(jobs_db: JobsDatabase, database: Conninfo) -> AsyncIterator[Store]:
    store = Store(Database(database))
    yield store
    await store.close()


async def test_explained_error_keeps_its_hint_and_stays_as_it_is_without_a_row_or_an_operator(operator: Store) -> None:
    ada = operator.acting_as(ActingUser(id=ADA))
    ben = operator.acting_as(ActingUser(id=BEN, email="ben@example.com"))
    gone = await hidden_or_gone(ben, operator, RowMissing("…", (job_id(99),), hint="List them."))
    assert (gone.ids, gone.hint) == ((job_id(99),), "List them.")
    error = RowMissing("There is no such job.", (job_id(99),))
    assert await hidden_or_gone(operator, operator, error) is error
    nameless = RowMissing("No user has the e-mail.")
    assert await hidden_or_gone(ada, operator, nameless) is nameless
    # If the operator cannot connect either, the error stays as it is.
    refused = Store(Database({"host": "/nowhere"}), ActingUser(id=UUID(int=0)))
    assert await hidden_or_gone(ada, refused, error) is error


async def test_operator_with_a_restricted_view_does_not_report_ids_as_gone(
    attached_jobs_db: JobsDatabase, attached_database: Conninfo, recording_login: str
) -> None:
    jobs_db = attached_jobs_db
    jobs_db.sql(f"grant select on public.generation_jobs, public.projects to {recording_login}")
    jobs_db.sql(
        f"create policy shown on public.generation_jobs for select to {recording_login} using (mode = 'lifestyle')"
    )
    jobs_db.sql("update public.generation_jobs set mode = 'packaging' where id = %s", job_id(8))
    async with Store(Database({**attached_database, "user": recording_login})) as operator:
        ada = operator.acting_as(ActingUser(id=ADA))
        assert await hidden_from(ada, operator, [job_id(8)]) is None


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


def error_of(text: str) -> FilterError | None:
    try:
        parse(text)
    except FilterError as error:
        return error
    return None


def mistake(text: str) -> FilterError:
    error = error_of(text)
    assert error is not None
    return error


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("cost:5 statsu:x", ["       ^^^^^^ Unknown key 'statsu'. Did you mean status?"]),
        ("秋 statsu:x", ["   ^^^^^^ Unknown key 'statsu'. Did you mean status?"]),
        ("status:", ["       ^ status: needs a value."]),
        ("a" * 40 + " statsu:x", [" " * 41 + "^^^^^^", "Unknown key 'statsu'. Did you mean status?"]),
    ],
)
def test_mark_is_placed_below_the_filter_mistake(text: str, lines: list[str]) -> None:
    assert mistake_lines(mistake(text), 60, is_below=True).splitlines() == lines


def test_long_filter_text_is_repeated_around_the_mistake() -> None:
    text, mark, sentence = mistake_lines(mistake("a" * 80 + " statsu:x"), 60, is_below=False).splitlines()
    place = mark.index("^")
    assert text[place : place + mark.count("^")] == "statsu"
    assert sentence == "Unknown key 'statsu'. Did you mean status?"


@given(typed, st.integers(20, 120))
def test_mark_stays_within_the_line_for_any_filter_text(text: str, cells: int) -> None:
    error = error_of(text)
    if error is not None:
        lines = mistake_lines(error, cells, is_below=visible_cells(text) < cells).split("\n")
        mark = next(line for line in lines if "^" in line)
        assert cell_len(mark.rpartition("^")[0]) < max(cells, 80)
        assert all(line.isprintable() for line in lines)


def test_note_names_the_filter_that_stays_active() -> None:
    assert still_listed("") == "Still showing all jobs."
    assert still_listed("cost:>5\x1b") == "Still showing results for “cost:>5␛”."


def test_note_about_an_expensive_filter_needs_no_estimate() -> None:
    unknown = ListCost(cost=1e6, seconds=None, advice=None)
    assert "Each refresh takes a long time" in expensive_filter_words(unknown, ListQuery(), run="⏎")
