"""The sample's customers keep a queue, whoever works on it. Time is simulated, the database is real."""

import asyncio
from collections.abc import Awaitable, Callable
from random import Random

import pytest

from store.database.database import Database
from store.jobs.job import JobStatus
from store.sample.simulation import QUEUE_SIZE, RETRY, STEP, queue_jobs
from store.store import Store
from tests.store.servers import proxied
from tests.store.support import Db, MakeProject, Sql

Watch = Callable[[int], Awaitable[None]]

"""Is called after each step with its number, from 1."""


class EnoughError(Exception):
    pass


async def nobody_watches(step: int) -> None:
    pass


async def run(
    store: Store, steps: int, watch: Watch = nobody_watches, *, seed: int = 0, pace: float = 1.0
) -> list[float]:
    """So many steps, without any waiting. The seconds that would have been waited after each."""
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)
        await watch(len(waits))
        if len(waits) == steps:
            raise EnoughError

    with pytest.raises(EnoughError):
        await queue_jobs(store, Random(seed), pace=pace, sleep=sleep)  # noqa: S311
    return waits


async def queue_length(store: Store) -> int:
    return len(await store.get_jobs_by_status(JobStatus.QUEUED))


async def test_simulated_customers_fill_the_queue_to_its_limit(db: Db) -> None:
    asset_id = db.make_asset(db.make_project())
    await run(db.operator, 100)
    jobs = (await db.operator.get_generation_jobs()).items
    assert len(jobs) == QUEUE_SIZE
    assert {job.status for job in jobs} == {JobStatus.QUEUED}
    assert {job.input_asset_id for job in jobs} == {None, asset_id}
    assert all(2 <= job.cost_cents <= 500 for job in jobs)


async def test_simulated_customers_replace_jobs_that_were_started(operator: Store, make_project: MakeProject) -> None:
    make_project()
    lengths: list[int] = []

    async def take_one(step: int) -> None:
        lengths.append(await queue_length(operator))
        if step % 3 == 0:
            for job in await operator.get_jobs_by_status(JobStatus.QUEUED, limit=1):
                await operator.transition_job_status(job.id, JobStatus.RUNNING)

    await run(operator, 90, take_one)

    assert all(2 <= length <= QUEUE_SIZE for length in lengths[10:])


async def test_simulated_customers_wait_while_the_database_is_unreachable(db: Db) -> None:
    db.make_project()
    lengths: list[int] = []
    async with proxied(db.conninfo) as (proxy, through_proxy), Store(Database(through_proxy)) as store:

        async def come_and_go(step: int) -> None:
            lengths.append(await queue_length(db.operator))
            if step == 2:
                proxy.go_away()
            if step == 4:
                proxy.come_back()

        waits = await run(store, 20, come_and_go, pace=10)

    assert waits == [STEP / 10] * 2 + [RETRY] * 2 + [STEP / 10] * 16
    assert lengths[1] == lengths[3] < lengths[-1]


async def test_simulated_customers_retry_after_a_budget_refusal(operator: Store, make_project: MakeProject) -> None:
    project = make_project()
    await operator.set_budget(project_id=project, period="all", limit_cents=1)
    assert set(await run(operator, 3)) == {RETRY}


async def test_the_same_seed_makes_the_same_jobs(operator: Store, make_project: MakeProject, sql: Sql) -> None:
    make_project()
    queues = []
    for seed in (1, 1, 2):
        await run(operator, 20, seed=seed)
        queues.append(sql("select mode, cost_cents from generation_jobs order by created_at"))
        sql("delete from generation_jobs")
    assert queues[0] == queues[1] != queues[2]


async def test_simulated_customers_queue_nothing_without_a_project(operator: Store) -> None:
    await run(operator, 10)
    assert await queue_length(operator) == 0


async def test_simulated_customers_can_be_cancelled(operator: Store, make_project: MakeProject) -> None:
    make_project()
    stepped = asyncio.Event()

    async def sleep(seconds: float) -> None:
        stepped.set()
        await asyncio.sleep(seconds)

    running = asyncio.create_task(queue_jobs(operator, Random(0), sleep=sleep))  # noqa: S311
    await stepped.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
