"""The store: the specification's functions, each with the eyes of the store that it is called on."""

import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence, Set
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import datetime, timedelta
from functools import partial
from types import TracebackType
from typing import Any, Self, TypeVar
from uuid import UUID

from store.actor import OPERATOR, ActingUser, Actor
from store.advising import asking
from store.advising.model import ListCost, Verdict
from store.budgets.model import Budget, Budgets, CheckedBudget, Period, Refusal, named_for
from store.budgets.refusing import exceeded
from store.capabilities import Feature, Off
from store.capabilities.explaining import explained
from store.capabilities.probed import Probed
from store.connecting.connection_url import parse
from store.database import Database, Query, Snapshot, WriteTransaction
from store.errors import (
    BudgetExceeded,
    InvalidValue,
    NoPrivilege,
    RowMissing,
    SchemaMissing,
    StoreError,
    TimedOut,
    UnexpectedError,
)
from store.events.model import MOST_EVENTS, History
from store.events.stays import history
from store.filters.keys import Key
from store.filters.model import NO_FILTER, JobFilter
from store.finding import locating, user_search
from store.finding.id_prefix import IdRange, id_range
from store.finding.locating import Kind
from store.lens.looking import look_through_lens
from store.lens.model import Lens
from store.listing.indexes import MOST_SORTED, is_in_order, is_kept_from_index, lacks_order, too_long_to_sort
from store.listing.model import ListedJob, Listing, Window
from store.listing.query import ListingQuery, ListQuery, WindowQuery
from store.model import (
    Asset,
    DeletionOutcome,
    FoundUser,
    GenerationJob,
    JobLinks,
    JobStatistics,
    JobStatus,
    JobSummary,
    Located,
    Page,
    PageKey,
    Project,
    RetryOutcome,
    TransitionOutcome,
    User,
)
from store.model.links import NO_LINKS
from store.model.worker import Workforce
from store.monitoring.model import DAY, Monitoring
from store.numbers.counting import Counting, Offered
from store.numbers.exactly import Report, count_exactly
from store.numbers.model import Numbers
from store.numbers.query import NumbersQuery
from store.statements import (
    assets,
    budgets,
    by_jobs,
    counts,
    events,
    following,
    job_rows,
    jobs,
    links,
    listings,
    lists,
    monitoring,
    projects,
    rollups,
    statistics,
    stuck,
    users,
    windows,
    workers,
)
from store.statements.job_filters import needs_names
from store.statements.jobs import JobStatements
from store.statements.lists import Means
from store.statements.paging import page, paged
from store.stuck.model import StuckVerdict
from store.watching.model import Cursor
from store.watching.observed import Observed
from store.watching.recorded import Recorded
from store.watching.watch import Watch
from store.writing import budget_writes, explain, job_writes, repeating, validation
from store.writing.changes import UNSET, Unset, changed
from store.writing.write_access import WriteAccess, WriteRule
from store.writing.written import LookedUp, Unconfirmed, Written

T = TypeVar("T")

log = logging.getLogger(__name__)

PAGE_SIZE = 500

_NAMES = {Key.PROJECT: Feature.PROJECTS, Key.USER: Feature.USERS, Key.IS: Feature.LEARNING}
"""What must be readable for a filter to name it other than by its id, or to find it by more than the time."""


