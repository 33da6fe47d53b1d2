"""Store: every library call, as one actor."""

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from types import TracebackType
from typing import Self
from uuid import UUID

from store import search, validation
from store import search as search_module
from store.actor_database import ActorDatabase
from store.budgets import budget_sql
from store.budgets.budget import Budget, Budgets, CheckedBudget, Period, named_for
from store.capabilities.capability import Capability, MissingCapability
from store.capabilities.probe import CapabilityCache
from store.database import query
from store.database.connection_url import parse
from store.database.database import Database
from store.database.transactions import WriteTransaction
from store.database.write_access import WriteAccess, WriteMode
from store.errors import InvalidValue, NoPrivilege, RowMissing
from store.filters.job_filter import NO_FILTER, JobFilter
from store.job_list import list_cost, read_listing
from store.job_list.list_cost import ListCost
from store.job_list.list_query import ListingQuery, ListQuery, RowWindowQuery
from store.job_list.list_sql import access_path, page, paged
from store.job_list.listing import Listing, RowWindow, VisibilityComparison
from store.jobs import history_sql, job_sql, job_writes
from store.jobs.job import AnyStatus, GenerationJob, JobStatus, parse_status
from store.jobs.job_history import MOST_EVENTS, JobHistory, job_history
from store.jobs.job_results import (
    NO_LINKS,
    DeletionOutcome,
    Page,
    PageKey,
    RetryLinks,
    RetryOutcome,
    StuckVerdict,
    TransitionOutcome,
)
from store.jobs.job_sql import JobStatements
from store.journal.write_record import ResolvedWrite, UnconfirmedWrite, WriteRecord
from store.leases import lease_sql
from store.leases.lease import WorkersOverview
from store.page_limits import FOUND_USERS, PAGE_SIZE
from store.projects import project_sql
from store.projects.project import Asset, Project, User
from store.search import IdMatches
from store.statistics import count_sql, statistics_sql
from store.statistics.exact_totals import Report, count_totals_exactly
from store.statistics.statistics import DAY, JobStatistics, JobSummary, JobTimings
from store.statistics.totals import Totals, TotalsQuery
from store.statistics.totals_counter import TotalsCounter, count_capabilities
from store.users.actor import OPERATOR, ActingUser, Actor
from store.users.user_sql import FoundUser
from store.validation import UNSET, Unset, changed_columns
from store.watch.watch import Cursor, Watch
from store.watch.watch_readers import ObservedWatch, RecordedWatch


