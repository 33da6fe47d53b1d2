"""The demo's workers: always busy, only legal, and out of people's way. Time is simulated, the database is real."""

import asyncio
from collections.abc import Awaitable, Callable
from uuid import UUID

import pytest

from store import simulation
from store.database import Database
from store.model import GenerationJob, JobStatus, Page, PageKey
from store.sample import fill
from store.simulation import FAILURE_CHANCE, QUEUE_SIZE, RETRY, STEP, WAIT_IN_QUEUE, WORKERS, Simulation
from store.store import Store
from store.transitions import allowed, is_final
from tests.conftest import Conninfo
from tests.store.servers import proxied
from tests.store.support import NOW, MakeAsset, MakeJob, MakeProject, Sql

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
        await Simulation(store, seed=seed, pace=pace, sleep=sleep).run()
    return waits


async def snapshot(store: Store) -> dict[UUID, GenerationJob]:
    return {job.id: job for job in await store.get_generation_jobs(limit=10_000)}


async def test_only_legal_moves_and_always_something_to_see(
    operator: Store, make_project: MakeProject, make_asset: MakeAsset
) -> None:
    asset_id = make_asset(make_project())
    seen: dict[UUID, GenerationJob] = {}
    queued: list[int] = []

    async def watch(step: int) -> None:
        nonlocal seen
        present = await snapshot(operator)
        for job_id, job in present.items():
            before = seen.get(job_id)
            assert job.status in ((before.status, *allowed(before.status)) if before else (JobStatus.QUEUED,))
        assert seen.keys() <= present.keys()
        assert sum(job.status is JobStatus.RUNNING for job in present.values()) <= WORKERS
        queued.append(sum(job.status is JobStatus.QUEUED for job in present.values()))
        seen = present

    await run(operator, 400, watch)

    assert all(2 <= length <= QUEUE_SIZE for length in queued[10:])
    finished = [job for job in seen.values() if is_final(job.status)]
    assert len(finished) > 15
    assert {job.status for job in finished} == {JobStatus.SUCCEEDED, JobStatus.FAILED}
    for job in seen.values():
        assert (job.error is not None) is (job.status is JobStatus.FAILED)
        assert 2 <= job.cost_cents <= 500
        assert job.input_asset_id in (None, asset_id)


async def test_about_one_in_eight_fails(operator: Store, make_project: MakeProject, make_job: MakeJob) -> None:
    simulated = Simulation(operator)
    job = await operator.get_generation_job(make_job(make_project(), mode="a mode of their own"))
    assert job is not None
    works = [simulated._plan(job) for _ in range(2000)]
    failing = [work.error for work in works if work.error]
    assert len(failing) / len(works) == pytest.approx(FAILURE_CHANCE, abs=0.03)
    assert len({error for error in failing if not error.startswith("{")}) > 3
    assert all(0 < work.ends_at < 150 for work in works)


async def test_what_people_start_is_theirs_to_finish(operator: Store, make_project: MakeProject) -> None:
    """Also what was running before."""
    project_id = make_project()
    started: list[UUID] = []

    async def start_one_by_hand(step: int) -> None:
        if step % 10 == 0:
            job = await operator.create_generation_job(project_id=project_id, mode="lifestyle")
            await operator.transition_job_status(job.id, JobStatus.RUNNING)
            started.append(job.id)
        if step % 10 == 5:
            for job in await operator.get_jobs_by_status(JobStatus.QUEUED, limit=1):
                await operator.transition_job_status(job.id, JobStatus.RUNNING)
                started.append(job.id)

    await start_one_by_hand(0)
    await run(operator, 200, start_one_by_hand)

    present = await snapshot(operator)
    assert len(started) > 30
    assert {present[job_id].status for job_id in started} == {JobStatus.RUNNING}
    assert any(is_final(job.status) for job in present.values())


class Overtaken(Store):
    """After each look at the queue a person is quicker, and starts all that it held."""

    async def get_jobs_by_status(
        self, status: JobStatus | str, *, limit: int = 500, after: PageKey | None = None
    ) -> Page[GenerationJob]:
        page = await super().get_jobs_by_status(status, limit=limit, after=after)
        for job in page:
            await self.transition_job_status(job.id, JobStatus.RUNNING)
        return page


