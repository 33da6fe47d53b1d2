"""Reads a case. Every part is bounded, read-only, and read with the reader's own rights."""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial
from itertools import zip_longest
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import ARRAY, FromClause, Integer, Select, Text, Uuid, any_, bindparam, cast, func, or_, select
from sqlalchemy.types import BigInteger

from gjobs.store import tables
from gjobs.store.budgets.budget import Budget
from gjobs.store.capabilities.capability import Capability
from gjobs.store.case import case
from gjobs.store.database import query
from gjobs.store.database.query import Query, first_column, row_maker
from gjobs.store.doctor.examine import examine
from gjobs.store.doctor.findings import Finding
from gjobs.store.doctor.server_checks import jobs_visible_to
from gjobs.store.error_groups.error_group import ErrorGroups, ErrorScope
from gjobs.store.errors import InvalidValue, NoPrivilege, RowMissing, SchemaMissing, TimedOut, command
from gjobs.store.filters.filter_terms import JobFilter, Key, Term
from gjobs.store.job_list.list_query import RowWindowQuery
from gjobs.store.jobs.job import Asset, GenerationJob, JobStatus, User, parse_status
from gjobs.store.jobs.job_results import CappedCount, EventKind, JobHistory
from gjobs.store.projects.project_sql import make_project_name
from gjobs.store.retention.archive import get_archived
from gjobs.store.retention.retention import ArchivedJob
from gjobs.store.store import Store
from gjobs.store.users.actor import OPERATOR, ActingUser, actor_name
from gjobs.store.values.formats import IdRange, id_range, quote_typed

_projects = tables.projects
_USER = bindparam("user_id", type_=Uuid)
_ROWS = bindparam("rows", type_=Integer)


def _costs(jobs: FromClause) -> Select[Any]:
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


_COSTS, _ARCHIVED_COSTS = _costs(tables.jobs), _costs(tables.visible_archive)


_make_costs = row_maker(case.StatusCosts, status=parse_status, cost_cents=lambda cents: int(cents or 0))


_THEIRS = (
    select(_projects.c.id).where(_projects.c.user_id == _USER).order_by(_projects.c.created_at.desc()).limit(_ROWS)
)
_NAMED = select(_projects.c.id, _projects.c.user_id, _projects.c.name).where(
    _projects.c.id == any_(bindparam("ids", type_=ARRAY(Uuid)))
)


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


_MOST_NAMED = 5


async def find_person(store: Store, text: str) -> case.CasePerson:
    """Find a user by e-mail or id, or a job by id. The start of an id is enough.

    For the operator, a part of an e-mail without `@` is enough, too.

    Raises RowMissing if there is neither, and InvalidValue if several match.
    """
    ids = id_range(text)
    if ids is None:
        return case.CasePerson(user=await _user_named(store, text))
    found = await store.find_by_id(text)
    users, actor = found.users, store.actor
    # Only the operator finds other users.
    if not users and isinstance(actor, ActingUser) and ids.low <= actor.id <= ids.high:
        users = (actor,)
    matches = [*(f"job {job.id}" for job in found.jobs), *(f"user {user.id}" for user in users)]
    if len(matches) > 1:
        raise _ambiguous("users and jobs", ids, matches, is_more=found.is_more)
    if found.jobs:
        return await person_of(store, found.jobs[0].user_id, found.jobs[0].id)
    if users:
        return await person_of(store, users[0].id)
    return await _owner_of_deleted(store, await _deleted_job(store, ids, text))


async def person_of(reader: Store, user_id: UUID, job_id: UUID | None = None) -> case.CasePerson:
    """Return the user as the reader sees them, with the job's id."""
    return case.CasePerson(user=await _user_of_id(reader, user_id), job_id=job_id)


async def _user_named(store: Store, email: str) -> User:
    """Return the user with this e-mail. For the operator, a part is enough if only one e-mail has it."""
    actor = store.actor
    if isinstance(actor, ActingUser) and actor.email and actor.email.casefold() == email.strip().casefold():
        return _bare_user(actor.id, actor.email)
    try:
        return await store.get_user(email)
    except RowMissing as error:
        if actor != OPERATOR or "@" in email:
            raise _nobody(email) from error
    found = await store.find_users(email, limit=_MOST_NAMED)
    if not found:
        raise _nobody(email)
    if len(found) > 1:
        named = ", ".join(user.email or str(user.id) for user in found)
        sentence = f"Several users have an e-mail with {quote_typed(email)}."
        raise InvalidValue("email", sentence, hint=f"Use one of: {named}")
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
    if not await store.actor_database.has(Capability.MIGRATED):
        raise _nobody(text)
    # Some of them may exist again.
    asked: Query[UUID] = Query(_LEFT, first_column, {"low": ids.low, "high": ids.high, "rows": _MOST_NAMED + 1})
    found = await store.actor_database.read(asked, needs=Capability.MIGRATED)
    if not found:
        raise _nobody(text)
    if len(found) > 1:
        matches = [f"job {one}" for one in found[:_MOST_NAMED]]
        raise _ambiguous("deleted or archived jobs", ids, matches, is_more=len(found) > _MOST_NAMED)
    return found[0]


