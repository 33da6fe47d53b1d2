"""The simulated customers of the sample keep the queue filled. Time is simulated, the database is real."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest

from gjobs.store.database.database import Database
from gjobs.store.jobs.job import JobStatus
from gjobs.store.sample.sample_data import fill, sample
from gjobs.store.sample.simulation import QUEUE_SIZE, RETRY, STEP, SimulatedClock, Simulation
from gjobs.store.store import Store
from gjobs.store.values.formats import utc_now
from tests.conftest import Conninfo
from tests.store.faulty_servers import proxied
from tests.store.store_fixtures import NOW, Db, Sql

AfterStep = Callable[[int], Awaitable[None]]
"""Called after each step with its number, starting at 1."""


PROJECTS = {project.name: project.id for project in sample(NOW).projects}


class EnoughError(Exception):
    pass


async def do_nothing(step: int) -> None:
    pass


class NoWaits(SimulatedClock):
    """A clock that never waits. It keeps the simulated seconds of each wait, and ends the run after the last one."""

    def __init__(self, steps: int, after_step: AfterStep) -> None:
        super().__init__()
        self.waits: list[float] = []
        self._steps = steps
        self._after_step = after_step

    async def sleep(self, seconds: float, *, is_step: bool = False) -> None:
        self.waits.append(seconds)
        await self._after_step(len(self.waits))
        if len(self.waits) == self._steps:
            raise EnoughError


async def run(store: Store, steps: int, after_step: AfterStep = do_nothing, *, seed: int = 0) -> list[float]:
    """Run `steps` steps without waiting, and return the simulated seconds of each wait."""
    clock = NoWaits(steps, after_step)
    with pytest.raises(EnoughError):
        await Simulation(clock, seed=seed).queue_jobs(store)
    return clock.waits


async def queue_length(store: Store) -> int:
    return len(await store.get_jobs_by_status(JobStatus.QUEUED))


async def test_simulated_customers_fill_the_queue_to_its_limit(db: Db) -> None:
    asset_id = db.make_asset(db.make_project())
    await run(db.operator, 100, seed=1)
    jobs = (await db.operator.get_generation_jobs()).items
    assert len(jobs) == QUEUE_SIZE
    assert {job.status for job in jobs} == {JobStatus.QUEUED}
    assert {job.input_asset_id for job in jobs} == {None, asset_id}
    assert all(2 <= job.cost_cents <= 500 for job in jobs)


HOUR_CENTS = 2_900_00
"""The cost of one hour of the demo."""


async def test_budgets_of_the_sample_never_stop_the_demo(operator: Store, database: Conninfo, sql: Sql) -> None:
    """80 steps stand for eight hours: each job costs what the demo spends in six minutes."""
    fill({name: str(value) for name, value in database.items()}, now=utc_now())
    known = {job.id for job in sample(utc_now()).jobs}
    await Simulation(SimulatedClock(speed=10_000)).end_running_jobs(operator)
    (stuck,) = await operator.get_jobs_by_status(JobStatus.RUNNING)
    assert utc_now() - stuck.created_at > timedelta(hours=5)

    others = await operator.set_budget(project_id=PROJECTS["Bike accessories"], period="all", limit_cents=1)
    refused: list[int] = []

    async def finish_all(step: int) -> None:
        for project_id in (PROJECTS["Autumn catalog"], PROJECTS["Spring lookbook"]):
            checked = await operator.check_budget(project_id, 5_00)
            refused.extend(step for one in checked if not one.is_allowed)
        sql("update generation_jobs set status = 'running' where status = 'queued'")
        sql(
            "update generation_jobs set status = 'succeeded', cost_cents = %s where status = 'running'",
            (HOUR_CENTS // 10,),
        )

    await run(operator, 80, finish_all)

    assert not refused
    new = [job for job in (await operator.get_generation_jobs(limit=1_000)).items if job.id not in known]
    assert len(new) > 60
    assert len({job.user_id for job in new}) >= 2, "jobs of several customers arrive"
    budgets = {budget.id: budget for budget in await operator.get_budgets()}
    assert budgets[others.id].limit_cents == 1
    assert all(budget.left_cents > 0 for budget in budgets.values() if budget.id != others.id)

    # The simulation keeps a budget of the sample that a user changed.
    autumn = PROJECTS["Autumn catalog"]
    await operator.set_budget(project_id=autumn, period="all", limit_cents=2)
    await run(operator, 3)
    assert [one.limit_cents for one in await operator.get_budgets() if one.project_id == autumn] == [2]


async def test_simulated_customers_replace_jobs_that_were_started(db: Db) -> None:
    db.make_asset(db.make_project())
    lengths: list[int] = []

    async def take_one(step: int) -> None:
        lengths.append(await queue_length(db.operator))
        if step % 3 == 0:
            for job in await db.operator.get_jobs_by_status(JobStatus.QUEUED, limit=1):
                await db.operator.transition_job_status(job.id, JobStatus.RUNNING)

    await run(db.operator, 60, take_one)

    assert all(2 <= length <= QUEUE_SIZE for length in lengths[10:])


async def test_simulated_customers_wait_while_the_database_is_unreachable(db: Db) -> None:
    db.make_asset(db.make_project())
    lengths: list[int] = []
    async with proxied(db.conninfo) as (proxy, through_proxy), Store(Database(through_proxy)) as store:

        async def come_and_go(step: int) -> None:
            lengths.append(await queue_length(db.operator))
            if step == 2:
                proxy.go_away()
            if step == 4:
                proxy.come_back()

        waits = await run(store, 20, come_and_go)

    assert waits == [STEP] * 2 + [RETRY] * 2 + [STEP] * 16
    assert lengths[1] == lengths[3] < lengths[-1]


async def test_simulated_customers_retry_after_a_budget_refusal(db: Db) -> None:
    project = db.make_project()
    db.make_asset(project)
    await db.operator.set_budget(project_id=project, period="all", limit_cents=1)
    assert set(await run(db.operator, 3)) == {RETRY}


"""The cost of one hour of the demo."""


async def test_same_seed_creates_the_same_jobs(db: Db) -> None:
    db.make_asset(db.make_project())
    queues = []
    for seed in (1, 1, 2):
        await run(db.operator, 8, seed=seed)
        queues.append(db.sql("select mode, cost_cents from generation_jobs order by created_at"))
        db.sql("delete from generation_jobs")
    assert queues[0] == queues[1] != queues[2]


async def test_simulated_customers_queue_nothing_without_an_input_asset(db: Db) -> None:
    await run(db.operator, 5)
    db.make_project()
    await run(db.operator, 5)
    assert await queue_length(db.operator) == 0


async def test_simulated_customers_can_be_cancelled(db: Db) -> None:
    db.make_asset(db.make_project())
    stepped = asyncio.Event()

    async def note_step(step: int) -> None:
        stepped.set()
        await asyncio.sleep(3600)

    clock = NoWaits(2, note_step)
    running = asyncio.create_task(Simulation(clock).queue_jobs(db.operator))
    await stepped.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
