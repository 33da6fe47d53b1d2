"""The time of reading waste with ten thousand to ten million jobs."""

from contextlib import AsyncExitStack
from functools import partial

from gjobs.store.database.database import Database
from gjobs.store.statistics.statistics import Waste, WasteKey
from gjobs.store.store import Store
from gjobs.store.users.actor import OPERATOR
from tests.benchmarks.database import Databases
from tests.benchmarks.harness import AtMost, Effort, Finding, Ratio, take_turns
from tests.benchmarks.lists import timed, users_store
from tests.benchmarks.sizes import growing

MOST_TIMES_SLOWER = 2
"""With few jobs, the rollups of a user do not have a row for each combination of keys yet."""

OF_ALL, OF_USER = "waste of all jobs, by each key", "waste of a user with a tenth of all jobs, by each key"


async def waste(effort: Effort, databases: Databases) -> list[Finding]:
    """Let all sizes take turns, so that a busy minute of the machine affects each of them."""
    sizes, times = growing(effort), effort.choose(5, quick=1)
    contestants = {}
    async with AsyncExitStack() as stack:
        for jobs in sizes:
            database = databases.of(jobs)
            operator = await stack.enter_async_context(Store(Database(database.conninfo), OPERATOR))
            user = await stack.enter_async_context(users_store(database))
            for by in WasteKey:
                _assert_exact(await operator.get_waste(by))
            for title, store in ((OF_ALL, operator), (OF_USER, user)):
                contestants[_name(title, jobs)] = timed(partial(_by_each_key, store), times)
        series = await take_turns(contestants, rounds=_rounds(effort))
    return [
        Finding(
            title=f"{title}, through the store",
            unit="ms",
            settings={"rounds": _rounds(effort)},
            series={_jobs(jobs): series[_name(title, jobs)] for jobs in sizes},
            ratios=tuple(
                Ratio(ours=_jobs(jobs), rival=_jobs(sizes[0]), reach=AtMost(MOST_TIMES_SLOWER)) for jobs in sizes[1:]
            ),
        )
        for title in (OF_ALL, OF_USER)
    ]


async def _by_each_key(store: Store) -> None:
    for by in WasteKey:
        await store.get_waste(by)


def _assert_exact(found: Waste) -> None:
    assert found.is_exact
    assert found.total.failed_count > 0


def _name(title: str, jobs: int) -> str:
    return f"{title}: {_jobs(jobs)}"


def _jobs(jobs: int) -> str:
    return f"{jobs:,} jobs"


def _rounds(effort: Effort) -> int:
    return effort.choose(9, quick=1)