def _ambiguous(what: str, ids: IdRange, matches: Sequence[str], *, is_more: bool) -> InvalidValue:
    number = f"More than {len(matches)}" if is_more else len(matches)
    more = ", …" if is_more or len(matches) > _MOST_NAMED else ""
    return InvalidValue(
        "id",
        f"{number} {what} have an id that begins with {ids.digits}.",
        hint=f"Use more digits: {', '.join(matches[:_MOST_NAMED])}{more}",
    )


async def _owner_of_deleted(store: Store, job_id: UUID) -> case.CasePerson:
    """Find the owner of an archived or deleted job, in the archive or in its events."""
    owner = next((one.job.user_id for one in await archived_of(store, job_id)), None)
    if owner is None and await store.actor_database.has(Capability.MIGRATED):
        events = (await store.get_job_history(job_id)).events
        owner = next((event.user_id for event in reversed(events) if event.user_id), None)
    if owner is None:
        raise _nobody(str(job_id))
    return await person_of(store, owner, job_id)


async def archived_of(store: Store, job_id: UUID) -> tuple[ArchivedJob, ...]:
    """Return the job if it is in the archive and the reader may read it."""
    has_archive = await store.actor_database.has(Capability.MIGRATED)
    return await get_archived(store, [job_id]) if has_archive else ()


def _nobody(text: str) -> RowMissing:
    return RowMissing(
        f"There is no user or job {quote_typed(text)}, or you may not read it.",
        hint="Use a user's e-mail, or at least the first four digits of the id of a user or job."
        f" {command('users')} and {command('jobs list')} list them.",
    )


T = TypeVar("T")
Report = Callable[[str], object]
"""Takes the name of the part that is read next."""

STEPS = ("jobs", "failures", "visibility", "timelines", "budgets", "workers", "doctor findings")
"""The parts that are reported, in order."""
_MOST_WORKERS = 500


async def read_case(
    store: Store,
    person: case.CasePerson,
    *,
    label: str,
    settings: Sequence[tuple[str, str]] = (),
    at: datetime | None = None,
    report: Report = lambda _: None,
) -> case.Case:
    """Read the case of a user, or of the job that `person` names. The store's actor is the reader.

    `label` names the database in findings. `at` stands in for the server's clock. Raises a StoreError if the jobs can't
    be read. Any other part that can't be read is left out, with the reason.
    """
    (taken_at,) = await store.actor_database.read(query.clock(at))
    report("jobs")
    reader = _Reader(store, person, at, report)
    reader.jobs, part = await _jobs(store, person), reader.part
    if person.user.email is None:
        await part(case.EMAIL, store.actor_database.require(Capability.USERS))
    costs = await part("costs", reader.costs()) or ()
    projects = await part("projects", reader.projects(costs)) or ()
    return case.Case(
        taken_at=taken_at,
        reader=actor_name(store.actor),
        user=person.user,
        job_id=person.job_id,
        subject=await reader.subject(),
        jobs=reader.jobs,
        stuck=await part("stuck jobs", reader.stuck()) or (),
        costs=costs,
        are_costs_capped=sum(one.count for one in costs) >= case.MOST_COUNTED,
        archived=await part("archived jobs", reader.archived()) or (),
        failures=await part("failures", reader.failures(case.FAILURE_WINDOW)),
        recent_failures=await part("recent failures", reader.recent_failures()),
        visibility=await part("visibility", reader.visibility()),
        projects=projects,
        timelines=await part("timelines", reader.timelines()) or (),
        budgets=await part("budgets", reader.budgets(projects)),
        workers=await part("workers", reader.workers()),
        findings=await part("doctor findings", reader.findings(label)),
        settings=tuple(settings),
        # Evaluated last, because reading each part above may add to `unread`.
        unread=tuple(reader.unread),
    )


async def _jobs(store: Store, person: case.CasePerson) -> tuple[GenerationJob, ...]:
    """Return the job of the case, which may be archived, followed by the user's newest jobs."""
    listed = (await store.find_jobs(_of_user(person.user.id), limit=case.MOST_JOBS)).items
    if person.job_id is None:
        return tuple(listed)
    first = await store.get_these_jobs([person.job_id]) or [one.job for one in await archived_of(store, person.job_id)]
    return (*first, *(job for job in listed if job.id != person.job_id))