class Store:
    """Generation jobs, as one actor sees and changes them.

    Every method may raise a StoreError; see `store.errors` for what can go wrong. Lists are newest first.
    """

    def __init__(
        self, database: Database, actor: Actor = OPERATOR, capability_cache: CapabilityCache | None = None
    ) -> None:
        self.database = database
        self.actor = actor
        self.capability_cache = (capability_cache or CapabilityCache(database)).for_actor(actor)
        """What the database offers, which all stores made from this one share."""
        self.actor_database = ActorDatabase(database, actor, self.capability_cache)
        """By which the rooms beside this one ask, with the same eyes."""
        self._counting = TotalsCounter(database, actor)

    @classmethod
    def connect(cls, url: str, *, read_only: bool = False) -> Self:
        """The operator's store on a database by its libpq URI or parameters. Connects when first used."""
        return cls(Database(parse(url), access=WriteAccess(WriteMode.CLOSED if read_only else WriteMode.OPEN)))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Closes the connections, which all stores made from this one share."""
        await self.database.close()

    def acting_as(self, actor: Actor) -> Self:
        """The same database with other eyes."""
        return type(self)(self.database, actor, self.capability_cache)

    async def acting_as_user(self, email_or_id: str) -> Self:
        """The same database with a user's eyes. Raises as `get_user` does."""
        return self.acting_as(await self.find_actor(email_or_id))

    # Jobs

    async def get_generation_jobs(self, *, limit: int = PAGE_SIZE, after: PageKey | None = None) -> Page[GenerationJob]:
        """All jobs that the actor sees."""
        return await self._page(limit=limit, after=after)

    async def get_project_jobs(
        self,
        project_id: UUID,
        *,
        status: JobStatus | str | None = None,
        limit: int = PAGE_SIZE,
        after: PageKey | None = None,
    ) -> Page[GenerationJob]:
        """Empty for a project that is not there, too."""
        return await self._page(project_id=project_id, status=status, limit=limit, after=after)

    async def get_jobs_by_status(
        self, status: JobStatus | str, *, limit: int = PAGE_SIZE, after: PageKey | None = None
    ) -> Page[GenerationJob]:
        return await self._page(status=status, limit=limit, after=after)

    async def find_jobs(
        self,
        job_filter: JobFilter = NO_FILTER,
        *,
        project_id: UUID | None = None,
        status: JobStatus | str | None = None,
        limit: int = PAGE_SIZE,
        after: PageKey | None = None,
    ) -> Page[GenerationJob]:
        """Those that the filter, and what else is given, holds for; see `store.filters.parse`.

        Raises NoPrivilege where it names a project or a user by what the actor may not read.
        """
        return await self._page(project_id=project_id, status=status, limit=limit, after=after, job_filter=job_filter)

    async def get_window(self, query: RowWindowQuery) -> RowWindow:
        """Rows around a place in a list. Raises NoPrivilege as `find_jobs` does."""
        return await read_listing.read_window(self.actor_database, query)

    async def get_recent_jobs(self, limit: int = 10) -> Page[GenerationJob]:
        return await self._page(limit=limit)

    async def get_these_jobs(self, job_ids: Collection[UUID]) -> Sequence[GenerationJob]:
        """Those of the jobs that are there, and that the actor sees, in any order."""
        return await self.actor_database.read((await self.actor_database.job_statements()).these(job_ids))

    async def get_generation_job(self, job_id: UUID) -> GenerationJob | None:
        """None where there is no such job, or none that the actor sees."""
        found = await self.actor_database.read((await self.actor_database.job_statements()).one(job_id))
        return found[0] if found else None

    async def get_job_history(
        self, job_id: UUID, *, limit: int = MOST_EVENTS, at: datetime | None = None
    ) -> JobHistory:
        """What happened to a job, of a deleted one as well: its newest events. `at` is now; None: the server's clock.

        Empty where there was no such job, or none of the actor's. Raises SchemaMissing where no events are kept,
        NoPrivilege where they may not be read.
        """
        most = validation.check_limit(limit)
        if missing := await self.actor_database.missing(Capability.EVENTS):
            raise missing.refusal
        found, started, (now,) = await self.actor_database.read_together(
            history_sql.of_job(job_id, limit=most + 1),
            history_sql.started(job_id),
            query.clock(at),
            needs=Capability.EVENTS,
        )
        return job_history(job_id, found, most=most, started_at=next(iter(started), None), now=now)

    async def get_job_statuses(self, job_ids: Collection[UUID]) -> Mapping[UUID, AnyStatus]:
        """Of those jobs that are there, and that the actor sees."""
        return dict(await self.actor_database.read(job_sql.statuses(job_ids)))

    async def create_generation_job(
        self, *, project_id: UUID, mode: str, cost_cents: int = 0, input_asset_id: UUID | None = None
    ) -> GenerationJob:
        """A queued job, which belongs to the project's owner. Raises InvalidValue naming the field, or RowMissing."""
        text, cents = validation.check_mode(mode), validation.check_cost_cents(cost_cents)
        async with self.actor_database.write_jobs(Capability.CREATING) as (transaction, statements):
            return await job_writes.create(
                transaction,
                statements,
                project_id=project_id,
                mode=text,
                cost_cents=cents,
                input_asset_id=input_asset_id,
            )

    async def update_generation_job(
        self,
        job_id: UUID,
        *,
        mode: str | Unset = UNSET,
        cost_cents: int | Unset = UNSET,
        error: str | Unset | None = UNSET,
        input_asset_id: UUID | Unset | None = UNSET,
    ) -> GenerationJob:
        """Changes what is given, never status or owner. Raises InvalidValue naming the field, or RowMissing."""
        changes = changed_columns(mode=mode, cost_cents=cost_cents, error=error, input_asset_id=input_asset_id)
        async with self.actor_database.write_jobs(Capability.CHANGING) as (transaction, statements):
            return await job_writes.update_columns(transaction, statements, job_id, changes)

    async def transition_job_status(
        self, job_id: UUID, new_status: JobStatus | str, error: str | None = None
    ) -> TransitionOutcome:
        """Among any number of callers one gets Applied. An earlier error is kept where none is given."""
        (outcome,) = await self.transition_jobs([job_id], new_status, error)
        return outcome

    async def transition_jobs(
        self, job_ids: Sequence[UUID], new_status: JobStatus | str, error: str | None = None
    ) -> tuple[TransitionOutcome, ...]:
        """The outcome of each, in order, in one transaction: those that their status does not permit are left."""
        target = validation.check_status(new_status)
        text = None if error is None else validation.check_error_text(error)
        async with self.actor_database.write_jobs(Capability.CHANGING) as (transaction, statements):
            outcomes = await job_writes.transition(transaction, statements, job_ids, target, text)
        return tuple(outcomes[job_id] for job_id in job_ids)

    async def retry_generation_jobs(self, job_ids: Sequence[UUID], *, again: bool = False) -> tuple[RetryOutcome, ...]:
        """The outcome of each, in order, in one transaction: a failed job stays as it is, and a new one repeats it.

        The new one is its owner's, with its project, mode, asset and cost. What another job repeats by now is left,
        unless it is to be repeated `again`.
        """
        async with self.actor_database.write_jobs(Capability.RETRYING) as (transaction, statements):
            outcomes = await job_writes.retry_jobs_in(transaction, statements, job_ids, again=again)
        return tuple(outcomes[job_id] for job_id in job_ids)

    async def get_job_links(self, job_id: UUID) -> RetryLinks:
        """Which job it repeats, and which repeat it; empty where nothing says so."""
        if not await self.actor_database.has(Capability.RETRY_LINKS):
            return NO_LINKS
        origin, retries_of = await self.actor_database.read_together(
            job_sql.retried_job(job_id), job_sql.retries_of([job_id])
        )
        return RetryLinks(repeats=next(iter(origin), None), repeated_by=tuple(link.job_id for link in retries_of))

    async def get_stuck_verdict(self, job_id: UUID) -> StuckVerdict | None:
        """On whether a running job is stuck, by the server's clock; None of another one, or where there is none."""
        from_usual_duration = await self.actor_database.has(Capability.LEARNING)
        found = await self.actor_database.read(history_sql.verdict(job_id, from_usual_duration=from_usual_duration))
        return found[0] if found else None

    async def delete_generation_job(self, job_id: UUID) -> bool:
        """Whether there was such a job that the actor may delete."""
        try:
            await self.delete_generation_jobs({job_id: None})
        except RowMissing:
            return False
        return True

    async def delete_generation_jobs(self, expected: Mapping[UUID, AnyStatus | None]) -> tuple[GenerationJob, ...]:
        """All of the jobs, each in the status expected of it (None: in any), or none. Returns them as they were.

        Raises RowMissing with the ids that are not there, or Conflict where one is in another status by now or rows of
        another table refer to one.
        """
        async with self._deleting() as (transaction, statements):
            return validation.require_all_deleted(expected, await job_writes.delete(transaction, statements, expected))

    async def delete_jobs_as_seen(self, expected: Mapping[UUID, AnyStatus | None]) -> tuple[DeletionOutcome, ...]:
        """The outcome of each, in order, in one transaction: those in another status than expected are left.

        Raises Conflict, and deletes none, where rows of another table refer to one.
        """
        async with self._deleting() as (transaction, statements):
            outcomes = await job_writes.delete(transaction, statements, expected)
        return tuple(outcomes[job_id] for job_id in expected)

    @asynccontextmanager
    async def _deleting(self) -> AsyncIterator[tuple[WriteTransaction, JobStatements]]:
        try:
            async with self.actor_database.write_jobs(Capability.DELETING) as writing:
                yield writing
        except InvalidValue as error:
            # A deletion stores no value: it is a foreign key that refuses, at once or when it is committed.
            raise validation.referred_to(error.sqlstate) from error

    async def restore_generation_jobs(self, deleted: Sequence[GenerationJob]) -> tuple[GenerationJob, ...]:
        """Makes deleted jobs again, all of them with all that they held, or none.

        What the database deleted along with them in other tables stays gone. Raises Conflict where an id is taken, or
        the owner, project or asset of one is gone.
        """
        try:
            async with self.actor_database.write_jobs(Capability.CREATING) as (transaction, statements):
                return await job_writes.restore(transaction, statements, deleted)
        except InvalidValue as error:
            raise validation.not_restorable(error) from error
        except NoPrivilege as error:
            # Policies may ask for the project before its foreign key does.
            if any([await self.get_project(project_id) is None for project_id in {job.project_id for job in deleted}]):
                raise validation.not_restored("project") from error
            raise

    async def get_cascading_tables(self) -> Sequence[str]:
        """Tables whose rows the database deletes or unlinks along with a job; restoring it does not bring them back."""
        return await self.database.read(self.actor, job_sql.cascading_tables())

    async def resolve_write(self, write: UnconfirmedWrite) -> ResolvedWrite | None:
        """What became of a write of this actor's that was never confirmed; None while the database is about it."""
        outcome = await self.database.outcome_of(self.actor, write)
        if outcome is None:
            return None
        present = await self.database.read(
            self.actor, (await self.actor_database.job_statements()).these(write.written.ids)
        )
        return ResolvedWrite(outcome=outcome, jobs=tuple(present))

    # Statistics

    async def get_job_statistics(self, project_id: UUID | None = None) -> JobStatistics:
        """Of all jobs that the actor sees, or of those of a project."""
        by_status = (
            statistics_sql.by_status_from_rollups
            if await self.actor_database.has(Capability.ROLLUPS)
            else statistics_sql.by_status_from_jobs
        )
        rows = await self.actor_database.read(by_status(project_id))
        return statistics_sql.in_workflow_order(rows)

    async def get_total_costs(self, project_id: UUID | None = None) -> int:
        """In cents."""
        total_cost = (
            statistics_sql.total_cost_from_rollups
            if await self.actor_database.has(Capability.ROLLUPS)
            else statistics_sql.total_cost_from_jobs
        )
        (total,) = await self.actor_database.read(total_cost(project_id))
        return total

    async def get_job_summary(self, project_id: UUID | None = None, *, limit: int = PAGE_SIZE) -> Sequence[JobSummary]:
        """By user, project and status, the dearest first."""
        summary = (
            statistics_sql.summary_from_rollups
            if await self.actor_database.has(Capability.ROLLUPS)
            else statistics_sql.summary_from_jobs
        )
        return await self.actor_database.read(summary(project_id, limit=validation.check_limit(limit)))

    async def get_job_timings(
        self, project_id: UUID | None = None, *, window: timedelta = DAY, at: datetime | None = None
    ) -> JobTimings:
        """How well the work goes, up to `at`; None: until now, by the server's clock."""
        is_recorded = await self.actor_database.has(Capability.EVENTS)
        query = statistics_sql.timings_by_mode(project_id, window=window, at=at, is_recorded=is_recorded)
        return statistics_sql.make_job_timings(await self.actor_database.read(query), window=window)

    async def count_jobs(self, job_filter: JobFilter, *, most: int) -> int:
        """How many jobs the filter holds for, or `most`. Raises NoPrivilege as `find_jobs` does."""
        readable = await self.actor_database.readable_names(job_filter)
        (number,) = await self.actor_database.read(
            count_sql.count_matching_up_to(ListQuery(job_filter=job_filter), most=most, readable=readable)
        )
        return number

    async def watch(self, job_filter: JobFilter = NO_FILTER, *, after: Cursor | None = None) -> Watch:
        """What happens from now on, or since an earlier watch. Raises NoPrivilege as `find_jobs` does.

        Raises SchemaMissing where there is an earlier one and nothing is recorded.
        """
        readable = await self.actor_database.readable_names(job_filter)
        if (missing := await self.actor_database.missing(Capability.EVENTS)) is None:
            return RecordedWatch(self.database, self.actor, job_filter, readable=readable, after=after)
        if after is not None:
            raise missing.refusal
        return ObservedWatch(self.database, self.actor, job_filter, readable=readable, missing=missing)

    async def get_totals(self, query: TotalsQuery, *, at: datetime | None = None) -> Totals:
        """What is counted beside the lists. What would take too long is estimated, counted up to a cap, or left out.

        `at` is the time taken for now; None: the server's.
        """
        validation.check_days(query.days)
        offers = await count_capabilities(self.actor_database, query)
        async with self.actor_database.translating_refusals(Capability.JOBS):
            return await self._counting.count(query, offers, at=at)

    async def get_exact_totals(self, query: TotalsQuery, report: Report, *, at: datetime | None = None) -> Totals:
        """The same, each number exact, as of one moment, however many jobs there are.

        Raises TimedOut where that takes too long. To stop it, cancel it.
        """
        validation.check_days(query.days)
        offers = await count_capabilities(self.actor_database, query)
        async with self.actor_database.translating_refusals(Capability.JOBS):
            return await count_totals_exactly(self.database, self.actor, query, offers, at=at, report=report)

    async def get_listing(self, query: ListingQuery, *, at: datetime | None = None) -> Listing:
        """The rows that the dashboard shows, of one snapshot. `at` is the time taken for now; None: the server's."""
        return await read_listing.read_listing(self.actor_database, query, at=at)

    async def compare_visibility(self, window: RowWindowQuery) -> VisibilityComparison:
        """The operator's list of jobs, with those marked that this store's user does not see, and why.

        Of a project; without one the jobs that concern the user. Raises InvalidValue where the actor is no user.
        """
        return await read_listing.compare_visibility(self.actor_database, window)

    async def get_list_cost(self, query: ListQuery) -> ListCost | None:
        """What the planner takes the list's first rows to cost, without reading one, and the index that it lacks.

        None where the database does not plan for us. Raises NoPrivilege as `find_jobs` does.
        """
        return await list_cost.estimate_list_cost(self.actor_database, query)

    async def returns_quickly(self, query: ListQuery) -> bool:
        """Whether its first rows are there before it could be called dear, which is tried: with a user's eyes the
        planner knows nothing of how the user's jobs lie among all.

        Raises NoPrivilege as `find_jobs` does.
        """
        return await list_cost.returns_quickly(self.actor_database, query)

    async def slow_order_reason(self, query: ListQuery) -> MissingCapability | None:
        """Why the list had better not be read in its order here, and the index that would bring it.

        None where there is such an index, and where sorting all of it is cheap.
        """
        return await list_cost.slow_order_reason(self.actor_database, query)

    # Budgets

    async def get_budgets(
        self,
        project_id: UUID | None = None,
        *,
        user_id: UUID | None = None,
        limit: int = PAGE_SIZE,
        at: datetime | None = None,
    ) -> Budgets:
        """Those that the actor sees, with the least left first: all, those that a job of the project is charged to, or
        the user's.

        `at` is the time taken for now; None: the server's.
        """
        most, readable = validation.check_limit(limit), await self.actor_database.readable_beside_budgets()
        described = budget_sql.described(project_id, user_id=user_id, limit=most, readable=readable, at=at)
        found, (taken_at,) = await self.actor_database.read_together(
            described, query.clock(at), needs=Capability.BUDGETS
        )
        return Budgets(budgets=named_for(self.actor, found), taken_at=taken_at)

    async def check_budget(self, project_id: UUID, cost_cents: int) -> Sequence[CheckedBudget]:
        """Before a job is queued: each budget that it would be charged to, and whether that has room for it.

        None for a project without a budget, and for one that is not there.
        """
        query = budget_sql.check(project_id, validation.check_cost_cents(cost_cents))
        return await self.actor_database.read(query, needs=Capability.BUDGETS)

    async def set_budget(
        self,
        *,
        user_id: UUID | None = None,
        project_id: UUID | None = None,
        period: Period | str,
        limit_cents: int,
        warn_share: float | None = None,
        expected_budget: Budget | None = None,
    ) -> Budget:
        """Of the user or of the project; in place of the one that there may be. A limit below what is spent is allowed.

        `warn_share` None leaves it as it is. Raises InvalidValue naming the field, and Conflict where the budget is no
        longer `expected_budget`; None: whatever it is.
        """
        validation.check_one_subject(user_id, project_id)
        known, cents = validation.check_period(period), validation.check_limit_cents(limit_cents)
        share = None if warn_share is None else validation.check_warn_share(warn_share)
        readable = await self.actor_database.readable_beside_budgets()
        async with self.actor_database.write(Capability.SETTING_BUDGETS) as transaction:
            return await budget_sql.set_budget(
                transaction,
                user_id=user_id,
                project_id=project_id,
                period=known,
                limit_cents=cents,
                warn_share=share,
                expected_budget=expected_budget,
                readable=readable,
            )

    async def remove_budget(self, budget_id: UUID) -> Budget:
        """As it was. What was spent of it is forgotten. Raises RowMissing."""
        readable = await self.actor_database.readable_beside_budgets()
        async with self.actor_database.write(Capability.SETTING_BUDGETS) as transaction:
            return await budget_sql.remove_budget(transaction, budget_id, readable=readable)

    # Projects, assets, users

    async def get_projects(self, *, limit: int = PAGE_SIZE) -> Sequence[Project]:
        """Where they may not be read, those that have jobs, each named by the beginning of its id."""
        if not await self.actor_database.has(Capability.PROJECTS):
            listed = project_sql.projects
        else:
            listed = (
                project_sql.list_projects_from_rollups
                if await self.actor_database.has(Capability.ROLLUPS)
                else project_sql.list_projects
            )
        return await self.actor_database.read(listed(limit=validation.check_limit(limit)))

    async def get_project(self, project_id: UUID) -> Project | None:
        """None where there is no such project, or none that the actor sees."""
        by_id = project_sql.by_id if await self.actor_database.has(Capability.PROJECTS) else project_sql.project_by_id
        found = await self.actor_database.read(by_id(project_id))
        return found[0] if found else None

    async def get_projects_named(self, name: str) -> Sequence[Project]:
        """All of exactly this name."""
        named = (
            project_sql.projects_by_name
            if await self.actor_database.has(Capability.PROJECTS)
            else project_sql.projects_named
        )
        return await self.actor_database.read(named(validation.check_storable("name", name), limit=PAGE_SIZE))

    async def create_project(self, name: str, *, owner_id: UUID | None = None) -> Project:
        """A user's project is their own; the operator names its owner. Raises InvalidValue naming the field."""
        text = validation.check_project_name(name)
        owner = owner_id if self.actor == OPERATOR else self.actor.id if isinstance(self.actor, ActingUser) else None
        if owner is None:
            raise InvalidValue("user_id", "A project needs an owner.", hint="Act as a user to create their project.")
        async with self.actor_database.write(Capability.CREATING_PROJECTS) as transaction:
            created = await transaction.run(project_sql.create(user_id=owner, name=text))
            if len(created) != 1:
                raise validation.not_stored("project")
            (project,) = created
            transaction.record(WriteRecord(what="create project", after=(project,)))
            return project

    async def get_assets(self, project_id: UUID, *, limit: int = PAGE_SIZE) -> Sequence[Asset]:
        query = project_sql.of_project(project_id, limit=validation.check_limit(limit))
        return await self.actor_database.read(query, needs=Capability.ASSETS)

    async def get_asset(self, asset_id: UUID) -> Asset | None:
        """None where there is no such asset, or none that the actor sees."""
        found = await self.actor_database.read(project_sql.one(asset_id), needs=Capability.ASSETS)
        return found[0] if found else None

    async def get_workers_overview(self, *, limit: int = PAGE_SIZE, at: datetime | None = None) -> WorkersOverview:
        """The workers that ran within about a week, and what they hold: so many at most of each.

        `at` stands in for the server's time.
        """
        most = validation.check_limit(limit)
        queries = lease_sql.list_workers(limit=most, at=at), lease_sql.leased_jobs(limit=most + 1), lease_sql.moment(at)
        listed, held, (taken_at,) = await self.actor_database.read_together(*queries, needs=Capability.WORKERS)
        return WorkersOverview(
            workers=tuple(listed), held=tuple(held[:most]), is_cut=len(held) > most, taken_at=taken_at
        )

    async def get_users(self, *, search: str = "", limit: int = PAGE_SIZE) -> Sequence[User]:
        """By e-mail, those without one last. Only the operator may. `find_users` is quicker, where there are many.

        With a search, those whose e-mail contains it or whose id begins with it. Where even the operator may not read
        them, those who own a job or a project, without their e-mails.
        """
        return await search_module.list_users(self.actor_database, search=search, limit=limit)

    async def get_user(self, email_or_id: str) -> User:
        """Raises RowMissing where there is no such user, InvalidValue where several have the e-mail."""
        return await search.find_user(self.actor_database, email_or_id)

    async def find_actor(self, email_or_id: str) -> ActingUser:
        """Whom to act as. Raises as `get_user` does, but reads no job to find one."""
        return await search.find_actor(self.actor_database, email_or_id)

    async def find_users(self, text: str, *, limit: int = FOUND_USERS) -> Sequence[FoundUser]:
        """Those whose e-mail contains the text or whose id begins with it, the most recently active first.

        Everybody for an empty text. Only the operator may; where even they may not, the owners of jobs are found.
        """
        return await search.search_users(self.actor_database, text, limit=limit)

    async def find_by_id(self, id_or_prefix: str) -> IdMatches:
        """What the id, or its beginning of at least four digits, belongs to; nothing where the text is neither.

        Users are the operator's to see. What the database does not offer to the actor holds nothing.
        """
        return await search.find_by_id(self.actor_database, id_or_prefix)

    async def _page(
        self,
        *,
        project_id: UUID | None = None,
        status: JobStatus | str | None = None,
        limit: int,
        after: PageKey | None = None,
        job_filter: JobFilter = NO_FILTER,
    ) -> Page[GenerationJob]:
        known = None if status is None else parse_status(status)
        listed = ListQuery(project_id=project_id, status=known, job_filter=job_filter)
        query = page(
            listed,
            after=after,
            limit=validation.check_limit(limit),
            readable=await self.actor_database.readable_names(job_filter),
            chosen_path=access_path(listed, await self.capability_cache.get(), self.actor),
        )
        return paged(await self.actor_database.read(query), limit)
