"""The workers and users of the demo, accelerated, on a real database."""

import asyncio
import logging
from contextlib import ExitStack
from datetime import timedelta
from uuid import UUID

import pytest

from gjobs.store.database.database import Database
from gjobs.store.errors import Unreachable
from gjobs.store.jobs.job import GenerationJob, JobStatus
from gjobs.store.sample.sample_data import fill, sample
from gjobs.store.sample.simulation import SimulatedClock, Simulation
from gjobs.store.store import Store
from gjobs.store.values.formats import utc_now
from gjobs.store.worker.worker import Worker
from gjobs.tui.demo.demo_activity import DemoActivity, DemoControl, DemoWorker
from tests.conftest import Conninfo


async def test_demo_finishes_the_running_jobs_of_the_sample_except_the_stuck_one(database: Conninfo) -> None:
    fill({name: str(value) for name, value in database.items()}, now=utc_now())
    known = {job.id for job in sample(utc_now()).jobs}
    activity = DemoActivity(database, SimulatedClock(speed=500), lease_seconds=1.0)
    async with activity, Store(Database(database)) as operator:

        async def has_worked() -> bool:
            ended = await operator.get_jobs_by_status(JobStatus.SUCCEEDED, limit=10)
            running = await operator.get_jobs_by_status(JobStatus.RUNNING)
            unfinished = [job for job in running if job.id in known]
            return all(job.id not in known for job in ended) and len(unfinished) == 1

        async with asyncio.timeout(60):
            while not await has_worked():  # noqa: ASYNC110
                await asyncio.sleep(0.2)
        (stuck,) = [job for job in await operator.get_jobs_by_status(JobStatus.RUNNING) if job.id in known]
        assert utc_now() - stuck.created_at > timedelta(hours=5)


async def test_another_worker_takes_over_the_jobs_of_a_killed_worker_which_then_counts_as_silent(
    database: Conninfo,
) -> None:
    fill({name: str(value) for name, value in database.items()}, now=utc_now())
    clock = SimulatedClock(speed=0.001)  # No job ends yet.
    async with DemoActivity(database, clock, workers=["render-1"], has_customers=False, lease_seconds=1.0) as activity:
        operator = activity.operator

        async def held() -> set[UUID]:
            return {one.job_id for one in (await operator.get_workers_overview()).held if one.owner is not None}

        async def are_running(jobs: set[UUID]) -> bool:
            found = [await operator.get_generation_job(job) for job in jobs]
            return any(job is not None and job.status is JobStatus.RUNNING for job in found)

        async def names_of_workers(*, alive: bool) -> list[str]:
            workers = (await operator.get_workers_overview()).workers
            assert all(one.started_at <= one.seen_at for one in workers)
            return sorted(one.name for one in workers if one.is_alive == alive)

        async with asyncio.timeout(60):
            while len(left := await held()) < 2:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
            await activity.kill_worker("render-1")
            assert await held() == left
            activity.start_worker("render-2")
            clock.set_speed(500)
            while await are_running(left):  # noqa: ASYNC110
                await asyncio.sleep(0.05)
            activity.start_worker("render-1")
            now = {True: ["render-1", "render-2"], False: ["render-1"]}
            while {alive: await names_of_workers(alive=alive) for alive in now} != now:  # noqa: ASYNC110
                await asyncio.sleep(0.05)


async def test_workers_of_a_paused_demo_claim_one_job_for_each_step(database: Conninfo) -> None:
    fill({name: str(value) for name, value in database.items()}, now=utc_now())
    clock = SimulatedClock(speed=0.001)
    clock.set_paused(True)
    async with DemoActivity(database, clock, workers=["render-1"], has_customers=False) as activity:

        async def held() -> set[UUID]:
            return {one.job_id for one in (await activity.operator.get_workers_overview()).held if one.owner}

        async with asyncio.timeout(60):
            while (job := await activity.claim_one()) is None:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
            assert await held() == {job.id}
            clock.set_paused(False)
            while len(await held()) < 2:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
    assert clock.on_pause_change == []


async def test_step_logs_a_failed_claim_and_tries_the_next_worker(
    database: Conninfo, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    asked = list[str]()

    async def claim_one(worker: DemoWorker) -> GenerationJob | None:
        asked.append(worker.name)
        if worker.name == "render-1":
            raise Unreachable("The connection was lost.")
        return None

    monkeypatch.setattr(DemoWorker, "claim_one", claim_one)
    caplog.set_level(logging.INFO, "gjobs.tui.demo")
    clock = SimulatedClock()
    clock.set_paused(True)
    async with DemoActivity(database, clock, workers=["render-1", "render-2"], has_customers=False) as activity:
        assert await activity.claim_one() is None
    assert asked == ["render-1", "render-2"]
    assert "render-1 could not claim a job: The connection was lost." in caplog.messages


async def test_failed_task_is_raised_after_everything_is_closed(
    database: Conninfo, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: object) -> None:
        raise LookupError("A mistake in the simulation")

    closed: list[Store] = []
    close = Store.close

    async def note(store: Store) -> None:
        closed.append(store)
        await close(store)

    monkeypatch.setattr(Store, "close", note)
    monkeypatch.setattr(Simulation, "queue_jobs", fail)
    monkeypatch.setattr(Worker, "run", fail)
    activity = DemoActivity(database, SimulatedClock(speed=500), workers=["render-1", "render-2"], has_crashes=False)
    with pytest.raises(LookupError, match="A mistake"):
        async with activity:
            await asyncio.sleep(0)
    assert len(closed) == 3
    assert closed[-1] is activity.operator


async def test_late_end_of_an_activity_keeps_the_activity_of_the_next_database(database: Conninfo) -> None:
    control = DemoControl()
    former, current = (DemoActivity(database, control.clock, workers=()) for _ in range(2))
    with ExitStack() as closing:
        closing.enter_context(control.running(former))
        with control.running(current):
            closing.close()
            assert control.activity is current
        assert control.activity is None
