"""A cleanup removes exactly the expired jobs, even during other writes."""

from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest

from gjobs.store.database.database import Database
from gjobs.store.errors import NoPrivilege
from gjobs.store.jobs.job import FINAL_STATUSES, JobStatus
from gjobs.store.journal.journal import Journal, read_journal
from gjobs.store.journal.write_record import WriteOutcome
from gjobs.store.retention import archive
from gjobs.store.retention.archive import LARGEST, QUICK, SLOW, next_size, smaller_size
from gjobs.store.retention.cleanup import count_expired, find_expired, run_cleanup
from gjobs.store.retention.retention import BatchProgress, ExpiredJobs, RetentionAction, StatusCount
from gjobs.store.store import Store
from tests.conftest import Conninfo, connect
from tests.store.retention.conftest import OLD, RetentionJobs, archived, cleaned, present
from tests.store.store_fixtures import ADA, NOTHING, NOW, Db, Sql, altered

DELETE, ARCHIVE = RetentionAction.DELETE, RetentionAction.ARCHIVE


async def test_expired_jobs_are_counted_by_status_with_cost_and_oldest_time(db: Db, jobs: RetentionJobs) -> None:
    def of(status: JobStatus, count: int, cents: int, days: int) -> StatusCount:
        return StatusCount(status=status, count=count, total_cost_cents=cents, oldest_at=NOW - timedelta(days=days))

    succeeded, failed = of(JobStatus.SUCCEEDED, 3, 3, 62), of(JobStatus.FAILED, 3, 3, 62)
    assert await count_expired(db.ada, OLD) == (succeeded, failed)
    assert await count_expired(db.operator, OLD) == (succeeded, of(JobStatus.FAILED, 4, 10, 90))
    queued = ExpiredJobs(created_before=OLD.created_before, statuses=(JobStatus.QUEUED,), project_id=jobs.project)
    assert await count_expired(db.operator, queued) == (of(JobStatus.QUEUED, 3, 3, 62),)


async def test_expiry_time_uses_the_server_clock(operator: Store, sql: Sql) -> None:
    age = timedelta(days=30)
    ((before,),) = sql("select now()")
    expired = await find_expired(operator, age, statuses=[JobStatus.FAILED, JobStatus.SUCCEEDED, JobStatus.FAILED])
    ((after,),) = sql("select now()")
    assert before - age <= expired.created_before <= after - age
    assert expired.statuses == FINAL_STATUSES


@pytest.mark.parametrize("action", RetentionAction)
async def test_cleanup_removes_the_actors_old_jobs_only(db: Db, jobs: RetentionJobs, action: RetentionAction) -> None:
    before = present(db.sql)
    for store, gone in ((db.ada, jobs.finished), (db.operator, {jobs.other})):
        assert await cleaned(store, action=action) == BatchProgress(done=len(gone))
        before -= gone
        assert present(db.sql) == before
    assert archived(db.sql) == (jobs.finished | {jobs.other} if action is ARCHIVE else set())


async def test_cleanup_is_limited_to_the_given_project_and_statuses(db: Db, jobs: RetentionJobs) -> None:
    before = present(db.sql)
    statuses = (JobStatus.QUEUED, JobStatus.FAILED)
    expired = ExpiredJobs(created_before=OLD.created_before, statuses=statuses, project_id=jobs.project)
    assert await cleaned(db.operator, expired) == BatchProgress(done=6)
    assert present(db.sql) == before - {*jobs.old[JobStatus.QUEUED], *jobs.old[JobStatus.FAILED]}


def add_old_jobs(db: Db, number: int) -> None:
    old = {"project_id": db.make_project(), "status": "succeeded", "created_at": NOW - timedelta(days=31)}
    db.make_jobs({"id": uuid4(), **old} for _ in range(number))


async def test_cleanup_removes_many_jobs_in_batches_including_infinite_times(db: Db) -> None:
    number = archive.FIRST * 4
    add_old_jobs(db, number)
    for created_at in ("-infinity", "0044-03-15 BC"):
        db.make_job(status=JobStatus.SUCCEEDED, created_at=created_at)
    kept = {
        db.make_job(status=JobStatus.SUCCEEDED, created_at="infinity"),
        db.make_job(status=JobStatus.FAILED, created_at=OLD.created_before),
    }
    steps = [step.done async for step in run_cleanup(db.operator, OLD, DELETE)]
    assert steps[0] == archive.FIRST
    assert steps[-1] == number + 2
    assert len(steps) > 2
    assert present(db.sql) == kept


