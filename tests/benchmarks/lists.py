"""Lists through the store, compared with plain psycopg, with few and many jobs, and page by page."""

import gc
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial

from psycopg import AsyncConnection

from gjobs.store.database.database import Database
from gjobs.store.database.query import compiled
from gjobs.store.job_list.list_query import ListingQuery, ListQuery, RowWindowQuery
from gjobs.store.job_list.list_sql import AccessPath, page
from gjobs.store.jobs.job import GenerationJob
from gjobs.store.jobs.job_results import Page, PageKey
from gjobs.store.store import Store
from gjobs.store.users.actor import OPERATOR, ActingUser
from tests.benchmarks import raw_psycopg
from tests.benchmarks.database import Databases, FilledDatabase
from tests.benchmarks.harness import AtMost, Contestant, Effort, Finding, Ratio, take_turns
from tests.benchmarks.sizes import few, many

ROWS = 200

STORE, RAW, PIPELINED = "Store.get_project_jobs", "raw psycopg", "raw psycopg, pipelined"

AMONG_FEW = "Store.get_project_jobs, 10,000 jobs"

LOOK, LOOK_AMONG_FEW = "one refresh of the dashboard, with names and clock", "one refresh of the dashboard, 10,000 jobs"

PAGE = 500

WALK = 100_000

WALKED, QUERIES = "Store.get_generation_jobs, which builds its job objects", "the same queries on raw psycopg"


async def lists(effort: Effort, databases: Databases) -> list[Finding]:
    large, small = databases.of(many(effort)), databases.of(few(effort))
    return [await _compare_newest(effort, large, small), await _walk(effort, large)]


async def _compare_newest(effort: Effort, large: FilledDatabase, small: FilledDatabase) -> Finding:
    times, rounds = effort.choose(40, quick=1), effort.choose(25, quick=1)
    project = large.owner.projects[0]
    async with AsyncExitStack() as stack:
        store = await stack.enter_async_context(users_store(large))
        among_few = await stack.enter_async_context(users_store(small))
        connection = await stack.enter_async_context(raw_psycopg.connect(large.conninfo))
        by_hand = partial(raw_psycopg.newest, connection, large.owner.id, project, limit=ROWS)
        assert await store.get_project_jobs(project, limit=ROWS) == await by_hand()
        series = await take_turns(
            {
                STORE: timed(partial(store.get_project_jobs, project, limit=ROWS), times),
                RAW: timed(by_hand, times),
                PIPELINED: timed(partial(by_hand, pipelined=True), times),
                AMONG_FEW: timed(partial(among_few.get_project_jobs, small.owner.projects[0], limit=ROWS), times),
                LOOK: timed(partial(store.get_listing, look_at_project(large)), times),
                LOOK_AMONG_FEW: timed(partial(among_few.get_listing, look_at_project(small)), times),
            },
            rounds=rounds,
        )
    return Finding(
        title=f"the newest {ROWS} jobs of a project, read as a user",
        unit="ms",
        settings={"jobs": large.jobs, "repeats a round": times, "rounds": rounds},
        series=series,
        ratios=(
            Ratio(ours=STORE, rival=RAW, reach=AtMost(1.3)),
            Ratio(ours=STORE, rival=PIPELINED),
            Ratio(ours=STORE, rival=AMONG_FEW, reach=AtMost(1.2)),
            Ratio(ours=LOOK, rival=LOOK_AMONG_FEW, reach=AtMost(1.2)),
        ),
    )


async def _walk(effort: Effort, database: FilledDatabase) -> Finding:
    rows, rounds = effort.choose(WALK, quick=2 * PAGE), effort.choose(5, quick=1)
    async with (
        Store(Database(database.conninfo), OPERATOR) as store,
        raw_psycopg.connect(database.conninfo) as connection,
    ):
        # Like the dashboard after its start: exclude existing objects from garbage collection.
        gc.freeze()
        keys = [key async for key, _ in _pages(store, rows)]

        async def ours() -> float:
            start = time.perf_counter()
            walked = sum([len(each) async for _, each in _pages(store, rows)])
            assert walked == rows
            return (time.perf_counter() - start) * 1000

        async def rival() -> float:
            start = time.perf_counter()
            for key in keys:
                await _run(connection, key)
            return (time.perf_counter() - start) * 1000

        series = await take_turns({WALKED: ours, QUERIES: rival}, rounds=rounds)
        gc.unfreeze()
    return Finding(
        title=f"page by page through {rows:,} rows",
        unit="ms",
        settings={"jobs": database.jobs, "rows a page": PAGE, "rounds": rounds},
        series=series,
        ratios=(Ratio(ours=WALKED, rival=QUERIES, reach=AtMost(1.5)),),
    )


async def _pages(store: Store, rows: int) -> AsyncIterator[tuple[PageKey | None, Page[GenerationJob]]]:
    """Yield the pages from the newest on, each with the key of its query."""
    key: PageKey | None = None
    for _ in range(0, rows, PAGE):
        walked = await store.get_generation_jobs(limit=PAGE, after=key)
        yield key, walked
        key = walked.next_key


async def _run(connection: AsyncConnection, key: PageKey | None) -> None:
    query = page(ListQuery(), AccessPath(), after=key, limit=PAGE)
    sql, constants = compiled(query.statement)
    sql = raw_psycopg.with_starts(query.relation.rendered(sql))
    await raw_psycopg.read(connection, None, (sql, {**constants, **query.parameters}))


def look_at_project(database: FilledDatabase) -> ListingQuery:
    return ListingQuery(window=RowWindowQuery(listed=ListQuery(project_id=database.owner.projects[0]), after=ROWS))


@asynccontextmanager
async def users_store(database: FilledDatabase) -> AsyncIterator[Store]:
    """Open a store that acts as the user who owns a tenth of the jobs."""
    async with Store(Database(database.conninfo), ActingUser(id=database.owner.id, email=None)) as store:
        yield store


def timed(work: Callable[[], Awaitable[object]], times: int) -> Contestant:
    """Return a contestant that measures the mean time of a query in ms."""

    async def contestant() -> float:
        start = time.perf_counter()
        for _ in range(times):
            await work()
        return (time.perf_counter() - start) * 1000 / times

    return contestant
