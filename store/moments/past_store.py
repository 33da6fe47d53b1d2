"""PastStore: the store as it was at a moment, with its numbers. It never writes."""

from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Collection, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, NoReturn, Self
from uuid import UUID

from gjobs.store import validation
from gjobs.store.actor_database import ActorDatabase
from gjobs.store.capabilities.capability import Capability
from gjobs.store.capabilities.probe import CapabilityCache
from gjobs.store.database.database import Database
from gjobs.store.database.query import Query, TimeLimits
from gjobs.store.database.transactions import WriteTransaction
from gjobs.store.errors import InvalidValue, ReadOnly, StoreError
from gjobs.store.filters.filter_terms import NO_FILTER, Age, JobFilter, Key
from gjobs.store.job_list import list_sql, read_listing
from gjobs.store.job_list.list_query import (
    NEWEST_FIRST,
    End,
    Listing,
    ListingQuery,
    ListQuery,
    RowWindow,
    RowWindowQuery,
    is_in_order,
)
from gjobs.store.job_list.list_sql import AccessPath
from gjobs.store.job_list.read_listing import ListCost
from gjobs.store.jobs import job_sql
from gjobs.store.jobs.job import AnyStatus, GenerationJob, JobStatus, parse_status
from gjobs.store.jobs.job_results import (
    MOST_EVENTS,
    MOST_LISTED,
    WRITES_OFF,
    JobHistory,
    LaterEvents,
    Page,
    PageKey,
    RetryLinks,
    StuckVerdict,
    check_log,
    check_moment,
    job_history,
)
from gjobs.store.jobs.job_sql import make_job, make_listed
from gjobs.store.moments import moment_sql
from gjobs.store.moments.moment_sql import PAST_COLUMNS, Change, Pool, as_of, past_maker
from gjobs.store.search import IdMatches
from gjobs.store.statistics import statistics_sql
from gjobs.store.statistics.statistics import (
    Count,
    JobFlow,
    JobStatistic,
    JobStatistics,
    Precision,
    ProjectTotals,
    Totals,
    TotalsQuery,
    exact_counts,
)
from gjobs.store.store import Store
from gjobs.store.users.actor import OPERATOR, Actor
from gjobs.store.values.formats import id_range
from gjobs.store.values.page_sizes import PAGE_SIZE

MOST_PROJECTS = 10_000


TOO_MUCH = "Too much has changed since this moment to count its jobs."


def _before(
    project_id: UUID | None,
    by_status: Sequence[JobStatistic],
    by_project: Sequence[tuple[UUID, ProjectTotals]],
    changes: Sequence[Change],
) -> tuple[JobStatistics, dict[UUID, ProjectTotals]]:
    """Undo the changes."""
    numbers: defaultdict[AnyStatus, list[int]] = defaultdict(lambda: [0, 0])
    sums: defaultdict[UUID, list[int]] = defaultdict(lambda: [0, 0])
    for row in by_status:
        numbers[row.status] = [row.count, row.total_cost_cents]
    for project, known in by_project:
        sums[project] = [known.job_count, known.total_cost_cents]
    for change in changes:
        parts: tuple[tuple[AnyStatus | None, UUID | None, int, int], ...] = (
            (change.from_status, change.former_project_id, 1, change.former_cents),
            (change.to_status, change.project_id, -1, change.later_cents),
        )
        for status, changed_project, sign, cents in parts:
            if status is None or changed_project is None:
                continue
            _add(sums[changed_project], sign * change.events, sign * cents)
            if project_id in (None, changed_project):
                _add(numbers[status], sign * change.events, sign * cents)
    rows = [
        JobStatistic(status=status, count=jobs, total_cost_cents=cents, avg_cost_cents=round(cents / jobs, 2))
        for status, (jobs, cents) in numbers.items()
        if jobs
    ]
    known_projects = {one: ProjectTotals(job_count=jobs, total_cost_cents=cents) for one, (jobs, cents) in sums.items()}
    return statistics_sql.in_workflow_order(rows), known_projects


def _add(known: list[int], jobs: int, cents: int) -> None:
    known[0] += jobs
    known[1] += cents


# ruff: noqa: ARG002 - the methods have the parameters of those that they replace


def _only_now(what: str) -> Callable[..., Coroutine[Any, Any, NoReturn]]:
    async def refuse(*_: object, **__: object) -> NoReturn:
        raise InvalidValue("at", f"{what} can be shown only for the present.", hint="Return to the present first.")

    return refuse


class PastDatabase(ActorDatabase):
    """An actor's database that refuses writes before it asks for a connection."""

    @asynccontextmanager
    async def write(self, needs: Capability, *, limits: TimeLimits | None = None) -> AsyncIterator[WriteTransaction]:
        raise ReadOnly(f"{WRITES_OFF} Nothing was changed.", hint="Return to the present first.")
        yield  # The decorator needs a generator.


