"""A clean-up beside running workers removes no job that a worker holds, and loses no result."""

import asyncio
from datetime import timedelta
from uuid import UUID

import pytest

from gjobs.store.jobs.job import JobStatus
from gjobs.store.leases.lease import JobFinish
from gjobs.store.retention.cleanup import find_expired
from gjobs.store.retention.retention import RetentionAction
from gjobs.store.worker.handlers import Registry, Retry, Work
from gjobs.store.worker.worker_events import AttemptEnded, FinishRejected, LeaseLost
from tests.store.retention.conftest import cleaned
from tests.store.store_fixtures import until
from tests.store.worker.conftest import WorkerEnv, kinds, of_kind, registry_of

JOBS = 200
"""Jobs that the workers run during the clean-ups."""

FORGOTTEN = 10
"""Running jobs without a lease."""

HELD = 10
"""Jobs with a lease of another worker."""

ALL_BUT_QUEUED = (JobStatus.RUNNING, JobStatus.SUCCEEDED, JobStatus.FAILED)


def is_rescheduled(job_id: UUID) -> bool:
    return job_id.int % 4 == 0


def make_registry(is_cleaned: asyncio.Event) -> Registry:
    """A fifth of the jobs run until the first clean-up is over."""

    async def handler(work: Work) -> None:
        if work.job.id.int % 5 == 0:
            await is_cleaned.wait()
        if is_rescheduled(work.job.id):
            raise Retry("busy", after=3600)
        if work.job.id.int % 7 == 0:
            raise ValueError("no such image")

    return registry_of(handler, "lifestyle")


@pytest.mark.parametrize("action", RetentionAction)
async def test_cleanup_removes_no_job_that_a_worker_holds(env: WorkerEnv, action: RetentionAction) -> None:
    held = env.queue("of another", HELD)
    env.sql("select gjobs.claim_jobs(gen_random_uuid(), '{of another}', %s, 3600)", [HELD])
    env.queue("forgotten", FORGOTTEN)
    env.sql("update generation_jobs set status = 'running' where mode = 'forgotten'")
    jobs = set(env.queue("lifestyle", JOBS))
    rescheduled = {job_id for job_id in jobs if is_rescheduled(job_id)}
    is_cleaned = asyncio.Event()
    workers = [env.make_worker(make_registry(is_cleaned)) for _ in range(3)]
    expired = await find_expired(env.operator, timedelta(0), statuses=ALL_BUT_QUEUED)

    running = asyncio.gather(*(worker.run(once=True) for worker, _ in workers))
    await until(lambda: any(of_kind(events, AttemptEnded) for _, events in workers))
    while not running.done():
        await cleaned(env.operator, expired, action)
        is_cleaned.set()
    await running
    await cleaned(env.operator, expired, action)

    events = [event for _, of_worker in workers for event in of_worker]
    finished = [event.claimed.job.id for event in of_kind(events, AttemptEnded) if isinstance(event.ending, JobFinish)]
    assert sorted(finished) == sorted(jobs - rescheduled)
    assert not {LeaseLost, FinishRejected} & set(kinds(events))
    assert {row[0] for row in env.sql("select id from generation_jobs")} == {*held, *rescheduled}
    assert env.sql(
        "select mode, from_status, count(*) from gjobs.job_events"
        " where kind in ('deleted', 'archived') and from_status not in ('succeeded', 'failed') group by 1, 2"
    ) == [("forgotten", "running", FORGOTTEN)]
    assert env.sql(
        "select min(id) filter (where kind in ('deleted', 'archived') and mode = 'lifestyle')"
        " < max(id) filter (where to_status = 'succeeded') from gjobs.job_events"
    ) == [(True,)], "no job was removed before the last one ended"
