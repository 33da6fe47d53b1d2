"""The simulated customers: their decisions, their clock, and how they keep the queue filled."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import timedelta
from itertools import islice
from random import Random

import pytest

from gjobs.store.database.database import Database
from gjobs.store.jobs.job import USUAL_MODES, JobStatus
from gjobs.store.sample.sample_data import OUTAGE_MESSAGE, fill, sample
from gjobs.store.sample.simulation import QUEUE_SIZE, RETRY, STEP, JobPlan, SimulatedClock, Simulation, plan_jobs
from gjobs.store.store import Store
from gjobs.store.values.formats import utc_now
from tests.conftest import Conninfo
from tests.store.faulty_servers import proxied
from tests.store.store_fixtures import NOW, Db, Sql


def plans(seed: int, count: int = 600) -> list[JobPlan]:
    return list(islice(plan_jobs(Random(seed)), count))  # noqa: S311


def test_plans_depend_on_the_seed_and_have_bursts_retries_and_failing_modes() -> None:
    assert plans(1) == plans(1) != plans(2)

    made = plans(0)
    assert any(plan.burst >= 4 for plan in made)
    assert any(plan.is_retried for plan in made)
    assert {plan.mode for plan in made} == set(USUAL_MODES)
    runs = Counter[str]()
    longest = 0
    for plan in made:
        runs[plan.mode] = runs[plan.mode] + 1 if plan.error == OUTAGE_MESSAGE else 0
        longest = max(longest, runs[plan.mode])
    assert longest >= 4
    assert 0.5 < sum(plan.error is None for plan in made) / len(made) < 0.95


async def note(clock: SimulatedClock, seconds: float, names: list[str], name: str, *, is_step: bool = True) -> None:
    await clock.sleep(seconds, is_step=is_step)
    names.append(name)


async def turns() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_sleepers_wake_in_the_order_of_simulated_time() -> None:
    clock, names = SimulatedClock(speed=1000), list[str]()
    clock.set_paused(True)
    waiting = [(3, "late"), (1, "early"), (1, "second")]
    sleepers = asyncio.gather(*(note(clock, seconds, names, name) for seconds, name in waiting))
    await turns()
    clock.set_paused(False)
    await sleepers
    assert names == ["early", "second", "late"]


async def test_speed_shortens_waits_that_have_begun() -> None:
    clock, names = SimulatedClock(speed=0.5), list[str]()
    waiting = asyncio.create_task(note(clock, 1000, names, "end"))
    await turns()
    clock.set_speed(1_000_000)
    async with asyncio.timeout(5):
        await waiting
    assert clock.now >= 1000


async def test_paused_clock_stands_still_and_wakes_nobody() -> None:
    clock, names = SimulatedClock(speed=1_000_000), list[str]()
    clock.set_paused(True)
    waiting = asyncio.create_task(note(clock, 1, names, "end"))
    await asyncio.sleep(0.01)
    assert (clock.now, names) == (0.0, [])
    clock.set_paused(False)
    async with asyncio.timeout(5):
        await waiting


async def test_step_jumps_to_the_next_visible_change() -> None:
    clock, names = SimulatedClock(), list[str]()
    clock.set_paused(True)
    async with asyncio.TaskGroup() as group:
        group.create_task(note(clock, 20, names, "hidden", is_step=False))
        group.create_task(note(clock, 30, names, "first"))
        group.create_task(note(clock, 40, names, "second"))
        await turns()
        assert clock.step()
        await turns()
        assert (names, clock.now) == (["hidden", "first"], 30.0)
        assert clock.step()
    assert names == ["hidden", "first", "second"]
    assert not clock.step()


async def test_neither_a_running_clock_nor_cancelled_sleepers_are_stepped() -> None:
    clock, names = SimulatedClock(speed=0.001), list[str]()
    waiting = asyncio.create_task(note(clock, 1000, names, "end"))
    await turns()
    assert not clock.step()
    waiting.cancel()

    clock, names = SimulatedClock(), list[str]()
    clock.set_paused(True)
    waiting = asyncio.create_task(note(clock, 5, names, "end"))
    await turns()
    waiting.cancel()
    await turns()
    assert not clock.step()
    assert clock.now == 0


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
