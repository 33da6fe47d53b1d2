"""JobStore: the calls of `Store` that read and write jobs."""

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from gjobs.store import validation
from gjobs.store.actor_database import ActorDatabase
from gjobs.store.capabilities.capability import Capability
from gjobs.store.capabilities.probe import CapabilityCache
from gjobs.store.database import query
from gjobs.store.database.database import Database
from gjobs.store.database.query import ChangedRows, Query
from gjobs.store.database.transactions import WriteTransaction
from gjobs.store.errors import Conflict, InvalidValue, NoPrivilege, RowMissing
from gjobs.store.filters.filter_terms import NO_FILTER, JobFilter
from gjobs.store.job_list import read_listing
from gjobs.store.job_list.list_query import ListQuery, RowWindow, RowWindowQuery
from gjobs.store.job_list.list_sql import access_path, page, paged
from gjobs.store.jobs import job_sql
from gjobs.store.jobs.job import AnyStatus, GenerationJob, JobStatus, Project, parse_status
from gjobs.store.jobs.job_results import (
    MOST_EVENTS,
    NO_LINKS,
    AlreadyRetried,
    Applied,
    Deleted,
    DeletionOutcome,
    JobHistory,
    Missing,
    Moved,
    Page,
    PageKey,
    Refused,
    Retried,
    RetryLinks,
    RetryOutcome,
    StuckVerdict,
    TransitionOutcome,
    job_history,
)
from gjobs.store.jobs.job_sql import JobStatements, Rewritten
from gjobs.store.journal.write_record import ResolvedWrite, UnconfirmedWrite, WriteRecord
from gjobs.store.projects import project_sql
from gjobs.store.users.actor import OPERATOR, Actor
from gjobs.store.validation import UNSET, Unset, changed_columns, check_member
from gjobs.store.values.formats import NO_ID
from gjobs.store.values.page_sizes import PAGE_SIZE

ATTEMPTS = 2
"""Attempts at a transition. A job may change to the right status just after it was found in a wrong one."""


