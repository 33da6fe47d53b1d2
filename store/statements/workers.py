"""Who works on the jobs, and what they hold."""

from datetime import datetime

from sqlalchemy import text

from store.database import Query
from store.model.worker import HeldJob, WorkerStatus
from store.statements.rows import Row

_LISTED = text("""
select w.id, w.user_id, w.name, w.host, w.process, w.modes, w.concurrency, w.started_at, w.seen_at, w.stopped_at,
       count(j.id), min(l.acquired_at) filter (where j.id is not null), moment.at
  from (select coalesce(CAST(:at AS timestamptz), now()) as at) moment
 cross join gjobs.workers w
  left join gjobs.job_leases l on l.owner = w.id and l.expires_at > moment.at
  left join public.generation_jobs j on j.id = l.job_id and j.status = 'running'
 group by w.id, moment.at
 order by w.stopped_at is null desc, w.seen_at desc, w.id
 limit CAST(:rows AS integer)
""")


def listed(*, limit: int, at: datetime | None) -> Query[WorkerStatus]:
    """Those that have not stopped first, the last seen first; `at` stands in for the server's time."""
    return Query(_LISTED, _make, {"rows": limit, "at": at})


def _make(row: Row) -> WorkerStatus:
    *facts, held, since, now = row
    names = ("id", "user_id", "name", "host", "process", "modes", "concurrency", "started_at", "seen_at", "stopped_at")
    values = dict(zip(names, facts, strict=True))
    modes = values.pop("modes")
    return WorkerStatus(
        **values, modes=None if modes is None else tuple(modes), held_jobs=held, held_since=since, taken_at=now
    )


_HELD = text("""
select l.job_id, j.mode, j.project_id, l.owner, l.attempt, l.acquired_at, l.expires_at, l.note
  from gjobs.job_leases l
  join public.generation_jobs j on j.id = l.job_id and j.status = 'running'
 order by l.acquired_at, l.job_id
 limit CAST(:rows AS integer)
""")


def held(*, limit: int) -> Query[HeldJob]:
    """Those claimed first first. A job that ended otherwise than by its worker may leave its lease for a while."""
    return Query(_HELD, _make_held, {"rows": limit})


def _make_held(row: Row) -> HeldJob:
    job_id, mode, project_id, owner, attempt, acquired_at, expires_at, note = row
    return HeldJob(
        job_id=job_id,
        mode=mode,
        project_id=project_id,
        owner=owner,
        attempt=attempt,
        acquired_at=acquired_at,
        expires_at=expires_at,
        note=note,
    )


_MOMENT = text("select coalesce(CAST(:at AS timestamptz), now())")


def moment(at: datetime | None) -> Query[datetime]:
    """The server's time, or what stands in for it."""
    return Query(_MOMENT, _make_moment, {"at": at})


def _make_moment(row: Row) -> datetime:
    time: datetime = row[0]
    return time
