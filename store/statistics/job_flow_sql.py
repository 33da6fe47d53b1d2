"""SQL of recent moves, the oldest queued job, stuck jobs and costs by outcome. Each reads a limited number of rows."""

from datetime import date, datetime
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import DateTime, Integer, Interval, Select, TextClause, Uuid, bindparam, cast, func, select, text
from sqlalchemy.types import BigInteger

from gjobs.store import tables
from gjobs.store.database.query import Query, Row, make_number
from gjobs.store.jobs import history_sql
from gjobs.store.jobs.job import STUCK_AFTER, JobStatus
from gjobs.store.statistics.job_flow import MOST_MOVES, MOST_PRICED, MOST_STUCK, WINDOW, OutcomeCosts, RecentMoves
from gjobs.store.statistics.statistics_sql import CREATED_ON, IN_SHOWN_DAYS

_jobs = tables.generation_jobs
_PROJECT_ID = bindparam("project_id", type_=Uuid)

_STARTED = {
    True: """count(*) FILTER (WHERE (SELECT s.started_at FROM gjobs.job_starts s WHERE s.job_id = recent.id)
                                BETWEEN span.since AND span.at)""",
    False: "NULL",
}
_ENDED_AT = {True: "j.completed_at", False: "j.updated_at"}
"""Depends on whether the database records when jobs start and end. Later changes of an ended job are no moves."""


@cache
def _moves(*, of_project: bool, is_recorded: bool) -> TextClause:
    within = "AND j.project_id = :project_id" if of_project else ""
    sql = f"""
WITH moment AS (SELECT coalesce(:at, now()) AS at),
recent AS MATERIALIZED (
    SELECT j.id, j.status, j.created_at, j.updated_at, {_ENDED_AT[is_recorded]} AS ended_at
      FROM public.generation_jobs j, moment
     WHERE j.updated_at BETWEEN moment.at - :window AND moment.at {within}
     ORDER BY j.updated_at DESC, j.id DESC LIMIT :most
),
span AS (
    SELECT moment.at, coalesce((SELECT CASE WHEN count(*) = :most THEN min(updated_at) END FROM recent),
                               moment.at - :window) AS since
      FROM moment
)
SELECT extract(epoch FROM min(span.at) - min(span.since))::float8,
       count(*) FILTER (WHERE recent.created_at BETWEEN span.since AND span.at),
       {_STARTED[is_recorded]},
       count(*) FILTER (WHERE recent.status = 'succeeded' AND recent.ended_at BETWEEN span.since AND span.at),
       count(*) FILTER (WHERE recent.status = 'failed' AND recent.ended_at BETWEEN span.since AND span.at)
  FROM span LEFT JOIN recent ON true
"""  # noqa: S608 - of constants
    return text(sql).bindparams(
        bindparam("at", type_=DateTime(timezone=True)),
        bindparam("window", type_=Interval()),
        bindparam("most", type_=BigInteger),
        *([_PROJECT_ID] if of_project else []),
    )


def recent_moves(project_id: UUID | None, *, at: datetime | None, is_recorded: bool) -> Query[RecentMoves]:
    """Return a query for the jobs that entered each state in the last minutes. It uses the index on updates."""
    statement = _moves(of_project=project_id is not None, is_recorded=is_recorded)
    return Query(statement, _make_moves, _of(project_id) | {"at": at, "window": WINDOW, "most": MOST_MOVES})


def _make_moves(row: Row) -> RecentMoves:
    seconds, *numbers = row
    entered = {status: number for status, number in zip(JobStatus, numbers, strict=True) if number is not None}
    return RecentMoves(seconds=seconds, entered=entered)


def _of(project_id: UUID | None) -> dict[str, object]:
    return {} if project_id is None else {"project_id": project_id}


def _jobs_of(statement: Select[Any], of_project: bool) -> Select[Any]:
    return statement.where(_jobs.c.project_id == _PROJECT_ID) if of_project else statement


@cache
def _oldest_queued(of_project: bool) -> Select[Any]:
    queued = select(_jobs.c.created_at).where(
        _jobs.c.status == JobStatus.QUEUED.value, func.isfinite(_jobs.c.created_at)
    )
    return _jobs_of(queued, of_project).order_by(_jobs.c.created_at, _jobs.c.id).limit(1)


def oldest_queued(project_id: UUID | None) -> Query[datetime]:
    """Return a query for when the oldest queued job was created. No row if no job is queued."""
    return Query(_oldest_queued(project_id is not None), _make_time, _of(project_id))


def _make_time(row: Row) -> datetime:
    time: datetime = row[0]
    return time


@cache
def _stuck(of_project: bool, has_learned: bool) -> Select[Any]:
    limit = bindparam("limit", type_=Interval())
    stuck = select(_jobs.c.id).where(history_sql.is_stuck_at_moment(limit, has_learned=has_learned))
    found = _jobs_of(stuck, of_project).limit(bindparam("most", type_=Integer)).subquery()
    return select(func.count()).select_from(found)


def count_stuck(project_id: UUID | None, *, at: datetime | None, has_learned: bool) -> Query[int]:
    """Return a query for the number of stuck jobs, at most one more than `MOST_STUCK`.

    `has_learned` is true if leases and usual durations may be read.
    """
    parameters = _of(project_id) | {"at": at, "limit": STUCK_AFTER, "most": MOST_STUCK + 1}
    return Query(_stuck(project_id is not None, has_learned), make_number, parameters)


@cache
def _outcomes(of_project: bool) -> Select[Any]:
    read = _jobs_of(
        select(CREATED_ON.label("day"), _jobs.c.status, _jobs.c.cost_cents).where(IN_SHOWN_DAYS), of_project
    )
    newest = read.order_by(_jobs.c.created_at.desc(), _jobs.c.id.desc())
    priced = newest.limit(bindparam("most", type_=Integer)).subquery("priced")

    def cents_of(status: JobStatus) -> Any:
        cents = func.sum(priced.c.cost_cents).filter(priced.c.status == status.value)
        return cast(func.coalesce(cents, 0), BigInteger)

    of_each_day = select(
        priced.c.day, func.count(), cents_of(JobStatus.SUCCEEDED), cents_of(JobStatus.FAILED)
    ).group_by(priced.c.day)
    return of_each_day.order_by(priced.c.day)


OutcomeRow = tuple[int, OutcomeCosts]


def outcomes_by_day(project_id: UUID | None, *, days: int, at: datetime | None) -> Query[OutcomeRow]:
    """Return a query for the number of jobs and their costs by day, from the newest jobs. `complete_days` follows."""
    parameters = _of(project_id) | {"at": at, "days_before": days - 1, "most": MOST_PRICED}
    return Query(_outcomes(project_id is not None), _make_outcome, parameters)


def _make_outcome(row: Row) -> OutcomeRow:
    day, number, succeeded, failed = row
    return number, OutcomeCosts(day=day, succeeded_cents=succeeded, failed_cents=failed)


def complete_days(rows: list[OutcomeRow]) -> dict[date, OutcomeCosts]:
    """Return the costs by day. If the limit cut the oldest day, leave it out."""
    is_cut = sum(number for number, _ in rows) >= MOST_PRICED
    return {costs.day: costs for _, costs in rows[1 if is_cut else 0 :]}
