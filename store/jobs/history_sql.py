"""SQL on job events and on stuck jobs."""

from collections.abc import Collection
from dataclasses import fields
from datetime import datetime, timedelta
from functools import cache, partial
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from gjobs.store import tables
from gjobs.store.database.query import MOMENT, Query, Row, first_column, row_maker
from gjobs.store.jobs.job import FINAL_STATUSES, STUCK_AFTER, JobStatus, sql_literals, status_or_none
from gjobs.store.jobs.job_results import (
    AT_LEAST,
    COMPARED_JOBS,
    FEWEST,
    TIMES_USUAL,
    EventKind,
    JobEvent,
    LeaseState,
    StuckVerdict,
)
from gjobs.store.values.formats import known_or_text

_events, _starts, _log_start = tables.job_events, tables.job_starts, tables.log_start

_JOB_ID = sa.bindparam("job_id", type_=sa.Uuid)
_UNTIL = sa.bindparam("until", type_=sa.DateTime(timezone=True))

_OF_JOB = (
    sa.select(*(_events.c[field.name] for field in fields(JobEvent)))
    .where(_events.c.job_id == _JOB_ID, sa.or_(_UNTIL.is_(None), _events.c.at <= _UNTIL))
    .order_by(_events.c.id.desc())
    .limit(sa.bindparam("rows", type_=sa.Integer))
)

make_event = row_maker(
    JobEvent, kind=partial(known_or_text, EventKind), from_status=status_or_none, to_status=status_or_none
)


def of_job(job_id: UUID, *, limit: int, until: datetime | None = None) -> Query[JobEvent]:
    """Return a query for the newest events, newest first. It uses the index on job and id."""
    return Query(_OF_JOB, make_event, {"job_id": job_id, "rows": limit, "until": until})


_STARTED = sa.select(_starts.c.started_at).where(_starts.c.job_id == _JOB_ID)


def started(job_id: UUID) -> Query[object]:
    """Return a query that returns no row if the job has not run, or ran before starts were recorded."""
    return Query(_STARTED, first_column, {"job_id": job_id})


LOG_START: Query[datetime] = Query(sa.select(_log_start.c.begins_at), first_column)
"""How far back the log reaches."""
SEES_GONE_JOBS: Query[bool] = Query(sa.text("SELECT gjobs.visible_jobs() IN ('all', 'own')"), first_column)
"""Whether the actor sees the events of deleted jobs: all events, or those of their own jobs. Rollups cover the same."""

_jobs, _leases = tables.generation_jobs, tables.visible_leases


def _usual_duration_sql(what: str) -> str:
    """Return SQL for a JSON object that maps each mode to `what`, an SQL expression that may use `usual`. It is
    uncorrelated, so Postgres runs it once per statement.
    """
    return f"""(
    SELECT jsonb_object_agg(learned.mode, {what})
      FROM (
          SELECT latest.mode, percentile_cont(0.95) WITHIN GROUP (
                     ORDER BY extract(epoch FROM latest.completed_at) - extract(epoch FROM latest.started_at)) AS usual
            FROM (
                SELECT ended.mode, ended.completed_at,
                       (SELECT start.started_at FROM gjobs.job_starts start WHERE start.job_id = ended.id) AS started_at
                  FROM public.generation_jobs ended
                 WHERE ended.status IN ({sql_literals(FINAL_STATUSES)}) AND isfinite(ended.completed_at)
                   AND ended.mode IS NOT NULL
                 ORDER BY ended.updated_at DESC, ended.id DESC LIMIT {COMPARED_JOBS}
            ) latest
           WHERE isfinite(latest.started_at)
           GROUP BY latest.mode HAVING count(*) >= {FEWEST}
      ) learned
)"""  # noqa: S608 - of constants


_SECONDS = sa.literal_column(_usual_duration_sql(f"greatest({AT_LEAST.total_seconds()}, {TIMES_USUAL} * usual)"), JSONB)


_NOW: sa.ColumnElement[datetime] = sa.func.now()
_AT_LEAST = sa.literal_column(f"interval '{AT_LEAST.total_seconds():.0f} s'", sa.Interval())


