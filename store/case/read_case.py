"""Reads a case. Every part is bounded, read-only, and read with the reader's own rights."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from functools import partial
from typing import TypeVar
from uuid import UUID

from gjobs.store.budgets.budget import Budget
from gjobs.store.capabilities.capability import Capability
from gjobs.store.case import case_sql
from gjobs.store.case.case import (
    EMAIL,
    FAILURE_WINDOW,
    MOST_BUDGETS,
    MOST_COUNTED,
    MOST_EVENTS,
    MOST_JOBS,
    MOST_PROJECTS,
    MOST_STUCK_VERDICTS,
    MOST_TIMELINES,
    RECENT,
    Case,
    CaseJob,
    CasePerson,
    CaseProject,
    CaseVisibility,
    CaseWorkers,
    HiddenJob,
    StatusCosts,
    StuckJob,
    UnreadPart,
)
from gjobs.store.case.person import archived_of
from gjobs.store.database import query
from gjobs.store.doctor.examine import examine
from gjobs.store.doctor.findings import Finding
from gjobs.store.doctor.server_checks import jobs_visible_to
from gjobs.store.error_groups.error_group import ErrorGroups, ErrorScope
from gjobs.store.errors import NoPrivilege, SchemaMissing, TimedOut
from gjobs.store.filters.filter_terms import Key, Term
from gjobs.store.filters.job_filter import JobFilter
from gjobs.store.job_list.list_query import RowWindowQuery
from gjobs.store.jobs.job import GenerationJob, JobStatus
from gjobs.store.jobs.job_history import JobHistory
from gjobs.store.jobs.job_results import CappedCount
from gjobs.store.projects.project import Asset
from gjobs.store.store import Store
from gjobs.store.users.actor import OPERATOR, ActingUser, actor_name

T = TypeVar("T")
Report = Callable[[str], object]
"""Takes the name of the part that is read next."""

STEPS = ("jobs", "failures", "visibility", "timelines", "budgets", "workers", "doctor findings")
"""The parts that are reported, in order."""
_MOST_WORKERS = 500


class _Parts:
    """Reads parts, reports each step, and collects why parts could not be read."""

    def __init__(self, report: Report) -> None:
        self.unread: list[UnreadPart] = []
        self._report = report

    async def __call__(self, name: str, reading: Awaitable[T]) -> T | None:
        """Return None if the part can't be read."""
        if name in STEPS:
            self._report(name)
        try:
            return await reading
        except (NoPrivilege, SchemaMissing, TimedOut) as error:
            self.unread.append(UnreadPart(part=name, reason=error.message))
            return None


async def read_case(
    store: Store,
    person: CasePerson,
    *,
    label: str,
    settings: Sequence[tuple[str, str]] = (),
    at: datetime | None = None,
    report: Report = lambda _: None,
) -> Case:
    """Read the case of a user, or of the job that `person` names. The store's actor is the reader.

    `label` names the database in findings. `at` stands in for the server's clock. Raises a StoreError if the jobs can't
    be read. Any other part that can't be read is left out, with the reason.
    """
    (taken_at,) = await store.actor_database.read(query.clock(at))
    report("jobs")
    jobs, part = await _jobs(store, person), _Parts(report)
    if person.user.email is None:
        await part(EMAIL, _require(store, Capability.USERS))
    costs = await part("costs", _read_costs(store, person.user.id)) or ()
    projects = await part("projects", _projects(store, person, costs, jobs)) or ()
    return Case(
        taken_at=taken_at,
        reader=actor_name(store.actor),
        user=person.user,
        job_id=person.job_id,
        subject=await _subject(part, store, person.job_id, jobs, at),
        jobs=jobs,
        stuck=await part("stuck jobs", _stuck(store, person, jobs, at)) or (),
        costs=costs,
        are_costs_capped=sum(one.count for one in costs) >= MOST_COUNTED,
        archived=await part("archived jobs", _archived(store, person.user.id)) or (),
        failures=await part("failures", _failures(store, person.user.id, at)),
        recent_failures=await part("recent failures", _recent_failures(store, person.user.id, at)),
        visibility=await part("visibility", _visibility(store, person)),
        projects=projects,
        timelines=await part("timelines", _timelines(store, person, jobs, at)) or (),
        budgets=await part("budgets", _budgets(store, person.user.id, projects, at)),
        workers=await part("workers", _workers(store, jobs, at)),
        findings=await part("doctor findings", _findings(store, person, label)),
        settings=tuple(settings),
        # Evaluated last, because reading each part above may add to `unread`.
        unread=tuple(part.unread),
    )


