"""SQL that counts: exactly, up to a cap, or by page range."""

from collections.abc import Collection, Iterator, Set
from datetime import date, datetime
from functools import cache, lru_cache
from itertools import pairwise
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.types import UserDefinedType

from gjobs.store import tables
from gjobs.store.database.query import Query, Row, first_column, make_number
from gjobs.store.filters.filter_terms import Key
from gjobs.store.job_list import list_sql
from gjobs.store.job_list.list_query import ListQuery
from gjobs.store.jobs.job import AnyStatus, JobStatus, parse_status
from gjobs.store.projects import project_sql
from gjobs.store.statistics import statistics_sql
from gjobs.store.statistics.statistics import ProjectTotals, TotalsQuery

_jobs, _projects = tables.generation_jobs, tables.projects
_MOST = sa.bindparam("most", type_=sa.Integer)


@lru_cache(maxsize=64)
def _listed_jobs(listed: ListQuery, readable: frozenset[Key]) -> sa.Select[Any]:
    return sa.select(_jobs.c.id).where(*list_sql.conditions(listed, readable=readable))


def plan_only_query(listed: ListQuery, *, readable: Set[Key]) -> Query[object]:
    """Return a query with one row for each job of the list. It is only planned, never run."""
    return Query(_listed_jobs(listed, frozenset(readable)), first_column)


def _is_outside_workflow() -> sa.ColumnElement[bool]:
    """Compare by ranges between the known statuses: unlike `<>`, they can use an index on the status."""
    known = sorted(JobStatus)
    between = (
        sa.and_(_jobs.c.status > sa.literal(low.value), _jobs.c.status < sa.literal(high.value))
        for low, high in pairwise(known)
    )
    return sa.or_(_jobs.c.status < sa.literal(known[0].value), *between, _jobs.c.status > sa.literal(known[-1].value))


@cache
def _other_statuses(of_project: bool) -> sa.Select[Any]:
    there = sa.select(_jobs.c.status).where(_is_outside_workflow()).limit(_MOST)
    if of_project:
        there = there.where(_jobs.c.project_id == sa.bindparam("project_id", type_=sa.Uuid))
    found = there.subquery("found")
    return sa.select(found.c.status, sa.func.count()).group_by(found.c.status)


def count_other_statuses(project_id: UUID | None, *, most: int) -> Query[tuple[AnyStatus, int]]:
    """Return a query for the count of each status outside the workflow, at most `most` together."""
    parameters: dict[str, object] = {"most": most} | ({} if project_id is None else {"project_id": project_id})
    return Query(_other_statuses(project_id is not None), lambda row: (parse_status(row[0]), row[1]), parameters)


_COST = sa.cast(sa.func.sum(_jobs.c.cost_cents), sa.BigInteger)
_NEWEST_PROJECTS = (
    sa.select(_projects.c.id)
    .order_by(_projects.c.created_at.desc(), _projects.c.id.desc())
    .limit(sa.bindparam("rows", type_=sa.Integer))
)
_OF_JOBS = {of_one_user: sa.select(ids.c.project_id) for of_one_user, ids in project_sql.PROJECT_IDS.items()}


def _listed(*, has_projects: bool, of_one_user: bool) -> sa.Select[Any]:
    """Return the projects that a listing names. Unreadable projects are known only by their jobs."""
    return _NEWEST_PROJECTS if has_projects else _OF_JOBS[of_one_user]


@cache
def _totals_by_project(*, has_projects: bool, of_one_user: bool) -> sa.Select[Any]:
    listed = _listed(has_projects=has_projects, of_one_user=of_one_user)
    of_each = sa.select(_jobs.c.project_id, sa.func.count(), _COST).group_by(_jobs.c.project_id)
    return of_each.where(_jobs.c.project_id.in_(listed))


def totals_by_project_from_jobs(
    *, has_projects: bool, of_one_user: bool, limit: int
) -> Query[tuple[UUID, ProjectTotals]]:
    """Return a query for the totals of the listed projects that have jobs."""
    statement = _totals_by_project(has_projects=has_projects, of_one_user=of_one_user)
    return Query(statement, statistics_sql.make_project_totals, {"rows": limit})


