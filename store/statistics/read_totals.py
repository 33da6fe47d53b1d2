"""Counts the totals within a time limit and estimates the rest, or counts exactly. Folds events into the rollups."""

import asyncio
import logging
import time
from collections import Counter, OrderedDict
from collections.abc import AsyncIterator, Callable, Hashable, Mapping, Set
from dataclasses import dataclass, replace
from datetime import date, datetime
from enum import Enum, auto
from functools import partial
from typing import Any
from uuid import UUID

from sqlalchemy import Integer, bindparam, text

from gjobs.store.actor_database import ActorDatabase
from gjobs.store.budgets import budget_sql
from gjobs.store.budgets.budget import Budget, named_for
from gjobs.store.budgets.budget_sql import Readable
from gjobs.store.capabilities.capability import Capability
from gjobs.store.database.database import Database
from gjobs.store.database.query import ChangedRows, Query, TimeLimits, explain_plan, first_column, parse_plan
from gjobs.store.database.query import clock as server_clock
from gjobs.store.errors import Locked, StoreError, TimedOut
from gjobs.store.filters.filter_terms import Key
from gjobs.store.job_list import list_sql
from gjobs.store.job_list.list_query import MOST_LISTED_PROJECTS, NEWEST_FIRST, ListQuery, is_guessed
from gjobs.store.jobs.job import AnyStatus, JobStatus
from gjobs.store.jobs.job_results import CappedCount
from gjobs.store.statistics import statistics_sql
from gjobs.store.statistics.statistics import (
    MOST_STUCK,
    Count,
    DayCost,
    JobFlow,
    JobStatistic,
    Precision,
    ProjectTotals,
    RecentFlows,
    Totals,
    TotalsQuery,
    exact_counts,
)
from gjobs.store.statistics.statistics_sql import TotalKey, page_ranges
from gjobs.store.system.async_tools import is_set_within
from gjobs.store.users.actor import OPERATOR, Actor

MOST_REMEMBERED = 256


LIMITS = TimeLimits(statement=1.0)
"""The time limit of each statement of a refresh."""
MOST_COUNTED = 10_000
"""The most jobs counted if counting all takes too long."""
SHORTEST_REST, LONGEST_REST = 300.0, 3_600.0
"""Seconds."""


class SlowCountBackoff:
    """Skips counts that timed out. The pause is some minutes, and doubles with each failure."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._rests: OrderedDict[Hashable, tuple[float, float]] = OrderedDict()
        """When each pause ends, and its seconds."""

    def is_resting(self, what: Hashable) -> bool:
        until, _ = self._rests.get(what, (float("-inf"), 0.0))
        return self._clock() < until

    def note(self, what: Hashable) -> None:
        _, before = self._rests.pop(what, (0.0, 0.0))
        seconds = min(before * 2, LONGEST_REST) or SHORTEST_REST
        self._rests[what] = self._clock() + seconds, seconds
        if len(self._rests) > MOST_REMEMBERED:
            self._rests.popitem(last=False)

    def forget(self, what: Hashable) -> None:
        """Record that the count finished in time."""
        self._rests.pop(what, None)


MOST_BUDGETS = 20
"""The most budgets shown beside the numbers."""
MOST_SUMMED = 10_000
"""The most projects read from the rollups. They include those that a listing names."""


class Part(Enum):
    STATISTICS = auto()
    DAYS = auto()
    PROJECTS = auto()
    MATCHING = auto()
    MATCHING_AT_MOST = auto()
    OTHER_STATUSES = auto()
    BUDGETS = auto()
    MOVES = auto()
    OLDEST_QUEUED = auto()
    STUCK = auto()
    OUTCOMES = auto()


What = Part | JobStatus
"""A part that is counted separately. A status, or a capped list, is counted only if the whole takes too long."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CountCapabilities:
    """What the database offers to the actor."""

    has_projects: bool
    """Whether the actor can read projects."""
    has_rollups: bool
    """Whether the database keeps rollups, so that nothing needs counting."""
    readable: Set[Key]
    """The names that the filter may use."""
    may_estimate: bool
    """Whether the actor sees every row. The planner's estimates include hidden rows."""
    partial_claims: tuple[str, ...] = ()
    budgets: Readable | None = None
    """Which names of budgets are readable. None if the database keeps no budgets, and records no events."""
    knows_usual_durations: bool = False
    """Whether leases and usual durations are readable. The table then has `completed_at`."""


