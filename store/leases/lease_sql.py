"""SQL that claims, renews and ends leases, and lists workers."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import text

from gjobs.store.database.query import Query, Row, first_column, row_maker, typed_text
from gjobs.store.jobs.job_sql import make_job
from gjobs.store.leases.lease import (
    ClaimedJob,
    Ending,
    JobFinish,
    LeasedJob,
    LeaseKey,
    ProgressNote,
    Released,
    Rescheduled,
    WorkerInfo,
    WorkerStatus,
)

T = TypeVar("T", bound=LeaseKey)


def _make_claimed(row: Row) -> ClaimedJob:
    *job, attempt, lost_by, note = row
    return ClaimedJob(job=make_job(job), attempt=attempt, lost_by=lost_by, note=note)


def claim(
    owner: UUID, modes: Collection[str] | None, *, most: int, seconds: float, is_durable: bool
) -> Query[ClaimedJob]:
    """Claim jobs with an expired lease, then the oldest queued jobs. `modes` is None for all.

    The commit of a claim that is not durable doesn't wait for the disk. A crash of the server may lose the claim, but
    not after the end of one of its jobs is saved: that commit also writes all earlier ones to the disk.
    """
    accepted = None if modes is None else list(modes)
    values = {"owner": owner, "modes": accepted, "most": most, "seconds": seconds, "durable": is_durable}
    sql = """
select id, user_id, project_id, status, mode, input_asset_id, error, cost_cents, created_at, updated_at,
       attempt, lost_by, note
  from gjobs.claim_jobs(CAST(:owner AS uuid), CAST(:modes AS text[]), CAST(:most AS integer), CAST(:seconds AS float8)),
       set_config('synchronous_commit',
                  case when CAST(:durable AS boolean) then current_setting('synchronous_commit') else 'off' end, true)
"""
    return Query(typed_text(sql), _make_claimed, values)


def leases_of_worker(owner: UUID) -> Query[ClaimedJob]:
    """Return all jobs that the worker has claimed and not ended, even if it doesn't know them."""
    sql = """
select j.id, j.user_id, j.project_id, j.status, j.mode, j.input_asset_id, j.error, j.cost_cents, j.created_at,
       j.updated_at, l.attempt, CAST(null AS uuid), CAST(null AS text)
  from gjobs.job_leases l join public.generation_jobs j on j.id = l.job_id and j.status = 'running'
 where l.owner = CAST(:owner AS uuid)
"""
    return Query(typed_text(sql), _make_claimed, {"owner": owner})


NEXT_DUE: Query[float | None] = Query(
    text("""
select CAST(extract(epoch from min(expires_at)) - extract(epoch from clock_timestamp()) AS float8)
  from gjobs.job_leases where expires_at > now() - interval '1 second'
"""),
    first_column,
)
"""Returns the seconds until the next lease expires unless renewed, or None if there is no such lease.

Ignores leases that expired more than a second ago. The caller could not claim those jobs, for example because no
worker accepts their mode, and their leases may stay.
"""


def finish(owner: UUID, finishes: Sequence[JobFinish]) -> Query[UUID]:
    """Finish jobs, and return those that the worker still held."""
    values = _of_each(
        finishes,
        statuses=lambda one: one.status.value,
        errors=lambda one: one.error,
        costs=lambda one: one.cost_cents,
    )
    sql = """
select gjobs.finish_jobs(CAST(:owner AS uuid), CAST(:ids AS uuid[]), CAST(:attempts AS integer[]),
                         CAST(:statuses AS text[]), CAST(:errors AS text[]), CAST(:costs AS integer[]))
"""
    return Query(typed_text(sql), first_column, {"owner": owner, **values})


def postpone(owner: UUID, postponed: Sequence[Rescheduled]) -> Query[UUID]:
    values = _of_each(
        postponed, errors=lambda one: one.error, costs=lambda one: one.cost_cents, waits=lambda one: one.wait
    )
    sql = """
select gjobs.postpone_jobs(CAST(:owner AS uuid), CAST(:ids AS uuid[]), CAST(:attempts AS integer[]),
                           CAST(:errors AS text[]), CAST(:costs AS integer[]), CAST(:waits AS float8[]))
"""
    return Query(typed_text(sql), first_column, {"owner": owner, **values})


def _release(owner: UUID, chosen: str, values: Mapping[str, object]) -> Query[UUID]:
    sql = f"""
update gjobs.job_leases set owner = null, attempt = attempt - 1, expires_at = now(), note = null
 where job_id = any (array(
           select job_id from gjobs.job_leases where owner = CAST(:owner AS uuid) {chosen} for no key update skip locked
       ))
returning job_id
"""  # noqa: S608 - of constants
    return Query(typed_text(sql), first_column, {"owner": owner, **values})


def release(owner: UUID, jobs: Sequence[Released]) -> Query[UUID]:
    """Release jobs to other workers at once, as if this worker had not started them."""
    chosen = "and (job_id, attempt) in (select * from unnest(CAST(:ids AS uuid[]), CAST(:attempts AS integer[])))"
    return _release(owner, chosen, _of_each(jobs))


