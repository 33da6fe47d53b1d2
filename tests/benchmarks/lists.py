"""Lists through the store: against psycopg by hand, among few jobs and many, and page by page through very many."""

import gc
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial

from psycopg import AsyncConnection

from store.actor import OPERATOR, ActingUser
from store.database import Database
from store.database.query import compiled
from store.listing.model import End, ListQuery, Window, WindowQuery, key_of
from store.statements.windows import questions
from store.store import Store
from tests.benchmarks import raw_psycopg
from tests.benchmarks.database import Databases, FilledDatabase
from tests.benchmarks.harness import AtMost, Contestant, Effort, Finding, Ratio, take_turns
from tests.benchmarks.sizes import few, many

ROWS = 200
STORE, RAW, PIPELINED = "the store", "raw psycopg", "raw psycopg, pipelined"
AMONG_FEW = "the store, 10,000 jobs"

PAGE = 500
WALK = 100_000
WALKED, QUERIES = "the store, into its values", "its queries on raw psycopg"


async def lists(effort: Effort, databases: Databases) -> list[Finding]:
    large, small = databases.of(many(effort)), databases.of(few(effort))
    return [await _compare_newest(effort, large, small), await _walk(effort, large)]


async def _compare_newest(effort: Effort, large: FilledDatabase, small: FilledDatabase) -> Finding:
    times, rounds = effort.choose(40, quick=1), effort.choose(25, quick=1)
    query = newest_of_project(large)
    async with AsyncExitStack() as stack:
        store = await stack.enter_async_context(users_store(large))
        among_few = await stack.enter_async_context(users_store(small))
        connection = await stack.enter_async_context(raw_psycopg.connect(large.conninfo))
        by_hand = partial(raw_psycopg.newest, connection, large.owner.id, query)
        assert await store.get_window(query) == await by_hand()
        series = await take_turns(
            {
                STORE: timed(partial(store.get_window, query), times),
                RAW: timed(by_hand, times),
                PIPELINED: timed(partial(by_hand, pipelined=True), times),
                AMONG_FEW: timed(partial(among_few.get_window, newest_of_project(small)), times),
            },
            rounds=rounds,
        )
    return Finding(
        title=f"the newest {ROWS} of a project, with a user's eyes",
        unit="ms",
        settings={"jobs": large.jobs, "times a round": times, "rounds": rounds},
        series=series,
        ratios=(
            Ratio(ours=STORE, rival=RAW, reach=AtMost(1.3)),
            Ratio(ours=STORE, rival=PIPELINED),
            Ratio(ours=STORE, rival=AMONG_FEW, reach=AtMost(1.2)),
        ),
    )


async def _walk(effort: Effort, database: FilledDatabase) -> Finding:
    rows, rounds = effort.choose(WALK, quick=1000), effort.choose(5, quick=1)
    async with (
        Store(Database(database.conninfo), OPERATOR) as store,
        raw_psycopg.connect(database.conninfo) as connection,
    ):
        # As the dashboard does after its start: what is there then is not looked through for garbage again and again.
        gc.freeze()
        asked = [window.query async for window in _windows(store, rows)]

        async def ours() -> float:
            start = time.perf_counter()
            walked = sum([len(window.jobs) async for window in _windows(store, rows)])
            assert walked >= rows
            return (time.perf_counter() - start) * 1000

        async def rival() -> float:
            start = time.perf_counter()
            for query in asked:
                await _run(connection, query)
            return (time.perf_counter() - start) * 1000

        series = await take_turns({WALKED: ours, QUERIES: rival}, rounds=rounds)
        gc.unfreeze()
    return Finding(
        title=f"window by window through {rows:,} rows",
        unit="ms",
        settings={"jobs": database.jobs, "rows a window": PAGE, "rounds": rounds},
        series=series,
        ratios=(Ratio(ours=WALKED, rival=QUERIES, reach=AtMost(1.5)),),
    )


async def _windows(store: Store, rows: int) -> AsyncIterator[Window]:
    """From the newest on. Each begins with the last row of the one before: so it is seen that none is left out."""
    window = await store.get_window(WindowQuery(after=PAGE))
    yield window
    for _ in range(PAGE, rows, PAGE):
        last = window.jobs[-1]
        anchor = key_of(last, window.query.listed.order)
        window = await store.get_window(WindowQuery(anchor=anchor, after=PAGE + 1))
        assert window.jobs[0].id == last.id
        yield window


async def _run(connection: AsyncConnection, query: WindowQuery) -> None:
    statements = []
    for question in questions(query, readable=frozenset()):
        sql, constants = compiled(question.statement)
        statements.append((sql, {**constants, **question.parameters}))
    await raw_psycopg.read(connection, None, *statements)


def newest_of_project(database: FilledDatabase) -> WindowQuery:
    return WindowQuery(listed=ListQuery(project_id=database.owner.projects[0]), anchor=End.FIRST, after=ROWS)


@asynccontextmanager
async def users_store(database: FilledDatabase) -> AsyncIterator[Store]:
    """With the eyes of the user who owns a tenth of the jobs."""
    async with Store(Database(database.conninfo), ActingUser(id=database.owner.id, email=None)) as store:
        yield store


def timed(work: Callable[[], Awaitable[object]], times: int) -> Contestant:
    """In ms, for each of so many times."""

    async def contestant() -> float:
        start = time.perf_counter()
        for _ in range(times):
            await work()
        return (time.perf_counter() - start) * 1000 / times

    return contestant
