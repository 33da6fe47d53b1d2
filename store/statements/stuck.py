"""Which running jobs are stuck: by the specification's half an hour, or by what jobs of their mode usually take."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    DateTime,
    Double,
    Text,
    Uuid,
    and_,
    bindparam,
    cast,
    column,
    exists,
    func,
    literal_column,
    not_,
    table,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from store import tables
from store.database import Query
from store.model import STUCK_AFTER, JobStatus
from store.statements.rows import Row
from store.stuck.model import AT_LEAST, FEWEST, LEARNED_FROM, TIMES_USUAL, Lease, StuckVerdict

_jobs = tables.generation_jobs
_leases = table("job_leases", column("job_id", Uuid), column("expires_at", DateTime(timezone=True)), schema="gjobs")


def _learned(what: str) -> str:
    """Of each mode, by `usual`: asked for no row in particular, so that it is made once for a statement."""
    return f"""(
    SELECT jsonb_object_agg(learned.mode, {what})
      FROM (
          SELECT latest.mode, percentile_cont(0.95) WITHIN GROUP (
                     ORDER BY extract(epoch FROM latest.completed_at - start.started_at)) AS usual
            FROM (
                SELECT ended.id, ended.mode, ended.completed_at
                  FROM public.generation_jobs ended
                 WHERE ended.status IN ('succeeded', 'failed') AND isfinite(ended.completed_at)
                   AND ended.mode IS NOT NULL
                 ORDER BY ended.updated_at DESC, ended.id DESC LIMIT {LEARNED_FROM}
            ) latest
            JOIN gjobs.job_starts start ON start.job_id = latest.id AND isfinite(start.started_at)
           GROUP BY latest.mode HAVING count(*) >= {FEWEST}
      ) learned
)"""  # noqa: S608 - of constants


_SECONDS = literal_column(_learned(f"greatest({AT_LEAST.total_seconds()}, {TIMES_USUAL} * usual)"), JSONB)


def by_time_alone(limit: ColumnElement[timedelta]) -> ColumnElement[bool]:
    return and_(_jobs.c.status == JobStatus.RUNNING.value, _jobs.c.updated_at < func.now() - limit)


def as_learned(limit: ColumnElement[timedelta]) -> ColumnElement[bool]:
    """`limit` is for modes of which nothing is learned. A job that a worker has, or will have soon, is not stuck."""
    seconds: ColumnElement[Any] = cast(_SECONDS.op("->>", return_type=Text())(_jobs.c.mode), Double)
    after = func.coalesce(func.make_interval(0, 0, 0, 0, 0, 0, seconds), limit)
    is_leased = exists().where(_leases.c.job_id == _jobs.c.id, _leases.c.expires_at > func.now())
    return and_(by_time_alone(after), not_(is_leased))


_ID = bindparam("id", type_=Uuid)
_UNTOUCHED = "SELECT extract(epoch FROM now() - job.updated_at)::float8"
_OF_RUNNING = "WHERE job.id = :id AND job.status = 'running' AND isfinite(job.updated_at)"
_JUDGED = text(f"""
{_UNTOUCHED}, ({_learned("usual")} ->> job.mode)::float8, lease.job_id IS NOT NULL, lease.expires_at > now()
  FROM public.generation_jobs job
  LEFT JOIN gjobs.job_leases lease ON lease.job_id = job.id
 {_OF_RUNNING}
""").bindparams(_ID)
_TIMED = text(f"{_UNTOUCHED}, NULL, NULL, NULL FROM public.generation_jobs job {_OF_RUNNING}").bindparams(_ID)


def verdict(job_id: UUID, *, is_learned: bool) -> Query[StuckVerdict]:
    """No row of a job that does not run."""
    return Query(_JUDGED if is_learned else _TIMED, _make_verdict, {"id": job_id})


def _make_verdict(row: Row) -> StuckVerdict:
    untouched, usual, has_lease, is_live = row
    return StuckVerdict(
        untouched=timedelta(seconds=untouched),
        after=STUCK_AFTER if usual is None else max(AT_LEAST, TIMES_USUAL * timedelta(seconds=usual)),
        usual=None if usual is None else timedelta(seconds=usual),
        lease=_lease(has_lease, is_live),
    )


def _lease(has_lease: bool | None, is_live: bool | None) -> Lease:
    if has_lease is None:
        return Lease.UNKNOWN
    if not has_lease:
        return Lease.NONE
    return Lease.LIVE if is_live else Lease.EXPIRED