def release_all(owner: UUID) -> Query[UUID]:
    """Release all jobs that the worker holds, even if it doesn't know them."""
    return _release(owner, "", {})


def is_saved(owner: UUID, ending: Ending) -> Query[bool]:
    """Return whether the worker has saved this end. The job's status would not say who ended it."""
    match ending:
        case JobFinish(status=status):
            saved = {"status": status.value, "note": None}
        case Rescheduled(attempt=attempt):
            saved = {"status": None, "note": f"attempt {attempt} failed"}
        case Released():
            saved = {"status": None, "note": "handed back"}
    sql = """
select exists (select from gjobs.job_events e
                where e.job_id = CAST(:job_id AS uuid) and e.lease_owner = CAST(:owner AS text)
                  and (e.to_status = CAST(:status AS text) or e.note = CAST(:note AS text)))
"""
    return Query(typed_text(sql), first_column, {"job_id": ending.job_id, "owner": str(owner), **saved})


def renew(owner: UUID, jobs: Sequence[LeaseKey], progress: Sequence[ProgressNote], *, seconds: float) -> Query[UUID]:
    """Renew leases, store reports of progress, and return the jobs that the worker still holds."""
    notes = {(one.job_id, one.attempt): one.note for one in progress}
    values = _of_each(jobs, notes=lambda one: notes.get((one.job_id, one.attempt)))
    sql = """
select gjobs.renew_leases(CAST(:owner AS uuid), CAST(:ids AS uuid[]), CAST(:attempts AS integer[]),
                          CAST(:seconds AS float8), CAST(:notes AS text[]))
"""
    return Query(typed_text(sql), first_column, {"owner": owner, "seconds": seconds, **values})


def _of_each(jobs: Sequence[T], **columns: Callable[[T], Any]) -> dict[str, list[Any]]:
    """Return the functions' arguments: a list for each column, all in the same order."""
    values = {name: [value(one) for one in jobs] for name, value in columns.items()}
    return {"ids": [one.job_id for one in jobs], "attempts": [one.attempt for one in jobs], **values}


DELETE_OLD_WORKERS: Query[UUID] = Query(
    text("""
delete from gjobs.workers where coalesce(stopped_at, seen_at) < now() - make_interval(days => 7) returning id
"""),
    first_column,
)
"""Deletes workers that have been gone for a week."""


def register_worker(facts: WorkerInfo) -> Query[UUID]:
    modes = None if facts.modes is None else list(facts.modes)
    sql = """
insert into gjobs.workers (id, name, host, process, modes, concurrency)
values (CAST(:id AS uuid), CAST(:name AS text), CAST(:host AS text), CAST(:process AS integer),
        CAST(:modes AS text[]), CAST(:concurrency AS integer))
    on conflict (id) do update set seen_at = now(), stopped_at = null
returning id
"""
    return Query(typed_text(sql), first_column, {**asdict(facts), "modes": modes})


def mark_seen(worker: UUID) -> Query[UUID]:
    sql = "update gjobs.workers set seen_at = clock_timestamp() where id = CAST(:id AS uuid) returning id"
    return Query(typed_text(sql), first_column, {"id": worker})


def deregister_worker(worker: UUID) -> Query[UUID]:
    sql = """
update gjobs.workers set seen_at = clock_timestamp(), stopped_at = clock_timestamp()
 where id = CAST(:id AS uuid) returning id
"""
    return Query(typed_text(sql), first_column, {"id": worker})


_make_worker = row_maker(WorkerStatus, modes=lambda modes: None if modes is None else tuple(modes))


def list_workers(*, limit: int, at: datetime | None) -> Query[WorkerStatus]:
    """List workers: running ones first, then by when they were last seen. `at` replaces the server's time."""
    sql = """
select w.id, w.name, w.host, w.process, w.modes, w.concurrency, w.started_at, w.seen_at, w.stopped_at,
       count(j.id), min(l.acquired_at) filter (where j.id is not null), moment.at
  from (select coalesce(CAST(:at AS timestamptz), now()) as at) moment
 cross join gjobs.visible_workers w
  left join gjobs.visible_leases l on l.owner = w.id and l.expires_at > moment.at
  left join public.generation_jobs j on j.id = l.job_id and j.status = 'running'
 group by w.id, w.name, w.host, w.process, w.modes, w.concurrency, w.started_at, w.seen_at, w.stopped_at,
          moment.at
 order by w.stopped_at is null desc, w.seen_at desc, w.id
 limit CAST(:rows AS integer)
"""
    return Query(typed_text(sql), _make_worker, {"rows": limit, "at": at})


def leased_jobs(*, limit: int) -> Query[LeasedJob]:
    """List running jobs with a lease, earliest claims first.

    If a job was ended by anyone but its worker, its lease may remain for a while. Such leases are left out.
    """
    sql = """
select l.job_id, j.mode, j.project_id, l.owner, l.attempt, l.acquired_at, l.expires_at, l.note
  from gjobs.visible_leases l
  join public.generation_jobs j on j.id = l.job_id and j.status = 'running'
 order by l.acquired_at, l.job_id
 limit CAST(:rows AS integer)
"""
    return Query(typed_text(sql), row_maker(LeasedJob), {"rows": limit})
