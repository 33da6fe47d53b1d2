"""Workers beside clean-ups: a worker can apply retention policies, and no clean-up removes a job that it holds."""

import asyncio
from collections.abc import Iterable
from contextlib import AbstractContextManager
from datetime import timedelta
from uuid import UUID

import pytest

from gjobs.store.database.database import Database
from gjobs.store.errors import NoPrivilege
from gjobs.store.jobs.job import JobStatus
from gjobs.store.leases.lease import JobFinish
from gjobs.store.retention.cleanup import find_expired, set_policy
from gjobs.store.retention.retention import RetentionAction
from gjobs.store.store import Store
from gjobs.store.worker.handlers import Registry, Retry, Work
from gjobs.store.worker.worker import run_retention
from gjobs.store.worker.worker_events import AttemptEnded, FinishRejected, LeaseLost, RetentionApplied, RetentionFailed
from tests.conftest import Conninfo
from tests.store.faulty_servers import proxied
from tests.store.retention.conftest import cleaned
from tests.store.store_fixtures import Sql, altered, until
from tests.store.worker.conftest import WorkerEnv, kinds, of_kind, registry_of, until_reported

pytestmark = pytest.mark.usefixtures("no_policies")


@pytest.fixture
def old_jobs(env: WorkerEnv) -> list[UUID]:
    """120 jobs that have succeeded."""
    jobs = env.queue(number=120)
    env.sql("update generation_jobs set status = 'running'")
    env.sql("update generation_jobs set status = 'succeeded'")
    return jobs


async def keep_for_a_day(operator: Store) -> None:
    await set_policy(operator, project_id=None, older_than=timedelta(days=1), action=RetentionAction.ARCHIVE)


def applied(events: Iterable[object]) -> list[int]:
    """Return the number of jobs for each time that a policy was applied."""
    return [event.progress.done for event in of_kind(events, RetentionApplied)]


def without_table(sql: Sql, name: str) -> AbstractContextManager[None]:
    away = "alter table gjobs.{} rename to {}"
    return altered(sql, away.format(name, "away"), away.format("away", name))


async def test_worker_applies_retention_beside_its_work_if_enabled(env: WorkerEnv, old_jobs: list[UUID]) -> None:
    await keep_for_a_day(env.operator)
    await env.run()
    assert env.sql("select count(*) from generation_jobs") == [(len(old_jobs),)]
    young = env.queue("packaging")
    env.sql("update generation_jobs set created_at = now() where id = %s", young)
    events = await env.run(applies_retention=True)
    assert env.sql("select id, status from generation_jobs") == [(young[0], "succeeded")]
    assert env.sql("select count(*) from gjobs.archived_jobs") == [(len(old_jobs),)]
    assert applied(events) == [len(old_jobs)]
    assert len(of_kind(events, AttemptEnded)) == 1


async def test_due_policies_are_checked(env: WorkerEnv, old_jobs: list[UUID], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gjobs.store.worker.worker.RETENTION_CHECK_SECONDS", 0.01)
    async with env.running(applies_retention=True) as (worker, events):
        await until(lambda: worker.is_notified)
        await keep_for_a_day(env.operator)
        await until_reported(events, RetentionApplied)


async def test_retention_stops_between_two_batches(env: WorkerEnv, old_jobs: list[UUID]) -> None:
    await keep_for_a_day(env.operator)
    is_stopping, events = asyncio.Event(), list[object]()
    is_stopping.set()
    await run_retention(env.operator, events.append, is_stopping, once=False)
    ((remaining,),) = env.sql("select count(*) from generation_jobs")
    assert 0 < remaining < len(old_jobs)
    assert applied(events) == [len(old_jobs) - remaining]


async def test_failed_retention_is_reported_and_the_work_continues(env: WorkerEnv, old_jobs: list[UUID]) -> None:
    await keep_for_a_day(env.operator)
    env.queue("packaging")
    await env.operator.capability_cache.get()
    with without_table(env.sql, "archived_jobs"):
        events = await env.run(applies_retention=True)
    assert len(of_kind(events, RetentionFailed)) == 1
    assert env.sql("select status from generation_jobs where mode = 'packaging'") == [("succeeded",)]


async def test_retention_cancelled_in_a_commit_ends(operator: Store, database: Conninfo, old_jobs: list[UUID]) -> None:
    await keep_for_a_day(operator)
    events = list[object]()
    committing, cut = asyncio.Event(), asyncio.Event()

    async def withhold(client: asyncio.StreamWriter) -> None:
        committing.set()
        await cut.wait()
        client.close()

    async with proxied(database) as (proxy, through_proxy), Store(Database(through_proxy)) as store:
        await store.capability_cache.get()
        proxy.instead_of_commit_answer = withhold
        applying = asyncio.create_task(run_retention(store, events.append, asyncio.Event(), once=False))
        await committing.wait()
        applying.cancel()
        asyncio.get_running_loop().call_later(0.01, cut.set)  # the driver waits for an answer first
        async with asyncio.timeout(60):
            with pytest.raises(asyncio.CancelledError):
                await applying
    assert kinds(events) == [RetentionFailed]


async def test_worker_refuses_to_apply_retention_as_a_user(ada: Store, env: WorkerEnv) -> None:
    with pytest.raises(NoPrivilege, match="Only the operator can apply"):
        env.make_worker(store=ada, applies_retention=True)


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
