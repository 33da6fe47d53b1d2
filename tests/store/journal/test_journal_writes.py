"""Each write is recorded in the journal before it is committed, with its outcome, or it is refused."""

import asyncio
import logging
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from gjobs.store.configuration.settings import WriteAccess, WriteMode
from gjobs.store.database.database import Database
from gjobs.store.errors import JournalUnavailable, StoreError
from gjobs.store.jobs.job import JobStatus
from gjobs.store.jobs.job_results import Applied, Missing, Refused
from gjobs.store.journal.journal import Journal, read_journal
from gjobs.store.journal.write_record import JournalEntry, WriteOutcome, WriteRecord
from gjobs.store.store import Store
from gjobs.store.users.actor import OPERATOR, ActingUser
from gjobs.store.values.formats import plain_row
from tests.conftest import Conninfo
from tests.store.store_fixtures import ADA, BEN, NOTHING, Db, Sql, altered, the_job, writes


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal"


@pytest.fixture
async def store(database: Conninfo, sql: Sql, path: Path) -> AsyncIterator[Store]:
    async with Store(Database(database, journal=Journal(path, database="testbase"))) as store:
        yield store


def the_entry(path: Path) -> JournalEntry:
    (entry,) = read_journal(path).entries
    return entry


async def the_row(store: Store, job_id: UUID) -> Any:
    return plain_row(await the_job(store, job_id))


async def test_write_without_a_statement_is_not_recorded(store: Store, path: Path) -> None:
    with pytest.raises(RuntimeError, match="no statement has run"):
        async with store.database.write(OPERATOR) as transaction:
            transaction.record(WriteRecord(what="nothing"))
    assert not read_journal(path).entries
    assert (await store.create_project("Autumn", owner_id=ADA)).name == "Autumn"


class TestEachWrite:
    async def test_journal_records_a_created_project_and_job(self, store: Store, path: Path) -> None:
        project = await store.create_project("Autumn", owner_id=ADA)
        job = await store.create_generation_job(project_id=project.id, mode="lifestyle")
        expected = ("create job", job.id, plain_row(job)), ("create project", project.id, plain_row(project))
        for entry, (what, made_id, row) in zip(read_journal(path).entries, expected, strict=True):
            assert (entry.what, entry.ids, entry.outcome) == (what, (made_id,), WriteOutcome.DONE)
            assert (entry.before, entry.after) == ((), (row,))
            assert (entry.actor, entry.actor_id, entry.database, entry.reason) == ("operator", None, "testbase", None)

    async def test_journal_records_a_changed_job_and_a_transition(self, store: Store, path: Path, db: Db) -> None:
        job_id = db.make_job(status="running", cost_cents=100)
        before = await the_row(store, job_id)
        await store.update_generation_job(job_id, cost_cents=250, error="late")
        changed = await the_row(store, job_id)
        ada = store.acting_as(ActingUser(id=ADA, email="ada@example.com"))
        await ada.transition_job_status(job_id, "failed", "API timeout")
        moved, entry = read_journal(path).entries
        assert (entry.what, entry.ids) == ("change job: cost_cents, error", (job_id,))
        assert (entry.before, entry.after) == ((before,), (changed,))
        assert (entry.before[0]["cost_cents"], entry.after[0]["cost_cents"]) == (100, 250)
        assert (moved.what, moved.actor, moved.actor_id) == ("transition job to failed", "ada@example.com", ADA)
        assert (moved.before, moved.after) == ((changed,), (await the_row(store, job_id),))

    async def test_journal_records_deleted_and_restored_jobs(self, store: Store, path: Path, db: Db) -> None:
        job_ids = [db.make_job(status=status) for status in JobStatus]
        rows = {job_id: await the_row(store, job_id) for job_id in job_ids}
        await store.restore_generation_jobs(await store.delete_generation_jobs(dict.fromkeys(job_ids)))
        restored, deleted = read_journal(path).entries
        assert (deleted.what, set(deleted.ids), deleted.after) == ("delete 4 jobs", set(job_ids), ())
        assert {UUID(str(row["id"])): row for row in deleted.before} == rows
        assert (restored.what, set(restored.ids), restored.before) == ("restore 4 jobs", set(job_ids), ())
        assert {UUID(str(row["id"])): row for row in restored.after} == rows

    async def test_journal_records_budget_changes(self, store: Store, path: Path) -> None:
        made = await store.set_budget(user_id=ADA, period="month", limit_cents=500)
        entry = the_entry(path)
        assert (entry.what, entry.ids, entry.before, entry.after) == ("set budget", (made.id,), (), (plain_row(made),))
        assert (entry.after[0]["limit_cents"], entry.after[0]["period_start"]) == (500, str(made.period_start))
        changed = await store.set_budget(user_id=ADA, period="month", limit_cents=600)
        await store.remove_budget(made.id)
        removed, raised, _ = read_journal(path).entries
        made_row, changed_row = plain_row(made), plain_row(changed)
        assert (raised.what, raised.before, raised.after) == ("change budget", (made_row,), (changed_row,))
        assert (removed.what, removed.before, removed.after) == ("remove budget", (changed_row,), ())


