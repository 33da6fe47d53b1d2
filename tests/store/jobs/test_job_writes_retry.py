"""A retry leaves the failed job unchanged and queues a new job that is linked to it."""

import asyncio
from dataclasses import replace
from uuid import UUID

import pytest

from gjobs.store.jobs.job import GenerationJob, JobStatus
from gjobs.store.jobs.job_results import AlreadyRetried, Missing, Refused, Retried, RetryLinks
from gjobs.store.store import Store
from tests.store.store_fixtures import BEN, NOTHING, Db, Sql, the_job


@pytest.fixture
def failed(db: Db) -> UUID:
    project = db.make_project()
    asset = db.make_asset(project)
    return db.make_job(project, "failed", mode="packaging", cost_cents=40, error="timeout", input_asset_id=asset)


async def retried(store: Store, job_id: UUID, *, again: bool = False) -> GenerationJob:
    (outcome,) = await store.retry_generation_jobs([job_id], again=again)
    assert isinstance(outcome, Retried)
    assert outcome.repeats == job_id
    return outcome.job


@pytest.mark.parametrize("actor", ["operator", "ada"])
async def test_retry_creates_a_new_job_linked_to_the_failed_one(db: Db, failed: UUID, actor: str) -> None:
    store: Store = getattr(db, actor)
    before = await the_job(db.operator, failed)
    new = await retried(store, failed)
    assert await the_job(db.operator, failed) == before
    assert new == replace(
        before,
        id=new.id,
        status=JobStatus.QUEUED,
        error=None,
        retry_count=1,
        completed_at=None,
        created_at=new.created_at,
        updated_at=new.updated_at,
    )
    assert await the_job(db.operator, new.id) == new
    assert await store.get_job_links(new.id) == RetryLinks(repeats=failed, repeated_by=())
    assert await store.get_job_links(failed) == RetryLinks(repeats=None, repeated_by=(new.id,))


async def test_retried_job_is_retried_again_only_on_request(operator: Store, failed: UUID, sql: Sql) -> None:
    first = await retried(operator, failed)
    assert await operator.retry_generation_jobs([failed]) == (AlreadyRetried(job_id=failed, repeated_by=first.id),)
    second = await retried(operator, failed, again=True)
    assert (await operator.get_job_links(failed)).repeated_by == (first.id, second.id)

    # A failed retry can be retried.
    for status in ("running", "failed"):
        sql("update generation_jobs set status = %s where id = %s", [status, first.id])
    third = await retried(operator, first.id)
    assert third.retry_count == 2
    assert await operator.get_job_links(first.id) == RetryLinks(repeats=failed, repeated_by=(third.id,))

    sql("delete from generation_jobs where id = any(%s)", [[first.id, second.id]])
    assert (await operator.get_job_links(failed)).repeated_by == ()
    await retried(operator, failed)


async def test_retry_of_several_jobs_returns_an_outcome_for_each(db: Db, failed: UUID) -> None:
    queued, bens = db.make_job(status="queued"), db.make_job(db.make_project(BEN), "failed")
    missing, hidden, new, refused = await db.ada.retry_generation_jobs([NOTHING, bens, failed, queued])
    assert (missing, hidden) == (Missing(job_id=NOTHING), Missing(job_id=bens))
    assert isinstance(new, Retried)
    assert isinstance(refused, Refused)
    assert (refused.current, refused.job.id) == (JobStatus.QUEUED, queued)
    assert (await db.operator.get_job_links(bens)).repeated_by == ()


async def test_concurrent_retries_create_only_one_new_job(operator: Store, failed: UUID) -> None:
    outcomes = await asyncio.gather(*(operator.retry_generation_jobs([failed]) for _ in range(8)))
    kinds = [type(outcome) for (outcome,) in outcomes]
    assert kinds.count(Retried) == 1
    assert kinds.count(AlreadyRetried) == 7
    assert len((await operator.get_job_links(failed)).repeated_by) == 1


async def test_link_from_a_job_of_another_user_does_not_count_as_a_retry(db: Db, failed: UUID) -> None:
    """Users may not add such a link, but the owner of the tables may."""
    bens = db.make_job(db.make_project(BEN))
    db.sql("insert into gjobs.job_links (job_id, repeats) values (%s, %s)", [bens, failed])
    assert (await db.operator.get_job_links(failed)).repeated_by == ()
    new = await retried(db.operator, failed)
    assert (await db.operator.get_job_links(failed)).repeated_by == (new.id,)