async def test_interrupted_cleanup_can_be_continued(db: Db) -> None:
    add_old_jobs(db, 120)
    async for first in run_cleanup(db.operator, OLD, DELETE):
        assert first == BatchProgress(done=archive.FIRST)
        break
    assert len(present(db.sql)) == 120 - archive.FIRST
    assert await cleaned(db.operator) == BatchProgress(done=120 - archive.FIRST)


async def test_cleanup_skips_jobs_that_are_locked_protected_or_referred_to(db: Db, jobs: RetentionJobs) -> None:
    locked = jobs.old[JobStatus.FAILED][0]
    trigger = (
        "create function keep_paid() returns trigger language plpgsql as"
        " $$ begin if old.cost_cents = 7 then raise exception 'paid jobs stay'; end if; return old; end $$;"
        "create trigger keep_paid before delete on generation_jobs for each row execute function keep_paid()"
    )
    with altered(db.sql, trigger, "drop function keep_paid() cascade"):
        with connect(db.conninfo) as other:
            other.execute("select from generation_jobs where id = %s for update", [locked])
            last = await cleaned(db.operator)
        assert (last.done, last.refused, last.refusal) == (5, 1, "The database refused: paid jobs stay.")
        assert {locked, jobs.other} <= present(db.sql)
        assert (await cleaned(db.operator)).done == 1, "the lock is gone"
    table = "create table public.invoices (job_id uuid references generation_jobs)"
    with altered(db.sql, table, "drop table public.invoices"):
        db.sql("insert into public.invoices values (%s)", (jobs.other,))
        last = await cleaned(db.operator)
        assert (last.done, last.refused, last.refused_id) == (0, 1, jobs.other)
        assert "invoices" in (last.refusal or "")


async def test_cleanup_raises_when_a_policy_silently_prevents_deletion(db: Db, jobs: RetentionJobs) -> None:
    before = present(db.sql)
    policy = "create policy nobody on generation_jobs as restrictive for delete using (false)"
    undo = "drop policy nobody on generation_jobs"
    with altered(db.sql, policy, undo), pytest.raises(NoPrivilege, match="does not let you change it"):
        await cleaned(db.ada)
    assert present(db.sql) == before


async def test_journal_of_a_cleanup_lists_ids_only(database: Conninfo, jobs: RetentionJobs, tmp_path: Path) -> None:
    async with Store(Database(database, journal=Journal(tmp_path / "journal", database="here"))) as store:
        await cleaned(store)
    entries = read_journal(tmp_path / "journal").entries
    assert [entry.what for entry in entries] == ["archive old failed jobs", "archive old succeeded jobs"]
    assert {job_id for entry in entries for job_id in entry.ids} == jobs.finished | {jobs.other}
    assert {(entry.before, entry.after, entry.outcome) for entry in entries} == {((), (), WriteOutcome.DONE)}


@pytest.mark.parametrize("due_in", ["1 minute", "-1 s"])
async def test_cleanup_keeps_jobs_held_by_or_waiting_for_a_worker(db: Db, jobs: RetentionJobs, due_in: str) -> None:
    held, waiting, lost = jobs.old[JobStatus.RUNNING]
    for job_id, owner, lease in ((held, NOTHING, "1 minute"), (waiting, None, due_in), (lost, NOTHING, "-1 s")):
        db.sql(
            "insert into gjobs.job_leases (job_id, owner, attempt, acquired_at, expires_at)"
            " values (%s, %s, 1, now(), now() + %s::interval)",
            (job_id, owner, lease),
        )
    asked = ExpiredJobs(created_before=OLD.created_before, statuses=(JobStatus.RUNNING,))
    assert await cleaned(db.operator, asked) == BatchProgress(done=1)
    assert archived(db.sql) == {lost}
    assert {held, waiting} <= present(db.sql)


async def test_user_deleted_during_a_cleanup_leaves_no_archived_jobs(db: Db, jobs: RetentionJobs) -> None:
    """The transaction that deletes Ada is open while the cleanup reads her jobs."""
    with connect(db.conninfo) as other:
        other.execute("delete from auth.users where id = %s", [ADA])
        assert await cleaned(db.operator) == BatchProgress(done=1)
        other.commit()
    assert archived(db.sql) == {jobs.other}
    assert present(db.sql) == set()


def test_next_batch_size_adapts_to_the_time_taken() -> None:
    for size, seconds, expected in (
        (50, QUICK / 2, 100),
        (50, QUICK, 50),
        (50, SLOW, 50),
        (50, SLOW * 2, 25),
        (1, SLOW * 2, 1),
        (400, QUICK / 2, LARGEST),
        (LARGEST, QUICK / 2, LARGEST),
    ):
        assert next_size(size, seconds) == expected, (size, seconds)
    assert [smaller_size(size) for size in (500, 3, 2, 1)] == [250, 1, 1, 1]
