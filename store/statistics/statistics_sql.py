"""SQL of statistics, timings, recent moves, the oldest queued job and stuck jobs."""

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from functools import cache, lru_cache
from types import MappingProxyType
from typing import Any, TypeVar, assert_never
from uuid import UUID

import sqlalchemy as sa

from gjobs.store import tables
from gjobs.store.database.query import MOMENT, Query, Row, RowMaker, first_column, make_number, row_maker
from gjobs.store.jobs import history_sql
from gjobs.store.jobs.job import STUCK_AFTER, JobStatus, parse_status, status_order
from gjobs.store.statistics.statistics import (
    MOST_MODES,
    MOST_MOVES,
    MOST_PRICED,
    MOST_STUCK,
    MOST_TIMED_JOBS,
    WINDOW,
    DayCost,
    JobStatistic,
    JobStatistics,
    JobSummary,
    JobTimings,
    ModeTimings,
    OutcomeCosts,
    Percentiles,
    ProjectTotals,
    RecentMoves,
)

T = TypeVar("T")

_jobs = tables.generation_jobs
_status_rollups, _day_rollups = tables.job_counts, tables.job_day_counts
_PROJECT_ID = sa.bindparam("project_id", type_=sa.Uuid)
_JOB_COUNT = sa.func.count()
_JOB_COST = sa.cast(sa.func.coalesce(sa.func.sum(_jobs.c.cost_cents), 0), sa.BigInteger)
_AVERAGE_JOB_COST = sa.func.coalesce(sa.func.avg(_jobs.c.cost_cents), 0)
"""An app's own table may have jobs without a cost."""


def _of(project_id: UUID | None) -> dict[str, object]:
    return {} if project_id is None else {"project_id": project_id}


@lru_cache(maxsize=64)
def _in_project(statement: sa.Select[Any]) -> sa.Select[Any]:
    """Return the statement for one project. Cached, because compiled SQL is cached by the statement's identity."""
    (source,) = statement.get_final_froms()
    return statement.where(source.c.project_id == _PROJECT_ID)


def _asked(
    statement: sa.Select[Any],
    make: RowMaker[T],
    project_id: UUID | None,
    parameters: Mapping[str, object] = MappingProxyType({}),
) -> Query[T]:
    """Return a query on one project, or on all."""
    chosen = statement if project_id is None else _in_project(statement)
    return Query(chosen, make, {**_of(project_id), **parameters})


def _average(cents: Any) -> float:
    return round(float(cents), 2)


def _count_and_cost(source: sa.TableClause) -> tuple[sa.ColumnElement[int], sa.ColumnElement[int]]:
    return sa.cast(sa.func.sum(source.c.job_count), sa.BigInteger), sa.cast(
        sa.func.sum(source.c.cost_cents), sa.BigInteger
    )


_ROLLUP_COUNT, _ROLLUP_COST = _count_and_cost(_status_rollups)
_HAS_JOBS = sa.func.sum(_status_rollups.c.job_count) != 0
"""Excludes rollups that add up to no jobs and are not folded yet."""

# The keys of these tables are whether the rollups are read.
_BY_STATUS = {
    False: sa.select(_jobs.c.status, _JOB_COUNT, _JOB_COST, _AVERAGE_JOB_COST).group_by(_jobs.c.status),
    True: sa.select(
        _status_rollups.c.status,
        _ROLLUP_COUNT,
        _ROLLUP_COST,
        sa.func.sum(_status_rollups.c.cost_cents) / sa.func.sum(_status_rollups.c.job_count),
    )
    .group_by(_status_rollups.c.status)
    .having(_HAS_JOBS),
}
make_statistic = row_maker(JobStatistic, status=parse_status, avg_cost_cents=_average)


def by_status(project_id: UUID | None, *, from_rollups: bool) -> Query[JobStatistic]:
    """Return a query for unordered rows; `in_workflow_order` sorts them."""
    return _asked(_BY_STATUS[from_rollups], make_statistic, project_id)


def in_workflow_order(rows: list[JobStatistic]) -> JobStatistics:
    return JobStatistics(by_status=tuple(sorted(rows, key=lambda row: status_order(row.status))))