async def test_what_a_person_starts_between_look_and_start_is_theirs(
    operator: Store, make_project: MakeProject, make_job: MakeJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(simulation, "WAIT_IN_QUEUE", (0.0, 0.0))
    make_job(make_project())
    await run(Overtaken(operator.database), 200)
    present = await snapshot(operator)
    assert len(present) > 50
    assert {job.status for job in present.values()} <= {JobStatus.QUEUED, JobStatus.RUNNING}


async def test_a_new_job_waits_long_enough_for_a_person_to_start_it(
    operator: Store, make_project: MakeProject, make_job: MakeJob
) -> None:
    project_id = make_project()
    job_ids = [make_job(project_id) for _ in range(WORKERS)]
    taken: dict[UUID, int] = {}

    async def watch(step: int) -> None:
        for job_id, job in (await snapshot(operator)).items():
            if job.status is not JobStatus.QUEUED:
                taken.setdefault(job_id, step)

    await run(operator, 30, watch)

    shortest, longest = WAIT_IN_QUEUE
    assert all(shortest <= taken[job_id] <= longest + 2 * STEP for job_id in job_ids)


async def test_people_may_finish_and_delete_what_it_has_started(operator: Store, make_project: MakeProject) -> None:
    make_project()
    meddled: set[UUID] = set()

    async def meddle(step: int) -> None:
        for number, job in enumerate(await operator.get_jobs_by_status(JobStatus.RUNNING)):
            if step % 40 == 0:
                meddled.add(job.id)
                if number % 2:
                    await operator.transition_job_status(job.id, JobStatus.FAILED, "by hand")
                else:
                    await operator.delete_generation_job(job.id)

    await run(operator, 400, meddle)

    present = await snapshot(operator)
    assert len(meddled) > 10
    assert all(present[job_id].error == "by hand" for job_id in meddled if job_id in present)
    assert sum(job.status is JobStatus.RUNNING for job in present.values()) <= WORKERS
    assert any(is_final(job.status) for job_id, job in present.items() if job_id not in meddled)


async def test_it_waits_for_a_database_that_is_away(
    database: Conninfo, operator: Store, make_project: MakeProject
) -> None:
    make_project()
    running: list[int] = []
    finished: list[int] = []
    async with proxied(database) as (proxy, through_proxy), Store(Database(through_proxy)) as store:

        async def come_and_go(step: int) -> None:
            jobs = (await snapshot(operator)).values()
            running.append(sum(job.status is JobStatus.RUNNING for job in jobs))
            finished.append(sum(is_final(job.status) for job in jobs))
            if step == 60:
                proxy.go_away()
            if step == 80:
                proxy.come_back()

        waits = await run(store, 200, come_and_go, pace=10)

    assert waits == [STEP / 10] * 60 + [RETRY] * 20 + [STEP / 10] * 120
    assert running[59] > 0
    assert finished[59] == finished[79] < finished[-1]


async def test_the_same_seed_makes_the_same_jobs(operator: Store, make_project: MakeProject, sql: Sql) -> None:
    make_project()
    histories = []
    for seed in (1, 1, 2):
        await run(operator, 80, seed=seed)
        histories.append(sql("select mode, cost_cents, status from generation_jobs order by created_at"))
        sql("delete from generation_jobs")
    assert histories[0] == histories[1] != histories[2]


async def test_without_a_project_nothing_happens(operator: Store) -> None:
    await run(operator, 50)
    assert await snapshot(operator) == {}


async def test_on_the_sample(database: Conninfo, operator: Store) -> None:
    """What was running stays: it is not ours. The queue shrinks to its usual length."""
    fill({name: str(value) for name, value in database.items()}, now=NOW)
    before = await snapshot(operator)
    await run(operator, 150)
    after = await snapshot(operator)
    for job_id, job in before.items():
        if job.status is not JobStatus.QUEUED:
            assert after[job_id] == job
    assert sum(job.status is JobStatus.QUEUED for job in after.values()) < 12
    assert any(before[job_id].status is JobStatus.QUEUED and is_final(after[job_id].status) for job_id in before)


async def test_it_can_be_cancelled(operator: Store, make_project: MakeProject) -> None:
    make_project()
    stepped = asyncio.Event()

    async def sleep(seconds: float) -> None:
        stepped.set()
        await asyncio.sleep(seconds)

    running = asyncio.create_task(Simulation(operator, sleep=sleep).run())
    await stepped.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
