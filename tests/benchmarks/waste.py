"""The time of reading waste with ten thousand to ten million jobs."""

from functools import partial

from store.database.database import Database
from store.statistics.waste import Waste, WasteKey
from store.store import Store
from store.users.actor import OPERATOR
from tests.benchmarks.database import Databases, FilledDatabase
from tests.benchmarks.harness import AtMost, Effort, Finding, Ratio, Series, take_turns
from tests.benchmarks.lists import timed, users_store
from tests.benchmarks.sizes import growing

MOST_TIMES_SLOWER = 2
"""With few jobs, the rollups of a user do not have a row for each combination of keys yet."""

OF_ALL, OF_USER = "waste of all jobs, by each key", "waste of a user with a tenth of all jobs, by each key"


async def waste(effort: Effort, databases: Databases) -> list[Finding]:
    by_size = {jobs: await _measure(effort, databases.of(jobs)) for jobs in growing(effort)}
    small, *larger = by_size
    return [
        Finding(
            title=f"{title}, through the store",
            unit="ms",
            settings={"rounds": _rounds(effort)},
            series={_name(jobs): series[title] for jobs, series in by_size.items()},
            ratios=tuple(
                Ratio(ours=_name(jobs), rival=_name(small), reach=AtMost(MOST_TIMES_SLOWER)) for jobs in larger
            ),
        )
        for title in (OF_ALL, OF_USER)
    ]


async def _measure(effort: Effort, database: FilledDatabase) -> dict[str, Series]:
    times = effort.choose(5, quick=1)
    async with users_store(database) as store, Store(Database(database.conninfo), OPERATOR) as operator:
        for by in WasteKey:
            _assert_exact(await operator.get_waste(by))
        return await take_turns(
            {
                OF_ALL: timed(partial(_by_each_key, operator), times),
                OF_USER: timed(partial(_by_each_key, store), times),
            },
            rounds=_rounds(effort),
        )


async def _by_each_key(store: Store) -> None:
    for by in WasteKey:
        await store.get_waste(by)


def _assert_exact(found: Waste) -> None:
    assert found.is_exact
    assert found.total.failed_count > 0


def _name(jobs: int) -> str:
    return f"{jobs:,} jobs"


def _rounds(effort: Effort) -> int:
    return effort.choose(9, quick=1)
