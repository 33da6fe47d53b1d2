"""SQL of statistics, timings, recent moves and stuck jobs. Counts are exact, up to a cap, or by page range."""

from collections.abc import Collection, Iterator, Mapping, Set
from datetime import date, datetime, timedelta
from functools import cache, lru_cache
from itertools import pairwise
from types import MappingProxyType
from typing import Any, TypeVar, assert_never
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.types import UserDefinedType

from gjobs.store import tables
from gjobs.store.database.query import MOMENT, Query, Row, RowMaker, first_column, make_number, row_maker, typed_text
from gjobs.store.filters.filter_terms import Key
from gjobs.store.job_list import list_sql
from gjobs.store.job_list.list_query import ListQuery
from gjobs.store.jobs import job_sql
from gjobs.store.jobs.job import (
    FINAL_STATUSES,
    STUCK_AFTER,
    AnyStatus,
    JobStatus,
    parse_status,
    sql_literals,
    status_order,
)
from gjobs.store.projects import project_sql
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
    TotalsQuery,
)

T = TypeVar("T")

_jobs, _projects = tables.jobs, tables.projects
_status_rollups, _day_rollups = tables.job_counts, tables.job_day_counts
_PROJECT_ID = sa.bindparam("project_id", type_=sa.Uuid)
_JOB_COST = sa.cast(sa.func.coalesce(sa.func.sum(_jobs.c.cost_cents), 0), sa.BigInteger)
_AVERAGE_JOB_COST = sa.func.avg(sa.func.coalesce(_jobs.c.cost_cents, 0))
"""An app's own table may have jobs without a cost, which count as free, as they do in rollups."""


def _of(project_id: UUID | None) -> dict[str, object]:
    return {} if project_id is None else {"project_id": project_id}


def _within(project_id: UUID | None) -> str:
    """Return the condition on the jobs `j`."""
    return "" if project_id is None else "AND j.project_id = :project_id"


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


# The keys of these tables are whether the rollups are read.
_BY_STATUS = {
    False: tables.summed(_jobs, _jobs.c.status).add_columns(_AVERAGE_JOB_COST),
    True: tables.summed(_status_rollups, _status_rollups.c.status).add_columns(
        sa.func.sum(_status_rollups.c.cost_cents) / sa.func.sum(_status_rollups.c.job_count)
    ),
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
    tables.summed(_jobs, *_SUMMARY_KEY)
    .add_columns(_AVERAGE_JOB_COST, sa.func.min(_jobs.c.created_at), sa.func.max(_jobs.c.created_at))
    .order_by(_JOB_COST.desc(), *_SUMMARY_KEY)
    .limit(_ROWS)
)


MOST_ENDS = 10_000
"""How many of the oldest and of the newest jobs are read to find the first and last job of each row."""


def _summary_from_rollups(within: str) -> str:
    """Return what the view `gjobs.job_summary` shows. The view would look up the times of all rows before the limit."""
    ends = [
        f"""
SELECT user_id, project_id, status, {end}(created_at) AS at
  FROM (SELECT user_id, project_id, status, created_at FROM "$jobs" AS jobs
         WHERE created_at IS NOT NULL AND {within} ORDER BY created_at {order} LIMIT :ends) j
 GROUP BY user_id, project_id, status"""  # noqa: S608 - of constants
        for end, order in (("min", "ASC"), ("max", "DESC"))
    ]
    its_jobs = """
SELECT created_at FROM "$jobs" AS jobs
 WHERE project_id = top.project_id AND user_id = top.user_id AND status = top.status OFFSET 0"""
    return f"""
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


make_summary = row_maker(JobSummary, status=parse_status, avg_cost_cents=_average)


def summary(project_id: UUID | None, *, limit: int, from_rollups: bool) -> Query[JobSummary]:
    """Return a query for the summary, most expensive first."""
    if not from_rollups:
        return _asked(_SUMMARY_FROM_JOBS, make_summary, project_id, {"rows": limit})
    sql = _summary_from_rollups("true" if project_id is None else "project_id = :project_id")
    parameters = _of(project_id) | {"rows": limit, "ends": MOST_ENDS}
    return Query(typed_text(sql), make_summary, parameters, may_compile=False)


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
    False: tables.summed(_jobs, CREATED_ON).where(IN_SHOWN_DAYS),
    True: tables.summed(_day_rollups, _day_rollups.c.day).where(
        _day_rollups.c.day.between(TODAY - _DAYS_BEFORE, TODAY)
    ),
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


_BY_PROJECT = tables.summed(_status_rollups, _status_rollups.c.project_id).limit(_ROWS)


def totals_by_project_from_rollups(*, limit: int) -> Query[tuple[UUID, ProjectTotals]]:
    """Return a query for the totals of each project with jobs, unordered."""
    return Query(_BY_PROJECT, make_project_totals, {"rows": limit})


def make_project_totals(row: Row) -> tuple[UUID, ProjectTotals]:
    project_id, job_count, total = row
    return project_id, ProjectTotals(job_count=job_count, total_cost_cents=total)


def _seconds(since: str, until: str) -> str:
    """Return SQL for seconds, at least 0. Null if a time is infinite, because subtracting infinities is an error."""
    return (
        f"CASE WHEN isfinite({since}) AND isfinite({until}) THEN greatest(extract(epoch FROM {until} - {since}), 0) END"
    )


def _timings_sql(*, within: str, is_recorded: bool, has_completion: bool) -> str:
    started_at = "(SELECT s.started_at FROM gjobs.job_starts s WHERE s.job_id = j.id)"
    ended_at = "coalesce(j.completed_at, j.updated_at)" if has_completion else "j.updated_at"
    # Both conditions select recently ended jobs; the index serves the first.
    return f"""
