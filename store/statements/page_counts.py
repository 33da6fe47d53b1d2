"""The statements that count a table of any size bit by bit: so many of its pages at a time, each read once.

Sums of them are one number only within one snapshot.
"""

from collections.abc import Collection, Set
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache, lru_cache
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    Select,
    Text,
    Uuid,
    and_,
    any_,
    bindparam,
    case,
    cast,
    func,
    literal_column,
    select,
    text,
    tuple_,
)
from sqlalchemy.types import UserDefinedType

from store import tables
from store.database import Query
from store.filters.keys import Key
from store.listing.query import ListQuery
from store.model import JobStatus
from store.statements import counts, job_filters, statistics
from store.statements.rows import Row, job_status, make_number

_jobs = tables.generation_jobs

PAGES: Query[int] = Query(
    text(
        "select pg_relation_size(c.oid) / current_setting('block_size')::int from pg_class c"
        " join pg_namespace n on n.oid = c.relnamespace"
        " where n.nspname = 'public' and c.relname = 'generation_jobs'"
    ),
    make_number,
)
"""Of the jobs' table; none of a partitioned one or a view, which have no pages of their own."""


class _RowPlace(UserDefinedType[str]):
    """Postgres' tid: a page, and a row's place on it."""

    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:
        return "tid"


_CTID = literal_column("public.generation_jobs.ctid", _RowPlace())


def _place(name: str) -> ColumnElement[str]:
    return cast(bindparam(name, type_=Text), _RowPlace())


@dataclass(frozen=True, slots=True)
class Pages:
    """The last range has no end, so that no row is beyond it."""

    first: int
    end: int | None

    @property
    def parameters(self) -> dict[str, object]:
        ends = {"first": self.first, "end": self.end}
        return {f"{name}_page": f"({page},0)" for name, page in ends.items() if page is not None}


def _within(statement: Select[Any], *, has_end: bool) -> Select[Any]:
    statement = statement.where(_CTID.op(">=")(_place("first_page")))
    return statement.where(_CTID.op("<")(_place("end_page"))) if has_end else statement


@dataclass(frozen=True, slots=True, kw_only=True)
class Sum:
    """Of a status, of a project or of a day: the two others are None. What is in none of those asked for has no sum."""

    status: JobStatus | None
    project_id: UUID | None
    day: date | None
    job_count: int
    total_cost_cents: int


@cache
def _sums(has_end: bool) -> Select[Any]:
    project_ids = bindparam("project_ids", type_=ARRAY(Uuid))
    scope = bindparam("project_id", type_=Uuid)
    is_in_scope = scope.is_(None) | (_jobs.c.project_id == scope)
    read = _within(
        select(
            case((is_in_scope, _jobs.c.status)).label("status"),
            case((_jobs.c.project_id == any_(project_ids), _jobs.c.project_id)).label("project_id"),
            case((and_(is_in_scope, statistics.SHOWN), statistics.CREATED_ON)).label("day"),
            _jobs.c.cost_cents,
        ),
        has_end=has_end,
    ).subquery("read")
    key = (read.c.status, read.c.project_id, read.c.day)
    statement = select(*key, func.count(), cast(func.sum(read.c.cost_cents), BigInteger))
    grouped = statement.group_by(func.grouping_sets(*(tuple_(column) for column in key)))
    # Each group has the null of the other two; one of nulls only is of what was not asked for.
    return grouped.having(func.coalesce(*(cast(column, Text) for column in key)).is_not(None))


def sums(
    pages: Pages, *, project_id: UUID | None, project_ids: Collection[UUID], days: int, at: datetime | None
) -> Query[Sum]:
    """By status and by day of one project, or of all; and of each of `project_ids`."""

    def make(row: Row) -> Sum:
        status, project, day, job_count, total = row
        return Sum(
            status=None if status is None else job_status(status),
            project_id=project,
            day=day,
            job_count=job_count,
            total_cost_cents=total,
        )

    parameters = {
        "project_id": project_id,
        "project_ids": list(project_ids),
        "days_before": days - 1,
        "at": at,
        **pages.parameters,
    }
    return Query(_sums(pages.end is not None), make, parameters)


@lru_cache(maxsize=128)
def _matching(of_project: bool, of_status: bool, shape: job_filters.Shape, has_end: bool) -> Select[Any]:
    found = _within(counts.found(of_project, of_status, shape), has_end=has_end)
    return select(func.count()).select_from(found.subquery())


def matching(pages: Pages, listed: ListQuery, *, readable: Set[Key]) -> Query[int]:
    parameters = counts.parameters(listed) | pages.parameters
    return Query(_matching(*counts.key(listed, readable), pages.end is not None), make_number, parameters)
