"""The time and the traffic of the same queries with ten thousand to ten million jobs."""

from collections.abc import Mapping
from functools import partial

from gjobs.store.database.database import Database
from gjobs.store.job_list.list_query import RowKey, RowWindowQuery
from gjobs.store.store import Store
from gjobs.store.users.actor import OPERATOR
from tests.benchmarks.database import Databases, FilledDatabase
from tests.benchmarks.harness import Effort, Finding, Series, take_turns
from tests.benchmarks.lists import ROWS, look_at_project, timed, users_store
from tests.benchmarks.sizes import growing
from tests.benchmarks.statistics import CALL, SPECIFIED_CALL, assert_same_numbers, install_specified, server_time
from tests.benchmarks.wire_proxy import WireProxy, wire_proxy

NEWEST = f"the newest {ROWS} jobs of a project, through the store"

MIDDLE = f"{ROWS} rows in the middle of all jobs, through the store"

STATISTICS = "get_job_statistics() of gjobs for a user with a tenth of all jobs, server time"

SPECIFIED = "the specification's get_job_statistics() for the same user, server time"

FIRST_LIST = f"connecting and the first {ROWS} jobs of a project, with all names"

REFRESH = "one refresh of this list, nothing changed"

_UNITS = {NEWEST: "ms", MIDDLE: "ms", STATISTICS: "ms", SPECIFIED: "ms", FIRST_LIST: "bytes", REFRESH: "bytes"}


async def growth(effort: Effort, databases: Databases) -> list[Finding]:
    by_size = {}
    with wire_proxy(databases.server) as proxy:
        for jobs in growing(effort):
            database = databases.of(jobs)
            by_size[jobs] = {**await _measure(effort, database), **await _traffic(effort, database, proxy)}
    settings = {"rounds": _rounds(effort)}
    return [
        Finding(
            title=title,
            unit=unit,
            settings=settings,
            series={f"{jobs:,} jobs": series[title] for jobs, series in by_size.items()},
        )
        for title, unit in _UNITS.items()
    ]


async def _measure(effort: Effort, database: FilledDatabase) -> Mapping[str, Series]:
    times = effort.choose(20, quick=1)
    with database.connect() as connection:
        install_specified(connection)
        assert_same_numbers(connection, database)
        middle = RowWindowQuery(anchor=_middle(database), before=ROWS // 2, after=ROWS // 2)
        async with users_store(database) as store, Store(Database(database.conninfo), OPERATOR) as operator:
            return await take_turns(
                {
                    NEWEST: timed(partial(store.get_project_jobs, database.owner.projects[0], limit=ROWS), times),
                    MIDDLE: timed(partial(operator.get_window, middle), times),
                    STATISTICS: server_time(connection, database, CALL, times),
                    SPECIFIED: server_time(connection, database, SPECIFIED_CALL, 1),
                },
                rounds=_rounds(effort),
            )


async def _traffic(effort: Effort, database: FilledDatabase, proxy: WireProxy) -> Mapping[str, Series]:
    query, first, refresh = look_at_project(database), list[float](), list[float]()
    for _ in range(_rounds(effort)):
        start = proxy.traffic
        async with Store(Database(proxy.conninfo(database.conninfo)), OPERATOR) as store:
            await store.get_listing(query)
            first.append(float(proxy.traffic.since(start).both))
            for _ in range(10):  # Statements are prepared after some uses.
                await store.get_listing(query)
            start = proxy.traffic
            await store.get_listing(query)
            refresh.append(float(proxy.traffic.since(start).both))
    return {FIRST_LIST: Series(tuple(first)), REFRESH: Series(tuple(refresh))}


def _rounds(effort: Effort) -> int:
    return effort.choose(9, quick=1)


def _middle(database: FilledDatabase) -> RowKey:
    with database.connect() as connection:
        row = connection.execute(
            "select created_at, id from public.generation_jobs order by created_at desc, id desc limit 1 offset %s",
            [database.jobs // 2],
        ).fetchone()
    assert row
    return RowKey(value=row[0], id=row[1])
