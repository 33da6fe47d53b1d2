"""Finds users by e-mail, and any entity by its id or the start of it. `Store` describes the functions."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, TypeVar
from uuid import UUID

from gjobs.store import tables, validation
from gjobs.store.actor_database import ActorDatabase
from gjobs.store.capabilities.capability import Capability
from gjobs.store.database.query import Query
from gjobs.store.errors import NoPrivilege
from gjobs.store.jobs.job import Asset, GenerationJob, Project, User
from gjobs.store.projects import project_sql
from gjobs.store.users import user_sql
from gjobs.store.users.actor import ActingUser
from gjobs.store.users.user_sql import FoundUser
from gjobs.store.values.formats import IdRange, id_range
from gjobs.store.values.page_sizes import MAX_LIMIT


@dataclass(frozen=True, slots=True, kw_only=True)
class IdMatches:
    """Everything with the given id, or with an id that starts with it."""

    jobs: tuple[GenerationJob, ...] = ()
    projects: tuple[Project, ...] = ()
    assets: tuple[Asset, ...] = ()
    users: tuple[ActingUser, ...] = ()
    is_more: bool = False
    """Whether a kind has more matches than the result holds."""


MOST_FOUND = 20
"""The most matches returned of each kind. To narrow them, give more digits."""


IdKind = Literal["jobs", "projects", "assets", "users"]
"""A field of IdMatches."""


async def find_by_id(actor_database: ActorDatabase, id_or_prefix: str) -> IdMatches:
    ids = id_range(id_or_prefix)
    if ids is None:
        return IdMatches()
    kinds: list[IdKind] = ["jobs"]
    if await actor_database.has(Capability.PROJECTS):
        kinds.append("projects")
    if await actor_database.has(Capability.ASSETS):
        kinds.append("assets")
    if actor_database.is_operators:
        kinds.append("users")
    return await locate_kinds(actor_database, ids, kinds)


async def locate_kinds(actor_database: ActorDatabase, ids: IdRange, kinds: Sequence[IdKind]) -> IdMatches:
    asked = [(kind, make) for kind in kinds for make in await _makers(actor_database, kind)]
    answers = await actor_database.read_together(*(make(ids, limit=MOST_FOUND + 1) for _, make in asked))
    found: dict[str, dict[UUID, Any]] = {kind: {} for kind in kinds}
    for (kind, _), answer in zip(asked, answers, strict=True):
        found[kind] |= {one.id: one for one in answer}
    return IdMatches(
        **{kind: tuple(some.values())[:MOST_FOUND] for kind, some in found.items()},
        is_more=any(len(some) > MOST_FOUND for some in found.values()),
    )


async def _makers(actor_database: ActorDatabase, kind: IdKind) -> list[Callable[..., Query[Any]]]:
    """Return the functions that make the queries for a kind."""
    match kind:
        case "jobs":
            return [(await actor_database.job_statements()).in_range]
        case "projects":
            return [project_sql.projects_in_id_range]
        case "assets":
            return [project_sql.in_range]
        case "users":
            if not await knows_users_by_rows(actor_database):
                return [user_sql.in_range]
            owned = [tables.jobs]
            if await actor_database.has(Capability.PROJECTS):
                owned.append(tables.projects)
            return [partial(user_sql.owners_in_range, of=one) for one in owned]


async def knows_users_by_rows(actor_database: ActorDatabase) -> bool:
    """Return whether the operator can't read users, so that they are derived from jobs and projects."""
    return actor_database.is_operators and not await actor_database.has(Capability.USERS)


T = TypeVar("T")

MOST_WITH_ONE_EMAIL = 500


async def list_users(actor_database: ActorDatabase, *, search: str, limit: int) -> Sequence[User]:
    needle, most = validation.check_storable("email", search).strip(), validation.check_limit(limit)
    if not await knows_users_by_rows(actor_database):
        indexes = (await actor_database.capability_cache.get()).facts.job_indexes
        has_index = any(columns.startswith("user_id") for columns in indexes)
        from_rollups = has_index and await actor_database.has(Capability.ROLLUPS)
        listed = user_sql.list_users(limit=most, from_rollups=from_rollups)
        query = user_sql.search_users(needle, limit=most) if needle else listed
        return await actor_database.read(query, needs=Capability.USERS)
    has_projects, ids = await actor_database.has(Capability.PROJECTS), id_range(needle)
    if not needle:
        return await actor_database.read(user_sql.users(has_projects=has_projects, limit=most))
    owners = await actor_database.read(user_sql.users(has_projects=has_projects, limit=MAX_LIMIT)) if ids else []
    return [user for user in owners if ids and ids.low <= user.id <= ids.high][:most]


async def search_users(actor_database: ActorDatabase, text: str, *, limit: int) -> Sequence[FoundUser]:
    needle, most = validation.check_storable("email", text), validation.check_limit(limit)
    with_emails = not await knows_users_by_rows(actor_database)
    query = user_sql.matching(needle, limit=most, with_emails=with_emails)
    return await actor_database.read(query, needs=Capability.USERS if with_emails else Capability.JOBS)


async def find_user(actor_database: ActorDatabase, email_or_id: str) -> User:
    needle = validation.check_storable("email", email_or_id).strip()
    user_id = _id_of(needle)
    if user_id is None:
        found = await _with_email(actor_database, user_sql.by_email(needle, limit=MOST_WITH_ONE_EMAIL))
    elif await knows_users_by_rows(actor_database):
        has_projects = await actor_database.has(Capability.PROJECTS)
        found = await actor_database.read(user_sql.user_by_id(user_id, has_projects=has_projects))
    else:
        found = await actor_database.read(user_sql.by_id(user_id), needs=Capability.USERS)
    return validation.require_one_user(needle, found)


def actor_query(email_or_id: str) -> Query[ActingUser]:
    """Return the query that `find_actor` usually sends. Raises InvalidValue."""
    needle = validation.check_storable("email", email_or_id).strip()
    if (user_id := _id_of(needle)) is None:
        return user_sql.acting_by_email(needle, limit=MOST_WITH_ONE_EMAIL)
    return user_sql.in_range(IdRange(low=user_id, high=user_id), limit=1)


async def find_actor(actor_database: ActorDatabase, email_or_id: str) -> ActingUser:
    needle = validation.check_storable("email", email_or_id).strip()
    user_id, query = _id_of(needle), actor_query(needle)
    found: Sequence[ActingUser]
    if user_id is None:
        found = await _with_email(actor_database, query)
    elif await knows_users_by_rows(actor_database):
        ids = IdRange(low=user_id, high=user_id)
        found = (await locate_kinds(actor_database, ids, ["users"])).users
    else:
        found = await actor_database.read(query, needs=Capability.USERS)
    return validation.require_one_user(needle, found)


def _id_of(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


async def _with_email(actor_database: ActorDatabase, query: Query[T]) -> list[T]:
    """Read users. Raises NoPrivilege if none is found because row level security silently hides them all."""
    found = await actor_database.read(query, needs=Capability.USERS)
    if not found and (missing := await actor_database.missing(Capability.USERS)):
        raise NoPrivilege(missing.reason, hint="Give the user's id instead.")
    return found