async def test_journal_does_not_record_writes_that_change_nothing(store: Store, path: Path, db: Db) -> None:
    job_id = db.make_job()
    await store.transition_job_status(job_id, "succeeded")
    await store.transition_job_status(NOTHING, "running")
    await store.delete_jobs_as_seen({job_id: JobStatus.FAILED})
    ben = store.acting_as(ActingUser(id=BEN))
    assert not await ben.delete_generation_job(job_id)
    for refused in (
        store.create_generation_job(project_id=NOTHING, mode="x"),
        store.update_generation_job(NOTHING, mode="x"),
        store.delete_generation_jobs({job_id: None, NOTHING: None}),
        store.create_project("x", owner_id=NOTHING),
        store.set_budget(user_id=NOTHING, period="day", limit_cents=1),
        store.remove_budget(NOTHING),
    ):
        with pytest.raises(StoreError):
            await refused
    assert read_journal(path).entries == ()


async def test_write_refused_at_commit_is_recorded_as_not_done(store: Store, path: Path, db: Db) -> None:
    job_id = db.make_job()
    table = "create table public.results (job_id uuid references public.generation_jobs deferrable initially deferred)"
    with altered(db.sql, table, "drop table public.results"):
        db.sql("insert into public.results values (%s)", (job_id,))
        with pytest.raises(StoreError):
            await store.delete_generation_job(job_id)
    assert (the_entry(path).what, the_entry(path).outcome) == ("delete job", WriteOutcome.NOT_DONE)


async def test_closing_the_write_permit_does_not_stop_a_running_write(db: Db, path: Path) -> None:
    access = WriteAccess(WriteMode.PERMIT_REQUIRED)
    job_id = db.make_job()

    class PermitClosingJournal(Journal):
        def begin(self, *arguments: Any, **options: Any) -> Any:
            access.close_permit()
            return super().begin(*arguments, **options)

    journal = PermitClosingJournal(path, database="testbase")
    async with Store(Database(db.conninfo, access=access, journal=journal)) as store:
        access.open_permit("ticket 7", 60)
        await store.transition_job_status(job_id, "running")
    assert db.sql("select status from generation_jobs") == [("running",)]
    assert (the_entry(path).reason, the_entry(path).outcome) == ("ticket 7", WriteOutcome.DONE)


async def test_nothing_is_changed_when_the_journal_cannot_be_written(store: Store, path: Path, db: Db) -> None:
    path.touch()  # noqa: ASYNC240
    job = await the_job(store, db.make_job())
    for write in writes(store, job):
        with pytest.raises(JournalUnavailable, match=f"^Nothing was changed: the journal in {path} cannot be written:"):
            await write
    assert db.sql("select id, status, mode from generation_jobs") == [(job.id, "queued", "lifestyle")]
    assert db.sql("select count(*) from projects") == [(1,)]