class TotalsCounter:
    """Counts as one actor. Remembers what took too long, so that not every refresh reaches the time limit."""

    def __init__(
        self,
        database: Database,
        actor: Actor,
        *,
        limits: TimeLimits = LIMITS,
        most: int = MOST_COUNTED,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._actor = actor
        self._limits = limits
        self._most = most
        self._slow_counts = SlowCountBackoff(clock)
        self._flows = RecentFlows(clock)
        self._known = ChangedRows(keeps_apart=True)

    async def count(
        self, query: TotalsQuery, capabilities: CountCapabilities, *, at: datetime | None, with_flow: bool = False
    ) -> Totals:
        """Count the totals. `with_flow` adds the flow, from the same snapshot and in the same round trip."""
        whole = _whole(query, capabilities, at, of_one_user=self._actor != OPERATOR)
        flow_parts = _flow_parts(query, capabilities, at)
        scope = _flow_scope(query, at)
        if with_flow:
            whole |= flow_parts
        elif self._flows.has_stuck(scope):
            whole[Part.STUCK] = flow_parts[Part.STUCK]  # A kept flow may be older than the counts.
        # The flow is read with the counts while nothing changes. An idle poller mostly reads after a notification, so
        # rows have probably changed.
        taken_at, answers = await self._counts_within(query, whole, at, self._known, names_known_rows=with_flow)
        by_status, days, projects = (answers.get(part) for part in (Part.STATISTICS, Part.DAYS, Part.PROJECTS))
        found = None if by_status is None else statistics_sql.in_workflow_order(by_status)
        lists: dict[What, ListQuery] = {}
        if found is None:
            lists |= {status: ListQuery(project_id=query.project_id, status=status) for status in JobStatus}
        if query.matching is not None and Part.MATCHING not in answers:
            lists[Part.MATCHING_AT_MOST] = query.matching
        lengths = await self._lengths(query, lists, capabilities)
        counts, has_all_statuses = exact_counts(found or ()), True
        if found is None:
            others = await self._other_statuses(query)
            of_workflow = (status for status in JobStatus if status in lengths)
            counts = {**{status: lengths[status] for status in of_workflow}, **(others or {})}
            has_all_statuses = others is not None
        flow = _make_flow(taken_at, answers) if with_flow else None
        if flow is not None:
            self._flows.keep(scope, flow)
        return Totals(
            query=query,
            counts=counts,
            has_all_statuses=has_all_statuses,
            statistics=found,
            days=None if days is None else statistics_sql.without_gaps(days, today=taken_at.date(), days=query.days),
            projects=None if projects is None else dict(projects),
            matching=Count(number=answers[Part.MATCHING][0])
            if Part.MATCHING in answers
            else lengths.get(Part.MATCHING_AT_MOST),
            budgets=named_for(self._actor, answers[Part.BUDGETS]) if Part.BUDGETS in answers else None,
            flow=flow,
            stuck=_stuck(answers),
            taken_at=taken_at,
            actor=self._actor,
            partial_claims=capabilities.partial_claims,
        )

    async def flow(self, query: TotalsQuery, capabilities: CountCapabilities, *, at: datetime | None) -> JobFlow:
        """Return the figures that do not come from rollups. They are kept for some seconds."""
        read = partial(self.read_flow, query, capabilities, at=at)
        return await self._flows.get(_flow_scope(query, at), read)

    async def read_flow(self, query: TotalsQuery, capabilities: CountCapabilities, *, at: datetime | None) -> JobFlow:
        """Read these figures again, even if they are kept."""
        taken_at, answers = await self._counts_within(query, _flow_parts(query, capabilities, at), at, self._known)
        return _make_flow(taken_at, answers)

    async def _other_statuses(self, query: TotalsQuery) -> Mapping[AnyStatus, Count] | None:
        """Return counts of the statuses outside the workflow. None if they were not counted in time."""
        cap = self._most
        asked = statistics_sql.count_other_statuses(query.project_id, most=cap + 1)
        _, answers = await self._counts_within(query, {Part.OTHER_STATUSES: asked}, None)
        rows: list[tuple[AnyStatus, int]] | None = answers.get(Part.OTHER_STATUSES)
        if rows is None:
            return None
        is_capped = sum(number for _, number in rows) > cap
        precision = Precision.CAPPED if is_capped else Precision.EXACT
        return {status: Count(number=number, precision=precision) for status, number in rows}

    async def _lengths(
        self, query: TotalsQuery, lists: Mapping[What, ListQuery], capabilities: CountCapabilities
    ) -> Mapping[What, Count]:
        """Return the length of each list, if known."""
        if not lists:
            return {}
        cap = self._most
        asked = {
            what: list_sql.length(listed, limit=cap + 1, readable=capabilities.readable)
            for what, listed in lists.items()
        }
        _, answers = await self._counts_within(query, asked, None)
        capped: dict[What, int] = {what: number for what, (number,) in answers.items()}
        estimates = await self._estimates(
            {what: listed for what, listed in lists.items() if capped.get(what, cap + 1) > cap}, capabilities
        )
        lengths = {what: _length(capped.get(what), estimates.get(what), cap) for what in lists}
        return {what: length for what, length in lengths.items() if length is not None}

    async def _estimates(self, lists: Mapping[What, ListQuery], capabilities: CountCapabilities) -> Mapping[What, int]:
        """Return estimates. The result is empty for actors with hidden rows, or if the planner has no statistics."""
        lists = {what: listed for what, listed in lists.items() if not is_guessed(listed)}
        if not capabilities.may_estimate or not lists:
            return {}
        asked = (statistics_sql.plan_only_query(listed, readable=capabilities.readable) for listed in lists.values())
        plans = await self._database.read_together(self._actor, *map(explain_plan, asked), limits=self._limits)
        return {what: parse_plan(plan).rows for what, (plan,) in zip(lists, plans, strict=True)}

    async def _counts_within(
        self,
        query: TotalsQuery,
        parts: Mapping[What, Query[Any]],
        at: datetime | None,
        known: ChangedRows | None = None,
        *,
        names_known_rows: bool = False,
    ) -> tuple[datetime, dict[What, list[Any]]]:
        """Return the server's time, and the rows of the parts that finished in time. If all parts did, they come from
        one snapshot. With `known`, only changed rows are transferred, and `names_known_rows` is passed to
        `ChangedRows.read`.
        """
        tried = {what: asked for what, asked in parts.items() if not self._slow_counts.is_resting(_scope(what, query))}
        try:
            taken_at, answers = await self._read(tried, at, known, names_known_rows=names_known_rows)
        except TimedOut as error:
            _raise_unless_slow(error)
            taken_at, _ = await self._read({}, at)
            answers = await self._one_by_one(tried, at)
        for what in tried:
            (self._slow_counts.forget if what in answers else self._slow_counts.note)(_scope(what, query))
        return taken_at, answers

    async def _one_by_one(self, parts: Mapping[What, Query[Any]], at: datetime | None) -> dict[What, list[Any]]:
        answers: dict[What, list[Any]] = {}
        for what, asked in parts.items():
            try:
                answers |= (await self._read({what: asked}, at))[1]
            except TimedOut as error:
                _raise_unless_slow(error)
        return answers

    async def _read(
        self,
        parts: Mapping[What, Query[Any]],
        at: datetime | None,
        known: ChangedRows | None = None,
        *,
        names_known_rows: bool = False,
    ) -> tuple[datetime, dict[What, list[Any]]]:
        read = partial(self._database.read_together, self._actor, limits=self._limits, is_repeated=known is not None)
        if known is None:
            (taken_at,), *answers = await read(server_clock(at), *parts.values())
            return taken_at, dict(zip(parts, answers, strict=True))
        taken_at, rows = await known.read(read, server_clock(at), *parts.values(), names_known_rows=names_known_rows)
        return taken_at, dict(zip(parts, rows, strict=True))


def _whole(
    query: TotalsQuery, capabilities: CountCapabilities, at: datetime | None, *, of_one_user: bool
) -> dict[What, Query[Any]]:
    """Return the parts that are exact or missing, in the order in which they are read."""
    from_rollups = capabilities.has_rollups
    whole: dict[What, Query[Any]] = {
        Part.STATISTICS: statistics_sql.by_status(query.project_id, from_rollups=from_rollups),
        Part.DAYS: statistics_sql.by_day(query.project_id, days=query.days, at=at, from_rollups=from_rollups),
        Part.PROJECTS: statistics_sql.totals_by_project_from_rollups(limit=MOST_SUMMED)
        if from_rollups
        else statistics_sql.totals_by_project_from_jobs(
            has_projects=capabilities.has_projects, of_one_user=of_one_user, limit=MOST_LISTED_PROJECTS
        ),
    }
    if query.matching is not None:
        whole[Part.MATCHING] = list_sql.length(query.matching, limit=None, readable=capabilities.readable)
    if capabilities.budgets is not None:
        whole[Part.BUDGETS] = totals_part(query, capabilities.budgets, at=at)
    return whole


def _flow_parts(query: TotalsQuery, capabilities: CountCapabilities, at: datetime | None) -> dict[What, Query[Any]]:
    project_id = query.project_id
    moves = statistics_sql.recent_moves(
        project_id,
        at=at,
        is_recorded=capabilities.budgets is not None,
        has_completion=capabilities.knows_usual_durations,
    )
    return {
        Part.MOVES: moves,
        Part.OLDEST_QUEUED: statistics_sql.oldest_queued(project_id),
        Part.STUCK: statistics_sql.count_stuck(
            project_id, at=at, knows_usual_durations=capabilities.knows_usual_durations
        ),
        Part.OUTCOMES: statistics_sql.outcomes_by_day(project_id, days=query.days, at=at),
    }


def _make_flow(taken_at: datetime, answers: Mapping[What, list[Any]]) -> JobFlow:
    moves, oldest, outcomes = map(answers.get, (Part.MOVES, Part.OLDEST_QUEUED, Part.OUTCOMES))
    return JobFlow(
        taken_at=taken_at,
        moves=moves[0] if moves else None,
        oldest_queued_at=oldest[0] if oldest else None,
        stuck=_stuck(answers),
        outcomes=None if outcomes is None else statistics_sql.complete_days(outcomes),
    )


def _stuck(answers: Mapping[What, list[Any]]) -> CappedCount | None:
    stuck = answers.get(Part.STUCK)
    return CappedCount.of(stuck[0], MOST_STUCK) if stuck else None


def _flow_scope(query: TotalsQuery, at: datetime | None) -> Hashable:
    """Return all that the flow depends on."""
    return query.project_id, query.days, at


def totals_part(query: TotalsQuery, readable: Readable, *, at: datetime | None) -> Query[Budget]:
    """Return a query for the budgets of the query's project, or for those with the least left."""
    return budget_sql.described(query.project_id, limit=MOST_BUDGETS, readable=readable, at=at)


def _length(capped: int | None, estimate: int | None, cap: int) -> Count | None:
    """Return the best known length. `capped` was counted up to one beyond the cap."""
    if capped is not None and capped <= cap:
        return Count(number=capped)
    # An estimate below the counted number is useless.
    if estimate is not None and (capped is None or estimate > cap):
        return Count(number=estimate, precision=Precision.ESTIMATED)
    return None if capped is None else Count(number=cap, precision=Precision.CAPPED)


def _scope(what: What, query: TotalsQuery) -> Hashable:
    """Return all that the cost of a count depends on."""
    if what is Part.PROJECTS:
        return what
    if what in (Part.MATCHING, Part.MATCHING_AT_MOST) and query.matching is not None:
        return what, replace(query.matching, order=NEWEST_FIRST)
    return what, query.project_id


def _raise_unless_slow(error: TimedOut) -> None:
    """Raise errors other than slow counts: a lock or a lost connection says nothing about the cost."""
    if isinstance(error, Locked) or error.sqlstate is None:
        raise error


async def count_capabilities(actor_database: ActorDatabase, query: TotalsQuery) -> CountCapabilities:
    """Return what the database offers. Raises NoPrivilege if the query's filter needs an unreadable name."""
    return CountCapabilities(
        has_projects=await actor_database.has(Capability.PROJECTS),
        has_rollups=await actor_database.has(Capability.ROLLUPS),
        readable=await actor_database.readable_names(query.matching.job_filter) if query.matching else frozenset[Key](),
        may_estimate=actor_database.is_operators
        and (await actor_database.capability_cache.get()).restricted_view is None,
        partial_claims=await actor_database.partial_claims(),
        budgets=await actor_database.readable_beside_budgets()
        if await actor_database.has(Capability.MIGRATED)
        else None,
        knows_usual_durations=await actor_database.knows_usual_durations(),
    )


BUDGET = 60.0
"""Seconds for the whole count. A snapshot held for long prevents the server from cleaning up."""
PAGES_AT_ONCE = 4_096
"""This is 32 MB. Reading it from memory takes a few hundredths of a second."""

Report = Callable[[int, int], object]
"""Receives the number of counted pages, and of all pages."""


async def count_totals_exactly(
    database: Database,
    actor: Actor,
    query: TotalsQuery,
    capabilities: CountCapabilities,
    *,
    at: datetime | None,
    report: Report,
    budget: float = BUDGET,
    pages_at_once: int = PAGES_AT_ONCE,
    clock: Callable[[], float] = time.monotonic,
) -> Totals:
    """Count everything in one snapshot. Raises TimedOut if the time limit is not enough. Cancel the call to stop it."""
    ends_at = clock() + budget
    projects = statistics_sql.listed_projects(
        has_projects=capabilities.has_projects, of_one_user=actor != OPERATOR, limit=MOST_LISTED_PROJECTS
    )
    of_budgets = [totals_part(query, capabilities.budgets, at=at)] if capabilities.budgets else []
    numbers: Counter[TotalKey] = Counter()
    cents: Counter[TotalKey] = Counter()
    try:
        async with database.snapshot(limits=TimeLimits(statement=budget)) as snapshot:
            ((taken_at,), listed, (pages,), *budgets) = await snapshot.read(
                actor, server_clock(at), projects, statistics_sql.PAGE_COUNT, *of_budgets
            )
            for some in page_ranges(pages, pages_at_once):
                left = ends_at - clock()
                if left <= 0:
                    raise _too_long(budget)
                report(some.start if some else 0, pages or 0)
                asked = statistics_sql.totals_on_pages(
                    some, query, project_ids=listed, readable=capabilities.readable, at=at
                )
                (found,) = await snapshot.read(actor, asked, within=left)
                for key, job_count, total in found:
                    numbers[key] += job_count
                    cents[key] += total
    except TimedOut as error:
        _raise_unless_slow(error)
        raise _too_long(budget) from error
    report(pages or 0, pages or 0)
    statistics = statistics_sql.in_workflow_order(
        [
            JobStatistic(
                status=key,
                count=number,
                total_cost_cents=cents[key],
                avg_cost_cents=round(cents[key] / number, 2),
            )
            for key, number in numbers.items()
            if isinstance(key, str)
        ]
    )
    days = [
        DayCost(day=key, job_count=number, total_cost_cents=cents[key])
        for key, number in numbers.items()
        if isinstance(key, date)
    ]
    return Totals(
        query=query,
        counts=exact_counts(statistics),
        statistics=statistics,
        days=statistics_sql.without_gaps(days, today=taken_at.date(), days=query.days),
        projects={
            key: ProjectTotals(job_count=number, total_cost_cents=cents[key])
            for key, number in numbers.items()
            if isinstance(key, UUID)
        },
        matching=None if query.matching is None else Count(number=numbers[None]),
        budgets=named_for(actor, budgets[0]) if budgets else None,
        taken_at=taken_at,
        actor=actor,
        partial_claims=capabilities.partial_claims,
    )


def _too_long(budget: float) -> TimedOut:
    return TimedOut(f"Counting took longer than {budget:g} s and was stopped.")


MOST_AT_ONCE = 20_000
"""The events of one call. The events of a transaction are folded together, even if they are more."""
PAUSE_SECONDS = 60.0
"""Between two calls beside other work. Readers add the events that are not folded yet."""

_IS_BUSY, _IS_VOID = -1, -2
"""The answers of `gjobs.fold_events` if another session folds, and if the jobs must be counted first."""

_FOLD = text("SELECT gjobs.fold_events(:most)").bindparams(bindparam("most", type_=Integer))
_HAS_MANY: Query[bool] = Query(text("SELECT unfolded > 10000 FROM gjobs.fold_progress"), first_column)
_COUNT: Query[int] = Query(text("SELECT gjobs.count_again()"), first_column)

log = logging.getLogger(__name__)


async def fold_events(actor_database: ActorDatabase) -> int:
    """Fold recorded events, and return their number. Without valid rollups, count the jobs again instead.

    Raises Locked if another session folds, and SchemaMissing or NoPrivilege if this one can't.
    """
    await actor_database.require(Capability.MIGRATED)
    answer = await _asked(actor_database, Query(_FOLD, first_column, {"most": MOST_AT_ONCE}))
    if answer == _IS_VOID:
        answer = await _asked(actor_database, _COUNT)
    if answer == _IS_BUSY:
        raise Locked("Another session folds the events just now.", hint="Try again.")
    return answer


async def fold_all(actor_database: ActorDatabase) -> AsyncIterator[int]:
    """Fold all events that were there before the last call, and yield the number after each call. The app may write
    on. Raises the errors of `fold_events`.
    """
    has_more = True
    while has_more:
        (has_more,) = await actor_database.read(_HAS_MANY, needs=Capability.MIGRATED)
        yield await fold_events(actor_database)


async def _asked(actor_database: ActorDatabase, query: Query[int]) -> int:
    ((answer,),) = await actor_database.database.write_pipelined(actor_database.actor, "fold events", query)
    return int(answer)


class Folder:
    """Folds at intervals, beside other work. Failures are only logged, because others fold, too."""

    def __init__(self, actor_database: ActorDatabase) -> None:
        self._actor_database = actor_database
        self._due = time.monotonic() + PAUSE_SECONDS

    async def fold_if_due(self) -> None:
        """Never fold in a read-only session or while acting as a user."""
        if time.monotonic() < self._due:
            return
        self._due = time.monotonic() + PAUSE_SECONDS
        await fold_quietly(self._actor_database)


async def fold_quietly(actor_database: ActorDatabase) -> None:
    """Fold events if this session may write as the operator. Failures are only logged."""
    if not actor_database.is_operators or not actor_database.database.access.may_write:
        return
    try:
        if await actor_database.has(Capability.ROLLUPS):
            await fold_events(actor_database)
    except StoreError as error:
        log.info("Can't fold events: %s", error)


async def fold_until(actor_database: ActorDatabase, stopping: asyncio.Event) -> None:
    """Fold at intervals until `stopping` is set."""
    while not await is_set_within(stopping, PAUSE_SECONDS):
        await fold_quietly(actor_database)