_SUMMARY_KEY = (_jobs.c.user_id, _jobs.c.project_id, _jobs.c.status)
_ROWS = sa.bindparam("rows", type_=sa.Integer)
_SUMMARY_FROM_JOBS = (
    sa.select(
        *_SUMMARY_KEY,
        _JOB_COUNT,
        _JOB_COST,
        _AVERAGE_JOB_COST,
        sa.func.min(_jobs.c.created_at),
        sa.func.max(_jobs.c.created_at),
    )
    .group_by(*_SUMMARY_KEY)
    .order_by(_JOB_COST.desc(), *_SUMMARY_KEY)
    .limit(_ROWS)
)


MOST_ENDS = 10_000
"""How many of the oldest and of the newest jobs are read to find the first and last job of each row."""


@cache
def _summary_from_rollups(of_project: bool) -> sa.TextClause:
    """Return what the view `gjobs.job_summary` shows. The view would look up the times of all rows before the limit."""
    within = "project_id = :project_id" if of_project else "true"
    ends = [
        f"""
SELECT user_id, project_id, status, {end}(created_at) AS at
  FROM (SELECT user_id, project_id, status, created_at FROM public.generation_jobs
         WHERE created_at IS NOT NULL AND {within} ORDER BY created_at {order} LIMIT :ends) j
 GROUP BY user_id, project_id, status"""  # noqa: S608 - of constants
        for end, order in (("min", "ASC"), ("max", "DESC"))
    ]
    its_jobs = """
SELECT created_at FROM public.generation_jobs
 WHERE project_id = top.project_id AND user_id = top.user_id AND status = top.status OFFSET 0"""
    sql = f"""
SELECT user_id, project_id, status, job_count, total, average,
       coalesce(first_job.at, (SELECT min(created_at) FROM ({its_jobs}) j)),
       coalesce(last_job.at, (SELECT max(created_at) FROM ({its_jobs}) j))
  FROM (
       SELECT user_id, project_id, status, CAST(sum(job_count) AS bigint) AS job_count,
              CAST(sum(cost_cents) AS bigint) AS total, sum(cost_cents) / sum(job_count) AS average
         FROM gjobs.job_counts WHERE {within}
        GROUP BY user_id, project_id, status HAVING sum(job_count) <> 0
        ORDER BY total DESC, user_id, project_id, status LIMIT :rows
       ) top
  LEFT JOIN ({ends[0]}) first_job USING (user_id, project_id, status)
  LEFT JOIN ({ends[1]}) last_job USING (user_id, project_id, status)
 ORDER BY total DESC, user_id, project_id, status
"""  # noqa: S608 - of constants
    return sa.text(sql).bindparams(
        _ROWS, sa.bindparam("ends", type_=sa.Integer), *([_PROJECT_ID] if of_project else [])
    )


make_summary = row_maker(JobSummary, status=parse_status, avg_cost_cents=_average)


def summary(project_id: UUID | None, *, limit: int, from_rollups: bool) -> Query[JobSummary]:
    """Return a query for the summary, most expensive first."""
    if from_rollups:
        statement = _summary_from_rollups(project_id is not None)
        parameters = _of(project_id) | {"rows": limit, "ends": MOST_ENDS}
        return Query(statement, make_summary, parameters, may_compile=False)
    return _asked(_SUMMARY_FROM_JOBS, make_summary, project_id, {"rows": limit})


CREATED_ON = sa.cast(sa.func.timezone("UTC", _jobs.c.created_at), sa.Date)
TODAY = sa.cast(sa.func.timezone("UTC", MOMENT), sa.Date)
_DAYS_BEFORE = sa.bindparam("days_before", type_=sa.Integer)


def _midnight(day: sa.ColumnElement[date]) -> sa.ColumnElement[datetime]:
    return sa.func.timezone("UTC", sa.cast(day, sa.DateTime()))


