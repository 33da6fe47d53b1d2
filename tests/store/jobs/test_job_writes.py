"""Creating, reading, changing and deleting jobs, as the operator and as their owner."""

import asyncio
from typing import Any

import pytest

from gjobs.store.errors import Conflict, InvalidValue, RowMissing
from gjobs.store.jobs.job import JobStatus
from gjobs.store.store import Store
from tests.store.store_fixtures import (
    ADA,
    BEN,
    NOTHING,
    Db,
    a_job,
    altered,
    error_of,
    the_job,
)


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
