"""A failed job stays as it is; to run it once more, a new job is queued that names it."""

import asyncio
from uuid import UUID

import pytest

from store.database.database import Database
from store.errors import SchemaMissing
from store.jobs.job import GenerationJob, JobStatus
from store.jobs.job_results import AlreadyRetried, Missing, Refused, Retried, RetryLinks
from store.store import Store
from tests.conftest import Conninfo
from tests.store.support import ADA, BEN, NOTHING, Db, MakeAsset, MakeJob, MakeProject, Sql


@pytest.fixture
def failed(make_project: MakeProject, make_asset: MakeAsset, make_job: MakeJob) -> UUID:
    project = make_project()
    asset = make_asset(project)
    return make_job(project, "failed", mode="packaging", cost_cents=40, error="timeout", input_asset_id=asset)


async def retried(store: Store, job_id: UUID, *, again: bool = False) -> GenerationJob:
    (outcome,) = await store.retry_generation_jobs([job_id], again=again)
    assert isinstance(outcome, Retried)
    assert outcome.repeats == job_id
    return outcome.job


async def whole(store: Store, job_id: UUID) -> GenerationJob:
    job = await store.get_generation_job(job_id)
    assert job is not None
    return job


@pytest.mark.parametrize("eyes", ["operator", "ada"])
async def test_retry_creates_a_new_job_linked_to_the_failed_one(
    request: pytest.FixtureRequest, operator: Store, failed: UUID, eyes: str
) -> None:
    store: Store = request.getfixturevalue(eyes)
    before = await whole(operator, failed)
    new = await retried(store, failed)
    assert await whole(operator, failed) == before
    assert (new.user_id, new.project_id, new.mode, new.input_asset_id, new.cost_cents) == (
        ADA,
        before.project_id,
        "packaging",
        before.input_asset_id,
        40,
    )
    assert (new.status, new.error, new.retry_count, new.completed_at) == (JobStatus.QUEUED, None, 1, None)
    assert await whole(operator, new.id) == new
    assert await store.get_job_links(new.id) == RetryLinks(repeats=failed, repeated_by=())
    assert await store.get_job_links(failed) == RetryLinks(repeats=None, repeated_by=(new.id,))


async def test_failed_retry_can_be_retried(operator: Store, failed: UUID, sql: Sql) -> None:
    first = await retried(operator, failed)
    sql("update generation_jobs set status = 'running' where id = %s", [first.id])
    sql("update generation_jobs set status = 'failed' where id = %s", [first.id])
    second = await retried(operator, first.id)
    assert second.retry_count == 2
    assert await operator.get_job_links(first.id) == RetryLinks(repeats=failed, repeated_by=(second.id,))


async def test_retried_job_is_retried_again_only_on_request(operator: Store, failed: UUID, sql: Sql) -> None:
    first = await retried(operator, failed)
    assert await operator.retry_generation_jobs([failed]) == (AlreadyRetried(job_id=failed, repeated_by=first.id),)
    second = await retried(operator, failed, again=True)
    assert (await operator.get_job_links(failed)).repeated_by == (first.id, second.id)
    sql("delete from generation_jobs where id = any(%s)", [[first.id, second.id]])
    assert (await operator.get_job_links(failed)).repeated_by == ()
    await retried(operator, failed)


async def test_retry_of_several_jobs_returns_an_outcome_for_each(db: Db, failed: UUID) -> None:
    queued = db.make_job(db.make_project(), "queued")
    missing, new, refused = await db.operator.retry_generation_jobs([NOTHING, failed, queued])
    assert missing == Missing(job_id=NOTHING)
    assert isinstance(new, Retried)
    assert isinstance(refused, Refused)
    assert (refused.current, refused.job.id) == (JobStatus.QUEUED, queued)


async def test_user_cannot_retry_the_job_of_another_user(db: Db) -> None:
    bens = db.make_job(db.make_project(BEN), "failed")
    assert await db.ada.retry_generation_jobs([bens]) == (Missing(job_id=bens),)
    assert (await db.operator.get_job_links(bens)).repeated_by == ()


async def test_concurrent_retries_create_only_one_new_job(operator: Store, failed: UUID) -> None:
    outcomes = await asyncio.gather(*(operator.retry_generation_jobs([failed]) for _ in range(8)))
    kinds = [type(outcome) for (outcome,) in outcomes]
    assert kinds.count(Retried) == 1
    assert kinds.count(AlreadyRetried) == 7
    assert len((await operator.get_job_links(failed)).repeated_by) == 1


async def test_missing_retry_links_error_names_the_revision_that_adds_them(attached_database: Conninfo) -> None:
    async with Store(Database(attached_database)) as store:
        assert await store.get_job_links(NOTHING) == RetryLinks(repeats=None, repeated_by=())
        with pytest.raises(SchemaMissing) as caught:
            await store.retry_generation_jobs([NOTHING])
    assert "revision 0006" in str(caught.value.hint)
