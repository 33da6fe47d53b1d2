"""Projects and users that may not be read themselves, as far as the rows that belong to them tell."""

from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Integer,
    Select,
    Subquery,
    Text,
    Uuid,
    bindparam,
    cast,
    func,
    literal,
    null,
    select,
    true,
    union_all,
)
from sqlalchemy.types import BigInteger, DateTime

from store import tables
from store.database import Query
from store.listing.model import ProjectName
from store.model import Project, User
from store.statements.projects import make_project
from store.statements.rows import Row
from store.statements.users import make_user

_jobs, _projects = tables.generation_jobs, tables.projects

_project_name: ColumnElement[str] = func.left(cast(_jobs.c.project_id, Text), 8)
"""The beginning of its id stands for its name."""
_PROJECTS = (
    select(
        _jobs.c.project_id,
        # Its jobs' owner, who but for the app's own faults is one; there is no min() of ids before 18.
        cast(func.min(cast(_jobs.c.user_id, Text)), Uuid),
        _project_name,
        func.min(_jobs.c.created_at),
        func.max(_jobs.c.updated_at),
        func.count(),
        cast(func.sum(_jobs.c.cost_cents), BigInteger),
    )
    .group_by(_jobs.c.project_id)
    .order_by(func.min(_jobs.c.created_at).desc(), _jobs.c.project_id.desc())
    .limit(bindparam("rows", type_=Integer))
)
_PROJECTS_NAMED = _PROJECTS.where(_project_name == bindparam("name", type_=Text))
_PROJECT_BY_ID = _PROJECTS.where(_jobs.c.project_id == bindparam("id", type_=Uuid))


_ROWS = bindparam("rows", type_=Integer)
_OWNED = (_jobs.c.project_id, _jobs.c.user_id)
_FIRST = select(*_OWNED).order_by(_jobs.c.project_id).limit(1).subquery("first_job")
_named = select(*_FIRST.c, literal(1, Integer).label("place")).cte("named", recursive=True)
_NEXT = (
    select(*_OWNED)
    .where(_jobs.c.project_id > _named.c.project_id)
    .order_by(_jobs.c.project_id)
    .limit(1)
    .lateral("next_job")
)
_named = _named.union_all(
    select(*_NEXT.c, _named.c.place + 1).join_from(_named, _NEXT, true()).where(_named.c.place < _ROWS)
)
_OF_ONE_OWNER = (
    select(_jobs.c.project_id, cast(func.min(cast(_jobs.c.user_id, Text)), Uuid).label("user_id"))
    .group_by(_jobs.c.project_id)
    .order_by(_jobs.c.project_id)
    .limit(_ROWS)
    .subquery("named")
)
PROJECT_IDS = {
    # Steps from one project to the next in the index of their ids, and reads one job of each.
    False: select(_named.c.project_id, _named.c.user_id).limit(_ROWS).subquery("named"),
    # For a user's eyes each step would read all their jobs; so they are read once.
    True: _OF_ONE_OWNER,
}
"""With the owner of one of its jobs; by whether one user's jobs are all that is seen."""
_PROJECT_NAMES = {
    of_one_user: select(named.c.project_id, named.c.user_id, func.left(cast(named.c.project_id, Text), 8)).order_by(
        named.c.project_id
    )
    for of_one_user, named in PROJECT_IDS.items()
}


def project_names(*, limit: int, of_one_user: bool = False) -> Query[ProjectName]:
    """Those with jobs, by their ids, each of the owner of one of its jobs.

    Cheap, however many jobs there are, where the right one of two ways is said: whether it is a user who asks.
    """

    def make(row: Row) -> ProjectName:
        project_id, user_id, name = row
        return ProjectName(id=project_id, user_id=user_id, name=name)

    return Query(_PROJECT_NAMES[of_one_user], make, {"rows": limit})


def projects(*, limit: int) -> Query[Project]:
    """Those with jobs, the newest first, each with the times of its jobs."""
    return Query(_PROJECTS, make_project, {"rows": limit})


def projects_named(name: str, *, limit: int) -> Query[Project]:
    return Query(_PROJECTS_NAMED, make_project, {"name": name, "rows": limit})


def project_by_id(project_id: UUID) -> Query[Project]:
    """No row where it has no job."""
    return Query(_PROJECT_BY_ID, make_project, {"id": project_id, "rows": 1})


def _users(owned: Subquery) -> Select[*tuple[object, ...]]:
    return (
        select(
            owned.c.user_id,
            cast(null(), Text),
            cast(null(), DateTime(timezone=True)),
            cast(func.sum(owned.c.job_count), BigInteger),
            func.max(owned.c.last_job_at),
        )
        .group_by(owned.c.user_id)
        .order_by(func.max(owned.c.last_job_at).desc().nulls_last(), owned.c.user_id)
        .limit(bindparam("rows", type_=Integer))
    )


_OF_JOBS = select(
    _jobs.c.user_id, func.count().label("job_count"), func.max(_jobs.c.created_at).label("last_job_at")
).group_by(_jobs.c.user_id)
_OF_PROJECTS = select(_projects.c.user_id, literal(0, Integer), cast(null(), DateTime(timezone=True)))

_USERS = {True: _users(union_all(_OF_JOBS, _OF_PROJECTS).subquery()), False: _users(_OF_JOBS.subquery())}
"""By whether projects may be read."""
_USER_BY_ID = {
    has_projects: statement.having(statement.selected_columns[0] == bindparam("id", type_=Uuid))
    for has_projects, statement in _USERS.items()
}


def users(*, has_projects: bool, limit: int) -> Query[User]:
    """Those who own a job, or where projects may be read a project, the last active first. None has an e-mail."""
    return Query(_USERS[has_projects], make_user, {"rows": limit})


def user_by_id(user_id: UUID, *, has_projects: bool) -> Query[User]:
    return Query(_USER_BY_ID[has_projects], make_user, {"id": user_id, "rows": 1})
