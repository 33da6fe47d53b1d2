"""What the dashboard lists: the queries of one look, and the listing made of their rows. Pure."""

from collections.abc import Sequence, Set
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Boolean, Integer, Uuid, bindparam, exists, literal, or_, select

from store import tables
from store.database import Query
from store.filters.keys import Key
from store.lens.model import Lens
from store.listing.model import Listing, ProjectName
from store.listing.query import ListingQuery
from store.statements import by_jobs, statistics, windows
from store.statements.lists import PLAIN, Means
from store.statements.rows import Row

_jobs, _projects = tables.generation_jobs, tables.projects

MOST_PROJECTS = 500

_NAMES = (
    select(_projects.c.id, _projects.c.user_id, _projects.c.name)
    .order_by(_projects.c.created_at.desc(), _projects.c.id.desc())
    .limit(bindparam("rows", type_=Integer))
)


def make_project_name(row: Row) -> ProjectName:
    identifier, user_id, name = row
    return ProjectName(id=identifier, user_id=user_id, name=name)


_PROJECT_ID = bindparam("project_id", type_=Uuid)
_HAS_JOBS = exists().where(_jobs.c.project_id == _PROJECT_ID)
_THERE = {
    # A project may be hidden whose jobs are not.
    True: select(or_(exists().where(_projects.c.id == _PROJECT_ID), _HAS_JOBS)),
    False: select(_HAS_JOBS),
}
_ALL_ARE = select(literal(True, Boolean))


def _is_there(project_id: UUID | None, *, has_projects: bool) -> Query[bool]:
    if project_id is None:
        return Query(_ALL_ARE, _first)
    return Query(_THERE[has_projects], _first, {"project_id": project_id})


def _first(row: Row) -> bool:
    return bool(row[0])


def further_questions(
    query: ListingQuery, *, has_projects: bool, of_one_user: bool, at: datetime | None
) -> tuple[Query[Any], ...]:
    """Beside the rows themselves. `has_projects` is whether projects may be read; else they are known by their jobs."""
    names = Query(_NAMES, make_project_name, {"rows": MOST_PROJECTS})
    return (
        names if has_projects else by_jobs.project_names(limit=MOST_PROJECTS, of_one_user=of_one_user),
        _is_there(query.window.listed.project_id, has_projects=has_projects),
        statistics.clock(at),
    )


def questions(
    query: ListingQuery,
    *,
    readable: Set[Key],
    means: Means = PLAIN,
    has_projects: bool,
    of_one_user: bool,
    at: datetime | None,
) -> tuple[Query[Any], ...]:
    """In the order in which `listing` takes their rows."""
    return (
        *further_questions(query, has_projects=has_projects, of_one_user=of_one_user, at=at),
        *windows.questions(query.window, readable=readable, means=means),
    )


def listing(query: ListingQuery, answers: Sequence[list[Any]]) -> Listing:
    names, (has_project,), (taken_at,), *rows = answers
    return Listing(
        query=query,
        window=windows.window(query.window, rows),
        projects=tuple(names),
        has_project=has_project,
        taken_at=taken_at,
    )


def through_lens(query: ListingQuery, lens: Lens, answers: Sequence[list[Any]]) -> Listing:
    """`answers` are those to the further questions, with the user's eyes."""
    names, (has_project,), (taken_at,) = answers
    return Listing(
        query=query, window=lens.window, projects=tuple(names), has_project=has_project, taken_at=taken_at, lens=lens
    )


def nothing(query: ListingQuery, *, lens: Lens, taken_at: datetime) -> Listing:
    """Of a user who may read nothing, beside the operator's rows."""
    return Listing(query=query, window=lens.window, projects=(), has_project=True, taken_at=taken_at, lens=lens)