IN_SHOWN_DAYS = sa.and_(
    _jobs.c.created_at >= _midnight(TODAY - _DAYS_BEFORE),
    # Later times may be outside Python's range.
    _jobs.c.created_at < _midnight(TODAY + 1),
)
"""Whether a job was created on one of the shown days."""
_BY_DAY = {
    False: sa.select(CREATED_ON, _JOB_COUNT, _JOB_COST).where(IN_SHOWN_DAYS).group_by(CREATED_ON),
    True: sa.select(_day_rollups.c.day, *_count_and_cost(_day_rollups))
    .where(_day_rollups.c.day.between(TODAY - _DAYS_BEFORE, TODAY))
    .group_by(_day_rollups.c.day)
    .having(sa.func.sum(_day_rollups.c.job_count) != 0),
}
_make_day = row_maker(DayCost)


def by_day(project_id: UUID | None, *, days: int, at: datetime | None, from_rollups: bool) -> Query[DayCost]:
    """Return a query for the last `days` UTC days up to `at`. Days without jobs are missing; `without_gaps` adds
    them.
    """
    return _asked(_BY_DAY[from_rollups], _make_day, project_id, {"days_before": days - 1, "at": at})


def without_gaps(rows: list[DayCost], *, today: date, days: int) -> tuple[DayCost, ...]:
    """Add days without jobs. Oldest first, `today` last; future days are dropped."""
    known = {row.day: row for row in rows}
    wanted = (today - timedelta(days=days - 1 - index) for index in range(days))
    return tuple(known.get(day) or DayCost(day=day, job_count=0, total_cost_cents=0) for day in wanted)


_BY_PROJECT = (
    sa.select(_status_rollups.c.project_id, _ROLLUP_COUNT, _ROLLUP_COST)
    .group_by(_status_rollups.c.project_id)
    .having(_HAS_JOBS)
    .limit(_ROWS)
)


def totals_by_project_from_rollups(*, limit: int) -> Query[tuple[UUID, ProjectTotals]]:
    """Return a query for the totals of each project with jobs, unordered."""
    return Query(_BY_PROJECT, make_project_totals, {"rows": limit})


def make_project_totals(row: Row) -> tuple[UUID, ProjectTotals]:
    project_id, job_count, total = row
    return project_id, ProjectTotals(job_count=job_count, total_cost_cents=total)


_STARTED_AT = {
    True: "(SELECT s.started_at FROM gjobs.job_starts s WHERE s.job_id = j.id)",
    False: "CAST(NULL AS timestamptz)",
}
_ENDED_AT = {True: "coalesce(j.completed_at, j.updated_at)", False: "j.updated_at"}
"""Depends on whether the table has the column."""


def _seconds(since: str, until: str) -> str:
    """Return SQL for seconds, at least 0. Null if a time is infinite, because subtracting infinities is an error."""
    return (
        f"CASE WHEN isfinite({since}) AND isfinite({until}) THEN greatest(extract(epoch FROM {until} - {since}), 0) END"
    )