WITH moment AS (SELECT coalesce(:at, now()) AS at),
ended AS (
    SELECT j.mode, j.status, j.created_at, {started_at if is_recorded else "CAST(NULL AS timestamptz)"} AS started_at,
           {ended_at} AS ended_at
      FROM "$jobs" j, moment
     WHERE j.status IN ({sql_literals(FINAL_STATUSES)}) AND j.updated_at >= moment.at - :window
       AND {ended_at} BETWEEN moment.at - :window AND moment.at {within}
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
    SELECT j.mode, j.created_at FROM "$jobs" j WHERE j.status = 'queued' {within}
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
    sql = _timings_sql(within=_within(project_id), is_recorded=is_recorded, has_completion=has_completion)
    parameters = {"at": at, "window": window, "most": MOST_TIMED_JOBS + 1, "modes": MOST_MODES + 1}
    return Query(typed_text(sql), _make_timings_row, _of(project_id) | parameters)


def make_job_timings(rows: list[TimingsRow], *, window: timedelta) -> JobTimings:
    (at, of_all), *by_mode = rows
    return JobTimings(
        of_all=of_all,
        by_mode=tuple(work for _, work in by_mode),
        window=window,
        taken_at=at,
        is_capped=max(of_all.finished, of_all.queued) > MOST_TIMED_JOBS,
    )


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


def recent_moves(
    project_id: UUID | None, *, at: datetime | None, is_recorded: bool, has_completion: bool
) -> Query[RecentMoves]:
    """Return a query for the jobs that entered each state in the last minutes. It uses the index on updates."""
    # Later changes of an ended job are no moves.
    ended_at = "j.completed_at" if has_completion else "j.updated_at"
    sql = f"""
WITH moment AS (SELECT coalesce(:at, now()) AS at),
recent AS MATERIALIZED (
    SELECT j.id, j.status, j.created_at, j.updated_at, {ended_at} AS ended_at
      FROM "$jobs" j, moment
     WHERE j.updated_at BETWEEN moment.at - :window AND moment.at {_within(project_id)}
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
    return Query(typed_text(sql), _make_moves, _of(project_id) | {"at": at, "window": WINDOW, "most": MOST_MOVES})


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
        job_sql.is_stuck(limit, knows_usual_durations=knows_usual_durations, now=MOMENT)
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


@lru_cache(maxsize=64)
def _listed_jobs(listed: ListQuery, readable: frozenset[Key]) -> sa.Select[Any]:
    return sa.select(_jobs.c.id).where(*list_sql.conditions(listed, readable=readable))


def plan_only_query(listed: ListQuery, *, readable: Set[Key]) -> Query[object]:
    """Return a query with one row for each job of the list. It is only planned, never run."""
    return Query(_listed_jobs(listed, frozenset(readable)), first_column)


def count_other_statuses(project_id: UUID | None, *, most: int) -> Query[tuple[AnyStatus, int]]:
    """Return a query for the count of each status outside the workflow, at most `most` together."""
    known = sorted(JobStatus)
    # Unlike `<>`, the ranges between the known statuses can use an index on the status.
    between = (f"j.status > '{low}' AND j.status < '{high}'" for low, high in pairwise(known))
    is_outside = " OR ".join((f"j.status < '{known[0]}'", *between, f"j.status > '{known[-1]}'"))
    sql = f"""
SELECT status, count(*)
  FROM (SELECT j.status FROM "$jobs" j WHERE ({is_outside}) {_within(project_id)} LIMIT :most) AS found
 GROUP BY status
"""  # noqa: S608 - of constants
    return Query(typed_text(sql), lambda row: (parse_status(row[0]), row[1]), _of(project_id) | {"most": most})


_NEWEST_PROJECTS = sa.select(_projects.c.id).order_by(_projects.c.created_at.desc(), _projects.c.id.desc()).limit(_ROWS)
_OF_JOBS = {of_one_user: sa.select(ids.c.project_id) for of_one_user, ids in project_sql.PROJECT_IDS.items()}


def _listed(*, has_projects: bool, of_one_user: bool) -> sa.Select[Any]:
    """Return the projects that a listing names. Unreadable projects are known only by their jobs."""
    return _NEWEST_PROJECTS if has_projects else _OF_JOBS[of_one_user]


@cache
def _totals_by_project(*, has_projects: bool, of_one_user: bool) -> sa.Select[Any]:
    listed = _listed(has_projects=has_projects, of_one_user=of_one_user)
    return tables.summed(_jobs, _jobs.c.project_id).where(_jobs.c.project_id.in_(listed))


def totals_by_project_from_jobs(
    *, has_projects: bool, of_one_user: bool, limit: int
) -> Query[tuple[UUID, ProjectTotals]]:
    """Return a query for the totals of the listed projects that have jobs."""
    statement = _totals_by_project(has_projects=has_projects, of_one_user=of_one_user)
    return Query(statement, make_project_totals, {"rows": limit})


def listed_projects(*, has_projects: bool, of_one_user: bool, limit: int) -> Query[UUID]:
    return Query(_listed(has_projects=has_projects, of_one_user=of_one_user), first_column, {"rows": limit})


PAGE_COUNT: Query[int | None] = Query(
    sa.text("""
select case when c.relkind not in ('v', 'f')
            then coalesce(pg_relation_size(c.oid), 0) / current_setting('block_size')::int end
  from pg_class c join pg_namespace n on n.oid = c.relnamespace
 where n.nspname = 'public' and c.relname = 'generation_jobs'
"""),
    first_column,
)
"""The number of pages of the jobs table; 0 for a partitioned table. None for a view, whose rows are on no pages."""


class _Tid(UserDefinedType[str]):
    """Postgres' tid: a page, and a row's position on it."""

    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:
        return "tid"


_CTID = sa.literal_column("jobs.ctid", _Tid())


def _tid(name: str) -> sa.ColumnElement[str]:
    return sa.cast(sa.bindparam(name, type_=sa.Text), _Tid())


_LAST_PAGE = 2**32 - 1
"""More pages than any table has. A range that ends here includes new rows."""


def page_ranges(pages: int | None, at_once: int) -> Iterator[range | None]:
    """Yield ranges that cover all pages and any that are added later. None covers a view."""
    if pages is None:
        yield None
        return
    firsts = range(0, max(pages, 1), at_once)
    for first in firsts:
        yield range(first, _LAST_PAGE if first == firsts[-1] else first + at_once)


TotalKey = AnyStatus | UUID | date | None
"""A status, a project or a day. None for the jobs of the query's list."""


def _make_page_total(row: Row) -> tuple[TotalKey, int, int]:
    is_listed, _, status, project_id, day, job_count, total = row
    return None if is_listed else project_id or day or parse_status(status), job_count, total


@lru_cache(maxsize=64)
def _totals_on_pages(matching: ListQuery | None, readable: frozenset[Key], *, has_pages: bool) -> sa.Select[Any]:
    project_ids = sa.bindparam("project_ids", type_=sa.ARRAY(sa.Uuid))
    scope = sa.bindparam("project_id", type_=sa.Uuid)
    is_in_scope = scope.is_(None) | (_jobs.c.project_id == scope)
    is_listed = (
        sa.false() if matching is None else sa.and_(sa.true(), *list_sql.conditions(matching, readable=readable))
    )
    jobs = sa.select(
        sa.case((is_listed, True)).label("is_listed"),
        sa.case((is_in_scope, True)).label("is_in_scope"),
        sa.case((is_in_scope, _jobs.c.status)).label("status"),
        sa.case((_jobs.c.project_id == sa.any_(project_ids), _jobs.c.project_id)).label("project_id"),
        sa.case((sa.and_(is_in_scope, IN_SHOWN_DAYS), CREATED_ON)).label("day"),
        _jobs.c.cost_cents,
    )
    if has_pages:
        jobs = jobs.where(_CTID.op(">=")(_tid("first_page")), _CTID.op("<")(_tid("end_page")))
    read = jobs.subquery("read")
    # An app's own table may have jobs without a status.
    keys = ((read.c.is_listed,), (read.c.is_in_scope, read.c.status), (read.c.project_id,), (read.c.day,))
    statement = sa.select(
        *(column for key in keys for column in key),
        sa.func.count(),
        sa.cast(sa.func.coalesce(sa.func.sum(read.c.cost_cents), 0), sa.BigInteger),
    )
    grouped = statement.group_by(sa.func.grouping_sets(*(sa.tuple_(*key) for key in keys)))
    # Each group has null for the other columns. A group with only nulls holds jobs that were not requested.
    return grouped.having(sa.func.coalesce(*(sa.cast(key[0], sa.Text) for key in keys)).is_not(None))


def totals_on_pages(
    pages: range | None, query: TotalsQuery, *, project_ids: Collection[UUID], readable: Set[Key], at: datetime | None
) -> Query[tuple[TotalKey, int, int]]:
    """Return a query for the number and the cost of jobs by status, by day, of each of `project_ids`, and of the
    query's list. Without `pages`, all jobs are read.
    """
    parameters: dict[str, object] = {
        "project_id": query.project_id,
        "project_ids": list(project_ids),
        "days_before": query.days - 1,
        "at": at,
    }
    if pages is not None:
        parameters |= {"first_page": f"({pages.start},0)", "end_page": f"({pages.stop},0)"}
    statement = _totals_on_pages(query.matching, frozenset(readable), has_pages=pages is not None)
    return Query(statement, _make_page_total, parameters)
