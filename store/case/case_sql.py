"""SQL for a case: a user's jobs by project and status, and the projects that an actor sees."""

from collections.abc import Collection
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, Integer, Select, TableClause, Text, Uuid, any_, bindparam, cast, func, or_, select
from sqlalchemy.types import BigInteger

from gjobs.store import tables
from gjobs.store.case.case import StatusCosts
from gjobs.store.database.query import Query, Row
from gjobs.store.formats import IdRange
from gjobs.store.job_list.listing import ProjectName
from gjobs.store.jobs.job import parse_status
from gjobs.store.jobs.job_history import EventKind

_projects = tables.projects
_USER = bindparam("user_id", type_=Uuid)
_ROWS = bindparam("rows", type_=Integer)


def _costs(jobs: TableClause) -> Select[Any]:
    newest = (
        select(jobs.c.project_id, cast(jobs.c.status, Text).label("status"), jobs.c.cost_cents)
        .where(jobs.c.user_id == _USER)
        .order_by(jobs.c.created_at.desc())
        .limit(_ROWS)
        .subquery("newest")
    )
    return (
        select(
            newest.c.project_id,
            newest.c.status,
            func.count().label("jobs"),
            cast(func.sum(newest.c.cost_cents), BigInteger),
        )
        .group_by(newest.c.project_id, newest.c.status)
        .order_by(func.count().desc(), newest.c.project_id, newest.c.status)
    )


_COSTS, _ARCHIVED_COSTS = _costs(tables.generation_jobs), _costs(tables.archived_jobs)


def _make_costs(row: Row) -> StatusCosts:
    project_id, status, number, cents = row
    return StatusCosts(project_id=project_id, status=parse_status(status), count=number, cost_cents=int(cents or 0))


def costs_of_user(user_id: UUID, *, most: int) -> Query[StatusCosts]:
    """Return count and cost of the user's newest jobs by project and status, largest count first."""
    return Query(_COSTS, _make_costs, {"user_id": user_id, "rows": most})


def archived_of_user(user_id: UUID, *, most: int) -> Query[StatusCosts]:
    """Return the same for the user's archived jobs."""
    return Query(_ARCHIVED_COSTS, _make_costs, {"user_id": user_id, "rows": most})


_THEIRS = (
    select(_projects.c.id).where(_projects.c.user_id == _USER).order_by(_projects.c.created_at.desc()).limit(_ROWS)
)
_NAMED = select(_projects.c.id, _projects.c.user_id, _projects.c.name).where(
    _projects.c.id == any_(bindparam("ids", type_=ARRAY(Uuid)))
)


def _make_name(row: Row) -> ProjectName:
    identifier, user_id, name = row
    return ProjectName(id=identifier, user_id=user_id, name=name)


def newest_projects_of(user_id: UUID, *, limit: int) -> Query[UUID]:
    return Query(_THEIRS, lambda row: row[0], {"user_id": user_id, "rows": limit})


def named_projects(ids: Collection[UUID]) -> Query[ProjectName]:
    """Return the projects with these ids that exist and that the actor sees."""
    return Query(_NAMED, _make_name, {"ids": list(ids)})


_events = tables.job_events
_LEFT = (
    select(_events.c.job_id)
    .where(
        _events.c.job_id.between(bindparam("low", type_=Uuid), bindparam("high", type_=Uuid)),
        or_(_events.c.kind == EventKind.DELETED.value, _events.c.kind == EventKind.ARCHIVED.value),
    )
    .group_by(_events.c.job_id)
    .order_by(_events.c.job_id)
    .limit(_ROWS)
)


def left_in_id_range(ids: IdRange, *, limit: int) -> Query[UUID]:
    """Return a query for the jobs that were deleted or archived. Some of them may exist again."""
    return Query(_LEFT, lambda row: row[0], {"low": ids.low, "high": ids.high, "rows": limit})
