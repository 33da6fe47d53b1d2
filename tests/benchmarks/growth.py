"""The time of the same queries with ten thousand to ten million jobs."""

from collections.abc import Mapping
from functools import partial

from store.database.database import Database
from store.job_list.list_query import RowKey, RowWindowQuery
from store.store import Store
from store.users.actor import OPERATOR
from tests.benchmarks.database import Databases, FilledDatabase
from tests.benchmarks.harness import Effort, Finding, Series, take_turns
from tests.benchmarks.lists import ROWS, timed, users_store
from tests.benchmarks.sizes import growing
from tests.benchmarks.statistics import assert_same_numbers, install_specified, our_time, specified_time, turns

NEWEST = f"the newest {ROWS} jobs of a project, through the store"

MIDDLE = f"{ROWS} rows in the middle of all jobs, through the store"

STATISTICS = "get_job_statistics() of gjobs for a user with a tenth of all jobs, server time"

SPECIFIED = "the specification's get_job_statistics() for the same user, server time"


async def growth(effort: Effort, databases: Databases) -> list[Finding]:
    by_size = {jobs: await _measure(effort, databases.of(jobs)) for jobs in growing(effort)}
    lines = {
        title: {f"{jobs:,} jobs": series[title] for jobs, series in by_size.items()}
        for title in (NEWEST, MIDDLE, STATISTICS, SPECIFIED)
    }
    settings = {"rounds": _rounds(effort)}
    return [Finding(title=title, unit="ms", settings=settings, series=line) for title, line in lines.items()]


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
                    STATISTICS: turns(our_time(connection, database, times)),
                    SPECIFIED: turns(specified_time(connection, database, 1)),
                },
                rounds=_rounds(effort),
            )


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
