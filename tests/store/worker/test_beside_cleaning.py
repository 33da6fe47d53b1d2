"""Old jobs go while workers are at work on the same table: none goes that somebody holds, and no work is lost."""

import asyncio
from datetime import timedelta
from uuid import UUID

import pytest

from store.jobs.job import JobStatus
from store.leases.lease import JobFinish
from store.retention.cleanup import find_expired
from store.retention.retention import RetentionAction
from store.worker.handlers import Registry, Retry, Work
from store.worker.worker_events import AttemptEnded, FinishRejected, LeaseLost
from tests.store.retention.conftest import cleaned
from tests.store.support import until
from tests.store.worker.conftest import WorkerEnv, has_ended, registry_of

JOBS, FORGOTTEN, HELD = 200, 10, 10

"""How many workers do meanwhile; how many run, and nobody holds them; how many somebody else holds."""

ALL_BUT_QUEUED = (JobStatus.RUNNING, JobStatus.SUCCEEDED, JobStatus.FAILED)


def is_put_off(job_id: UUID) -> bool:
    return job_id.int % 4 == 0


def at_work(once_cleaned: asyncio.Event) -> Registry:
    """Some of it lasts until a first clean-up is over."""

    async def handler(work: Work) -> None:
        if work.job.id.int % 5 == 0:
            await once_cleaned.wait()
        if is_put_off(work.job.id):
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
    put_off = {job_id for job_id in jobs if is_put_off(job_id)}
    once_cleaned = asyncio.Event()
    made = [env.make_worker(at_work(once_cleaned)) for _ in range(3)]
    expired = await find_expired(env.operator, timedelta(0), statuses=ALL_BUT_QUEUED)

    working = asyncio.gather(*(worker.run(once=True) for worker, _ in made))
    await until(lambda: any(has_ended(told) for _, told in made))
    while not working.done():
        await cleaned(env.operator, expired, action)
        once_cleaned.set()
    await working
    await cleaned(env.operator, expired, action)

    told = [one for _, of_worker in made for one in of_worker]
    finished = [
        one.claimed.job.id for one in told if isinstance(one, AttemptEnded) and isinstance(one.ending, JobFinish)
    ]
    assert sorted(finished) == sorted(jobs - put_off)
    assert [one for one in told if isinstance(one, (LeaseLost, FinishRejected))] == []
    assert {row[0] for row in env.sql("select id from generation_jobs")} == {*held, *put_off}
    assert env.sql(
        "select mode, from_status, count(*) from gjobs.job_events"
        " where kind in ('deleted', 'archived') and from_status not in ('succeeded', 'failed') group by 1, 2"
    ) == [("forgotten", "running", FORGOTTEN)]
    assert env.sql(
        "select min(id) filter (where kind in ('deleted', 'archived') and mode = 'lifestyle')"
        " < max(id) filter (where to_status = 'succeeded') from gjobs.job_events"
    ) == [(True,)], "the one was over before the other began"
