"""SQL on projects and assets, including databases with unreadable projects."""

from collections.abc import Collection
from dataclasses import fields
from functools import lru_cache
from operator import itemgetter
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.types import BigInteger

from gjobs.store import tables
from gjobs.store.database.query import Query, row_maker
from gjobs.store.job_list.list_query import ProjectName
from gjobs.store.jobs.job import Asset, GenerationJob, Project
from gjobs.store.values.formats import NO_ID, IdRange

_jobs, _projects = tables.jobs, tables.projects
_COLUMNS = [_projects.c[name] for name in ("id", "user_id", "name", "created_at", "updated_at")]
NO_PROJECT = "no project"
"""The name of what stands for jobs whose project is NULL."""
make_project = row_maker(Project)
_ID, _LOW, _HIGH = (sa.bindparam(name, type_=sa.Uuid) for name in ("id", "low", "high"))
_ROWS = sa.bindparam("rows", type_=sa.Integer)

_OF_ALL = tables.summed(_jobs, _jobs.c.project_id).subquery()
"""Reads all jobs once, which is cheaper than one lookup for each of many projects."""
_SUMMED = tables.summed(tables.job_counts, tables.job_counts.c.project_id).subquery()
_OF_EACH = tables.summed(_jobs).where(_jobs.c.project_id == _projects.c.id).lateral()
"""Looks up the jobs of a few projects. The cost doesn't depend on how many projects exist."""


def _select(sums: sa.FromClause, on: sa.ColumnElement[bool]) -> sa.Select[*tuple[object, ...]]:
    return (
        sa.select(
            *_COLUMNS,
            sa.func.coalesce(sums.c.job_count, 0),
            sa.func.coalesce(sums.c.total_cost_cents, 0),
        )
        .outerjoin(sums, on)
        .order_by(_projects.c.created_at.desc(), _projects.c.id.desc())
        .limit(_ROWS)
    )


_FEW = _select(_OF_EACH, sa.true())

# In the index's order, so that the planner does not choose another index.
_IN_ID_RANGE = _FEW.where(_projects.c.id.between(_LOW, _HIGH)).order_by(None).order_by(_projects.c.id)


def projects_in_id_range(ids: IdRange, *, limit: int) -> Query[Project]:
    return Query(_IN_ID_RANGE, make_project, {"low": ids.low, "high": ids.high, "rows": limit})


_CREATE = (
    sa.insert(_projects)
    .values(user_id=sa.bindparam("user_id", type_=sa.Uuid), name=sa.bindparam("name", type_=sa.Text))
    .returning(*_COLUMNS, sa.literal(0, sa.Integer), sa.literal(0, sa.Integer))
)


def create(*, user_id: UUID, name: str) -> Query[Project]:
    return Query(_CREATE, make_project, {"user_id": user_id, "name": name})


_assets = tables.assets
_NAMES = [field.name for field in fields(Asset)]
make_asset = row_maker(Asset)
_SOME = sa.select(*(_assets.c[name] for name in _NAMES)).limit(_ROWS)
_OF_PROJECT = _SOME.where(_assets.c.project_id == sa.bindparam("project_id", type_=sa.Uuid)).order_by(
    _assets.c.created_at.desc(), _assets.c.id.desc()
)
_ONE = _SOME.where(_assets.c.id == _ID)
_ONE_OF_PROJECT = _OF_PROJECT.where(_assets.c.id == _ID)

_IN_RANGE = _SOME.where(_assets.c.id.between(_LOW, _HIGH)).order_by(_assets.c.id)


def of_project(project_id: UUID, *, limit: int) -> Query[Asset]:
    """Return assets, newest first."""
    return Query(_OF_PROJECT, make_asset, {"project_id": project_id, "rows": limit})


def one(asset_id: UUID) -> Query[Asset]:
    return Query(_ONE, make_asset, {"id": asset_id, "rows": 1})


def one_of_project(asset_id: UUID, project_id: UUID) -> Query[Asset]:
    """Return a query without a row if the asset belongs to another project."""
    return Query(_ONE_OF_PROJECT, make_asset, {"id": asset_id, "project_id": project_id, "rows": 1})


def in_range(ids: IdRange, *, limit: int) -> Query[Asset]:
    return Query(_IN_RANGE, make_asset, {"low": ids.low, "high": ids.high, "rows": limit})


def _short_name(project_id: sa.ColumnElement[Any]) -> sa.ColumnElement[str]:
    return sa.case((project_id == NO_ID, NO_PROJECT), else_=sa.func.left(sa.cast(project_id, sa.Text), 8))


