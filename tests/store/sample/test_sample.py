"""The sample data, which is the same every time, and the simulated customers, who keep the queue filled."""

import asyncio
import json
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path
from random import Random

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gjobs.store.configuration.settings import EMBEDDED_USER
from gjobs.store.database.database import Database
from gjobs.store.embedded.server_files import ServerHandle
from gjobs.store.errors import SchemaMissing, Unreachable
from gjobs.store.isolation.isolation import PROBED, ProbeMethod, ProbeVerdict
from gjobs.store.isolation.isolation_check import plan_probes, run_probes
from gjobs.store.jobs.job import USUAL_MODES, JobStatus
from gjobs.store.sample.sample_data import OUTAGE_MESSAGE, Sample, fill, sample
from gjobs.store.sample.simulation import QUEUE_SIZE, RETRY, STEP, JobPlan, SimulatedClock, Simulation, plan_jobs
from gjobs.store.store import Store
from gjobs.store.values.formats import utc_now
from tests.conftest import Conninfo
from tests.store.faulty_servers import proxied
from tests.store.store_fixtures import NOW, Db, Sql, opened

MOMENTS = st.integers(-50_000, 80_000).map(lambda hours: NOW + timedelta(hours=hours, minutes=hours % 60))
THE_SAMPLE = sample(NOW)


def as_text(conninfo: Conninfo) -> dict[str, str]:
    return {name: str(value) for name, value in conninfo.items()}


def without_times(whole: Sample) -> list[object]:
    jobs = [(j.id, j.user_id, j.project_id, j.status, j.mode, j.cost_cents, j.input_asset_id) for j in whole.jobs]
    assets = [(a.id, a.storage_path, a.prompt_payload, a.source_asset_id) for a in whole.assets]
    return [*jobs, *assets, *((u.id, u.email) for u in whole.users), *((p.id, p.name) for p in whole.projects)]


@settings(max_examples=15)
@given(MOMENTS)
@example(NOW)
def test_only_the_times_of_the_sample_depend_on_the_given_time_and_lie_in_the_month_before_it(now: datetime) -> None:
    whole = sample(now)
    assert without_times(whole) == without_times(THE_SAMPLE)
    for job in whole.jobs:
        assert now - timedelta(days=31) < job.created_at <= job.updated_at <= now
        assert (job.started_at is None) == (job.status is JobStatus.QUEUED)
        assert job.started_at is None or job.created_at < job.started_at <= job.updated_at
    begun = {project.id: project.created_at for project in whole.projects}
    assert all(begun[job.project_id] < job.created_at for job in whole.jobs)
    assert all(begun[asset.project_id] < asset.created_at <= now for asset in whole.assets)
    joined = {user.id: user.created_at for user in whole.users}
    assert all(joined[project.user_id] < project.created_at for project in whole.projects)
    uploaded = {asset.id: asset.created_at for asset in whole.assets}
    assert all(uploaded[job.input_asset_id] < job.created_at for job in whole.jobs if job.input_asset_id)


def test_sample_has_the_expected_users_projects_and_jobs() -> None:
    assert [user.email for user in THE_SAMPLE.users] == [EMBEDDED_USER, "ben@example.com", None]
    assert len(THE_SAMPLE.jobs) == 600
    ada = THE_SAMPLE.users[0].id
    names = {project.name for project in THE_SAMPLE.projects if project.user_id == ada}
    assert names == {"Autumn catalog", "Spring lookbook", "Packaging tests"}
    owners = {project.user_id for project in THE_SAMPLE.projects}
    assert owners == {user.id for user in THE_SAMPLE.users} == {job.user_id for job in THE_SAMPLE.jobs}


def test_sample_rows_refer_to_each_other_consistently() -> None:
    owners = {project.id: project.user_id for project in THE_SAMPLE.projects}
    projects = {asset.id: asset.project_id for asset in THE_SAMPLE.assets}
    assert all(owners[job.project_id] == job.user_id for job in THE_SAMPLE.jobs)
    assert all(owners[asset.project_id] == asset.user_id for asset in THE_SAMPLE.assets)
    assert all(projects[job.input_asset_id] == job.project_id for job in THE_SAMPLE.jobs if job.input_asset_id)
    assert all(projects[a.source_asset_id] == a.project_id for a in THE_SAMPLE.assets if a.source_asset_id)
    assert Counter(asset.kind for asset in THE_SAMPLE.assets).keys() == {"input", "output"}
    paths = [asset.storage_path for asset in THE_SAMPLE.assets]
    assert len(set(paths)) == len(paths)


