"""The summary of the jobs that are there with the archived ones: each user's, project's and status's added up once."""

from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import Integer, Select, TableClause, Uuid, bindparam, cast, func, select, union_all
from sqlalchemy.types import BigInteger

from store import tables
from store.database import Query
from store.model import JobSummary
from store.statements.statistics import make_summary

_sums = tables.generation_job_summary


def _of_sums() -> Select[Any]:
    counted = _sums.c.job_count, _sums.c.total_cost_cents, _sums.c.first_job_at, _sums.c.last_job_at
    return select(_sums.c.user_id, _sums.c.project_id, _sums.c.status, *counted)


def _of_rows(source: TableClause) -> Select[Any]:
    key = source.c.user_id, source.c.project_id, source.c.status
    times = func.min(source.c.created_at).label("first_job_at"), func.max(source.c.created_at).label("last_job_at")
    counted = func.count().label("job_count"), func.sum(source.c.cost_cents).label("total_cost_cents"), *times
    return select(*key, *counted).group_by(*key)


@cache
def _summary(of_project: bool, has_sums: bool) -> Select[Any]:
    present = _of_sums() if has_sums else _of_rows(tables.generation_jobs)
    both = union_all(present, _of_rows(tables.archived_jobs)).subquery("both")
    key = both.c.user_id, both.c.project_id, both.c.status
    number, cents = func.sum(both.c.job_count), func.sum(both.c.total_cost_cents)
    total = cast(cents, BigInteger)
    counted = cast(number, BigInteger), total, cents / number
    rows = select(*key, *counted, func.min(both.c.first_job_at), func.max(both.c.last_job_at)).group_by(*key)
    if of_project:
        rows = rows.where(both.c.project_id == bindparam("project_id", type_=Uuid))
    return rows.order_by(total.desc(), *key).limit(bindparam("rows", type_=Integer))


def summary(project_id: UUID | None, *, limit: int, has_sums: bool) -> Query[JobSummary]:
    """The dearest first. `has_sums` is whether those that are there need not be counted."""
    parameters: dict[str, object] = {} if project_id is None else {"project_id": project_id}
    return Query(_summary(project_id is not None, has_sums), make_summary, parameters | {"rows": limit})