async def _jobs(store: Store, person: CasePerson) -> tuple[GenerationJob, ...]:
    """Return the job of the case, which may be archived, followed by the user's newest jobs."""
    listed = (await store.find_jobs(_of_user(person.user.id), limit=MOST_JOBS)).items
    if person.job_id is None:
        return tuple(listed)
    first = await store.get_these_jobs([person.job_id]) or [one.job for one in await archived_of(store, person.job_id)]
    return (*first, *(job for job in listed if job.id != person.job_id))


def _of_user(user_id: UUID) -> JobFilter:
    return JobFilter(terms=(Term(key=Key.USER, values=(str(user_id),)),))


async def _failures(store: Store, user_id: UUID, at: datetime | None) -> ErrorGroups:
    return await store.get_error_groups(ErrorScope(job_filter=_of_user(user_id), window=FAILURE_WINDOW), at=at)


async def _recent_failures(store: Store, user_id: UUID, at: datetime | None) -> CappedCount:
    found = await store.get_error_groups(ErrorScope(job_filter=_of_user(user_id), window=RECENT), at=at)
    return CappedCount(number=found.failures, is_more=not found.complete)


async def _stuck(
    store: Store, person: CasePerson, jobs: Sequence[GenerationJob], at: datetime | None
) -> tuple[StuckJob, ...]:
    """Return the stuck jobs of the user. Search all running jobs, too: a job stuck for long may not be among the
    newest.
    """
    is_running = Term(key=Key.STATUS, values=(JobStatus.RUNNING.value,))
    running = JobFilter(terms=(*_of_user(person.user.id).terms, is_running))
    every = [*jobs, *(await store.find_jobs(running, limit=MOST_JOBS)).items]
    ids = list(dict.fromkeys(job.id for job in every if job.status is JobStatus.RUNNING))
    found = await store.find_stuck_jobs(ids, at=at)
    stuck = [job_id for job_id in ids if job_id in found]
    explained, others = stuck[:MOST_STUCK_VERDICTS], stuck[MOST_STUCK_VERDICTS:]
    return (
        *[StuckJob(id=job_id, verdict=await store.get_stuck_verdict(job_id, at=at)) for job_id in explained],
        *(StuckJob(id=job_id, verdict=None) for job_id in others),
    )


async def _read_costs(store: Store, user_id: UUID) -> tuple[StatusCosts, ...]:
    return tuple(await store.actor_database.read(case_sql.costs_of_user(user_id, most=MOST_COUNTED)))


async def _archived(store: Store, user_id: UUID) -> tuple[StatusCosts, ...]:
    """Return nothing if the database has no archive."""
    missing = await store.actor_database.missing(Capability.ARCHIVE)
    if missing and isinstance(missing.refusal, SchemaMissing):
        return ()
    asked = case_sql.archived_of_user(user_id, most=MOST_COUNTED)
    return tuple(await store.actor_database.read(asked, needs=Capability.ARCHIVE))


async def _subject(
    part: _Parts, store: Store, job_id: UUID | None, jobs: Sequence[GenerationJob], at: datetime | None
) -> CaseJob | None:
    if job_id is None:
        return None
    job = next((one for one in jobs if one.id == job_id), None)
    asset: Asset | None = None
    if job is not None and job.input_asset_id is not None:
        asset = await part("input asset", _asset(store, job.input_asset_id))
    archived = await part("archive", archived_of(store, job_id)) or ()
    is_running = job is not None and job.status is JobStatus.RUNNING
    return CaseJob(
        links=await store.get_job_links(job_id),
        archived_at=archived[0].archived_at if archived else None,
        stuck=await store.get_stuck_verdict(job_id, at=at) if is_running else None,
        asset=asset,
    )


async def _asset(store: Store, asset_id: UUID) -> Asset | None:
    await _require(store, Capability.ASSETS)
    return await store.get_asset(asset_id)


async def _visibility(store: Store, person: CasePerson) -> CaseVisibility:
    await _require_acting(store)
    acting = store.acting_as(ActingUser(id=person.user.id, email=person.user.email))
    found = await acting.compare_visibility(RowWindowQuery(after=MOST_JOBS))
    return CaseVisibility(
        seen=found.seen,
        everything=found.everything,
        compared=len(found.window.jobs),
        hidden=tuple(
            HiddenJob(id=job.id, user_id=job.user_id, status=job.status, created_at=job.created_at)
            for job in found.window.jobs
            if job.id in found.hidden
        ),
        rules=found.rules,
        partial_claims=found.partial_claims,
    )


