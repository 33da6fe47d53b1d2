"""Creating, changing, moving, retrying and deleting jobs, as the operator and as their owner."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from itertools import product
from typing import Any
from uuid import UUID, uuid4

import pytest

from gjobs.store.database.database import Database
from gjobs.store.database.query import Query
from gjobs.store.errors import Conflict, InvalidValue, RowMissing, TransitionRefused
from gjobs.store.jobs import job_sql
from gjobs.store.jobs.job import GenerationJob, JobStatus
from gjobs.store.jobs.job_results import AlreadyRetried, Applied, Missing, Refused, Retried, RetryLinks, applied_job
from gjobs.store.store import Store
from tests.conftest import Conninfo, connect
from tests.store.store_fixtures import ADA, BEN, NOTHING, Db, Sql, a_job, add_ada, altered, error_of, sql_of, the_job


async def test_get_job_returns_all_columns(db: Db) -> None:
    project_id = db.make_project()
    values: dict[str, Any] = {
        "mode": "packaging",
        "cost_cents": -7,
        "error": "no",
        "input_asset_id": db.make_asset(project_id),
    }
    job_id = db.make_job(project_id, "failed", **values)
    expected = a_job(id=job_id, project_id=project_id, status=JobStatus.FAILED, retry_count=0, **values)
    for store in (db.operator, db.ada):
        assert await store.get_generation_job(job_id) == expected
        assert await store.get_generation_job(NOTHING) is None


class TestCreate:
    async def test_created_job_is_queued_and_belongs_to_the_project_owner(self, db: Db) -> None:
        project_id = db.make_project(BEN)
        asset_id = db.make_asset(project_id)
        job = await db.operator.create_generation_job(
            project_id=project_id, mode="  main_white ", cost_cents=120, input_asset_id=asset_id
        )
        assert (job.status, job.user_id, job.project_id) == (JobStatus.QUEUED, BEN, project_id)
        assert (job.mode, job.cost_cents, job.input_asset_id, job.error) == ("main_white", 120, asset_id, None)
        assert job.created_at == job.updated_at
        assert await the_job(db.operator, job.id) == job
        adas = await db.ada.create_generation_job(project_id=db.make_project(), mode="any mode")
        assert (adas.user_id, adas.cost_cents, adas.input_asset_id) == (ADA, 0, None)

    async def test_invalid_values_of_a_new_job_are_refused(self, ada: Store, db: Db) -> None:
        project_id = db.make_project()
        for mode, cost_cents, field in ((" ", 1, "mode"), ("x", -1, "cost_cents")):
            creating = ada.create_generation_job(project_id=project_id, mode=mode, cost_cents=cost_cents)
            assert (await error_of(InvalidValue, creating)).field == field

    async def test_job_cannot_have_an_asset_of_another_project(self, db: Db) -> None:
        project_id = db.make_project(ADA)
        job_id = db.make_job(project_id)
        before = await the_job(db.operator, job_id)
        for asset_id in (NOTHING, db.make_asset(db.make_project(ADA)), db.make_asset(db.make_project(BEN))):
            for store in (db.operator, db.ada):
                for refused in (
                    store.create_generation_job(project_id=project_id, mode="x", input_asset_id=asset_id),
                    store.update_generation_job(job_id, mode="packaging", input_asset_id=asset_id),
                ):
                    with pytest.raises(InvalidValue, match=f"no asset {asset_id}") as caught:
                        await refused
                    assert caught.value.field == "input_asset_id"
        assert (await db.operator.get_generation_jobs()).items == (before,)


class TestUpdate:
    async def test_update_changes_only_the_given_fields(self, db: Db) -> None:
        project_id = db.make_project()
        asset_id = db.make_asset(project_id)
        job_id = db.make_job(project_id, "failed", error="no")
        before = await the_job(db.ada, job_id)

        changed = await db.ada.update_generation_job(job_id, mode="packaging", cost_cents=3)
        assert (changed.mode, changed.cost_cents, changed.error) == ("packaging", 3, "no")
        changed = await db.ada.update_generation_job(job_id, input_asset_id=asset_id, error=None)
        assert (changed.mode, changed.input_asset_id, changed.error) == ("packaging", asset_id, None)
        changed = await db.ada.update_generation_job(job_id, input_asset_id=None, error="yes")
        assert (changed.input_asset_id, changed.error) == (None, "yes")

        assert (changed.status, changed.user_id, changed.created_at) == (before.status, ADA, before.created_at)
        assert await the_job(db.ada, job_id) == changed

    async def test_update_of_a_missing_or_foreign_job_raises_row_missing(self, db: Db) -> None:
        job_id = db.make_job()
        for store, missing in ((db.operator, NOTHING), (db.ben, job_id)):
            assert (await error_of(RowMissing, store.update_generation_job(missing, cost_cents=1))).ids == (missing,)
        assert (await the_job(db.operator, job_id)).cost_cents == 250


class TestDelete:
    async def test_owner_deletes_one_job(self, db: Db) -> None:
        job_id = db.make_job()
        assert not await db.ben.delete_generation_job(job_id)
        assert db.sql("select count(*) from generation_jobs") == [(1,)]
        assert await db.ada.delete_generation_job(job_id)
        assert db.sql("select count(*) from generation_jobs") == [(0,)]
        assert not await db.ada.delete_generation_job(job_id)

    async def test_bulk_delete_removes_all_jobs_or_none(self, db: Db) -> None:
        mine, others = db.make_job(), db.make_job(db.make_project(BEN))
        with pytest.raises(RowMissing, match="Nothing was changed") as caught:
            await db.ada.delete_generation_jobs({mine: None, others: None, NOTHING: None})
        assert caught.value.ids == (others, NOTHING)
        assert await db.ada.delete_generation_jobs({}) == ()
        assert db.sql("select count(*) from generation_jobs") == [(2,)]

        project_id = db.make_project()
        await db.ada.delete_generation_jobs(
            {
                mine: JobStatus.QUEUED,
                db.make_job(project_id, "failed"): JobStatus.FAILED,
                db.make_job(project_id, "running"): None,
            }
        )
        assert db.sql("select id from generation_jobs") == [(others,)]

    async def test_bulk_delete_removes_nothing_when_another_table_refers_to_a_job(self, db: Db) -> None:
        job_id, other = db.make_job(), db.make_job()
        for rule in ("restrict", "no action", "no action deferrable initially deferred"):
            table = f"create table public.results (job_id uuid references public.generation_jobs on delete {rule})"
            with altered(db.sql, table, "drop table public.results"):
                db.sql("insert into public.results values (%s)", (job_id,))
                with pytest.raises(Conflict, match=r"another table refer to a job\. Nothing was deleted"):
                    await db.operator.delete_generation_jobs({other: None, job_id: None})
                assert db.sql("select count(*) from generation_jobs") == [(2,)], rule

    async def test_job_started_during_its_deletion_is_either_deleted_or_kept(self, db: Db) -> None:
        project_id = db.make_project()
        for _ in range(15):
            job_id = db.make_job(project_id)
            deleted, _ = await asyncio.gather(
                db.operator.delete_generation_jobs({job_id: JobStatus.QUEUED}),
                db.operator.transition_job_status(job_id, "running"),
                return_exceptions=True,
            )
            left = db.sql("select status from generation_jobs where id = %s", [job_id])
            if isinstance(deleted, Conflict):
                assert left == [("running",)]
            else:
                assert isinstance(deleted, tuple)
                assert (left, [job.id for job in deleted]) == ([], [job_id])


async def test_transition_applies_only_allowed_status_changes(db: Db) -> None:
    for store, current, target in product((db.operator, db.ada), JobStatus, JobStatus):
        job_id = db.make_job(status=current)
        before = await the_job(store, job_id)

        outcome = await store.transition_job_status(job_id, target.value)

        after = await the_job(store, job_id)
        if target in current.allowed:
            assert outcome == Applied(job=after)
            assert after.status is target
            assert after.updated_at > before.updated_at
            assert after.created_at == before.created_at
        else:
            assert outcome == Refused(current=current, allowed=current.allowed, job=before)
            assert after == before


async def test_transition_of_an_unknown_or_hidden_job_is_missing_and_of_invalid_values_refused(db: Db) -> None:
    for store in (db.operator, db.ada, db.ben, db.stranger):
        assert await store.transition_job_status(NOTHING, "running") == Missing(job_id=NOTHING)
    job_id = db.make_job()
    for store in (db.ben, db.stranger):
        assert await store.transition_job_status(job_id, "running") == Missing(job_id=job_id)
    assert (await the_job(db.operator, job_id)).status is JobStatus.QUEUED

    for status, error, field in (("failed", "a\0b", "error"), ("done", None, "status")):
        assert (await error_of(InvalidValue, db.operator.transition_job_status(NOTHING, status, error))).field == field


ERRORS = ("API timeout", "", "x" * 10_000, "two\nlines\t\x1b[31mred\u202e", "日本語 🎨", "[red]%s {} '; drop table")


async def test_transition_stores_a_given_error_and_keeps_the_earlier_one_otherwise(db: Db) -> None:
    for status, before, given, after in (
        ("running", '{"message": "slow"}', None, '{"message": "slow"}'),
        ("running", "slow", "too slow", "too slow"),
        ("failed", "slow", "too slow", "slow"),
        *(("running", None, error, error) for error in ERRORS),
    ):
        job_id = db.make_job(status=status, error=before)
        await db.ada.transition_job_status(job_id, "failed", given)
        assert (await the_job(db.ada, job_id)).error == after


FINAL = (JobStatus.SUCCEEDED, JobStatus.FAILED)
CALLERS = 20


@asynccontextmanager
async def five_stores(conninfo: Conninfo) -> AsyncIterator[tuple[list[Store], list[UUID]]]:
    """Yield five stores and the ids of queued jobs."""
    job_ids = [uuid4() for _ in range(5)]
    with connect(conninfo) as owner:
        add_ada(sql_of(owner), *job_ids)
    stores = [Store(Database(conninfo)) for _ in range(5)]
    yield stores, job_ids
    for store in stores:
        await store.close()


@pytest.mark.parametrize("schema", ["database", "attached_database"])
async def test_exactly_one_concurrent_caller_starts_the_job(request: pytest.FixtureRequest, schema: str) -> None:
    async with five_stores(request.getfixturevalue(schema)) as (stores, job_ids):
        for job_id in job_ids:
            outcomes = await asyncio.gather(
                *(stores[number % 5].transition_job_status(job_id, "running") for number in range(CALLERS))
            )
            (winner,) = [outcome for outcome in outcomes if isinstance(outcome, Applied)]
            losers = [outcome for outcome in outcomes if outcome is not winner]
            started = await the_job(stores[0], job_id)
            assert started == winner.job
            assert losers == [Refused(current=JobStatus.RUNNING, allowed=FINAL, job=started)] * (CALLERS - 1)


async def test_exactly_one_concurrent_caller_finishes_the_job(database: Conninfo) -> None:
    async with five_stores(database) as (stores, job_ids):
        for job_id in job_ids:
            await stores[0].transition_job_status(job_id, "running")
            outcomes = await asyncio.gather(
                *(
                    stores[number % 5].transition_job_status(job_id, FINAL[number % 2], f"caller {number}")
                    for number in range(CALLERS)
                )
            )
            ((number, outcome),) = [(number, one) for number, one in enumerate(outcomes) if isinstance(one, Applied)]
            assert await the_job(stores[0], job_id) == outcome.job
            assert (outcome.job.status, outcome.job.error) == (FINAL[number % 2], f"caller {number}")


async def test_transition_is_tried_again_if_the_status_changes(db: Db, monkeypatch: pytest.MonkeyPatch) -> None:
    """The job is queued and can't be completed. Before the store reads why, somebody starts it."""
    job_id = db.make_job()
    statements = job_sql.job_statements(job_sql.COLUMNS_WITH_START)
    original = statements.these

    def start_and_read(job_ids: Sequence[UUID]) -> Query[GenerationJob]:
        db.sql("update generation_jobs set status = 'running' where id = any(%s)", [job_ids])
        return original(job_ids)

    monkeypatch.setattr(statements, "these", start_and_read)
    outcome = await db.operator.transition_job_status(job_id, "succeeded")
    monkeypatch.undo()

    assert outcome == Applied(job=await the_job(db.operator, job_id))


def test_applied_job_returns_the_job_or_raises_for_a_refused_transition_and_a_missing_job() -> None:
    job = a_job()
    assert applied_job(Applied(job=job), JobStatus.RUNNING) == job
    outcome = Refused(current=JobStatus.QUEUED, allowed=(JobStatus.RUNNING,), job=job)
    with pytest.raises(TransitionRefused, match="Only a running job can be completed; this one is queued") as refused:
        applied_job(outcome, JobStatus.SUCCEEDED)
    assert (refused.value.job_id, refused.value.current, refused.value.allowed) == (
        job.id,
        JobStatus.QUEUED,
        (JobStatus.RUNNING,),
    )
    with pytest.raises(RowMissing) as missing:
        applied_job(Missing(job_id=NOTHING), JobStatus.RUNNING)
    assert missing.value.ids == (NOTHING,)


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
