"""The statements on `projects`."""

from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    FromClause,
    Integer,
    Select,
    Text,
    Uuid,
    bindparam,
    cast,
    func,
    insert,
    literal,
    select,
    true,
)
from sqlalchemy.types import BigInteger

from store import tables
from store.database import Query
from store.finding.id_prefix import IdRange
from store.model import Project
from store.statements.rows import Row

_jobs, _projects = tables.generation_jobs, tables.projects
_COLUMNS = [_projects.c[name] for name in ("id", "user_id", "name", "created_at", "updated_at")]


def make_project(row: Row) -> Project:
    identifier, user_id, name, created_at, updated_at, job_count, total_cost_cents = row
    return Project(
        id=identifier,
        user_id=user_id,
        name=name,
        created_at=created_at,
        updated_at=updated_at,
        job_count=job_count,
        total_cost_cents=total_cost_cents,
    )


_SUMS = (
    func.count().label("job_count"),
    cast(func.sum(_jobs.c.cost_cents), BigInteger).label("total_cost_cents"),
)
_OF_ALL = select(_jobs.c.project_id, *_SUMS).group_by(_jobs.c.project_id).subquery()
"""Reads all jobs once: cheaper than looking up those of each of many projects."""
_KEPT = tables.job_counts
_SUMMED = (
    select(
        _KEPT.c.project_id,
        cast(func.sum(_KEPT.c.job_count), BigInteger).label("job_count"),
        cast(func.sum(_KEPT.c.cost_cents), BigInteger).label("total_cost_cents"),
    )
    .group_by(_KEPT.c.project_id)
    .subquery()
)
_OF_EACH = select(*_SUMS).where(_jobs.c.project_id == _projects.c.id).lateral()
"""Looks up the jobs of a few projects, however many others there are."""


def _select(sums: FromClause, on: ColumnElement[bool]) -> Select[*tuple[object, ...]]:
    return (
        select(
            *_COLUMNS,
            func.coalesce(sums.c.job_count, 0),
            func.coalesce(sums.c.total_cost_cents, 0),
        )
        .outerjoin(sums, on)
        .order_by(_projects.c.created_at.desc(), _projects.c.id.desc())
        .limit(bindparam("rows", type_=Integer))
    )


_LISTED = _select(_OF_ALL, _OF_ALL.c.project_id == _projects.c.id)
_LISTED_SUMMED = _select(_SUMMED, _SUMMED.c.project_id == _projects.c.id)
_FEW = _select(_OF_EACH, true())
_NAMED = _FEW.where(_projects.c.name == bindparam("name", type_=Text))
_BY_ID = _FEW.where(_projects.c.id == bindparam("id", type_=Uuid))

# In the index's own order, so that no other index tempts.
_IN_RANGE = (
    _FEW.where(_projects.c.id.between(bindparam("low", type_=Uuid), bindparam("high", type_=Uuid)))
    .order_by(None)
    .order_by(_projects.c.id)
)


def listed(*, limit: int) -> Query[Project]:
    """Newest first."""
    return Query(_LISTED, make_project, {"rows": limit})


def summed(*, limit: int) -> Query[Project]:
    """As `listed`, from the sums that a managed database keeps: it needs `Feature.ROLLUPS`."""
    return Query(_LISTED_SUMMED, make_project, {"rows": limit})


def named(name: str, *, limit: int) -> Query[Project]:
    """All of exactly this name: names are not unique."""
    return Query(_NAMED, make_project, {"name": name, "rows": limit})


def by_id(project_id: UUID) -> Query[Project]:
    return Query(_BY_ID, make_project, {"id": project_id, "rows": 1})


def in_range(ids: IdRange, *, limit: int) -> Query[Project]:
    return Query(_IN_RANGE, make_project, {"low": ids.low, "high": ids.high, "rows": limit})


_CREATE = (
    insert(_projects)
    .values(user_id=bindparam("user_id", type_=Uuid), name=bindparam("name", type_=Text))
    .returning(*_COLUMNS, literal(0, Integer), literal(0, Integer))
)


def create(*, user_id: UUID, name: str) -> Query[Project]:
    return Query(_CREATE, make_project, {"user_id": user_id, "name": name})