@cache
def _timings_statement(*, of_project: bool, is_recorded: bool, has_completion: bool) -> sa.TextClause:
    within = "AND j.project_id = :project_id" if of_project else ""
    # Both conditions select recently ended jobs; the index serves the first.
    sql = f"""
WITH moment AS (SELECT coalesce(:at, now()) AS at),
ended AS (
    SELECT j.mode, j.status, j.created_at, {_STARTED_AT[is_recorded]} AS started_at,
           {_ENDED_AT[has_completion]} AS ended_at
      FROM public.generation_jobs j, moment
     WHERE j.status IN ('succeeded', 'failed') AND j.updated_at >= moment.at - :window
       AND {_ENDED_AT[has_completion]} BETWEEN moment.at - :window AND moment.at {within}
     ORDER BY j.updated_at DESC, j.id DESC LIMIT :most
),
timed AS (
    SELECT mode, status, {_seconds("created_at", "started_at")} AS waiting,
           {_seconds("started_at", "ended_at")} AS running, {_seconds("created_at", "ended_at")} AS total
      FROM ended
),
finished AS (
    SELECT grouping(mode) = 1 AS is_all, coalesce(mode, '') AS mode,
           count(*) FILTER (WHERE status = 'succeeded') AS succeeded,
           count(*) FILTER (WHERE status = 'failed') AS failed,
           percentile_cont(ARRAY[0.5, 0.95]) WITHIN GROUP (ORDER BY waiting) AS waiting,
           percentile_cont(ARRAY[0.5, 0.95]) WITHIN GROUP (ORDER BY running) AS running,
           percentile_cont(ARRAY[0.5, 0.95]) WITHIN GROUP (ORDER BY total) AS total
      FROM timed GROUP BY GROUPING SETS ((mode), ())
),
oldest AS (
    SELECT j.mode, j.created_at FROM public.generation_jobs j WHERE j.status = 'queued' {within}
     ORDER BY j.created_at, j.id LIMIT :most
),
queued AS (
    SELECT grouping(mode) = 1 AS is_all, coalesce(mode, '') AS mode, count(*) AS queued,
           min(created_at) AS oldest_queued_at
      FROM oldest GROUP BY GROUPING SETS ((mode), ())
)
SELECT moment.at, is_all, mode, coalesce(succeeded, 0), coalesce(failed, 0), waiting, running, total,
       coalesce(queued, 0), oldest_queued_at
  FROM moment, finished FULL JOIN queued USING (is_all, mode)
 ORDER BY is_all DESC, coalesce(succeeded, 0) + coalesce(failed, 0) + coalesce(queued, 0) DESC, mode LIMIT :modes
"""  # noqa: S608 - of constants
    return sa.text(sql).bindparams(
        sa.bindparam("at", type_=sa.DateTime(timezone=True)),
        sa.bindparam("window", type_=sa.Interval()),
        sa.bindparam("most", type_=sa.Integer),
        sa.bindparam("modes", type_=sa.BigInteger),
        *([_PROJECT_ID] if of_project else []),
    )


TimingsRow = tuple[datetime, ModeTimings]


def _percentiles(percentiles: list[Any] | None) -> Percentiles | None:
    if percentiles is None or percentiles[0] is None:
        return None
    median, percentile_95 = map(float, percentiles)
    return Percentiles(median=median, percentile_95=percentile_95)


_make_work = row_maker(ModeTimings, waiting=_percentiles, running=_percentiles, total=_percentiles)


def _make_timings_row(row: Row) -> TimingsRow:
    at, is_all, mode, *work = row
    return at, _make_work([None if is_all else mode, *work])


def timings_by_mode(
    project_id: UUID | None, *, window: timedelta, at: datetime | None, is_recorded: bool, has_completion: bool
) -> Query[TimingsRow]:
    """Return a query for the total of all modes, then the busiest modes. `at` is the end of the window.

    `is_recorded`: the database records starts. `has_completion`: the table has `completed_at`.
    """
    statement = _timings_statement(
        of_project=project_id is not None, is_recorded=is_recorded, has_completion=has_completion
    )
    limits = {"most": MOST_TIMED_JOBS + 1, "modes": MOST_MODES + 1}
    return Query(statement, _make_timings_row, _of(project_id) | {"at": at, "window": window} | limits)


def make_job_timings(rows: list[TimingsRow], *, window: timedelta) -> JobTimings:
    (at, of_all), *by_mode = rows
    return JobTimings(
        of_all=of_all,
        by_mode=tuple(work for _, work in by_mode),
        window=window,
        taken_at=at,
        is_capped=max(of_all.finished, of_all.queued) > MOST_TIMED_JOBS,
    )


_FLOW_ENDED_AT = {True: "j.completed_at", False: "j.updated_at"}
"""Depends on whether the table has the column. Later changes of an ended job are no moves."""


def _entered(status: JobStatus, *, is_recorded: bool) -> str:
    """Return the count of jobs that entered the status. Without a record of starts, it is unknown for running jobs."""
    match status:
        case JobStatus.QUEUED:
            entered = "recent.created_at"
        case JobStatus.RUNNING if not is_recorded:
            return "NULL"
        case JobStatus.RUNNING:
            entered = "(SELECT s.started_at FROM gjobs.job_starts s WHERE s.job_id = recent.id)"
        case JobStatus.SUCCEEDED | JobStatus.FAILED:
            entered = f"recent.status = '{status}' AND recent.ended_at"
        case _:
            assert_never(status)
    return f"count(*) FILTER (WHERE {entered} BETWEEN span.since AND span.at)"