_project_name = _short_name(_jobs.c.project_id)
"""The start of the project's id replaces its name."""
_PROJECTS = (
    sa.select(
        _jobs.c.project_id,
        # The owner of its jobs. There is only one, unless the app has a fault. Before version 18, Postgres has no
        # min() of UUIDs.
        sa.cast(sa.func.min(sa.cast(_jobs.c.user_id, sa.Text)), sa.Uuid),
        _project_name,
        sa.func.min(_jobs.c.created_at),
        sa.func.max(_jobs.c.updated_at),
        sa.func.count(),
        sa.cast(sa.func.coalesce(sa.func.sum(_jobs.c.cost_cents), 0), BigInteger),
    )
    .group_by(_jobs.c.project_id)
    .order_by(sa.func.min(_jobs.c.created_at).desc(), _jobs.c.project_id.desc())
    .limit(_ROWS)
)
_LISTED = {
    (True, False): _select(_OF_ALL, _OF_ALL.c.project_id == _projects.c.id),
    (True, True): _select(_SUMMED, _SUMMED.c.project_id == _projects.c.id),
    (False, False): _PROJECTS,
    (False, True): _PROJECTS,
}
"""The keys are whether projects are readable, and whether rollups are."""
_NAME = sa.bindparam("name", type_=sa.Text)
_NAMED = {True: _FEW.where(_projects.c.name == _NAME), False: _PROJECTS.where(_project_name == _NAME)}
_BY_ID = {True: _FEW.where(_projects.c.id == _ID), False: _PROJECTS.where(_jobs.c.project_id == _ID)}
"""The key is whether projects are readable."""


def list_projects(*, limit: int, has_projects: bool = True, from_rollups: bool = False) -> Query[Project]:
    """Return projects, newest first.

    Unless `has_projects`, these are the projects with jobs. Their times are the earliest creation and the latest
    update of their jobs.
    """
    return Query(_LISTED[has_projects, from_rollups], make_project, {"rows": limit})


def projects_by_name(name: str, *, limit: int, has_projects: bool = True) -> Query[Project]:
    """Return all projects with exactly this name. Names are not unique."""
    return Query(_NAMED[has_projects], make_project, {"name": name, "rows": limit})


def by_id(project_id: UUID, *, has_projects: bool = True) -> Query[Project]:
    """Return a query without a row if the project does not exist or, unless `has_projects`, has no job."""
    return Query(_BY_ID[has_projects], make_project, {"id": project_id, "rows": 1})


_OWNED = (_jobs.c.project_id, _jobs.c.user_id)
_FIRST = sa.select(*_OWNED).order_by(_jobs.c.project_id).limit(1).subquery("first_job")
_named = sa.select(*_FIRST.c, sa.literal(1, sa.Integer).label("place")).cte("named", recursive=True)
_NEXT = (
    sa.select(*_OWNED)
    .where(_jobs.c.project_id > _named.c.project_id)
    .order_by(_jobs.c.project_id)
    .limit(1)
    .lateral("next_job")
)
_named = _named.union_all(
    sa.select(*_NEXT.c, _named.c.place + 1).join_from(_named, _NEXT, sa.true()).where(_named.c.place < _ROWS)
)
_OF_ONE_OWNER = (
    sa.select(_jobs.c.project_id, sa.cast(sa.func.min(sa.cast(_jobs.c.user_id, sa.Text)), sa.Uuid).label("user_id"))
    .group_by(_jobs.c.project_id)
    .order_by(_jobs.c.project_id)
    .limit(_ROWS)
    .subquery("named")
)
PROJECT_IDS = {
    # Steps through the index from one project to the next, and reads one job of each.
    False: sa.select(_named.c.project_id, _named.c.user_id).limit(_ROWS).subquery("named"),
    # Under row level security, each step would read all jobs of a user. So they are read once.
    True: _OF_ONE_OWNER,
}
"""Projects, each with the owner of one job. The key is whether only one user's jobs are visible."""
_PROJECT_NAMES = {
    of_one_user: sa.select(
        projects_by_name.c.project_id,
        projects_by_name.c.user_id,
        _short_name(projects_by_name.c.project_id),
    ).order_by(projects_by_name.c.project_id)
    for of_one_user, projects_by_name in PROJECT_IDS.items()
}


make_project_name = row_maker(ProjectName)


def project_names(*, limit: int, of_one_user: bool = False) -> Query[ProjectName]:
    """Return projects with jobs, by id, each with the owner of one of its jobs.

    For a low cost with any number of jobs, set `of_one_user` if the actor is a user, otherwise not.
    """
    return Query(_PROJECT_NAMES[of_one_user], make_project_name, {"rows": limit})


@lru_cache(maxsize=16)
def _names_beside(rows: sa.Select[Any]) -> sa.Select[Any]:
    listed = rows.subquery("listed")
    return sa.select(_projects.c.id, _projects.c.name).where(_projects.c.id.in_(sa.select(listed.c.project_id)))


def names_beside(listed: Query[GenerationJob]) -> Query[tuple[UUID, str]]:
    """Return a query for the ids and names of the listed jobs' projects."""
    if not isinstance(listed.statement, sa.Select):
        raise TypeError("The query must be a SELECT, because it becomes a subquery for the project ids.")
    return Query(_names_beside(listed.statement), itemgetter(0, 1), listed.parameters, may_sort=listed.may_sort)


_NAMES_OF = sa.select(_projects.c.id, _projects.c.name).where(
    _projects.c.id == sa.any_(sa.bindparam("ids", type_=sa.ARRAY(sa.Uuid)))
)


def names_of(project_ids: Collection[UUID]) -> Query[tuple[UUID, str]]:
    return Query(_NAMES_OF, itemgetter(0, 1), {"ids": list(project_ids)})


def short_name(project_id: UUID) -> str:
    """Return the beginning of the id, which is shown instead of a project's name that can't be read."""
    return NO_PROJECT if project_id == NO_ID else str(project_id)[:8]