def _of_user(user_id: UUID) -> JobFilter:
    return JobFilter(terms=(Term(key=Key.USER, values=(str(user_id),)),))


async def _require_acting(store: Store) -> None:
    """Raise NoPrivilege or SchemaMissing unless the reader may look at the database as a user."""
    if store.actor != OPERATOR:
        raise NoPrivilege("Only the operator compares what a user sees with what exists.")
    await store.actor_database.require(Capability.ACTING)


class _Reader:
    """Reads the parts of one case, reports each step, and collects why parts could not be read."""

    def __init__(self, store: Store, person: case.CasePerson, at: datetime | None, report: Report) -> None:
        self.jobs: tuple[GenerationJob, ...] = ()
        self.unread: list[case.UnreadPart] = []
        self._store = store
        self._user = ActingUser(id=person.user.id, email=person.user.email)
        self._job_id = person.job_id
        self._at = at
        self._report = report

    async def part(self, name: str, reading: Awaitable[T]) -> T | None:
        """Return None if the part can't be read."""
        if name in STEPS:
            self._report(name)
        try:
            return await reading
        except (NoPrivilege, SchemaMissing, TimedOut) as error:
            self.unread.append(case.UnreadPart(part=name, reason=error.message))
            return None

    async def failures(self, window: timedelta) -> ErrorGroups:
        scope = ErrorScope(job_filter=_of_user(self._user.id), window=window)
        return await self._store.get_error_groups(scope, at=self._at)

    async def recent_failures(self) -> CappedCount:
        found = await self.failures(case.RECENT)
        return CappedCount(number=found.failures, is_more=not found.complete)

    async def stuck(self) -> tuple[case.StuckJob, ...]:
        """Return the stuck jobs of the user. Search all running jobs, too: a job stuck for long may not be among the
        newest.
        """
        store = self._store
        is_running = Term(key=Key.STATUS, values=(JobStatus.RUNNING.value,))
        running = JobFilter(terms=(*_of_user(self._user.id).terms, is_running))
        every = [*self.jobs, *(await store.find_jobs(running, limit=case.MOST_JOBS)).items]
        ids = list(dict.fromkeys(job.id for job in every if job.status is JobStatus.RUNNING))
        found = await store.find_stuck_jobs(ids, at=self._at)
        stuck = [job_id for job_id in ids if job_id in found]
        explained = stuck[: case.MOST_STUCK_VERDICTS]
        verdicts = [await store.get_stuck_verdict(job_id, at=self._at) for job_id in explained]
        return tuple(case.StuckJob(id=job_id, verdict=verdict) for job_id, verdict in zip_longest(stuck, verdicts))

    async def costs(self) -> tuple[case.StatusCosts, ...]:
        """Return count and cost of the user's newest jobs by project and status, largest count first."""
        asked = Query(_COSTS, _make_costs, {"user_id": self._user.id, "rows": case.MOST_COUNTED})
        return tuple(await self._store.actor_database.read(asked))

    async def archived(self) -> tuple[case.StatusCosts, ...]:
        """Return nothing if the database has no archive."""
        missing = await self._store.actor_database.missing(Capability.MIGRATED)
        if missing and isinstance(missing.refusal, SchemaMissing):
            return ()
        asked = Query(_ARCHIVED_COSTS, _make_costs, {"user_id": self._user.id, "rows": case.MOST_COUNTED})
        return tuple(await self._store.actor_database.read(asked, needs=Capability.MIGRATED))

    async def subject(self) -> case.CaseJob | None:
        store, job_id = self._store, self._job_id
        if job_id is None:
            return None
        job = next((one for one in self.jobs if one.id == job_id), None)
        asset: Asset | None = None
        if job is not None and job.input_asset_id is not None:
            asset = await self.part("input asset", self._asset(job.input_asset_id))
        archived = await self.part("archive", archived_of(store, job_id)) or ()
        is_running = job is not None and job.status is JobStatus.RUNNING
        return case.CaseJob(
            links=await store.get_job_links(job_id),
            archived_at=archived[0].archived_at if archived else None,
            stuck=await store.get_stuck_verdict(job_id, at=self._at) if is_running else None,
            asset=asset,
        )

    async def _asset(self, asset_id: UUID) -> Asset | None:
        await self._store.actor_database.require(Capability.ASSETS)
        return await self._store.get_asset(asset_id)

    async def visibility(self) -> case.CaseVisibility:
        await _require_acting(self._store)
        found = await self._store.acting_as(self._user).compare_visibility(RowWindowQuery(after=case.MOST_JOBS))
        return case.CaseVisibility(
            seen=found.seen,
            everything=found.everything,
            compared=len(found.window.jobs),
            hidden=tuple(
                case.HiddenJob(id=job.id, user_id=job.user_id, status=job.status, created_at=job.created_at)
                for job in found.window.jobs
                if job.id in found.hidden
            ),
            rules=found.rules,
            partial_claims=found.partial_claims,
        )

    async def projects(self, costs: Sequence[case.StatusCosts]) -> tuple[case.CaseProject, ...]:
        """Return the job's project, then projects by how many of the user's jobs they have, then the others."""
        store = self._store
        await store.actor_database.require(Capability.PROJECTS)
        of_job = [job.project_id for job in self.jobs if job.id == self._job_id]
        newest = Query(_THEIRS, first_column, {"user_id": self._user.id, "rows": case.MOST_PROJECTS})
        theirs = await store.actor_database.read(newest, needs=Capability.PROJECTS)
        ids = list(dict.fromkeys([*of_job, *(one.project_id for one in costs), *theirs]))[: case.MOST_PROJECTS]
        named = Query(_NAMED, make_project_name, {"ids": ids})
        readable = {one.id: one for one in await store.actor_database.read(named, needs=Capability.PROJECTS)}
        seen: frozenset[UUID] | None = None
        with suppress(NoPrivilege, SchemaMissing):
            await _require_acting(store)
            acting = store.acting_as(self._user).actor_database
            seen = frozenset(one.id for one in await acting.read(named, needs=Capability.PROJECTS))
        return tuple(
            case.CaseProject(
                id=project_id,
                name=readable[project_id].name,
                user_id=readable[project_id].user_id,
                is_seen=None if seen is None else project_id in seen,
            )
            for project_id in ids
            if project_id in readable
        )

    async def timelines(self) -> tuple[JobHistory, ...]:
        """Read the events of the case's job first, then of failed and running jobs, then of the others that have not
        succeeded.
        """
        others = [job for job in self.jobs if job.status is not JobStatus.SUCCEEDED and job.id != self._job_id]
        others.sort(key=lambda job: job.status not in (JobStatus.FAILED, JobStatus.RUNNING))
        chosen = [*([self._job_id] if self._job_id else []), *(job.id for job in others)][: case.MOST_TIMELINES]
        return tuple([await self._store.get_job_history(one, limit=case.MOST_EVENTS, at=self._at) for one in chosen])

    async def budgets(self, projects: Sequence[case.CaseProject]) -> tuple[Budget, ...]:
        store, at = self._store, self._at
        await store.actor_database.require(Capability.MIGRATED)
        found = {one.id: one for one in await store.get_budgets(user_id=self._user.id, limit=case.MOST_BUDGETS, at=at)}
        for project in projects:
            if len(found) >= case.MOST_BUDGETS:
                break
            found.update((one.id, one) for one in await store.get_budgets(project.id, limit=case.MOST_BUDGETS, at=at))
        return tuple(sorted(found.values(), key=lambda one: one.left_cents))[: case.MOST_BUDGETS]

    async def workers(self) -> case.CaseWorkers:
        await self._store.actor_database.require(Capability.MIGRATED)
        overview = await self._store.get_workers_overview(limit=_MOST_WORKERS, at=self._at)
        theirs = {job.id for job in self.jobs}
        held = tuple(one for one in overview.held if one.job_id in theirs)
        owners = {one.owner for one in held}
        alive = [one for one in overview.workers if one.is_alive]
        queued = {job.mode for job in self.jobs if job.status is JobStatus.QUEUED}
        accepted = (
            queued if any(one.modes is None for one in alive) else {mode for one in alive for mode in one.modes or ()}
        )
        return case.CaseWorkers(
            alive=len(alive),
            unserved_modes=tuple(sorted(queued - accepted)) if alive else (),
            known=len(overview.workers),
            holders=tuple(one for one in overview.workers if one.id in owners),
            held=held,
        )

    async def findings(self, label: str) -> tuple[Finding, ...]:
        """Return the faults of the database, and what the doctor says about the user."""
        store = self._store
        if store.actor != OPERATOR:
            raise NoPrivilege("Only the operator examines the database.")
        may_act = await store.actor_database.has(Capability.ACTING)
        further = [partial(jobs_visible_to, actor=self._user)] if may_act else []
        found = await examine(store.database, label=label, further=further)
        return tuple(one for one in found.findings if one.is_fault or one.name == "seen-by")
