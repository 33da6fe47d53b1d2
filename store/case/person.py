"""Finds the user, or the job's owner, that a case is about."""

from uuid import UUID

from gjobs.store.advice import command
from gjobs.store.capabilities.capability import Capability
from gjobs.store.case import case_sql
from gjobs.store.case.case import CasePerson
from gjobs.store.errors import InvalidValue, NoPrivilege, RowMissing, SchemaMissing
from gjobs.store.formats import IdRange, id_range, quote_typed
from gjobs.store.jobs.job import GenerationJob
from gjobs.store.projects.project import User
from gjobs.store.retention.archive import get_archived
from gjobs.store.retention.retention import ArchivedJob
from gjobs.store.store import Store
from gjobs.store.users.actor import OPERATOR, ActingUser

_MOST_NAMED = 5


async def find_person(store: Store, text: str) -> CasePerson:
    """Find a user by e-mail or id, or a job by id. The start of an id is enough.

    For the operator, a part of an e-mail without `@` is enough, too.

    Raises RowMissing if there is neither, and InvalidValue if several match.
    """
    ids = id_range(text)
    if ids is None:
        return CasePerson(user=await _user_named(store, text))
    found = await store.find_by_id(text)
    users = found.users or _themselves(store, ids)
    matches = [*(f"job {job.id}" for job in found.jobs), *(f"user {user.id}" for user in users)]
    if len(matches) > 1:
        more = ", …" if found.is_more or len(matches) > _MOST_NAMED else ""
        number = f"More than {len(matches)}" if found.is_more else len(matches)
        raise InvalidValue(
            "id",
            f"{number} users and jobs have an id that begins with {ids.digits}.",
            hint=f"Use more digits: {', '.join(matches[:_MOST_NAMED])}{more}",
        )
    if found.jobs:
        return await person_of_job(store, found.jobs[0])
    if users:
        return CasePerson(user=await _user_of_id(store, users[0].id))
    return await _owner_of_deleted(store, await _deleted_job(store, ids, text))


async def person_of_job(store: Store, job: GenerationJob) -> CasePerson:
    return CasePerson(user=await _user_of_id(store, job.user_id), job_id=job.id)


async def person_of_user(store: Store, user_id: UUID) -> CasePerson:
    return CasePerson(user=await _user_of_id(store, user_id))


async def person_read_by(reader: Store, person: CasePerson) -> CasePerson:
    """Return the same person, as far as the reader may read them."""
    return CasePerson(user=await _user_of_id(reader, person.user.id), job_id=person.job_id)


def _themselves(store: Store, ids: IdRange) -> tuple[ActingUser, ...]:
    """Return the reader if the range has their id. Only the operator finds other users."""
    actor = store.actor
    return (actor,) if isinstance(actor, ActingUser) and ids.low <= actor.id <= ids.high else ()


async def _user_named(store: Store, email: str) -> User:
    actor = store.actor
    if isinstance(actor, ActingUser) and actor.email and actor.email.casefold() == email.strip().casefold():
        return _bare_user(actor.id, actor.email)
    try:
        return await store.get_user(email)
    except RowMissing as error:
        if actor != OPERATOR or "@" in email:
            raise _nobody(email) from error
    return await _user_with_part(store, email)


async def _user_with_part(store: Store, part: str) -> User:
    """Return the only user whose e-mail contains the text."""
    found = await store.find_users(part, limit=_MOST_NAMED)
    if not found:
        raise _nobody(part)
    if len(found) > 1:
        named = ", ".join(user.email or str(user.id) for user in found)
        raise InvalidValue(
            "email", f"Several users have an e-mail with {quote_typed(part)}.", hint=f"Use one of: {named}"
        )
    return await _user_of_id(store, found[0].id)


async def _user_of_id(store: Store, user_id: UUID) -> User:
    """Return the user with the fields that the reader may read. The owner of a job may be deleted or unreadable."""
    actor = store.actor
    if isinstance(actor, ActingUser) and actor.id == user_id:
        return _bare_user(user_id, actor.email)
    if actor != OPERATOR:
        return _bare_user(user_id, None)
    try:
        return await store.get_user(str(user_id))
    except (RowMissing, NoPrivilege, SchemaMissing):
        return _bare_user(user_id, None)


def _bare_user(user_id: UUID, email: str | None) -> User:
    return User(id=user_id, email=email, created_at=None, job_count=0, last_job_at=None)


async def _deleted_job(store: Store, ids: IdRange, text: str) -> UUID:
    """Return the only archived or deleted job in the range. A whole id needs no query."""
    if ids.low == ids.high:
        return ids.low
    if not await store.actor_database.has(Capability.EVENTS):
        raise _nobody(text)
    asked = case_sql.left_in_id_range(ids, limit=_MOST_NAMED + 1)
    found = await store.actor_database.read(asked, needs=Capability.EVENTS)
    if not found:
        raise _nobody(text)
    if len(found) > 1:
        more, number = (", …", f"More than {_MOST_NAMED}") if len(found) > _MOST_NAMED else ("", str(len(found)))
        raise InvalidValue(
            "id",
            f"{number} deleted or archived jobs have an id that begins with {ids.digits}.",
            hint=f"Use more digits: {', '.join(f'job {one}' for one in found[:_MOST_NAMED])}{more}",
        )
    return found[0]


async def _owner_of_deleted(store: Store, job_id: UUID) -> CasePerson:
    """Find the owner of an archived or deleted job, in the archive or in its events."""
    owner = next((one.job.user_id for one in await archived_of(store, job_id)), None)
    if owner is None and await store.actor_database.has(Capability.EVENTS):
        events = (await store.get_job_history(job_id)).events
        owner = next((event.user_id for event in reversed(events) if event.user_id), None)
    if owner is None:
        raise _nobody(str(job_id))
    return CasePerson(user=await _user_of_id(store, owner), job_id=job_id)


async def archived_of(store: Store, job_id: UUID) -> tuple[ArchivedJob, ...]:
    """Return the job if it is in the archive and the reader may read it."""
    has_archive = await store.actor_database.has(Capability.ARCHIVE)
    return await get_archived(store, [job_id]) if has_archive else ()


def _nobody(text: str) -> RowMissing:
    return RowMissing(
        f"There is no user or job {quote_typed(text)}, or you may not read it.",
        hint="Use a user's e-mail, or at least the first four digits of the id of a user or job."
        f" {command('users')} and {command('jobs list')} list them.",
    )