class Store:
    """Generation jobs, as one actor sees and changes them.

    Every method may raise a StoreError; see `store.errors` for what can go wrong. Lists are newest first.
    """

    def __init__(self, database: Database, actor: Actor = OPERATOR, probed: Probed | None = None) -> None:
        self.database = database
        self.actor = actor
        self.probed = probed or Probed(database)
        """What the database offers, which all stores made from this one share."""
        self._counting = Counting(database, actor)

    @classmethod
    def connect(cls, url: str, *, read_only: bool = False) -> Self:
        """The operator's store on a database by its libpq URI or parameters. Connects when first used."""
        return cls(Database(parse(url), access=WriteAccess(WriteRule.CLOSED if read_only else WriteRule.OPEN)))

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
        return type(self)(self.database, actor, self.probed)

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

    async def get_window(self, query: WindowQuery) -> Window:
        """Rows around a place in a list. Raises NoPrivilege as `find_jobs` does."""
        readable, means = await self._readable_names(query.listed.job_filter), await self._means(query.listed)
        asked = windows.questions(query, readable=readable, means=means)
        return windows.window(query, await self._read_together(*asked))

    async def get_recent_jobs(self, limit: int = 10) -> Page[GenerationJob]:
        return await self._page(limit=limit)

    async def get_these_jobs(self, job_ids: Collection[UUID]) -> Sequence[GenerationJob]:
        """Those of the jobs that are there, and that the actor sees, in any order."""
        return await self._read((await self._jobs()).these(job_ids))

    async def get_generation_job(self, job_id: UUID) -> GenerationJob | None:
        """None where there is no such job, or none that the actor sees."""
        found = await self._read((await self._jobs()).one(job_id))
        return found[0] if found else None

    async def get_job_history(self, job_id: UUID, *, limit: int = MOST_EVENTS, at: datetime | None = None) -> History:
        """What happened to a job, of a deleted one as well: its newest events. `at` is now; None: the server's clock.

        Empty where there was no such job, or none of the actor's. Raises SchemaMissing where no events are kept.
        """
        most = validation.limit(limit)
        if off := (await self.probed.get()).off(Feature.EVENTS, self.actor):
            raise SchemaMissing(off.reason, hint=off.hint)
        found, started, (now,) = await self._read_together(
            events.of_job(job_id, limit=most + 1), events.started(job_id), statistics.clock(at), needs=Feature.EVENTS
        )
        return history(job_id, found, most=most, started_at=next(iter(started), None), now=now)

    async def get_job_statuses(self, job_ids: Collection[UUID]) -> Mapping[UUID, JobStatus]:
        """Of those jobs that are there, and that the actor sees."""
        return dict(await self._read(jobs.statuses(job_ids)))

    async def create_generation_job(
        self, *, project_id: UUID, mode: str, cost_cents: int = 0, input_asset_id: UUID | None = None
    ) -> GenerationJob:
        """A queued job, which belongs to the project's owner. Raises InvalidValue naming the field, or RowMissing."""
        text, cents = validation.mode(mode), validation.cost_cents(cost_cents)
        async with self._write_jobs(Feature.CREATING) as (transaction, statements):
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
        changes = changed(mode=mode, cost_cents=cost_cents, error=error, input_asset_id=input_asset_id)
        async with self._write_jobs(Feature.CHANGING) as (transaction, statements):
            return await job_writes.change(transaction, statements, job_id, changes)

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
        target = validation.status(new_status)
        text = None if error is None else validation.error_text(error)
        async with self._write_jobs(Feature.CHANGING) as (transaction, statements):
            outcomes = await job_writes.transition(transaction, statements, job_ids, target, text)
        return tuple(outcomes[job_id] for job_id in job_ids)

    async def retry_generation_jobs(self, job_ids: Sequence[UUID], *, again: bool = False) -> tuple[RetryOutcome, ...]:
        """The outcome of each, in order, in one transaction: a failed job stays as it is, and a new one repeats it.

        The new one is its owner's, with its project, mode, asset and cost. What another job repeats by now is left,
        unless it is to be repeated `again`.
        """
        async with self._write_jobs(Feature.RETRYING) as (transaction, statements):
            outcomes = await repeating.repeat(transaction, statements, job_ids, again=again)
        return tuple(outcomes[job_id] for job_id in job_ids)

    async def get_job_links(self, job_id: UUID) -> JobLinks:
        """Which job it repeats, and which repeat it; empty where nothing says so."""
        if not await self._has(Feature.LINKS):
            return NO_LINKS
        origin, repetitions = await self._read_together(links.origin(job_id), links.repetitions([job_id]))
        return JobLinks(repeats=next(iter(origin), None), repeated_by=tuple(link.job_id for link in repetitions))

    async def get_stuck_verdict(self, job_id: UUID) -> StuckVerdict | None:
        """On whether a running job is stuck, by the server's clock; None of another one, or where there is none."""
        is_learned = await self._has(Feature.LEARNING)
        found = await self._read(stuck.verdict(job_id, is_learned=is_learned))
        return found[0] if found else None

    async def delete_generation_job(self, job_id: UUID) -> bool:
        """Whether there was such a job that the actor may delete."""
        try:
            await self.delete_generation_jobs({job_id: None})
        except RowMissing:
            return False
        return True

    async def delete_generation_jobs(self, expected: Mapping[UUID, JobStatus | None]) -> tuple[GenerationJob, ...]:
        """All of the jobs, each in the status expected of it (None: in any), or none. Returns them as they were.

        Raises RowMissing with the ids that are not there, or Conflict where one is in another status by now or rows of
        another table refer to one.
        """
        async with self._deleting() as (transaction, statements):
            return explain.require_all_deleted(expected, await job_writes.delete(transaction, statements, expected))

    async def delete_jobs_as_seen(self, expected: Mapping[UUID, JobStatus | None]) -> tuple[DeletionOutcome, ...]:
        """The outcome of each, in order, in one transaction: those in another status than expected are left.

        Raises Conflict, and deletes none, where rows of another table refer to one.
        """
        async with self._deleting() as (transaction, statements):
            outcomes = await job_writes.delete(transaction, statements, expected)
        return tuple(outcomes[job_id] for job_id in expected)

    @asynccontextmanager
    async def _deleting(self) -> AsyncIterator[tuple[WriteTransaction, JobStatements]]:
        try:
            async with self._write_jobs(Feature.DELETING) as writing:
                yield writing
        except InvalidValue as error:
            # A deletion stores no value: it is a foreign key that refuses, at once or when it is committed.
            raise explain.referred_to(error.sqlstate) from error

    async def restore_generation_jobs(self, deleted: Sequence[GenerationJob]) -> tuple[GenerationJob, ...]:
        """Makes deleted jobs again, all of them with all that they held, or none.

        What the database deleted along with them in other tables stays gone. Raises Conflict where an id is taken, or
        the owner, project or asset of one is gone.
        """
        try:
            async with self._write_jobs(Feature.CREATING) as (transaction, statements):
                return await job_writes.restore(transaction, statements, deleted)
        except InvalidValue as error:
            raise explain.not_restorable(error) from error
        except NoPrivilege as error:
            # Policies may ask for the project before its foreign key does.
            if any([await self.get_project(project_id) is None for project_id in {job.project_id for job in deleted}]):
                raise explain.not_restored("project") from error
            raise

    async def get_following_tables(self) -> Sequence[str]:
        """Tables whose rows the database deletes or unlinks along with a job; restoring it does not bring them back."""
        return await self.database.read(self.actor, following.following_tables())

    async def look_up(self, write: Unconfirmed) -> LookedUp | None:
        """What became of a write of this actor's that was never confirmed; None while the database is about it."""
        outcome = await self.database.outcome_of(self.actor, write)
        if outcome is None:
            return None
        present = await self.database.read(self.actor, (await self._jobs()).these(write.written.ids))
        return LookedUp(outcome=outcome, jobs=tuple(present))

    # Statistics

    async def get_job_statistics(self, project_id: UUID | None = None) -> JobStatistics:
        """Of all jobs that the actor sees, or of those of a project."""
        by_status = rollups.by_status if await self._has(Feature.ROLLUPS) else statistics.by_status
        rows = await self._read(by_status(project_id))
        return statistics.in_workflow_order(rows)

    async def get_total_costs(self, project_id: UUID | None = None) -> int:
        """In cents."""
        total_cost = rollups.total_cost if await self._has(Feature.ROLLUPS) else statistics.total_cost
        (total,) = await self._read(total_cost(project_id))
        return total

    async def get_job_summary(self, project_id: UUID | None = None, *, limit: int = PAGE_SIZE) -> Sequence[JobSummary]:
        """By user, project and status, the dearest first."""
        summary = rollups.summary if await self._has(Feature.ROLLUPS) else statistics.summary
        return await self._read(summary(project_id, limit=validation.limit(limit)))

    async def get_monitoring(
        self, project_id: UUID | None = None, *, window: timedelta = DAY, at: datetime | None = None
    ) -> Monitoring:
        """How well the work goes, up to `at`; None: until now, by the server's clock."""
        is_recorded = await self._has(Feature.EVENTS)
        query = monitoring.work(project_id, window=window, at=at, is_recorded=is_recorded)
        return monitoring.monitoring(await self._read(query), window=window)

    async def count_jobs(self, job_filter: JobFilter, *, most: int) -> int:
        """How many jobs the filter holds for, or `most`. Raises NoPrivilege as `find_jobs` does."""
        readable = await self._readable_names(job_filter)
        (number,) = await self._read(
            counts.matching_at_most(ListQuery(job_filter=job_filter), most=most, readable=readable)
        )
        return number

    async def watch(self, job_filter: JobFilter = NO_FILTER, *, after: Cursor | None = None) -> Watch:
        """What happens from now on, or since an earlier watch. Raises NoPrivilege as `find_jobs` does.

        Raises SchemaMissing where there is an earlier one and nothing is recorded.
        """
        readable = await self._readable_names(job_filter)
        if (off := (await self.probed.get()).off(Feature.EVENTS, self.actor)) is None:
            return Recorded(self.database, self.actor, job_filter, readable=readable, after=after)
        if after is not None:
            raise SchemaMissing(off.reason, hint=off.hint)
        return Observed(self.database, self.actor, job_filter, readable=readable, off=off)

    async def get_numbers(self, query: NumbersQuery, *, at: datetime | None = None) -> Numbers:
        """What is counted beside the lists. What would take too long is estimated, counted up to a cap, or left out.

        `at` is the time taken for now; None: the server's.
        """
        validation.days(query.days)
        offered = await self._offered(query)
        async with self._explained(Feature.JOBS):
            return await self._counting.count(query, offered, at=at)

    async def get_numbers_exactly(self, query: NumbersQuery, report: Report, *, at: datetime | None = None) -> Numbers:
        """The same, each number exact, as of one moment, however many jobs there are.

        Raises TimedOut where that takes too long. To stop it, cancel it.
        """
        validation.days(query.days)
        offered = await self._offered(query)
        async with self._explained(Feature.JOBS):
            return await count_exactly(self.database, self.actor, query, offered, at=at, report=report)

    async def _offered(self, query: NumbersQuery) -> Offered:
        readable = await self._readable_names(query.matching.job_filter) if query.matching else frozenset[Key]()
        capabilities = await self.probed.get()
        return Offered(
            has_projects=capabilities.off(Feature.PROJECTS, self.actor) is None,
            has_sums=capabilities.off(Feature.ROLLUPS, self.actor) is None,
            readable=readable,
            may_estimate=self.actor == OPERATOR and capabilities.sees_less is None,
            budgets=await self._readable_beside_budgets() if await self._has(Feature.BUDGETS) else None,
        )

    async def get_listing(self, query: ListingQuery, *, at: datetime | None = None) -> Listing:
        """The rows that the dashboard shows, of one snapshot. `at` is the time taken for now; None: the server's."""
        readable = await self._readable_names(query.window.listed.job_filter)
        has_projects = await self._has(Feature.PROJECTS)
        if not query.through_lens:
            asked = listings.questions(
                query,
                readable=readable,
                means=await self._means(query.window.listed),
                has_projects=has_projects,
                of_one_user=self.actor != OPERATOR,
                at=at,
            )
            return listings.listing(query, await self._read_together(*asked))
        look = await self._through_lens(query.window)
        further = listings.further_questions(query, has_projects=has_projects, of_one_user=True, at=at)
        async with self._explained(Feature.JOBS), self.database.snapshot() as snapshot:
            lens = await look(snapshot)
            if not lens.rules.is_granted:
                (clock,) = await snapshot.read(OPERATOR, statistics.clock(at))
                return listings.nothing(query, taken_at=clock[0], lens=lens)
            return listings.through_lens(query, lens, await snapshot.read(lens.user, *further))

    async def look_through_lens(self, window: WindowQuery) -> Lens:
        """The operator's list of jobs, with those marked that this store's user does not see, and why.

        Of a project; without one the jobs that concern the user. Raises InvalidValue where the actor is no user.
        """
        look = await self._through_lens(window)
        async with self._explained(Feature.JOBS), self.database.snapshot() as snapshot:
            return await look(snapshot)

    async def _through_lens(self, window: WindowQuery) -> Callable[[Snapshot], Awaitable[Lens]]:
        """To be asked for before there is a snapshot: whoever holds a connection must not wait for another one."""
        user, capabilities = self._user(), await self.probed.get()
        operator = self.acting_as(OPERATOR)
        return partial(
            look_through_lens,
            user=user,
            query=window,
            readable=await operator._readable_names(window.listed.job_filter),  # noqa: SLF001
            means=await operator._means(window.listed),  # noqa: SLF001
            has_projects=capabilities.off(Feature.PROJECTS, OPERATOR) is None,
        )

    async def get_list_cost(self, query: ListQuery) -> ListCost | None:
        """What the planner takes the list's first rows to cost, without reading one, and the index that it lacks.

        None where the database does not plan for us. Raises NoPrivilege as `find_jobs` does.
        """
        first_rows = await self._first_rows(query)
        try:
            async with self._explained(Feature.JOBS):
                answers = await self.database.read_together(
                    self.actor, *asking.questions(first_rows), limits=asking.LIMITS
                )
            return asking.list_cost(query, answers, actor=self.actor)
        except UnexpectedError as error:
            log.info("No plan for a list: %s", error)
            return None

    async def comes_at_once(self, query: ListQuery) -> bool:
        """Whether its first rows are there before it could be called dear, which is tried: with a user's eyes the
        planner knows nothing of how the user's jobs lie among all.

        Raises NoPrivilege as `find_jobs` does.
        """
        first_rows = await self._first_rows(query)
        try:
            async with self._explained(Feature.JOBS):
                await self.database.read(self.actor, first_rows, limits=asking.TRIAL)
        except TimedOut:
            return False
        return True

    async def _first_rows(self, query: ListQuery) -> Query[ListedJob]:
        readable, means = await self._readable_names(query.job_filter), await self._means(query)
        return windows.questions(WindowQuery(listed=query), readable=readable, means=means)[0]

    async def get_order_off(self, query: ListQuery) -> Off | None:
        """Why the list had better not be read in its order here, and the index that would bring it.

        None where there is such an index, and where sorting all of it is cheap.
        """
        off = lacks_order(query, (await self.probed.get()).facts.job_indexes)
        if off is None:
            return await self._too_long_to_sort(query)
        cost = await self.get_list_cost(query)
        return None if cost is not None and cost.verdict is Verdict.CHEAP else off

    async def _too_long_to_sort(self, query: ListQuery) -> Off | None:
        if self.actor == OPERATOR or not is_kept_from_index(query):
            return None
        readable = await self._readable_names(query.job_filter)
        (length,) = await self._read(lists.length(query, most=MOST_SORTED, readable=readable))
        return too_long_to_sort() if length > MOST_SORTED else None

    async def _means(self, listed: ListQuery) -> Means:
        capabilities = await self.probed.get()
        columns = job_rows.ALL_COLUMNS if capabilities.has_later_columns(self.actor) else job_rows.APP_COLUMNS
        if self.actor == OPERATOR:
            return Means(columns=columns)
        in_order = is_in_order(listed, capabilities.facts.job_indexes)
        return Means(columns=columns, is_in_order=in_order, through_policies=True)

    async def _jobs(self) -> JobStatements:
        """To be asked for before a transaction: whoever holds a connection must not wait for another one."""
        has_later = (await self.probed.get()).has_later_columns(self.actor)
        return jobs.OF_EVENTS if has_later else jobs.OF_THE_APP

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
        most, readable = validation.limit(limit), await self._readable_beside_budgets()
        described = budgets.described(project_id, user_id=user_id, limit=most, readable=readable, at=at)
        found, (taken_at,) = await self._read_together(described, statistics.clock(at), needs=Feature.BUDGETS)
        return Budgets(budgets=named_for(self.actor, found), taken_at=taken_at)

    async def check_budget(self, project_id: UUID, cost_cents: int) -> Sequence[CheckedBudget]:
        """Before a job is queued: each budget that it would be charged to, and whether that has room for it.

        None for a project without a budget, and for one that is not there.
        """
        return await self._read(budgets.check(project_id, validation.cost_cents(cost_cents)), needs=Feature.BUDGETS)

    async def set_budget(
        self,
        *,
        user_id: UUID | None = None,
        project_id: UUID | None = None,
        period: Period | str,
        limit_cents: int,
        warn_share: float | None = None,
    ) -> Budget:
        """Of the user or of the project; in place of the one that there may be. A limit below what is spent is allowed.

        `warn_share` None leaves it as it is. Raises InvalidValue naming the field.
        """
        validation.one_subject(user_id, project_id)
        known, cents = validation.period(period), validation.limit_cents(limit_cents)
        share = None if warn_share is None else validation.warn_share(warn_share)
        readable = await self._readable_beside_budgets()
        async with self._write(Feature.SETTING_BUDGETS) as transaction:
            return await budget_writes.put(
                transaction,
                user_id=user_id,
                project_id=project_id,
                period=known,
                limit_cents=cents,
                warn_share=share,
                readable=readable,
            )

    async def remove_budget(self, budget_id: UUID) -> Budget:
        """As it was. What was spent of it is forgotten. Raises RowMissing."""
        readable = await self._readable_beside_budgets()
        async with self._write(Feature.SETTING_BUDGETS) as transaction:
            return await budget_writes.remove(transaction, budget_id, readable=readable)

    async def _readable_beside_budgets(self) -> budgets.Readable:
        return budgets.Readable(projects=await self._has(Feature.PROJECTS), users=await self._has(Feature.USERS))

    # Projects, assets, users

    async def get_projects(self, *, limit: int = PAGE_SIZE) -> Sequence[Project]:
        """Where they may not be read, those that have jobs, each named by the beginning of its id."""
        if not await self._has(Feature.PROJECTS):
            listed = by_jobs.projects
        else:
            listed = projects.summed if await self._has(Feature.ROLLUPS) else projects.listed
        return await self._read(listed(limit=validation.limit(limit)))

    async def get_project(self, project_id: UUID) -> Project | None:
        """None where there is no such project, or none that the actor sees."""
        by_id = projects.by_id if await self._has(Feature.PROJECTS) else by_jobs.project_by_id
        found = await self._read(by_id(project_id))
        return found[0] if found else None

    async def get_projects_named(self, name: str) -> Sequence[Project]:
        """All of exactly this name."""
        named = projects.named if await self._has(Feature.PROJECTS) else by_jobs.projects_named
        return await self._read(named(validation.storable("name", name), limit=PAGE_SIZE))

    async def create_project(self, name: str, *, owner_id: UUID | None = None) -> Project:
        """A user's project is their own; the operator names its owner. Raises InvalidValue naming the field."""
        text = validation.project_name(name)
        owner = self.actor.id if isinstance(self.actor, ActingUser) else owner_id
        if owner is None:
            raise InvalidValue("user_id", "A project needs an owner.", hint="Act as a user to create their project.")
        async with self._write(Feature.CREATING_PROJECTS) as transaction:
            created = await transaction.run(projects.create(user_id=owner, name=text))
            if len(created) != 1:
                raise explain.not_stored("project")
            (project,) = created
            transaction.keep(Written(what="create project", after=(project,)))
            return project

    async def get_assets(self, project_id: UUID, *, limit: int = PAGE_SIZE) -> Sequence[Asset]:
        query = assets.of_project(project_id, limit=validation.limit(limit))
        return await self._read(query, needs=Feature.ASSETS)

    async def get_asset(self, asset_id: UUID) -> Asset | None:
        """None where there is no such asset, or none that the actor sees."""
        found = await self._read(assets.one(asset_id), needs=Feature.ASSETS)
        return found[0] if found else None

    async def get_workforce(self, *, limit: int = PAGE_SIZE, at: datetime | None = None) -> Workforce:
        """The workers that ran within about a week, and what they hold: so many at most of each.

        `at` stands in for the server's time.
        """
        most = validation.limit(limit)
        queries = workers.listed(limit=most, at=at), workers.held(limit=most + 1), workers.moment(at)
        listed, held, (taken_at,) = await self._read_together(*queries, needs=Feature.WORKERS)
        return Workforce(workers=tuple(listed), held=tuple(held[:most]), is_cut=len(held) > most, taken_at=taken_at)

    async def get_users(self, *, search: str = "", limit: int = PAGE_SIZE) -> Sequence[User]:
        """By e-mail, those without one last. Only the operator may. `find_users` is quicker, where there are many.

        With a search, those whose e-mail contains it or whose id begins with it. Where even the operator may not read
        them, those who own a job or a project, without their e-mails.
        """
        wanted, most = validation.storable("email", search).strip(), validation.limit(limit)
        if not await self._knows_users_by_rows():
            query = users.matching(wanted, limit=most) if wanted else users.listed(limit=most)
            return await self._read(query, needs=Feature.USERS)
        has_projects, ids = await self._has(Feature.PROJECTS), id_range(wanted)
        if not wanted:
            return await self._read(by_jobs.users(has_projects=has_projects, limit=most))
        owners = await self._read(by_jobs.users(has_projects=has_projects, limit=validation.MAX_LIMIT)) if ids else []
        return [user for user in owners if ids and ids.low <= user.id <= ids.high][:most]

    async def get_user(self, email_or_id: str) -> User:
        """Raises RowMissing where there is no such user, InvalidValue where several have the e-mail."""
        wanted = validation.storable("email", email_or_id).strip()
        try:
            user_id = UUID(wanted)
        except ValueError:
            return explain.the_one_user(wanted, await self._with_email(users.by_email(wanted, limit=PAGE_SIZE)))
        if await self._knows_users_by_rows():
            query = by_jobs.user_by_id(user_id, has_projects=await self._has(Feature.PROJECTS))
            return explain.the_one_user(wanted, await self._read(query))
        return explain.the_one_user(wanted, await self._read(users.by_id(user_id), needs=Feature.USERS))

    async def find_actor(self, email_or_id: str) -> ActingUser:
        """Whom to act as. Raises as `get_user` does, but reads no job to find one."""
        wanted = validation.storable("email", email_or_id).strip()
        try:
            user_id = UUID(wanted)
        except ValueError:
            return explain.the_one_user(wanted, await self._with_email(users.acting_by_email(wanted, limit=PAGE_SIZE)))
        ids = IdRange(low=user_id, high=user_id)
        if await self._knows_users_by_rows():
            found = (await self._locate(ids, await self._kinds_of_people())).users
        else:
            found = tuple(await self._read(users.in_range(ids, limit=1), needs=Feature.USERS))
        return explain.the_one_user(wanted, found)

    async def find_users(self, text: str, *, limit: int = 50) -> Sequence[FoundUser]:
        """Those whose e-mail contains the text or whose id begins with it, the most recently active first.

        Everybody for an empty text. Only the operator may; where even they may not, the owners of jobs are found.
        """
        wanted, most = validation.storable("email", text), validation.limit(limit)
        with_emails = not await self._knows_users_by_rows()
        query = user_search.matching(wanted, limit=most, with_emails=with_emails)
        return await self._read(query, needs=Feature.USERS if with_emails else Feature.JOBS)

    async def locate(self, id_or_prefix: str) -> Located:
        """What the id, or its beginning of at least four digits, belongs to; nothing where the text is neither.

        Users are the operator's to see. What the database does not offer to the actor holds nothing.
        """
        ids = id_range(id_or_prefix)
        if ids is None:
            return Located()
        kinds = [Kind.JOBS]
        if await self._has(Feature.PROJECTS):
            kinds.append(Kind.PROJECTS)
        if await self._has(Feature.ASSETS):
            kinds.append(Kind.ASSETS)
        if self.actor == OPERATOR:
            kinds += await self._kinds_of_people()
        return await self._locate(ids, kinds)

    async def _locate(self, ids: IdRange, kinds: Sequence[Kind]) -> Located:
        answers = await self._read_together(*locating.questions(kinds, ids, await self._jobs()))
        return locating.located(dict(zip(kinds, answers, strict=True)))

    async def _kinds_of_people(self) -> list[Kind]:
        if not await self._knows_users_by_rows():
            return [Kind.USERS]
        has_projects = await self._has(Feature.PROJECTS)
        return [Kind.OWNERS_OF_JOBS, Kind.OWNERS_OF_PROJECTS] if has_projects else [Kind.OWNERS_OF_JOBS]

    def _user(self) -> ActingUser:
        if isinstance(self.actor, ActingUser):
            return self.actor
        raise InvalidValue("actor", "The lens needs a user to look as.", hint="Act as a user first.")

    async def _with_email(self, query: Query[T]) -> list[T]:
        """Raises NoPrivilege where none is found because row level security hides everybody, without a word."""
        found = await self._read(query, needs=Feature.USERS)
        if not found and (off := (await self.probed.get()).off(Feature.USERS, self.actor)):
            raise NoPrivilege(off.reason, hint="Give the user's id instead.")
        return found

    async def _knows_users_by_rows(self) -> bool:
        """Whether the operator may read no users, but what belongs to them. Users may read neither."""
        return self.actor == OPERATOR and not await self._has(Feature.USERS)

    async def _has(self, feature: Feature) -> bool:
        """Whether the database offers it to the actor, as far as was known when somebody last asked."""
        return (await self.probed.get()).off(feature, self.actor) is None

    async def _read(self, query: Query[T], *, needs: Feature = Feature.JOBS) -> list[T]:
        (rows,) = await self._read_together(query, needs=needs)
        return rows

    async def _read_together(self, *queries: Query[Any], needs: Feature = Feature.JOBS) -> tuple[list[Any], ...]:
        async with self._explained(needs):
            return await self.database.read_together(self.actor, *queries)

    @asynccontextmanager
    async def _write(self, needs: Feature) -> AsyncIterator[WriteTransaction]:
        try:
            async with self._explained(needs), self.database.write(self.actor) as transaction:
                yield transaction
        except BudgetExceeded as error:
            try:
                name = await self._name_of(error.refusal)
            except StoreError:
                raise error from None  # What was refused matters more than its name.
            raise exceeded(error.refusal, name) from error

    async def _name_of(self, refusal: Refusal) -> str | None:
        """Of the budget's project or user, as far as the actor may read it."""
        if refusal.project_id is not None:
            project = await self.get_project(refusal.project_id)
            return project.name if project else None
        if isinstance(self.actor, ActingUser):
            return self.actor.email
        return (await self.find_actor(str(refusal.user_id))).email

    @asynccontextmanager
    async def _write_jobs(self, needs: Feature) -> AsyncIterator[tuple[WriteTransaction, JobStatements]]:
        # What has to be asked of the database before the first write goes before what is counted, too.
        with self.database.right_of_way.taken():
            statements = await self._jobs()
            async with self._write(needs) as transaction:
                yield transaction, statements

    def _explained(self, needs: Feature) -> AbstractAsyncContextManager[None]:
        return explained(self.probed, self.actor, needs)

    async def _page(
        self,
        *,
        project_id: UUID | None = None,
        status: JobStatus | str | None = None,
        limit: int,
        after: PageKey | None = None,
        job_filter: JobFilter = NO_FILTER,
    ) -> Page[GenerationJob]:
        known = None if status is None else validation.status(status)
        listed = ListQuery(project_id=project_id, status=known, job_filter=job_filter)
        query = page(
            listed,
            after=after,
            limit=validation.limit(limit),
            readable=await self._readable_names(job_filter),
            means=await self._means(listed),
        )
        return paged(await self._read(query), limit)

    async def _readable_names(self, job_filter: JobFilter) -> Set[Key]:
        """Raises NoPrivilege where the filter cannot do without one that is not."""
        asked = [key for key in _NAMES if any(term.key is key for term in job_filter.terms)]
        readable = {key for key in asked if await self._has(_NAMES[key])}
        for key in sorted(needs_names(job_filter) - readable):
            if off := await self.probed.off_since(_NAMES[key], self.actor):
                hint = f"Give the {key}'s id, or its first digits, instead."
                raise NoPrivilege(f"{key}: takes no name here. {off.reason}", hint=hint)
            readable.add(key)  # it has been granted since
        return readable