def is_stuck(
    limit: sa.ColumnElement[timedelta], *, knows_usual_durations: bool, now: sa.ColumnElement[datetime] = _NOW
) -> sa.ColumnElement[bool]:
    """Return whether a job is stuck. `limit` applies to modes without a learned duration, and to all modes if usual
    durations are unknown. A job with a live lease is not stuck.
    """

    def is_untouched(after: sa.ColumnElement[timedelta]) -> sa.ColumnElement[bool]:
        return _jobs.c.updated_at < now - after

    is_running = _jobs.c.status == JobStatus.RUNNING.value
    if not knows_usual_durations:
        return sa.and_(is_running, is_untouched(limit))
    seconds: sa.ColumnElement[Any] = sa.cast(_SECONDS.op("->>", return_type=sa.Text())(_jobs.c.mode), sa.Double)
    after = sa.func.coalesce(sa.func.make_interval(0, 0, 0, 0, 0, 0, seconds), limit)
    is_leased = sa.exists().where(_leases.c.job_id == _jobs.c.id, _leases.c.expires_at > now)
    # Only jobs that may be stuck make Postgres compute the usual durations.
    return sa.and_(is_running, is_untouched(_AT_LEAST), is_untouched(after), sa.not_(is_leased))


@cache
def _stuck_among(knows_usual_durations: bool) -> sa.Select[Any]:
    among = _jobs.c.id == sa.any_(sa.bindparam("ids", type_=sa.ARRAY(sa.Uuid)))
    limit = sa.bindparam("limit", type_=sa.Interval())
    return sa.select(_jobs.c.id).where(among, is_stuck(limit, knows_usual_durations=knows_usual_durations, now=MOMENT))


def stuck_among(job_ids: Collection[UUID], *, at: datetime | None, knows_usual_durations: bool) -> Query[UUID]:
    """Return a query for those of the jobs that are stuck."""
    parameters: dict[str, object] = {"ids": list(job_ids), "at": at, "limit": STUCK_AFTER}
    return Query(_stuck_among(knows_usual_durations), first_column, parameters)


_ID = sa.bindparam("id", type_=sa.Uuid)
_AT = sa.bindparam("at", type_=sa.DateTime(timezone=True))
_UNTOUCHED = "SELECT extract(epoch FROM coalesce(:at, now()) - job.updated_at)::float8"
_OF_RUNNING = "WHERE job.id = :id AND job.status = 'running' AND isfinite(job.updated_at)"
_JUDGED = sa.text(f"""
{_UNTOUCHED}, ({_usual_duration_sql("usual")} ->> job.mode)::float8, lease.job_id IS NOT NULL,
       lease.expires_at > coalesce(:at, now())
  FROM public.generation_jobs job
  LEFT JOIN gjobs.visible_leases lease ON lease.job_id = job.id
 {_OF_RUNNING}
""").bindparams(_ID, _AT)
_TIMED = sa.text(f"{_UNTOUCHED}, NULL, NULL, NULL FROM public.generation_jobs job {_OF_RUNNING}").bindparams(_ID, _AT)


def verdict(job_id: UUID, *, at: datetime | None, from_usual_duration: bool) -> Query[StuckVerdict]:
    """Return a query for the stuck verdict. It returns no row if the job is not running."""
    return Query(_JUDGED if from_usual_duration else _TIMED, _make_verdict, {"id": job_id, "at": at})


_LEASES = {
    (None, None): LeaseState.UNKNOWN,
    (False, None): LeaseState.NONE,
    (True, False): LeaseState.EXPIRED,
    (True, True): LeaseState.LIVE,
}
"""The keys are whether a lease exists, and whether it is live."""


def _make_verdict(row: Row) -> StuckVerdict:
    untouched, usual, has_lease, is_live = row
    return StuckVerdict(
        untouched=timedelta(seconds=untouched),
        after=STUCK_AFTER if usual is None else max(AT_LEAST, TIMES_USUAL * timedelta(seconds=usual)),
        usual=None if usual is None else timedelta(seconds=usual),
        lease=_LEASES[has_lease, is_live],
    )
