"""The statements that count and add up, always from the table itself: the app's own view and function leak."""

from datetime import date, datetime, timedelta
from functools import cache
from uuid import UUID

from sqlalchemy import ColumnElement, Date, DateTime, Integer, Select, Uuid, and_, bindparam, cast, func, select
from sqlalchemy.types import BigInteger

from store import tables
from store.database import Query
from store.model import DayCost, JobStatistic, JobStatistics, JobStatus, JobSummary
from store.statements.rows import Row, job_status, make_number

_jobs = tables.generation_jobs
_COUNT = func.count()
_TOTAL = cast(func.sum(_jobs.c.cost_cents), BigInteger)
_AVERAGE = func.avg(_jobs.c.cost_cents)

_WORKFLOW = list(JobStatus)


def _of(project_id: UUID | None) -> dict[str, object]:
    return {} if project_id is None else {"project_id": project_id}


def _narrowed(statement: Select[*tuple[object, ...]], of_project: bool) -> Select[*tuple[object, ...]]:
    if not of_project:
        return statement
    return statement.where(_jobs.c.project_id == bindparam("project_id", type_=Uuid))


def make_statistic(row: Row) -> JobStatistic:
    status, count, total, average = row
    return JobStatistic(
        status=job_status(status),
        count=count,
        total_cost_cents=total,
        avg_cost_cents=round(float(average), 2),
    )


@cache
def _by_status(of_project: bool) -> Select[*tuple[object, ...]]:
    return _narrowed(select(_jobs.c.status, _COUNT, _TOTAL, _AVERAGE).group_by(_jobs.c.status), of_project)


def by_status(project_id: UUID | None) -> Query[JobStatistic]:
    """In no order: `in_workflow_order` gives it."""
    return Query(_by_status(project_id is not None), make_statistic, _of(project_id))


def in_workflow_order(rows: list[JobStatistic]) -> JobStatistics:
    return JobStatistics(by_status=tuple(sorted(rows, key=lambda row: _WORKFLOW.index(row.status))))


@cache
def _total(of_project: bool) -> Select[*tuple[object, ...]]:
    return _narrowed(select(func.coalesce(_TOTAL, 0)), of_project)


def total_cost(project_id: UUID | None) -> Query[int]:
    return Query(_total(project_id is not None), make_number, _of(project_id))


def make_summary(row: Row) -> JobSummary:
    user_id, project_id, status, job_count, total, average, first_job_at, last_job_at = row
    return JobSummary(
        user_id=user_id,
        project_id=project_id,
        status=job_status(status),
        job_count=job_count,
        total_cost_cents=total,
        avg_cost_cents=round(float(average), 2),
        first_job_at=first_job_at,
        last_job_at=last_job_at,
    )


@cache
def _summary(of_project: bool) -> Select[*tuple[object, ...]]:
    key = (_jobs.c.user_id, _jobs.c.project_id, _jobs.c.status)
    statement = select(*key, _COUNT, _TOTAL, _AVERAGE, func.min(_jobs.c.created_at), func.max(_jobs.c.created_at))
    grouped = statement.group_by(*key).order_by(_TOTAL.desc(), *key).limit(bindparam("rows", type_=Integer))
    return _narrowed(grouped, of_project)


def summary(project_id: UUID | None, *, limit: int) -> Query[JobSummary]:
    """The dearest first."""
    return Query(_summary(project_id is not None), make_summary, _of(project_id) | {"rows": limit})


CREATED_ON = cast(func.timezone("UTC", _jobs.c.created_at), Date)
_MOMENT = func.coalesce(bindparam("at", type_=DateTime(timezone=True)), func.now())
"""The server's clock, where no other moment is given."""
TODAY = cast(func.timezone("UTC", _MOMENT), Date)


def _midnight(day: ColumnElement[date]) -> ColumnElement[datetime]:
    return func.timezone("UTC", cast(day, DateTime()))


SHOWN = and_(
    _jobs.c.created_at >= _midnight(TODAY - bindparam("days_before", type_=Integer)),
    # The future may lie where Python has no dates.
    _jobs.c.created_at < _midnight(TODAY + 1),
)
"""Whether a job was created on one of the last days."""


@cache
def _by_day(of_project: bool) -> Select[*tuple[object, ...]]:
    return _narrowed(select(CREATED_ON, _COUNT, _TOTAL).where(SHOWN).group_by(CREATED_ON), of_project)


def make_day(row: Row) -> DayCost:
    day, job_count, total = row
    return DayCost(day=day, job_count=job_count, total_cost_cents=total)


def by_day(project_id: UUID | None, *, days: int, at: datetime | None) -> Query[DayCost]:
    """The last so many UTC days up to `at`'s; days without jobs are missing: `without_gaps` adds them."""
    return Query(_by_day(project_id is not None), make_day, _of(project_id) | {"days_before": days - 1, "at": at})


def without_gaps(rows: list[DayCost], *, today: date, days: int) -> tuple[DayCost, ...]:
    """Oldest first, `today` last. What lies in the future is left out."""
    known = {row.day: row for row in rows}
    wanted = (today - timedelta(days=days - 1 - index) for index in range(days))
    return tuple(known.get(day) or DayCost(day=day, job_count=0, total_cost_cents=0) for day in wanted)


_CLOCK = select(_MOMENT)


def clock(at: datetime | None) -> Query[datetime]:
    """`at`, or where it is None the server's clock."""

    def make(row: Row) -> datetime:
        taken_at: datetime = row[0]
        return taken_at

    return Query(_CLOCK, make, {"at": at})