async def test_outcome_that_cannot_be_recorded_does_not_undo_the_write(
    store: Store, path: Path, db: Db, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    job_id = db.make_job()
    begin = Journal.begin

    def begin_and_lose_the_directory(self: Journal, *arguments: Any, **options: Any) -> Any:
        entry = begin(self, *arguments, **options)
        path.rename(path.with_name("moved"))
        path.touch()
        return entry

    monkeypatch.setattr(Journal, "begin", begin_and_lose_the_directory)
    with caplog.at_level(logging.WARNING):
        await store.transition_job_status(job_id, "running")
    assert "outcome could not be written" in caplog.text
    assert the_entry(path.with_name("moved")).outcome is WriteOutcome.UNKNOWN


async def test_concurrent_updates_form_a_gapless_chain_in_the_journal(store: Store, path: Path, db: Db) -> None:
    job_id = db.make_job(cost_cents=0)
    await asyncio.gather(*(store.update_generation_job(job_id, cost_cents=cents) for cents in range(1, 21)))
    entries = read_journal(path).entries
    assert len(entries) == 20
    follows = {entry.before[0]["cost_cents"]: entry.after[0]["cost_cents"] for entry in entries}
    chain: list[object] = [0]
    while chain[-1] in follows:
        chain.append(follows[chain[-1]])
    assert set(chain) == set(range(21))


class TestRestore:
    async def test_restore_brings_back_every_column(self, store: Store, db: Db) -> None:
        project_id = db.make_project()
        asset_id = db.make_asset(project_id)
        job_ids = [
            db.make_job(project_id, "queued"),
            db.make_job(project_id, "failed", error='{"message": "{a,b} \\"\\\\ NULL"}', input_asset_id=asset_id),
            db.make_job(project_id, "running", created_at="-infinity", updated_at="infinity"),
            db.make_job(project_id, "succeeded", cost_cents=-5, error="", mode="NULL"),
        ]
        db.sql("update generation_jobs set retry_count = 3, completed_at = '2026-01-15T12:00Z' where status = 'failed'")
        times = "select created_at::text, updated_at::text from generation_jobs order by id"
        times_before = db.sql(times)
        before = {job.id: job for job in await store.get_generation_jobs()}
        deleted = await store.delete_generation_jobs(dict.fromkeys(job_ids))
        restored = await store.restore_generation_jobs(deleted)
        assert set(restored) == set(deleted) == set(before.values())
        assert {job.id: job for job in await store.get_generation_jobs()} == before
        assert db.sql(times) == times_before

    async def test_restore_does_nothing_when_it_is_not_possible_for_all_jobs(self, store: Store, db: Db) -> None:
        first, second = db.make_job(), db.make_job()
        deleted = await store.delete_generation_jobs({first: None, second: None})
        with pytest.raises(StoreError):
            await store.acting_as(ActingUser(id=BEN)).restore_generation_jobs(deleted)
        assert db.sql("select count(*) from generation_jobs") == [(0,)]
        db.make_job(job_id=second, mode="another")
        with pytest.raises(StoreError, match=f"Job {second} exists already, .* Nothing was restored"):
            await store.restore_generation_jobs(deleted)
        assert db.sql("select id, mode from generation_jobs") == [(second, "another")]
        await store.delete_generation_jobs({second: None})

        project_id = db.make_project()
        job_id = db.make_job(project_id, input_asset_id=db.make_asset(project_id))
        deleted = await store.delete_generation_jobs({job_id: None})
        for gone, what in (("assets", "The input asset"), ("projects", "The project")):
            db.sql(f"delete from {gone}")  # noqa: S608
            with pytest.raises(StoreError, match=f"^{what} of a job no longer exists, or .* Nothing was restored"):
                await store.restore_generation_jobs(deleted)
            assert db.sql("select count(*) from generation_jobs") == [(0,)]


class TestBulkWrites:
    async def test_bulk_transition_moves_allowed_jobs_and_reports_others(
        self, store: Store, path: Path, db: Db
    ) -> None:
        assert await store.transition_jobs([], "running") == ()
        project_id = db.make_project()
        job_ids = [db.make_job(project_id, status) for status in JobStatus]
        outcomes = await store.transition_jobs([*job_ids, NOTHING], "running")
        assert [type(outcome) for outcome in outcomes] == [Applied, Refused, Refused, Refused, Missing]
        assert (the_entry(path).what, the_entry(path).ids) == ("transition job to running", (job_ids[0],))

    async def test_concurrent_bulk_transitions_apply_each_job_once(self, store: Store, path: Path, db: Db) -> None:
        project_id = db.make_project()
        job_ids = [db.make_job(project_id) for _ in range(20)]
        orders = [job_ids, job_ids[::-1], job_ids[5:] + job_ids[:5], job_ids[::2] + job_ids[1::2]]
        all_outcomes = await asyncio.gather(*(store.transition_jobs(order, "running") for order in orders))
        applied = [done.job.id for outcomes in all_outcomes for done in outcomes if isinstance(done, Applied)]
        assert sorted(applied) == sorted(job_ids)
        assert sum(len(entry.ids) for entry in read_journal(path).entries) == 20

    async def test_delete_as_seen_deletes_unchanged_jobs_and_reports_the_others(self, store: Store, db: Db) -> None:
        assert await store.delete_jobs_as_seen({}) == ()
        project_id = db.make_project()
        seen, moved = db.make_job(project_id, "failed"), db.make_job(project_id, "running")
        outcomes = await store.delete_jobs_as_seen(
            {seen: JobStatus.FAILED, moved: JobStatus.QUEUED, NOTHING: JobStatus.QUEUED}
        )
        assert [type(outcome).__name__ for outcome in outcomes] == ["Deleted", "Moved", "Missing"]
        assert db.sql("select id from generation_jobs") == [(moved,)]
