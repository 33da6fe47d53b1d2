"""Store: every library call, made as one actor."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from functools import cached_property
from types import TracebackType
from typing import TYPE_CHECKING, Self
from uuid import UUID

from gjobs.store import validation
from gjobs.store.budgets import budget_sql
from gjobs.store.budgets.budget import Budget, Budgets, CheckedBudget, Period, named_for
from gjobs.store.capabilities.capability import Capability, MissingCapability
from gjobs.store.configuration.settings import WriteAccess, WriteMode
from gjobs.store.database import query
from gjobs.store.database.connection_url import parse
from gjobs.store.database.database import Database
from gjobs.store.database.query import Query, first_column
from gjobs.store.error_groups.error_group import EVERY_FAILURE, ErrorGroup, ErrorGroups, ErrorScope
from gjobs.store.errors import Conflict, InvalidValue, RowMissing
from gjobs.store.filters.filter_terms import NO_FILTER, JobFilter
from gjobs.store.job_list import list_sql, read_listing
from gjobs.store.job_list.list_query import Listing, ListingQuery, ListQuery, RowWindowQuery, VisibilityComparison
from gjobs.store.job_list.read_listing import ListCost
from gjobs.store.job_store import JobStore
from gjobs.store.jobs.job import Asset, ListedJob, Project, User
from gjobs.store.journal.write_record import WriteRecord
from gjobs.store.projects import project_sql
from gjobs.store.statistics.statistics import (
    DAY,
    MOST_KEYS,
    JobFlow,
    JobStatistics,
    JobSummary,
    JobTimings,
    Totals,
    TotalsQuery,
    Waste,
    WasteKey,
)
from gjobs.store.users.actor import OPERATOR, ActingUser, Actor
from gjobs.store.validation import UNSET, Unset, check_member
from gjobs.store.values.page_sizes import FOUND_USERS, PAGE_SIZE

if TYPE_CHECKING:
    from gjobs.store.leases.lease import WorkersOverview
    from gjobs.store.search import IdMatches
    from gjobs.store.statistics.read_totals import CountCapabilities, Report, TotalsCounter
    from gjobs.store.users.user_sql import FoundUser
    from gjobs.store.watch.watch import Cursor, Watch


class Store(JobStore):
    """Generation jobs, as one actor sees and changes them.

    Every method may raise a StoreError; `gjobs.store.errors` lists the kinds. Lists are newest first.
    """

    @classmethod
    def connect(cls, url: str, *, read_only: bool = False) -> Self:
        """Return the operator's store on a database, given its libpq URI or parameters. It connects on first use."""
        return cls(Database(parse(url), access=WriteAccess(WriteMode.CLOSED if read_only else WriteMode.OPEN)))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections. All stores made from this one share them."""
        await self.database.close()

    def acting_as(self, actor: Actor) -> Self:
        """Return a store on the same database, acting as another actor."""
        return type(self)(self.database, actor, self.capability_cache)

    async def acting_as_user(self, email_or_id: str) -> Self:
        """Return a store on the same database, acting as a user. Raises as `get_user` does."""
        return self.acting_as(await self.find_actor(email_or_id))

    # Statistics

    async def get_job_statistics(self, project_id: UUID | None = None) -> JobStatistics:
        """Return statistics of all jobs that the actor sees, or of one project."""
        from gjobs.store.statistics import statistics_sql

        has_rollups = await self.actor_database.has(Capability.ROLLUPS)
        by_status = statistics_sql.by_status(project_id, from_rollups=has_rollups)
        return statistics_sql.in_workflow_order(await self.actor_database.read(by_status))

    async def get_total_costs(self, project_id: UUID | None = None) -> int:
        """Return the total cost in cents."""
        return (await self.get_job_statistics(project_id)).total_cost_cents

    async def get_job_summary(self, project_id: UUID | None = None, *, limit: int = PAGE_SIZE) -> Sequence[JobSummary]:
        """Return one row per user, project and status, most expensive first."""
        from gjobs.store.statistics import statistics_sql

        has_rollups = await self.actor_database.has(Capability.ROLLUPS)
        summary = statistics_sql.summary(project_id, limit=validation.check_limit(limit), from_rollups=has_rollups)
        return await self.actor_database.read(summary)

    async def get_job_timings(
        self, project_id: UUID | None = None, *, window: timedelta = DAY, at: datetime | None = None
    ) -> JobTimings:
        """Return success rates and durations up to `at`; None means now, by the server's clock."""
        from gjobs.store.statistics import statistics_sql

        capabilities = await self.actor_database.capability_cache.get()
        query = statistics_sql.timings_by_mode(
            project_id,
            window=window,
            at=at,
            is_recorded=await self.actor_database.has(Capability.MIGRATED),
            has_completion=capabilities.has_later_columns(self.actor),
        )
        return statistics_sql.make_job_timings(await self.actor_database.read(query), window=window)

    async def get_error_groups(self, scope: ErrorScope = EVERY_FAILURE, *, at: datetime | None = None) -> ErrorGroups:
        """Return the jobs that failed in the time before `at`, grouped by error. None means now, by the server's clock.

        If there are more than the limit, only the newest are read. Raises NoPrivilege as `find_jobs` does, and
        TimedOut.
        """
        from gjobs.store.error_groups import read_error_groups

        return await read_error_groups.read_error_groups(self.actor_database, scope, at=at)

    async def get_error_group_jobs(self, scope: ErrorScope, group: ErrorGroup, *, at: datetime) -> Sequence[ListedJob]:
        """Return the jobs that a group counts, newest first, as they are now. `at` is when the group was read."""
        from gjobs.store.error_groups import read_error_groups

        return await read_error_groups.read_group_jobs(self.actor_database, scope, group.fingerprint, at=at)

    async def get_waste(
        self,
        by: WasteKey = WasteKey.MODE,
        project_id: UUID | None = None,
        *,
        limit: int = MOST_KEYS,
        at: datetime | None = None,
    ) -> Waste:
        """Return the cost of failed jobs and of retries by a key, most waste first.

        It is exact and reads rollups if the database is migrated. Otherwise, it covers the newest jobs; see
        `Waste.read_limit`. By group, it also covers only the newest jobs while some errors have no group yet. `at`
        stands in for the current time; None means the server's clock.
        """
        from gjobs.store.statistics import waste_sql

        return await waste_sql.read_waste(
            self.actor_database, by, project_id, limit=validation.check_limit(limit), at=at
        )

    async def count_jobs(self, job_filter: JobFilter, *, most: int) -> int:
        """Return how many jobs match the filter, at most `most`. Raises NoPrivilege as `find_jobs` does."""
        readable = await self.actor_database.readable_names(job_filter)
        asked = list_sql.length(ListQuery(job_filter=job_filter), limit=most, readable=readable)
        (number,) = await self.actor_database.read(asked)
        return number

    async def watch(self, job_filter: JobFilter = NO_FILTER, *, after: "Cursor | None" = None) -> "Watch":
        """Watch events from now on, or from where an earlier watch stopped.

        Raises NoPrivilege as `find_jobs` does. Raises SchemaMissing if `after` is given and no events are recorded.
        """
        from gjobs.store.watch.watch import ObservedWatch, RecordedWatch

        readable = await self.actor_database.readable_names(job_filter)
        if (missing := await self.actor_database.missing(Capability.MIGRATED)) is None:
            return RecordedWatch(self.database, self.actor, job_filter, readable=readable, after=after)
        if after is not None:
            raise missing.refusal
        return ObservedWatch(self.database, self.actor, job_filter, readable=readable, missing=missing)

    @cached_property
    def _counting(self) -> "TotalsCounter":
        from gjobs.store.statistics.read_totals import TotalsCounter

        return TotalsCounter(self.database, self.actor)

    async def _count_capabilities(self, query: TotalsQuery) -> "CountCapabilities":
        from gjobs.store.statistics.read_totals import count_capabilities

        validation.check_days(query.days)
        return await count_capabilities(self.actor_database, query)

    async def get_totals(self, query: TotalsQuery, *, at: datetime | None = None, with_flow: bool = False) -> Totals:
        """Return the numbers shown beside the lists.

        Numbers that would take too long are estimated, counted up to a cap, or left out. `at` stands in for the current
        time; None means the server's clock. With the flow of the same snapshot, slow figures delay all others.
        """
        offers = await self._count_capabilities(query)
        async with self.actor_database.translating_refusals(Capability.JOBS):
            return await self._counting.count(query, offers, at=at, with_flow=with_flow)

    async def get_flow(self, query: TotalsQuery, *, at: datetime | None = None) -> JobFlow:
        """Return the flow of the counted jobs: status changes, the oldest queued job, stuck jobs and outcomes. A
        result is reused for some seconds. Figures that would take too long are None.

        The flow is read separately, so that the totals need not wait for it.
        """
        offers = await self._count_capabilities(query)
        async with self.actor_database.translating_refusals(Capability.JOBS):
            return await self._counting.flow(query, offers, at=at)

    async def get_exact_totals(self, query: TotalsQuery, report: "Report", *, at: datetime | None = None) -> Totals:
        """Return the same numbers, each exact and as of one moment, for any number of jobs.

        Raises TimedOut if that takes too long. Cancel the call to stop it.
        """
        from gjobs.store.statistics.read_totals import count_totals_exactly

        offers = await self._count_capabilities(query)
        async with self.actor_database.translating_refusals(Capability.JOBS):
            return await count_totals_exactly(self.database, self.actor, query, offers, at=at, report=report)

    async def get_listing(self, query: ListingQuery, *, at: datetime | None = None) -> Listing:
        """Return the rows that the dashboard shows, from one snapshot.

        `at` stands in for the current time; None means the server's clock.
        """
        return await read_listing.read_listing(self.actor_database, query, self._listed_rows, at=at)

    async def compare_visibility(self, window: RowWindowQuery) -> VisibilityComparison:
        """Return the operator's list of jobs. Jobs that this store's user does not see are marked, with the reason.

        Without a project, the list has the user's own jobs and the jobs in their projects. Raises InvalidValue if the
        actor is not a user.
        """
        return await read_listing.compare_visibility(self.actor_database, window)

    async def get_list_cost(self, query: ListQuery) -> ListCost | None:
        """Return the planner's cost estimate for the list's first rows, and the index that the list lacks.

        No row is read. None if the database refuses to plan the query. Raises NoPrivilege as `find_jobs` does.
        """
        return await read_listing.estimate_list_cost(self.actor_database, query)

    async def returns_quickly(self, query: ListQuery) -> bool:
        """Return whether the list's first rows arrive fast enough. The query runs to find out.

        For a user, the planner can't know how the user's jobs are spread among all jobs. Raises NoPrivilege as
        `find_jobs` does.
        """
        return await read_listing.returns_quickly(self.actor_database, query)

    async def slow_order_reason(self, query: ListQuery) -> MissingCapability | None:
        """Return why the list is too slow in its order, and the index that would help.

        None if such an index exists, or if sorting the whole list is cheap.
        """
        return await read_listing.slow_order_reason(self.actor_database, query)

    # Budgets

    async def get_budgets(
        self,
        project_id: UUID | None = None,
        *,
        user_id: UUID | None = None,
        limit: int = PAGE_SIZE,
        at: datetime | None = None,
    ) -> Budgets:
        """Return the budgets that the actor sees, least left first.

        With a project, these are the budgets that its jobs are charged to. With a user, these are the user's budgets.
        `at` stands in for the current time; None means the server's clock.
        """
        most, readable = validation.check_limit(limit), await self.actor_database.readable_beside_budgets()
        described = budget_sql.described(project_id, user_id=user_id, limit=most, readable=readable, at=at)
        found, (taken_at,) = await self.actor_database.read_together(
            described, query.clock(at), needs=Capability.MIGRATED
        )
        return Budgets(budgets=named_for(self.actor, found), taken_at=taken_at)

    async def check_budget(self, project_id: UUID, cost_cents: int) -> Sequence[CheckedBudget]:
        """Return each budget that a job of this cost would be charged to, and whether the job fits.

        Empty for a project that has no budget or does not exist.
        """
        query = budget_sql.check(project_id, validation.check_cost_cents(cost_cents))
        return await self.actor_database.read(query, needs=Capability.MIGRATED)

    async def set_budget(
        self,
        *,
        user_id: UUID | None = None,
        project_id: UUID | None = None,
        period: Period | str,
        limit_cents: int,
        warn_share: float | None = None,
        expected_budget: Budget | Unset | None = UNSET,
    ) -> Budget:
        """Create or replace the budget of the user or project. The limit may be below the amount already spent.

        `warn_share` None leaves the share as it is. Raises InvalidValue naming the field. Raises Conflict if the budget
        is not `expected_budget`. None expects that there is none; without the argument, any is accepted.
        """
        validation.check_one_subject(user_id, project_id)
        known = check_member(Period, "period", period)
        cents = validation.check_limit_cents(limit_cents)
        share = None if warn_share is None else validation.check_warn_share(warn_share)
        readable = await self.actor_database.readable_beside_budgets()
        subject = {"user_id": user_id, "project_id": project_id, "period": known.value}
        async with self.actor_database.write(Capability.OPERATING) as transaction:
            before: tuple[Budget, ...] = ()
            found = await transaction.run(Query[UUID](budget_sql.OF_SUBJECT, first_column, subject))
            if found:
                (budget_id,) = found
                before = tuple(await transaction.run(budget_sql.one(budget_id, readable=readable)))
                budget_sql.require_expected(before[0], expected_budget)
                share = before[0].warn_share if share is None else share
                values = {"id": budget_id, "limit_cents": cents, "warn_share": share}
                if await transaction.change(Query(budget_sql.CHANGE, first_column, values)) != 1:
                    raise validation.not_stored("budget")
            elif isinstance(expected_budget, Budget):
                words = "Another session removed this budget. Nothing was changed."
                raise Conflict(words, hint="Set the budget again.")
            else:
                share = budget_sql.DEFAULT_WARN_SHARE if share is None else share
                values = {**subject, "limit_cents": cents, "warn_share": share}
                made = await transaction.run(Query[UUID](budget_sql.INSERT, first_column, values))
                if len(made) != 1:
                    raise Conflict("Another session just set this budget. Nothing was changed.")
                (budget_id,) = made
            (after,) = await transaction.run(budget_sql.one(budget_id, readable=readable))
            what = "change budget" if before else "set budget"
            transaction.record(WriteRecord(what=what, before=before, after=(after,)))
            return after

    async def remove_budget(self, budget_id: UUID) -> Budget:
        """Remove a budget and its record of spending, and return the budget as it was. Raises RowMissing."""
        readable = await self.actor_database.readable_beside_budgets()
        async with self.actor_database.write(Capability.OPERATING) as transaction:
            if not await transaction.run(Query[UUID](budget_sql.LOCK, first_column, {"id": budget_id})):
                raise RowMissing(f"There is no budget {budget_id}. Nothing was changed.", (budget_id,))
            (before,) = await transaction.run(budget_sql.one(budget_id, readable=readable))
            if await transaction.change(Query(budget_sql.REMOVE, first_column, {"id": budget_id})) != 1:
                raise validation.not_stored("budget")
            transaction.record(WriteRecord(what="remove budget", before=(before,)))
            return before

    # Projects, assets, users

    async def get_projects(self, *, limit: int = PAGE_SIZE) -> Sequence[Project]:
        """Return the projects. If projects are unreadable, return those that have jobs, named by the start of their
        ids.
        """
        listed = project_sql.list_projects(
            limit=validation.check_limit(limit),
            has_projects=await self.actor_database.has(Capability.PROJECTS),
            from_rollups=await self.actor_database.has(Capability.ROLLUPS),
        )
        return await self.actor_database.read(listed)

    async def get_projects_named(self, name: str) -> Sequence[Project]:
        """Return all projects with exactly this name."""
        text, has_projects = validation.check_storable("name", name), await self.actor_database.has(Capability.PROJECTS)
        return await self.actor_database.read(
            project_sql.projects_by_name(text, limit=PAGE_SIZE, has_projects=has_projects)
        )

    async def create_project(self, name: str, *, owner_id: UUID | None = None) -> Project:
        """Create a project. A user creates their own; the operator names the owner. Raises InvalidValue naming the
        field.
        """
        text = validation.check_name("name", name)
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
        """Return the asset, or None if it does not exist or the actor does not see it."""
        found = await self.actor_database.read(project_sql.one(asset_id), needs=Capability.ASSETS)
        return found[0] if found else None

    async def get_workers_overview(self, *, limit: int = PAGE_SIZE, at: datetime | None = None) -> "WorkersOverview":
        """Return the workers that ran within about a week and the jobs they hold, at most `limit` of each.

        `at` stands in for the server's time.
        """
        from gjobs.store.leases.lease import WorkersOverview
        from gjobs.store.leases.lease_client import leased_jobs, list_workers

        most = validation.check_limit(limit)
        queries = list_workers(limit=most, at=at), leased_jobs(limit=most + 1), query.clock(at)
        listed, held, (taken_at,) = await self.actor_database.read_together(*queries, needs=Capability.MIGRATED)
        return WorkersOverview(
            workers=tuple(listed), held=tuple(held[:most]), is_cut=len(held) > most, taken_at=taken_at
        )

    async def get_users(self, *, search: str = "", limit: int = PAGE_SIZE) -> Sequence[User]:
        """Return users by e-mail, those without one last. Only the operator may. With many users, `find_users` is
        faster.

        A search matches part of an e-mail or the start of an id. If even the operator may not read users, return the
        owners of jobs and projects, without e-mails.
        """
        from gjobs.store.search import list_users

        return await list_users(self.actor_database, search=search, limit=limit)

    async def get_user_emails(self, user_ids: Collection[UUID]) -> Mapping[UUID, str]:
        """Return the e-mails of these users. Users without an e-mail are left out. Only the operator may read them."""
        from gjobs.store.users import user_sql

        found = await self.actor_database.read(user_sql.emails_of(user_ids), needs=Capability.USERS)
        return {user.id: user.email for user in found if user.email}

    async def get_user(self, email_or_id: str) -> User:
        """Return the user. Raises RowMissing if there is none, and InvalidValue if several users have the e-mail."""
        from gjobs.store.search import find_user

        return await find_user(self.actor_database, email_or_id)

    async def find_actor(self, email_or_id: str) -> ActingUser:
        """Return the user to act as. Raises the same errors as `get_user`, but reads no jobs to find the user."""
        from gjobs.store.search import find_actor

        return await find_actor(self.actor_database, email_or_id)

    async def find_users(self, text: str, *, limit: int = FOUND_USERS) -> "Sequence[FoundUser]":
        """Return users whose e-mail contains the text or whose id starts with it, most recently active first.

        An empty text matches every user. Only the operator may. If even the operator may not read users, return the
        owners of jobs.
        """
        from gjobs.store.search import search_users

        return await search_users(self.actor_database, text, limit=limit)

    async def find_by_id(self, id_or_prefix: str) -> "IdMatches":
        """Return everything with this id, or with an id that starts with these four or more digits.

        The result is empty for any other text. Only the operator finds users. Kinds that the database does not offer to
        the actor stay empty.
        """
        from gjobs.store.search import find_by_id

        return await find_by_id(self.actor_database, id_or_prefix)
