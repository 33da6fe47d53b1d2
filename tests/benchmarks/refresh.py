"""One refresh through the store, against the same transaction in psycopg by hand."""

import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from functools import partial
from typing import TypeVar
from uuid import UUID

from psycopg import AsyncConnection

from store.actor import ActingUser
from store.database import Database
from store.store import Store
from tests.benchmarks import raw_psycopg
from tests.benchmarks.database import Databases, FilledDatabase
from tests.benchmarks.harness import AtMost, Contestant, Effort, Finding, Ratio, take_turns
from tests.benchmarks.sizes import QUICK

T = TypeVar("T")

JOBS = 40_000
LIMIT = 500
STORE, RAW, PIPELINED = "the store", "raw psycopg", "raw psycopg, pipelined"
_RATIOS = (Ratio(ours=STORE, rival=RAW, reach=AtMost(1.3)), Ratio(ours=STORE, rival=PIPELINED))


async def refresh(effort: Effort, databases: Databases) -> list[Finding]:
    database = databases.of(effort.choose(JOBS, quick=QUICK))
    async with _store(database) as store, raw_psycopg.connect(database.conninfo) as connection:
        user_id, project_id = database.owner.id, database.owner.projects[0]
        return [
            await _compare_pages(effort, store, connection, user_id, project_id),
        ]


async def _compare_pages(
    effort: Effort, store: Store, connection: AsyncConnection, user_id: UUID, project_id: UUID
) -> Finding:
    by_hand = partial(raw_psycopg.newest, connection, user_id, project_id, LIMIT)
    through_store = partial(store.get_project_jobs, project_id, limit=LIMIT)
    assert await through_store() == await by_hand()
    return await _compare(
        effort,
        f"the newest {LIMIT} jobs of a project",
        {STORE: through_store, RAW: by_hand, PIPELINED: partial(by_hand, pipelined=True)},
    )


async def _compare(effort: Effort, title: str, work: Mapping[str, Callable[[], Awaitable[object]]]) -> Finding:
    times = effort.choose(20, quick=1)
    rounds = effort.choose(15, quick=2)
    contestants = {name: _timed(once, times) for name, once in work.items()}
    return Finding(
        title=title,
        unit="ms",
        settings={"jobs": effort.choose(JOBS, quick=QUICK), "eyes": "a user", "times a round": times, "rounds": rounds},
        series=await take_turns(contestants, rounds=rounds),
        ratios=_RATIOS,
    )


def _timed(work: Callable[[], Awaitable[object]], times: int) -> Contestant:
    async def contestant() -> float:
        start = time.perf_counter()
        for _ in range(times):
            await work()
        return (time.perf_counter() - start) * 1000 / times

    return contestant


@asynccontextmanager
async def _store(database: FilledDatabase) -> AsyncIterator[Store]:
    async with Store(Database(database.conninfo), ActingUser(id=database.owner.id, email=None)) as store:
        yield store