async def _require_acting(store: Store) -> None:
    """Raise NoPrivilege or SchemaMissing unless the reader may look at the database as a user."""
    if store.actor != OPERATOR:
        raise NoPrivilege("Only the operator compares what a user sees with what exists.")
    await _require(store, Capability.ACTING)


async def _require(store: Store, capability: Capability) -> None:
    """Raise the refusal if the capability is missing, before the server would reject the query."""
    if missing := await store.actor_database.missing(capability):
        raise missing.refusal


async def _projects(
    store: Store, person: CasePerson, costs: Sequence[StatusCosts], jobs: Sequence[GenerationJob]
) -> tuple[CaseProject, ...]:
    """Return the job's project, then projects by how many of the user's jobs they have, then the others."""
    await _require(store, Capability.PROJECTS)
    of_job = [job.project_id for job in jobs if job.id == person.job_id]
    theirs = await store.actor_database.read(
        case_sql.newest_projects_of(person.user.id, limit=MOST_PROJECTS), needs=Capability.PROJECTS
    )
    ids = list(dict.fromkeys([*of_job, *(one.project_id for one in costs), *theirs]))[:MOST_PROJECTS]
    named = case_sql.named_projects(ids)
    readable = {one.id: one for one in await store.actor_database.read(named, needs=Capability.PROJECTS)}
    seen: frozenset[UUID] | None = None
    try:
        await _require_acting(store)
        acting = store.acting_as(ActingUser(id=person.user.id, email=person.user.email))
        seen = frozenset(one.id for one in await acting.actor_database.read(named, needs=Capability.PROJECTS))
    except (NoPrivilege, SchemaMissing):
        pass
    return tuple(
        CaseProject(
            id=project_id,
            name=readable[project_id].name,
            user_id=readable[project_id].user_id,
            is_seen=None if seen is None else project_id in seen,
        )
        for project_id in ids
        if project_id in readable
    )


async def _timelines(
    store: Store, person: CasePerson, jobs: Sequence[GenerationJob], at: datetime | None
) -> tuple[JobHistory, ...]:
    """Read the events of the case's job first, then of failed and running jobs, then of the others that have not
    succeeded.
    """
    others = [job for job in jobs if job.status is not JobStatus.SUCCEEDED and job.id != person.job_id]
    others.sort(key=lambda job: job.status not in (JobStatus.FAILED, JobStatus.RUNNING))
    chosen = [*([person.job_id] if person.job_id else []), *(job.id for job in others)][:MOST_TIMELINES]
    return tuple([await store.get_job_history(job_id, limit=MOST_EVENTS, at=at) for job_id in chosen])


async def _budgets(
    store: Store, user_id: UUID, projects: Sequence[CaseProject], at: datetime | None
) -> tuple[Budget, ...]:
    await _require(store, Capability.BUDGETS)
    found = {one.id: one for one in await store.get_budgets(user_id=user_id, limit=MOST_BUDGETS, at=at)}
    for project in projects:
        if len(found) >= MOST_BUDGETS:
            break
        found.update((one.id, one) for one in await store.get_budgets(project.id, limit=MOST_BUDGETS, at=at))
    return tuple(sorted(found.values(), key=lambda one: one.left_cents))[:MOST_BUDGETS]


async def _workers(store: Store, jobs: Sequence[GenerationJob], at: datetime | None) -> CaseWorkers:
    await _require(store, Capability.WORKERS)
    overview = await store.get_workers_overview(limit=_MOST_WORKERS, at=at)
    theirs = {job.id for job in jobs}
    held = tuple(one for one in overview.held if one.job_id in theirs)
    owners = {one.owner for one in held}
    alive = [one for one in overview.workers if one.is_alive]
    queued = {job.mode for job in jobs if job.status is JobStatus.QUEUED}
    accepted = (
        queued if any(one.modes is None for one in alive) else {mode for one in alive for mode in one.modes or ()}
    )
    return CaseWorkers(
        alive=len(alive),
        unserved_modes=tuple(sorted(queued - accepted)) if alive else (),
        known=len(overview.workers),
        holders=tuple(one for one in overview.workers if one.id in owners),
        held=held,
    )


async def _findings(store: Store, person: CasePerson, label: str) -> tuple[Finding, ...]:
    """Return the faults of the database, and what the doctor says about the user."""
    if store.actor != OPERATOR:
        raise NoPrivilege("Only the operator examines the database.")
    user = ActingUser(id=person.user.id, email=person.user.email)
    further = [partial(jobs_visible_to, actor=user)] if await store.actor_database.has(Capability.ACTING) else []
    found = await examine(store.database, label=label, further=further)
    return tuple(one for one in found.findings if one.is_fault or one.name == "seen-by")
