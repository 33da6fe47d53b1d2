"""The statements that count so many jobs at most, those of which the planner says how many rows they find, and sums."""

from collections.abc import Set
from functools import cache, lru_cache
from typing import Any
from uuid import UUID

from sqlalchemy import Integer, Select, Text, Uuid, bindparam, cast, func, literal, select
from sqlalchemy.types import BigInteger

from store import tables
from store.database import Query
from store.filters.keys import Key
from store.listing.query import ListQuery
from store.numbers.model import ProjectSums
from store.statements import by_jobs, job_filters
from store.statements.job_filters import Shape
from store.statements.rows import Row, make_id, make_number

_jobs, _projects = tables.generation_jobs, tables.projects
_ONE = literal(1, Integer)
_MOST = bindparam("most", type_=Integer)

Found = Select[Any]
"""A row for each job that is found."""


@lru_cache(maxsize=128)
def found(of_project: bool, of_status: bool, shape: Shape = ()) -> Found:
    """By all of a list that its SQL depends on: see `key`."""
    statement: Found = select(_ONE).select_from(_jobs).where(*job_filters.conditions(shape))
    if of_project:
        statement = statement.where(_jobs.c.project_id == bindparam("project_id", type_=Uuid))
    if of_status:
        statement = statement.where(_jobs.c.status == bindparam("status", type_=Text))
    return statement


@lru_cache(maxsize=128)
def _all(of_project: bool, of_status: bool, shape: Shape) -> Select[*tuple[object, ...]]:
    return select(func.count()).select_from(found(of_project, of_status, shape).subquery())


@lru_cache(maxsize=128)
def _at_most(of_project: bool, of_status: bool, shape: Shape) -> Select[*tuple[object, ...]]:
    return select(func.count()).select_from(found(of_project, of_status, shape).limit(_MOST).subquery())


def matching(listed: ListQuery, *, readable: Set[Key]) -> Query[int]:
    """To be planned, and not to be run: a row for each job of the list."""
    return Query(found(*key(listed, readable)), make_number, parameters(listed))


def all_matching(listed: ListQuery, *, readable: Set[Key]) -> Query[int]:
    """How many jobs the list has, however long that takes."""
    return Query(_all(*key(listed, readable)), make_number, parameters(listed))


def matching_at_most(listed: ListQuery, *, most: int, readable: Set[Key]) -> Query[int]:
    """How many jobs the list has, or `most`."""
    return Query(_at_most(*key(listed, readable)), make_number, parameters(listed) | {"most": most})


def key(listed: ListQuery, readable: Set[Key]) -> tuple[bool, bool, Shape]:
    shape = job_filters.shape_of(listed.job_filter, readable=readable)
    return listed.project_id is not None, listed.status is not None, shape


def parameters(listed: ListQuery) -> dict[str, object]:
    parameters = dict(job_filters.parameters(listed.job_filter))
    if listed.project_id is not None:
        parameters["project_id"] = listed.project_id
    if listed.status is not None:
        parameters["status"] = listed.status.value
    return parameters


_COST = cast(func.sum(_jobs.c.cost_cents), BigInteger)
_NEWEST_PROJECTS = (
    select(_projects.c.id)
    .order_by(_projects.c.created_at.desc(), _projects.c.id.desc())
    .limit(bindparam("rows", type_=Integer))
)
_OF_JOBS = {of_one_user: select(ids.c.project_id) for of_one_user, ids in by_jobs.PROJECT_IDS.items()}


def _listed(*, has_projects: bool, of_one_user: bool) -> Select[Any]:
    """Which projects a listing names, by whether they may be read themselves, and by a user."""
    return _NEWEST_PROJECTS if has_projects else _OF_JOBS[of_one_user]


@cache
def _of_projects(*, has_projects: bool, of_one_user: bool) -> Select[Any]:
    listed = _listed(has_projects=has_projects, of_one_user=of_one_user)
    of_each = select(_jobs.c.project_id, func.count(), _COST).group_by(_jobs.c.project_id)
    return of_each.where(_jobs.c.project_id.in_(listed))


ProjectRow = tuple[UUID, ProjectSums]


def _make_project_row(row: Row) -> ProjectRow:
    project_id, job_count, total = row
    return project_id, ProjectSums(job_count=job_count, total_cost_cents=total)


def of_projects(*, has_projects: bool, of_one_user: bool, limit: int) -> Query[ProjectRow]:
    """Of the projects that a listing names, those that have jobs."""
    statement = _of_projects(has_projects=has_projects, of_one_user=of_one_user)
    return Query(statement, _make_project_row, {"rows": limit})


def listed_projects(*, has_projects: bool, of_one_user: bool, limit: int) -> Query[UUID]:
    return Query(_listed(has_projects=has_projects, of_one_user=of_one_user), make_id, {"rows": limit})