def test_sample_jobs_and_errors_are_realistic_and_a_project_is_near_its_budget_limit() -> None:
    by_status = Counter(job.status for job in THE_SAMPLE.jobs)
    assert [status for status, _ in by_status.most_common()] == ["succeeded", "failed", "queued", "running"]
    assert {job.mode for job in THE_SAMPLE.jobs} == set(USUAL_MODES)
    assert all(2 <= job.cost_cents <= 500 for job in THE_SAMPLE.jobs)
    running = sorted(NOW - job.updated_at for job in THE_SAMPLE.jobs if job.status is JobStatus.RUNNING)
    assert running[-2] < timedelta(minutes=2)
    assert timedelta(hours=5) < running[-1] < timedelta(hours=6)
    finished = [job for job in THE_SAMPLE.jobs if job.status in (JobStatus.SUCCEEDED, JobStatus.FAILED)]
    assert all(timedelta(seconds=1) < job.updated_at - job.created_at < timedelta(minutes=3) for job in finished)
    at_work = [job for job in finished if job.created_at.weekday() < 5 and 7 <= job.created_at.hour < 20]
    assert len(at_work) > 0.85 * len(finished)

    for job in THE_SAMPLE.jobs:
        assert (job.error is not None) is (job.status is JobStatus.FAILED)
    errors = [(job, job.error) for job in THE_SAMPLE.jobs if job.error is not None]
    objects = [(job, json.loads(error)) for job, error in errors if error.startswith("{")]
    assert 15 < len(objects) < len(errors) - 15
    for job, error in objects:
        assert list(error) == ["message", "stack", "timestamp", "mode", "userId", "requestId"]
        assert (error["mode"], error["userId"]) == (job.mode, str(job.user_id))
        written_at = datetime.fromisoformat(error["timestamp"])
        assert timedelta(0) <= job.updated_at - written_at < timedelta(milliseconds=1)

    of_ada, of_autumn = THE_SAMPLE.budgets
    assert of_ada.user_id == THE_SAMPLE.users[0].id
    spent = sum(job.cost_cents for job in THE_SAMPLE.jobs if job.project_id == of_autumn.project_id)
    assert 0.7 < spent / of_autumn.limit_cents < 0.8


async def test_sample_fills_a_database_only_once_and_keeps_changes(database: Conninfo) -> None:
    fill(as_text(database), now=NOW)
    async with Store(Database(database)) as operator:
        first = await operator.get_generation_jobs(limit=1000)
        assert {job.id: job for job in first} == {job.id: job for job in THE_SAMPLE.jobs}
        (asset,) = await operator.get_assets(THE_SAMPLE.projects[0].id, limit=1)
        assert asset.id in {asset.id for asset in THE_SAMPLE.assets}
        budgets = {budget.name: budget for budget in await operator.get_budgets(at=NOW)}
        spent = sum(job.cost_cents for job in THE_SAMPLE.jobs if job.project_id == budgets["Autumn catalog"].project_id)
        assert budgets["Autumn catalog"].spent_cents == spent
        assert budgets[EMBEDDED_USER].left_cents > 0
        users = await operator.get_users()
        assert {user.id: user.job_count for user in users} == Counter(job.user_id for job in THE_SAMPLE.jobs)

        queued = next(job for job in THE_SAMPLE.jobs if job.status is JobStatus.QUEUED)
        await operator.transition_job_status(queued.id, "running")
        changed = await operator.get_generation_jobs(limit=1000)
        fill(as_text(database), now=NOW + timedelta(days=3))
        assert await operator.get_generation_jobs(limit=1000) == changed != first
        assert await operator.get_users() == users


async def test_sample_lets_the_isolation_check_try_everything(database: Conninfo) -> None:
    fill(as_text(database), now=NOW)
    async with opened(database) as reader:
        probes = [probe async for probe in run_probes(reader, await plan_probes(reader), tries_writes=True)]
    assert [(probe.target, probe.verb) for probe in probes] == list(PROBED)
    assert {(probe.how, probe.verdict) for probe in probes} == {(ProbeMethod.TRIED, ProbeVerdict.KEPT)}


def test_filling_fails_without_tables_or_a_server(server: ServerHandle, tmp_path: Path) -> None:
    with pytest.raises(SchemaMissing):
        fill({**server.conninfo, "dbname": "postgres"}, now=NOW)
    with pytest.raises(Unreachable):
        fill({"host": str(tmp_path), "user": "gjobs"}, now=NOW)


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