@dataclass(slots=True)
class Known:
    """What was found out about the moment. Stores of all actors share it."""

    events: LaterEvents | None = None


class PastStore(Store):
    """Jobs and numbers as the actor would have seen them at a moment, as far as they are recorded.

    Values that are not recorded are marked, see `PastJob`. Every method that writes raises ReadOnly. Methods
    for data that exist only now raise InvalidValue.
    """

    def __init__(
        self,
        database: Database,
        actor: Actor,
        capability_cache: CapabilityCache,
        *,
        moment: datetime,
        known: Known | None = None,
    ) -> None:
        super().__init__(database, actor, capability_cache)
        self.actor_database = PastDatabase(database, actor, self.capability_cache)
        self.moment = moment
        self._sees_gone_jobs: bool | None = None
        """Whether policies show deleted jobs to the actor; None until known."""
        self._known = known or Known()

    def acting_as(self, actor: Actor) -> Self:
        return type(self)(self.database, actor, self.capability_cache, moment=self.moment, known=self._known)

    async def check(self) -> LaterEvents:
        """Count the events after the moment. Raises SchemaMissing without events, InvalidValue if nothing is recorded
        about the moment.
        """
        await self.actor_database.require(Capability.MIGRATED)
        found = self._known.events
        if found is None:
            # A user sees too few events to find the moment among them.
            async with self.actor_database.translating_refusals(Capability.MIGRATED):
                (found,) = await self.database.read(OPERATOR, moment_sql.later_events(self.moment))
            check_moment(self.moment, found)
            self._known.events = found
        return found

    async def event_beside(self, project_id: UUID | None, *, is_later: bool) -> datetime | None:
        """Return the time of the event before or after the moment, or None if there is none. Raises BeforeLog if the
        log lacks other events of that time.
        """
        events = await self.check()
        asked = moment_sql.neighbor(self.moment, project_id, is_later=is_later)
        (found,) = await self.actor_database.read(asked, needs=Capability.MIGRATED)
        if found is not None:
            check_log(found, events.began_at)
        return found

    # Lists

    async def _pool(
        self, *, rows: int = 0, project_id: UUID | None = None, ids: Collection[UUID] | None = None
    ) -> Pool:
        events, indexes = await self.check(), (await self.capability_cache.get()).facts.job_indexes
        return Pool(
            moment=self.moment,
            events=events,
            project_id=project_id,
            ids=None if ids is None else tuple(ids),
            rows=rows,
            may_sort=ids is not None or not is_in_order(ListQuery(project_id=project_id), indexes),
        )

    def _then(self, listed: ListQuery) -> ListQuery:
        """Return the query with the filter's ages replaced by times relative to the moment. Raises InvalidValue for
        stuck jobs.
        """
        terms = []
        for term in listed.job_filter.terms:
            if term.key is Key.IS:
                raise InvalidValue("filter", "It is not recorded which jobs were stuck.", hint="Leave 'is:stuck' out.")
            values = tuple(
                self.moment - timedelta(seconds=value.seconds) if isinstance(value, Age) else value
                for value in term.values
            )
            terms.append(replace(term, values=values))
        return replace(listed, job_filter=JobFilter(terms=tuple(terms)))

    async def get_listing(self, query: ListingQuery, *, at: datetime | None = None) -> Listing:
        if query.with_visibility:
            await self.compare_visibility()
        window_query = query.window
        listed = self._then(window_query.listed)
        chosen_path = await self._path(listed.job_filter)
        further = read_listing.further_queries(
            query,
            has_projects=await self.actor_database.has(Capability.PROJECTS),
            of_one_user=not self.actor_database.is_operators,
            at=self.moment,
            moment=self.moment,
        )
        asked = list_sql.listing_queries(replace(window_query, listed=listed), chosen_path)
        is_plain = _is_plain(listed) and window_query.anchor is End.FIRST
        ((taken_at,), names, (has_project,), *rows), is_cut = await self._read_pool(
            asked, further, listed.project_id, wanted=window_query.after + 1 if is_plain else None
        )
        return Listing(
            query=query,
            window=list_sql.window(window_query, rows, chosen_path),
            projects=tuple(names),
            has_project=has_project,
            taken_at=taken_at,
            cautions=await self._cautions(is_cut=is_cut),
        )

    async def get_window(self, query: RowWindowQuery) -> RowWindow:
        return (await self.get_listing(ListingQuery(window=query))).window

    async def _read_pool(
        self,
        asked: Sequence[Query[Any]],
        further: Sequence[Query[Any]],
        project_id: UUID | None,
        *,
        wanted: int | None,
        make: Any = make_listed,
    ) -> tuple[list[Any], bool]:
        """Return the rows of all queries, and whether the pool may lack matching jobs.

        If the first `wanted` jobs suffice, only they are rebuilt. If too few of them existed then, up to MOST_LISTED
        jobs are rebuilt.
        """
        make = past_maker(make)
        if wanted is not None:
            pool = await self._pool(rows=wanted, project_id=project_id)
            answers = await self._read(*further, *(as_of(one, pool, make) for one in asked))
            if len(answers[-1]) >= wanted:
                return answers, False
        pool = await self._pool(rows=MOST_LISTED, project_id=project_id)
        *answers, (present,) = await self._read(
            *further, *(as_of(one, pool, make) for one in asked), moment_sql.count_newest(pool)
        )
        return answers, present >= MOST_LISTED

    async def _read(self, *queries: Query[Any]) -> list[Any]:
        # Each step through time repeats them, and to parse them takes longer than to run them.
        try:
            *answers, (log_begins_at,) = await self.actor_database.read_together(
                *queries, job_sql.LOG_START, needs=Capability.MIGRATED, is_repeated=True
            )
        except StoreError as error:
            if error.sqlstate != moment_sql.BEFORE_LOG:
                raise
            answers, (log_begins_at,) = [], await self.database.read(self.actor, job_sql.LOG_START)
        # Events after the moment may have been removed since the last check.
        check_log(self.moment, log_begins_at)
        return answers

    async def _cautions(self, *, is_cut: bool) -> tuple[str, ...]:
        events = await self.check()
        cut = f"Only the newest {MOST_LISTED:,} jobs of this moment are searched." if is_cut else ""
        gone = "Deleted jobs may be missing, because too much has changed since this moment."
        if self._sees_gone_jobs is None:
            (self._sees_gone_jobs,) = await self.actor_database.read(job_sql.SEES_GONE_JOBS, needs=Capability.MIGRATED)
        hidden = (
            "" if self._sees_gone_jobs else "Jobs that are deleted or archived by now are missing: policies hide them."
        )
        return tuple(filter(None, (cut, "" if events.lists_all_gone else gone, hidden)))

    async def get_page_with_names(
        self, listed: ListQuery, *, limit: int, after: PageKey | None = None
    ) -> tuple[Page[GenerationJob], Mapping[UUID, str]]:
        found = await self.find_jobs(
            listed.job_filter, project_id=listed.project_id, status=listed.status, limit=limit, after=after
        )
        return found, await self._names_of({job.project_id for job in found.items})

    async def find_jobs(
        self,
        job_filter: JobFilter = NO_FILTER,
        *,
        project_id: UUID | None = None,
        status: JobStatus | str | None = None,
        limit: int = PAGE_SIZE,
        after: PageKey | None = None,
    ) -> Page[GenerationJob]:
        known = None if status is None else parse_status(status)
        listed = self._then(ListQuery(project_id=project_id, status=known, job_filter=job_filter))
        most = validation.check_limit(limit)
        asked = list_sql.page(listed, await self._path(job_filter), after=after, limit=most)
        wanted = most + 1 if _is_plain(listed) and after is None else None
        (rows,), is_cut = await self._read_pool([asked], (), project_id, wanted=wanted, make=make_job)
        return replace(list_sql.paged(rows, most), cautions=await self._cautions(is_cut=is_cut))

    # Single jobs

    async def get_these_jobs(self, job_ids: Collection[UUID]) -> Sequence[GenerationJob]:
        pool = await self._pool(ids=job_ids)
        asked = as_of(job_sql.these(PAST_COLUMNS, job_ids), pool, past_maker(make_job))
        (rows,) = await self._read(asked)
        return list(rows)

    async def find_by_id(self, id_or_prefix: str) -> IdMatches:
        """Return matches as `Store.find_by_id` does. Jobs that are gone by now are found only by their whole id."""
        found, ids = await super().find_by_id(id_or_prefix), id_range(id_or_prefix)
        whole = {ids.low} if ids is not None and ids.low == ids.high else set()
        jobs = await self.get_these_jobs(whole | {job.id for job in found.jobs})
        return replace(found, jobs=tuple(jobs))

    async def get_job_statuses(self, job_ids: Collection[UUID]) -> Mapping[UUID, AnyStatus]:
        (rows,) = await self._read(as_of(job_sql.statuses(job_ids), await self._pool(ids=job_ids)))
        return dict(rows)

    async def get_job_history(
        self,
        job_id: UUID,
        *,
        limit: int = MOST_EVENTS,
        at: datetime | None = None,
    ) -> JobHistory:
        """Return the newest events until the moment."""
        most = validation.check_limit(limit)
        events = await self.check()
        found, started = await self._read(
            job_sql.events_of(job_id, limit=most + 1, until=self.moment), job_sql.first_start(job_id)
        )
        first = next((time for time in started if time <= self.moment), None)
        return job_history(job_id, found, most=most, started_at=first, log_begins_at=events.began_at, now=self.moment)

    async def get_job_links(self, job_id: UUID) -> RetryLinks:
        """Return the links between jobs that existed."""
        links = await super().get_job_links(job_id)
        there = await self.get_job_statuses([*links.repeated_by, *filter(None, [links.repeats])])
        return RetryLinks(
            repeats=links.repeats if links.repeats in there else None,
            repeated_by=tuple(one for one in links.repeated_by if one in there),
        )

    async def get_stuck_verdict(self, job_id: UUID, *, at: datetime | None = None) -> StuckVerdict | None:
        """Return None, because leases are not recorded."""
        return None

    async def find_stuck_jobs(
        self,
        job_ids: Collection[UUID],
        *,
        at: datetime | None = None,
    ) -> frozenset[UUID]:
        """Return nothing, because leases are not recorded."""
        return frozenset()

    # Numbers

    async def get_totals(self, query: TotalsQuery, *, at: datetime | None = None, with_flow: bool = False) -> Totals:
        events = await self.check()
        matching = None if query.matching is None else await self._count(query.matching)
        lacking = await self.actor_database.missing(Capability.ROLLUPS)
        why = lacking.reason if lacking else "" if events.is_whole else TOO_MUCH
        statistics: JobStatistics | None = None
        projects: Mapping[UUID, ProjectTotals] | None = None
        if not why:
            answers = await self._read(
                statistics_sql.by_status(query.project_id, from_rollups=True),
                statistics_sql.totals_by_project_from_rollups(limit=MOST_PROJECTS),
                moment_sql.changes(self.moment),
            )
            statistics, projects = _before(query.project_id, *answers)
        return Totals(
            query=query,
            counts={} if statistics is None else exact_counts(statistics),
            has_all_statuses=statistics is not None,
            statistics=statistics,
            days=None,
            projects=projects,
            matching=matching,
            flow=await self.get_flow(query) if with_flow else None,
            taken_at=self.moment,
            actor=self.actor,
            unknown_because=why,
        )

    async def _path(self, job_filter: JobFilter) -> AccessPath:
        readable = await self.actor_database.readable_names(job_filter)
        return AccessPath(columns=PAST_COLUMNS, readable=frozenset(readable))

    async def _count(self, listed: ListQuery) -> Count:
        readable = await self.actor_database.readable_names(listed.job_filter)
        pool = await self._pool(rows=MOST_LISTED, project_id=listed.project_id)
        asked = list_sql.length(self._then(listed), limit=MOST_LISTED + 1, readable=readable)
        number: int
        (number,), (present,) = await self._read(as_of(asked, pool), moment_sql.count_newest(pool))
        is_cut = present >= MOST_LISTED
        return Count(number=min(number, MOST_LISTED), precision=Precision.CAPPED if is_cut else Precision.EXACT)

    async def get_flow(self, query: TotalsQuery, *, at: datetime | None = None) -> JobFlow:
        return JobFlow(taken_at=self.moment)

    async def get_job_statistics(self, project_id: UUID | None = None) -> JobStatistics:
        totals = await self.get_totals(TotalsQuery(project_id=project_id))
        if totals.statistics is None:
            await self.actor_database.require(Capability.ROLLUPS)
            raise InvalidValue("at", TOO_MUCH, hint="Use a later time.")
        return totals.statistics

    async def count_jobs(self, job_filter: JobFilter, *, most: int) -> int:
        return min((await self._count(ListQuery(job_filter=job_filter))).number, most)

    # What only the present has

    get_exact_totals = _only_now("An exact count")
    get_job_summary = _only_now("The summary")
    get_job_timings = _only_now("Timings")
    get_error_groups = get_error_group_jobs = _only_now("The list of errors")
    get_retried_jobs = _only_now("The list of retried jobs")
    get_waste = _only_now("Waste")
    get_budgets = check_budget = _only_now("Budgets")
    get_workers_overview = _only_now("The list of workers")
    compare_visibility = _only_now("Visibility")

    async def get_list_cost(self, query: ListQuery) -> ListCost | None:
        """Return None, because the number of rebuilt jobs is limited."""
        return None

    async def returns_quickly(self, query: ListQuery) -> bool:
        return True

    async def slow_order_reason(self, query: ListQuery) -> None:
        return None


def past_store(store: Store, moment: datetime) -> PastStore:
    """Return a store that shows the moment to the same actor."""
    return PastStore(store.database, store.actor, store.capability_cache, moment=moment)


def _is_plain(listed: ListQuery) -> bool:
    """Return whether the list has the default order and no filter, so it begins with the newest jobs."""
    return listed.order == NEWEST_FIRST and listed.status is None and not listed.job_filter
