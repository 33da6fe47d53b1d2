"""Who is tried against whom: the two that are asked for, or two that tell the most."""

from uuid import UUID, uuid4

from sqlalchemy import ARRAY, Uuid, any_, bindparam, exists, func, not_, select

from store import tables
from store.actor import OPERATOR
from store.database import Database, Query
from store.errors import InvalidValue, NoPrivilege, SchemaMissing
from store.isolation.model import Person
from store.statements import users
from store.statements.rows import make_id

_jobs, _projects, _users = tables.generation_jobs, tables.projects, tables.users
_OWNER, _OTHER = bindparam("owner", type_=Uuid), bindparam("other", type_=Uuid)

_NEWEST_JOBS = 1000
"""Among whose owners one is chosen."""

_newest = (
    select(_jobs.c.user_id, _jobs.c.created_at)
    .where(_jobs.c.user_id.is_distinct_from(_OTHER))
    .order_by(_jobs.c.created_at.desc())
    .limit(_NEWEST_JOBS)
    .subquery()
)
_BUSY = select(_newest.c.user_id).group_by(_newest.c.user_id).order_by(func.max(_newest.c.created_at).desc())
# A join: a condition on each project would read all jobs for it, where most jobs are of a few projects.
_WITH_EMPTY_PROJECT = (
    select(_projects.c.user_id)
    .where(
        _projects.c.user_id == any_(bindparam("owners", type_=ARRAY(Uuid))),
        not_(exists().where(_jobs.c.project_id == _projects.c.id)),
    )
    .limit(1)
)
_ANY_OWNER = (
    select(_projects.c.user_id)
    .where(_projects.c.user_id.is_distinct_from(_OTHER))
    .order_by(_projects.c.created_at.desc())
    .limit(1)
)
_OTHER_USER = select(_users.c.id).where(_users.c.id != _OWNER).order_by(_users.c.id).limit(1)


async def choose_people(
    database: Database, *, owner_id: UUID | None, other_id: UUID | None
) -> tuple[Person | None, Person]:
    """The owner, None where nobody owns anything that the operator sees, and the other. Raises InvalidValue."""
    if owner_id is not None and owner_id == other_id:
        raise InvalidValue("other", "One user is not isolated from themselves: name two.")
    if owner_id is None:
        owner_id = await _best_owner(database, other_id)
    owner = None if owner_id is None else await _person(database, owner_id)
    if other_id is None and owner_id is not None:
        other_id = await _another(database, owner_id)
    if other_id is None:
        return owner, Person(id=uuid4(), exists=False)
    return owner, await _person(database, other_id)


async def _best_owner(database: Database, other_id: UUID | None) -> UUID | None:
    """One with jobs and an empty project, so that everything can be tried; else one with jobs, else with projects."""
    busy = await database.read(OPERATOR, Query(_BUSY, make_id, {"other": other_id}))
    if not busy:
        return await _first(database, Query(_ANY_OWNER, make_id, {"other": other_id}))
    return await _first(database, Query(_WITH_EMPTY_PROJECT, make_id, {"owners": busy})) or busy[0]


async def _another(database: Database, owner_id: UUID) -> UUID | None:
    """Any other user; where the users cannot be read, another owner of a project."""
    try:
        return await _first(database, Query(_OTHER_USER, make_id, {"owner": owner_id}))
    except (NoPrivilege, SchemaMissing):
        return await _first(database, Query(_ANY_OWNER, make_id, {"other": owner_id}))


async def _person(database: Database, user_id: UUID) -> Person:
    """Where the users cannot be read, taken for one of them."""
    try:
        found = await database.read(OPERATOR, users.by_id(user_id))
    except (NoPrivilege, SchemaMissing):
        return Person(id=user_id)
    return Person(id=user_id, email=found[0].email if found else None, exists=bool(found))


async def _first(database: Database, query: Query[UUID]) -> UUID | None:
    found = await database.read(OPERATOR, query)
    return found[0] if found else None