def listed_projects(*, has_projects: bool, of_one_user: bool, limit: int) -> Query[UUID]:
    return Query(_listed(has_projects=has_projects, of_one_user=of_one_user), first_column, {"rows": limit})


PAGE_COUNT: Query[int] = Query(
    sa.text(
        "select pg_relation_size(c.oid) / current_setting('block_size')::int from pg_class c"
        " join pg_namespace n on n.oid = c.relnamespace"
        " where n.nspname = 'public' and c.relname = 'generation_jobs'"
    ),
    make_number,
)
"""The number of pages of the jobs table. No row for a partitioned table or a view, which have no pages."""


class _Tid(UserDefinedType[str]):
    """Postgres' tid: a page, and a row's position on it."""

    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:
        return "tid"


_CTID = sa.literal_column("public.generation_jobs.ctid", _Tid())


def _tid(name: str) -> sa.ColumnElement[str]:
    return sa.cast(sa.bindparam(name, type_=sa.Text), _Tid())


_LAST_PAGE = 2**32 - 1
"""No table has as many pages, so a range that ends here includes new rows."""


def page_ranges(pages: int, at_once: int) -> Iterator[range]:
    """Yield ranges that cover all pages and any that are added later."""
    firsts = range(0, max(pages, 1), at_once)
    for first in firsts:
        yield range(first, _LAST_PAGE if first == firsts[-1] else first + at_once)


TotalKey = AnyStatus | UUID | date | None
"""A status, a project or a day. None for the jobs of the query's list."""


def _make_page_total(row: Row) -> tuple[TotalKey, int, int]:
    status, project_id, day, job_count, total = row[1:]
    return project_id or day or (None if status is None else parse_status(status)), job_count, total


@lru_cache(maxsize=64)
def _totals_on_pages(matching: ListQuery | None, readable: frozenset[Key]) -> sa.Select[Any]:
    project_ids = sa.bindparam("project_ids", type_=sa.ARRAY(sa.Uuid))
    scope = sa.bindparam("project_id", type_=sa.Uuid)
    is_in_scope = scope.is_(None) | (_jobs.c.project_id == scope)
    is_listed = (
        sa.false() if matching is None else sa.and_(sa.true(), *list_sql.conditions(matching, readable=readable))
    )
    read = (
        sa.select(
            sa.case((is_listed, True)).label("is_listed"),
            sa.case((is_in_scope, _jobs.c.status)).label("status"),
            sa.case((_jobs.c.project_id == sa.any_(project_ids), _jobs.c.project_id)).label("project_id"),
            sa.case((sa.and_(is_in_scope, statistics_sql.IN_SHOWN_DAYS), statistics_sql.CREATED_ON)).label("day"),
            _jobs.c.cost_cents,
        )
        .where(_CTID.op(">=")(_tid("first_page")), _CTID.op("<")(_tid("end_page")))
        .subquery("read")
    )
    key = (read.c.is_listed, read.c.status, read.c.project_id, read.c.day)
    statement = sa.select(*key, sa.func.count(), sa.cast(sa.func.sum(read.c.cost_cents), sa.BigInteger))
    grouped = statement.group_by(sa.func.grouping_sets(*(sa.tuple_(column) for column in key)))
    # Each group has null for the other columns. A group with only nulls holds jobs that were not requested.
    return grouped.having(sa.func.coalesce(*(sa.cast(column, sa.Text) for column in key)).is_not(None))


def totals_on_pages(
    pages: range, query: TotalsQuery, *, project_ids: Collection[UUID], readable: Set[Key], at: datetime | None
) -> Query[tuple[TotalKey, int, int]]:
    """Return a query for the number and the cost of jobs by status, by day, of each of `project_ids`, and of the
    query's list.
    """
    parameters = {
        "project_id": query.project_id,
        "project_ids": list(project_ids),
        "days_before": query.days - 1,
        "at": at,
        "first_page": f"({pages.start},0)",
        "end_page": f"({pages.stop},0)",
    }
    return Query(_totals_on_pages(query.matching, frozenset(readable)), _make_page_total, parameters)
