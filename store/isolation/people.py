"""Who is tried against whom: the two that are asked for, or two that tell the most."""

from uuid import UUID, uuid4

from sqlalchemy import Uuid, bindparam, exists, func, not_, select

from store import tables, users
from store.actor import OPERATOR
from store.database import Database, Query
from store.errors import InvalidValue, NoPrivilege, SchemaMissing
from store.isolation.model import Person
from store.rows import Row

_jobs, _projects, _users = tables.generation_jobs, tables.projects, tables.users
_OWNER, _OTHER = bindparam("owner", type_=Uuid), bindparam("other", type_=Uuid)

_LOOKED_AT = 1000
"""Projects among whose owners one is chosen: enough to find somebody with jobs and an empty project as well."""

_NEWEST = (
    select(_projects.c.id, _projects.c.user_id, _projects.c.created_at)
    .where(_projects.c.user_id.is_distinct_from(_OTHER))
    .order_by(_projects.c.created_at.desc())
    .limit(_LOOKED_AT)
    .subquery()
)
_HAS_JOBS = exists().where(_jobs.c.project_id == _NEWEST.c.id)
_WITH_JOBS, _EMPTY = func.count().filter(_HAS_JOBS), func.count().filter(not_(_HAS_JOBS))
_BEST_OWNER = (
    select(_NEWEST.c.user_id)
    .group_by(_NEWEST.c.user_id)
    .order_by((_WITH_JOBS * _EMPTY > 0).desc(), (_WITH_JOBS > 0).desc(), func.max(_NEWEST.c.created_at).desc())
    .limit(1)
)
_OTHER_USER = select(_users.c.id).where(_users.c.id != _OWNER).order_by(_users.c.id).limit(1)
_OTHER_OWNER = (
    select(_projects.c.user_id).where(_projects.c.user_id != _OWNER).order_by(_projects.c.created_at.desc()).limit(1)
)


async def choose_people(
    database: Database, *, owner_id: UUID | None, other_id: UUID | None
) -> tuple[Person | None, Person]:
    """The owner, None where nobody owns anything that the operator sees, and the other. Raises InvalidValue."""
    if owner_id is not None and owner_id == other_id:
        raise InvalidValue("other", "One user is not isolated from themselves: name two.")
    if owner_id is None:
        owner_id = await _first(database, Query(_BEST_OWNER, _id, {"other": other_id}))
    owner = None if owner_id is None else await _person(database, owner_id)
    if other_id is None and owner_id is not None:
        other_id = await _another(database, owner_id)
    if other_id is None:
        return owner, Person(id=uuid4(), exists=False)
    return owner, await _person(database, other_id)


async def _another(database: Database, owner_id: UUID) -> UUID | None:
    """Any other user; where the users cannot be read, another owner of a project."""
    of_owner = {"owner": owner_id}
    try:
        return await _first(database, Query(_OTHER_USER, _id, of_owner))
    except (NoPrivilege, SchemaMissing):
        return await _first(database, Query(_OTHER_OWNER, _id, of_owner))


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


def _id(row: Row) -> UUID:
    identifier: UUID = row[0]
    return identifier