class JobStore:
    """The base class of `Store`, which callers use: jobs as one actor sees and changes them."""

    def __init__(
        self, database: Database, actor: Actor = OPERATOR, capability_cache: CapabilityCache | None = None
    ) -> None:
        self.database = database
        self.actor = actor
        self.capability_cache = (capability_cache or CapabilityCache(database)).for_actor(actor)
        """The capabilities of the database. All stores made from this one share the cache."""
        self.actor_database = ActorDatabase(database, actor, self.capability_cache)
        """Runs queries as this store's actor. Code beside the store uses it, too."""
        self._listed_rows = ChangedRows()

    async def get_generation_jobs(self, *, limit: int = PAGE_SIZE, after: PageKey | None = None) -> Page[GenerationJob]:
        """Return all jobs that the actor sees."""
        return await self.find_jobs(limit=limit, after=after)

    async def get_project_jobs(
        self,
        project_id: UUID,
        *,
        status: JobStatus | str | None = None,
        limit: int = PAGE_SIZE,
        after: PageKey | None = None,
    ) -> Page[GenerationJob]:
        """Return the jobs of a project. The page is empty for a missing project."""
        return await self.find_jobs(project_id=project_id, status=status, limit=limit, after=after)

    async def get_jobs_by_status(
        self, status: JobStatus | str, *, limit: int = PAGE_SIZE, after: PageKey | None = None
    ) -> Page[GenerationJob]:
        return await self.find_jobs(status=status, limit=limit, after=after)

    async def find_jobs(
        self,
        job_filter: JobFilter = NO_FILTER,
        *,
        project_id: UUID | None = None,
        status: JobStatus | str | None = None,
        limit: int = PAGE_SIZE,
        after: PageKey | None = None,
    ) -> Page[GenerationJob]:
        """Return the jobs that match the filter and the other arguments; see `gjobs.store.filters.parse`.

        Raises NoPrivilege if the filter names a project or a user by a name that the actor may not read.
        """
        known = None if status is None else parse_status(status)
        listed = ListQuery(project_id=project_id, status=known, job_filter=job_filter)
        return paged(await self.actor_database.read(await self._page_query(listed, limit, after)), limit)

    async def get_page_with_names(
        self, listed: ListQuery, *, limit: int, after: PageKey | None = None
    ) -> tuple[Page[GenerationJob], Mapping[UUID, str]]:
        """Return a page, newest first, and the names of its projects. Raises as `find_jobs` does.

        If project names can't be read, each project is named by the start of its id.
        """
        if listed == ListQuery() and await self.actor_database.has(Capability.PROJECTS):
            # This reads the rows twice, which takes less time than another round trip.
            asked = await self._page_query(listed, limit, after)
            rows, names = await self.actor_database.read_together(asked, project_sql.names_beside(asked))
            return paged(rows, limit), dict(names)
        found = await self.find_jobs(
            listed.job_filter, project_id=listed.project_id, status=listed.status, limit=limit, after=after
        )
        return found, await self._names_of({job.project_id for job in found.items})

    async def _names_of(self, project_ids: Collection[UUID]) -> Mapping[UUID, str]:
        if project_ids and await self.actor_database.has(Capability.PROJECTS):
            return dict(await self.actor_database.read(project_sql.names_of(project_ids)))
        return {project_id: project_sql.short_name(project_id) for project_id in project_ids}

    async def get_window(self, query: RowWindowQuery) -> RowWindow:
        """Return the rows around a position in a list. Raises NoPrivilege as `find_jobs` does."""
        return await read_listing.read_window(self.actor_database, query)

    async def get_recent_jobs(self, limit: int = 10) -> Page[GenerationJob]:
        return await self.find_jobs(limit=limit)

    async def get_these_jobs(self, job_ids: Collection[UUID]) -> Sequence[GenerationJob]:
        """Return those of the jobs that exist and that the actor sees, in any order."""
        return await self.actor_database.read((await self.actor_database.job_statements()).these(job_ids))

    async def get_generation_job(self, job_id: UUID) -> GenerationJob | None:
        """Return the job, or None if it does not exist or the actor does not see it."""
        return next(iter(await self.get_these_jobs([job_id])), None)

    async def get_job_history(
        self, job_id: UUID, *, limit: int = MOST_EVENTS, at: datetime | None = None
    ) -> JobHistory:
        """Return the newest events of a job, even if it was deleted.

        `at` stands in for the current time; None means the server's clock. The history is empty for an unknown or
        hidden job. Raises SchemaMissing if no events are kept, and NoPrivilege if the actor may not read them.
        """
        most = validation.check_limit(limit)
        await self.actor_database.require(Capability.MIGRATED)
        found, started, (log_begins_at,), (now,) = await self.actor_database.read_together(
            job_sql.events_of(job_id, limit=most + 1),
            job_sql.first_start(job_id),
            job_sql.LOG_START,
            query.clock(at),
            needs=Capability.MIGRATED,
        )
        started_at = next(iter(started), None)
        return job_history(job_id, found, most=most, started_at=started_at, log_begins_at=log_begins_at, now=now)

    async def get_job_statuses(self, job_ids: Collection[UUID]) -> Mapping[UUID, AnyStatus]:
        """Return the status of each job that exists and that the actor sees."""
        return dict(await self.actor_database.read(job_sql.statuses(job_ids)))

    async def create_generation_job(
        self, *, project_id: UUID, mode: str, cost_cents: int = 0, input_asset_id: UUID | None = None
    ) -> GenerationJob:
        """Create a queued job that belongs to the project's owner.

        Raises InvalidValue naming the field, or RowMissing.
        """
        values = {
            "project_id": project_id,
            "mode": validation.check_name("mode", mode),
            "cost_cents": validation.check_cost_cents(cost_cents),
            "input_asset_id": input_asset_id,
        }
        async with self.actor_database.write_jobs(Capability.CREATING) as (transaction, statements):
            created = await transaction.run(statements.create(values))
            if len(created) == 1:
                transaction.record(WriteRecord(what="create job", after=tuple(created)))
                return created[0]
            if not await transaction.run(project_sql.by_id(project_id)):
                raise validation.no_project(project_id)
            if input_asset_id is not None and not await transaction.run(
                project_sql.one_of_project(input_asset_id, project_id)
            ):
                raise InvalidValue("input_asset_id", f"The project has no asset {input_asset_id}.")
            raise validation.not_stored("job")

    async def update_generation_job(
        self,
        job_id: UUID,
        *,
        mode: str | Unset = UNSET,
        cost_cents: int | Unset = UNSET,
        error: str | Unset | None = UNSET,
        input_asset_id: UUID | Unset | None = UNSET,
    ) -> GenerationJob:
        """Change the given columns, never status or owner. Raises InvalidValue naming the field, or RowMissing."""
        changes = changed_columns(mode=mode, cost_cents=cost_cents, error=error, input_asset_id=input_asset_id)
        async with self.actor_database.write_jobs(Capability.CHANGING) as (transaction, statements):
            changed = await transaction.run(statements.change(job_id, changes))
            if len(changed) == 1:
                ((before, after),) = changed
                what = f"change job: {', '.join(changes)}"
                transaction.record(WriteRecord(what=what, before=(before,), after=(after,)))
                return after
            found = await transaction.run(statements.these([job_id]))
            if not found:
                raise validation.no_jobs((job_id,))
            asset_id = changes.get("input_asset_id")
            if isinstance(asset_id, UUID) and not await transaction.run(
                project_sql.one_of_project(asset_id, found[0].project_id)
            ):
                raise InvalidValue("input_asset_id", f"The job's project has no asset {asset_id}.")
            raise validation.not_permitted(job_id)

    async def transition_job_status(
        self, job_id: UUID, new_status: JobStatus | str, error: str | None = None
    ) -> TransitionOutcome:
        """Change the status of a job. Of several callers, only one gets Applied. Without `error`, an earlier error
        stays.
        """
        (outcome,) = await self.transition_jobs([job_id], new_status, error)
        return outcome

    async def transition_jobs(
        self, job_ids: Sequence[UUID], new_status: JobStatus | str, error: str | None = None
    ) -> tuple[TransitionOutcome, ...]:
        """Change jobs in one transaction and return each outcome, in order.

        Jobs whose status does not permit the change stay as they are.
        """
        target = check_member(JobStatus, "status", new_status)
        text = None if error is None else validation.check_storable("error", error)
        async with self.actor_database.write_jobs(Capability.CHANGING) as (transaction, statements):
            moved: list[Rewritten] = []
            outcomes: dict[UUID, TransitionOutcome] = {}
            pending = list(job_ids)
            for _ in range(ATTEMPTS):
                queries: list[Query[Any]] = [statements.transition(pending, target, text)]
                if statements.has_starts:
                    # RETURNING does not see the events of its own statement.
                    queries.append(statements.these(pending))
                rewritten, *found = await transaction.run_together(*queries)
                present = {job.id: job for jobs in found for job in jobs}
                moved += [(before, present.get(after.id, after)) for before, after in rewritten]
                outcomes |= {after.id: Applied(job=after) for _, after in moved}
                left = await _present(transaction, statements, pending, outcomes)
                outcomes |= {job_id: Missing(job_id=job_id) for job_id, job in left.items() if job is None}
                outcomes |= {job.id: _refused(job) for job in left.values() if job and target not in job.status.allowed}
                pending = [job_id for job_id in pending if job_id not in outcomes]
                if not pending:
                    break
            else:
                raise validation.not_permitted(pending[0])
            if moved:
                before, after = zip(*moved, strict=True)
                what = f"transition {_jobs(len(moved))} to {target}"
                transaction.record(WriteRecord(what=what, before=before, after=after))
        return tuple(outcomes[job_id] for job_id in job_ids)

    async def retry_generation_jobs(self, job_ids: Sequence[UUID], *, again: bool = False) -> tuple[RetryOutcome, ...]:
        """Repeat failed jobs in one transaction and return each outcome, in order.

        A failed job stays as it is. The new job copies its owner, project, mode, asset and cost. A job that was already
        retried is skipped, unless `again` is set.
        """
        async with self.actor_database.write_jobs(Capability.RETRYING) as (transaction, statements):
            failed = await transaction.run(job_sql.lock(job_ids))
            # A separate statement sees what was committed while the lock was awaited.
            retried = {} if again else dict(await transaction.run(job_sql.retries_of(failed)))
            outcomes: dict[UUID, RetryOutcome] = {
                job_id: AlreadyRetried(job_id=job_id, repeated_by=by) for job_id, by in retried.items()
            }
            if new_ids := {job_id: uuid4() for job_id in failed if job_id not in outcomes}:
                made = {job.id: job for job in await transaction.run(statements.repeat(new_ids))}
                linked = await transaction.run(job_sql.insert_links(new_ids))
                if made.keys() != set(new_ids.values()) or set(linked) != made.keys():
                    raise validation.not_stored("job")
                what, after = f"retry {_jobs(len(made))}", tuple(made.values())
                transaction.record(WriteRecord(what=what, after=after, repeats=tuple(new_ids)))
                outcomes |= {job_id: Retried(job=made[new_id], repeats=job_id) for job_id, new_id in new_ids.items()}
            for job_id, job in (await _present(transaction, statements, job_ids, outcomes)).items():
                if job is not None and job.status is JobStatus.FAILED:
                    raise validation.not_permitted(job_id)
                outcomes[job_id] = Missing(job_id=job_id) if job is None else _refused(job)
        return tuple(outcomes[job_id] for job_id in job_ids)

    async def get_job_links(self, job_id: UUID) -> RetryLinks:
        """Return which job this one repeats and which jobs repeat it. Empty if the database records no links."""
        if not await self.actor_database.has(Capability.MIGRATED):
            return NO_LINKS
        origin, retries = await self.actor_database.read_together(
            job_sql.retried_job(job_id), job_sql.retries_of([job_id])
        )
        return RetryLinks(repeats=next(iter(origin), None), repeated_by=tuple(retry for _, retry in retries))

    async def get_retried_jobs(self, job_ids: Collection[UUID]) -> frozenset[UUID]:
        """Return those of the jobs that were already retried. Empty if the database records no links."""
        if not job_ids or not await self.actor_database.has(Capability.MIGRATED):
            return frozenset()
        return frozenset(await self.actor_database.read(job_sql.retried_among(job_ids)))

    async def get_stuck_verdict(self, job_id: UUID, *, at: datetime | None = None) -> StuckVerdict | None:
        """Return whether a running job is stuck, by the server's clock or at a given time.

        None if the job is missing or not running.
        """
        from_usual_duration = await self.actor_database.knows_usual_durations()
        found = await self.actor_database.read(job_sql.verdict(job_id, at=at, from_usual_duration=from_usual_duration))
        return found[0] if found else None

    async def find_stuck_jobs(self, job_ids: Collection[UUID], *, at: datetime | None = None) -> frozenset[UUID]:
        """Return those of the jobs that are stuck, by the server's clock or at a given time."""
        knows_usual_durations = await self.actor_database.knows_usual_durations()
        found = await self.actor_database.read(
            job_sql.stuck_among(job_ids, at=at, knows_usual_durations=knows_usual_durations)
        )
        return frozenset(found)

    async def delete_generation_job(self, job_id: UUID) -> bool:
        """Delete a job. Return whether it existed and the actor could delete it."""
        try:
            await self.delete_generation_jobs({job_id: None})
        except RowMissing:
            return False
        return True

    async def delete_generation_jobs(self, expected: Mapping[UUID, AnyStatus | None]) -> tuple[GenerationJob, ...]:
        """Delete all of the jobs, or none, and return them as they were.

        Each job must have its expected status; None accepts any. Raises RowMissing with the ids that do not exist.
        Raises Conflict if a job has another status by now, or if rows of another table refer to a job.
        """
        async with self._deleting() as (transaction, statements):
            outcomes = await _delete(transaction, statements, expected)
            if missing := [job_id for job_id in expected if isinstance(outcomes[job_id], Missing)]:
                raise validation.no_jobs(missing)
            for job_id, outcome in outcomes.items():
                if isinstance(outcome, Moved):
                    raise Conflict(
                        f"Job {job_id} is now {outcome.job.status}, not {expected[job_id]}. Nothing was deleted.",
                        hint="Check the job, then try again.",
                    )
            return tuple(outcome.job for outcome in outcomes.values() if isinstance(outcome, Deleted))

    async def delete_jobs_as_seen(self, expected: Mapping[UUID, AnyStatus | None]) -> tuple[DeletionOutcome, ...]:
        """Delete jobs in one transaction and return each outcome, in order.

        Jobs in another status than expected stay. Raises Conflict and deletes nothing if rows of another table refer to
        a job.
        """
        async with self._deleting() as (transaction, statements):
            outcomes = await _delete(transaction, statements, expected)
        return tuple(outcomes[job_id] for job_id in expected)

    @asynccontextmanager
    async def _deleting(self) -> AsyncIterator[tuple[WriteTransaction, JobStatements]]:
        try:
            async with self.actor_database.write_jobs(Capability.DELETING) as writing:
                yield writing
        except InvalidValue as error:
            # A deletion stores no value, so only a foreign key can cause this error.
            raise validation.referred_to(error.sqlstate) from error

    async def restore_generation_jobs(self, deleted: Sequence[GenerationJob]) -> tuple[GenerationJob, ...]:
        """Restore all of the deleted jobs with all their values, or none.

        Rows that the database deleted along with them in other tables are not restored. Raises Conflict if an id is
        taken, or if an owner, project or asset no longer exists.
        """
        try:
            async with self.actor_database.write_jobs(Capability.CREATING) as (transaction, statements):
                restored = tuple(await transaction.run(statements.restore(deleted)))
                ids = {job.id for job in restored}
                if taken := [job.id for job in deleted if job.id not in ids]:
                    raise validation.id_taken(taken[0])
                transaction.record(WriteRecord(what=f"restore {_jobs(len(restored))}", after=restored))
                return restored
        except InvalidValue as error:
            raise validation.not_restorable(error) from error
        except NoPrivilege as error:
            # Policies may check the project before its foreign key does.
            if any([await self.get_project(project_id) is None for project_id in {job.project_id for job in deleted}]):
                raise validation.not_restored("project") from error
            raise

    async def get_project(self, project_id: UUID) -> Project | None:
        """Return the project, or None if it does not exist or the actor does not see it."""
        has_projects = project_id != NO_ID and await self.actor_database.has(Capability.PROJECTS)
        found = await self.actor_database.read(project_sql.by_id(project_id, has_projects=has_projects))
        return found[0] if found else None

    async def get_cascading_tables(self) -> Sequence[str]:
        """Return the tables whose rows the database deletes or unlinks along with a job. Restoring a job does not undo
        that.
        """
        return await self.database.read(self.actor, job_sql.CASCADING_TABLES)

    async def resolve_write(self, write: UnconfirmedWrite) -> ResolvedWrite | None:
        """Return the outcome of an unconfirmed write of this actor. None if the database is still working on it."""
        outcome = await self.database.outcome_of(self.actor, write)
        if outcome is None:
            return None
        present = await self.database.read(
            self.actor, (await self.actor_database.job_statements()).these(write.written.ids)
        )
        return ResolvedWrite(outcome=outcome, jobs=tuple(present))

    async def _page_query(self, listed: ListQuery, limit: int, after: PageKey | None) -> Query[GenerationJob]:
        most = validation.check_limit(limit)
        return page(listed, await access_path(self.actor_database, listed), after=after, limit=most)