@cache
def _moves(*, of_project: bool, is_recorded: bool, has_completion: bool) -> sa.TextClause:
    within = "AND j.project_id = :project_id" if of_project else ""
    sql = f"""
WITH moment AS (SELECT coalesce(:at, now()) AS at),
recent AS MATERIALIZED (
    SELECT j.id, j.status, j.created_at, j.updated_at, {_FLOW_ENDED_AT[has_completion]} AS ended_at
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
       {", ".join(_entered(status, is_recorded=is_recorded) for status in JobStatus)}
  FROM span LEFT JOIN recent ON true
"""  # noqa: S608 - of constants
    return sa.text(sql).bindparams(
        sa.bindparam("at", type_=sa.DateTime(timezone=True)),
        sa.bindparam("window", type_=sa.Interval()),
        sa.bindparam("most", type_=sa.BigInteger),
        *([_PROJECT_ID] if of_project else []),
    )


def recent_moves(
    project_id: UUID | None, *, at: datetime | None, is_recorded: bool, has_completion: bool
) -> Query[RecentMoves]:
    """Return a query for the jobs that entered each state in the last minutes. It uses the index on updates."""
    statement = _moves(of_project=project_id is not None, is_recorded=is_recorded, has_completion=has_completion)
    return Query(statement, _make_moves, _of(project_id) | {"at": at, "window": WINDOW, "most": MOST_MOVES})


def _make_moves(row: Row) -> RecentMoves:
    seconds, *numbers = row
    entered = {status: number for status, number in zip(JobStatus, numbers, strict=True) if number is not None}
    return RecentMoves(seconds=seconds, entered=entered)


_OLDEST_QUEUED = (
    sa.select(_jobs.c.created_at)
    .where(_jobs.c.status == JobStatus.QUEUED.value, sa.func.isfinite(_jobs.c.created_at))
    .order_by(_jobs.c.created_at, _jobs.c.id)
    .limit(1)
)


def oldest_queued(project_id: UUID | None) -> Query[datetime]:
    """Return a query for when the oldest queued job was created. No row if no job is queued."""
    return _asked(_OLDEST_QUEUED, first_column, project_id)


@cache
def _stuck(of_project: bool, knows_usual_durations: bool) -> sa.Select[Any]:
    limit = sa.bindparam("limit", type_=sa.Interval())
    stuck = sa.select(_jobs.c.id).where(
        history_sql.is_stuck(limit, knows_usual_durations=knows_usual_durations, now=MOMENT)
    )
    found = (_in_project(stuck) if of_project else stuck).limit(sa.bindparam("most", type_=sa.Integer)).subquery()
    return sa.select(sa.func.count()).select_from(found)


def count_stuck(project_id: UUID | None, *, at: datetime | None, knows_usual_durations: bool) -> Query[int]:
    """Return a query for the number of stuck jobs, at most one more than `MOST_STUCK`.

    `knows_usual_durations` is true if leases and usual durations may be read.
    """
    parameters = _of(project_id) | {"at": at, "limit": STUCK_AFTER, "most": MOST_STUCK + 1}
    return Query(_stuck(project_id is not None, knows_usual_durations), make_number, parameters)


@cache
def _outcomes(of_project: bool) -> sa.Select[Any]:
    read = (
        sa.select(CREATED_ON.label("day"), _jobs.c.status, _jobs.c.cost_cents)
        .where(IN_SHOWN_DAYS)
        .order_by(_jobs.c.created_at.desc(), _jobs.c.id.desc())
        .limit(sa.bindparam("most", type_=sa.Integer))
    )
    priced = (_in_project(read) if of_project else read).subquery("priced")

    def cents_of(status: JobStatus) -> Any:
        cents = sa.func.sum(priced.c.cost_cents).filter(priced.c.status == status.value)
        return sa.cast(sa.func.coalesce(cents, 0), sa.BigInteger)

    of_each_day = sa.select(
        priced.c.day, sa.func.count(), cents_of(JobStatus.SUCCEEDED), cents_of(JobStatus.FAILED)
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
