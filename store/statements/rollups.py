"""The statements of `statistics` over the sums that a managed database keeps: the same rows, however many jobs.

They need `Feature.ROLLUPS`. Where the app's own policies show users other rows than their own, the database counts by
itself, so they are right there, too, and as slow as counting.
"""

from datetime import datetime
from functools import cache
from uuid import UUID

from sqlalchemy import ColumnElement, Integer, Select, TableClause, Uuid, bindparam, cast, func, select
from sqlalchemy.types import BigInteger

from store import tables
from store.database import Query
from store.model import DayCost, JobStatistic, JobSummary
from store.numbers.model import ProjectSums
from store.statements.rows import Row, make_number
from store.statements.statistics import TODAY, make_day, make_statistic, make_summary

_counts, _days, _summary = tables.job_counts, tables.job_day_counts, tables.generation_job_summary


def _sums(source: TableClause) -> tuple[ColumnElement[int], ColumnElement[int]]:
    return cast(func.sum(source.c.job_count), BigInteger), cast(func.sum(source.c.cost_cents), BigInteger)


_COUNT, _TOTAL = _sums(_counts)
_COUNT_OF_DAY, _TOTAL_OF_DAY = _sums(_days)
_ARE_JOBS = func.sum(_counts.c.job_count) != 0
"""Sums of what came and went are not folded yet."""


def _of(project_id: UUID | None) -> dict[str, object]:
    return {} if project_id is None else {"project_id": project_id}


def _narrowed(
    source: TableClause, statement: Select[*tuple[object, ...]], of_project: bool
) -> Select[*tuple[object, ...]]:
    return statement.where(source.c.project_id == bindparam("project_id", type_=Uuid)) if of_project else statement


@cache
def _by_status(of_project: bool) -> Select[*tuple[object, ...]]:
    average = func.sum(_counts.c.cost_cents) / func.sum(_counts.c.job_count)
    statement = select(_counts.c.status, _COUNT, _TOTAL, average).group_by(_counts.c.status).having(_ARE_JOBS)
    return _narrowed(_counts, statement, of_project)


def by_status(project_id: UUID | None) -> Query[JobStatistic]:
    return Query(_by_status(project_id is not None), make_statistic, _of(project_id))


@cache
def _total(of_project: bool) -> Select[*tuple[object, ...]]:
    return _narrowed(_counts, select(func.coalesce(_TOTAL, 0)), of_project)


def total_cost(project_id: UUID | None) -> Query[int]:
    return Query(_total(project_id is not None), make_number, _of(project_id))


@cache
def _dearest(of_project: bool) -> Select[*tuple[object, ...]]:
    key = (_summary.c.user_id, _summary.c.project_id, _summary.c.status)
    statement = select(_summary).order_by(_summary.c.total_cost_cents.desc(), *key)
    return _narrowed(_summary, statement.limit(bindparam("rows", type_=Integer)), of_project)


def summary(project_id: UUID | None, *, limit: int) -> Query[JobSummary]:
    return Query(_dearest(project_id is not None), make_summary, _of(project_id) | {"rows": limit})


@cache
def _by_day(of_project: bool) -> Select[*tuple[object, ...]]:
    shown = _days.c.day.between(TODAY - bindparam("days_before", type_=Integer), TODAY)
    statement = select(_days.c.day, _COUNT_OF_DAY, _TOTAL_OF_DAY).where(shown).group_by(_days.c.day)
    return _narrowed(_days, statement.having(func.sum(_days.c.job_count) != 0), of_project)


def by_day(project_id: UUID | None, *, days: int, at: datetime | None) -> Query[DayCost]:
    return Query(_by_day(project_id is not None), make_day, _of(project_id) | {"days_before": days - 1, "at": at})


_BY_PROJECT = (
    select(_counts.c.project_id, _COUNT, _TOTAL)
    .group_by(_counts.c.project_id)
    .having(_ARE_JOBS)
    .limit(bindparam("rows", type_=Integer))
)


def by_project(*, limit: int) -> Query[tuple[UUID, ProjectSums]]:
    """Of each project with jobs, in no order."""
    return Query(_BY_PROJECT, _make_sums, {"rows": limit})


def _make_sums(row: Row) -> tuple[UUID, ProjectSums]:
    project_id, job_count, total = row
    return project_id, ProjectSums(job_count=job_count, total_cost_cents=total)