async def _present(
    transaction: WriteTransaction, statements: JobStatements, job_ids: Collection[UUID], outcomes: Mapping[UUID, object]
) -> Mapping[UUID, GenerationJob | None]:
    """Return the jobs that have no outcome yet, as they are now. None for a missing one."""
    left = [job_id for job_id in job_ids if job_id not in outcomes]
    present = {job.id: job for job in await transaction.run(statements.these(left))} if left else {}
    return {job_id: present.get(job_id) for job_id in left}


def _refused(job: GenerationJob) -> Refused:
    return Refused(current=job.status, allowed=job.status.allowed, job=job)


async def _delete(
    transaction: WriteTransaction, statements: JobStatements, expected: Mapping[UUID, AnyStatus | None]
) -> Mapping[UUID, DeletionOutcome]:
    """Delete jobs and return each outcome. Jobs in another status than expected stay; None accepts any."""
    deleted = await transaction.run(statements.remove(expected))
    outcomes: dict[UUID, DeletionOutcome] = {job.id: Deleted(job=job) for job in deleted}
    for job_id, job in (await _present(transaction, statements, expected, outcomes)).items():
        if job is not None and expected[job_id] in (None, job.status):
            raise validation.not_permitted(job_id)
        outcomes[job_id] = Missing(job_id=job_id) if job is None else Moved(job=job)
    if deleted:
        transaction.record(WriteRecord(what=f"delete {_jobs(len(deleted))}", before=tuple(deleted)))
    return outcomes


def _jobs(number: int) -> str:
    return "job" if number == 1 else f"{number} jobs"
