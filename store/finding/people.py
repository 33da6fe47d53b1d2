"""Finding users: by their rows where those may be read, and else by what they own."""

from collections.abc import Sequence
from typing import TypeVar
from uuid import UUID

from store.actor import ActingUser
from store.capabilities import Feature
from store.database import Query
from store.errors import NoPrivilege
from store.finding import user_search
from store.finding.id_prefix import IdRange, id_range
from store.finding.searching import kinds_of_people, knows_users_by_rows, locate_kinds
from store.model import FoundUser, User
from store.reach import Reach
from store.statements import by_jobs, users
from store.writing import explain, validation

T = TypeVar("T")

MOST_WITH_ONE_EMAIL = 500


async def list_users(reach: Reach, *, search: str, limit: int) -> Sequence[User]:
    """By e-mail, those without one last; with a search those whose e-mail contains it or whose id begins with it."""
    wanted, most = validation.storable("email", search).strip(), validation.limit(limit)
    if not await knows_users_by_rows(reach):
        query = users.matching(wanted, limit=most) if wanted else users.listed(limit=most)
        return await reach.read(query, needs=Feature.USERS)
    has_projects, ids = await reach.has(Feature.PROJECTS), id_range(wanted)
    if not wanted:
        return await reach.read(by_jobs.users(has_projects=has_projects, limit=most))
    owners = await reach.read(by_jobs.users(has_projects=has_projects, limit=validation.MAX_LIMIT)) if ids else []
    return [user for user in owners if ids and ids.low <= user.id <= ids.high][:most]


async def search_users(reach: Reach, text: str, *, limit: int) -> Sequence[FoundUser]:
    """The most recently active first."""
    wanted, most = validation.storable("email", text), validation.limit(limit)
    with_emails = not await knows_users_by_rows(reach)
    query = user_search.matching(wanted, limit=most, with_emails=with_emails)
    return await reach.read(query, needs=Feature.USERS if with_emails else Feature.JOBS)


async def the_user(reach: Reach, email_or_id: str) -> User:
    """Raises RowMissing where there is no such user, InvalidValue where several have the e-mail."""
    wanted = validation.storable("email", email_or_id).strip()
    user_id = _id_of(wanted)
    if user_id is None:
        query = users.by_email(wanted, limit=MOST_WITH_ONE_EMAIL)
        return explain.the_one_user(wanted, await _with_email(reach, query))
    if await knows_users_by_rows(reach):
        owner = by_jobs.user_by_id(user_id, has_projects=await reach.has(Feature.PROJECTS))
        return explain.the_one_user(wanted, await reach.read(owner))
    return explain.the_one_user(wanted, await reach.read(users.by_id(user_id), needs=Feature.USERS))


async def the_actor(reach: Reach, email_or_id: str) -> ActingUser:
    """Raises as `the_user` does, but reads no job to find one."""
    wanted = validation.storable("email", email_or_id).strip()
    user_id = _id_of(wanted)
    if user_id is None:
        query = users.acting_by_email(wanted, limit=MOST_WITH_ONE_EMAIL)
        return explain.the_one_user(wanted, await _with_email(reach, query))
    ids = IdRange(low=user_id, high=user_id)
    if await knows_users_by_rows(reach):
        return explain.the_one_user(wanted, (await locate_kinds(reach, ids, await kinds_of_people(reach))).users)
    return explain.the_one_user(wanted, await reach.read(users.in_range(ids, limit=1), needs=Feature.USERS))


def _id_of(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


async def _with_email(reach: Reach, query: Query[T]) -> list[T]:
    """Raises NoPrivilege where none is found because row level security hides everybody, without a word."""
    found = await reach.read(query, needs=Feature.USERS)
    if not found and (off := await reach.off(Feature.USERS)):
        raise NoPrivilege(off.reason, hint="Give the user's id instead.")
    return found
