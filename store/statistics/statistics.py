"""Values: counts, costs, timings, totals, recent moves and waste."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable, Iterable, Iterator, Mapping
from dataclasses import field, replace
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, TypeAlias
from uuid import UUID

from gjobs.store.job_list.list_query import NEWEST_FIRST, ListQuery
from gjobs.store.jobs.job import AnyStatus, JobStatus, in_order
from gjobs.store.jobs.job_results import CappedCount
from gjobs.store.users.actor import Actor
from gjobs.store.values.data_classes import dataclass

if TYPE_CHECKING:
    from gjobs.store.budgets.budget import Budget


WINDOW = timedelta(minutes=5)
MOST_MOVES = 2_000
"""The most updated jobs that are read. If there were more, the rates cover a shorter time."""
MOST_STUCK = 1_000
MOST_PRICED = 20_000
"""The most jobs that are read for the costs by outcome. Days with further jobs have no split."""

LEAST_SECONDS = 1.0
SHARE_OF_TIME = 400
"""A flow is kept for at least this multiple of the time that reading it took. The first reading does not count: it may
wait for a connection and for data on disk.
"""
MOST_SECONDS = 60.0
MOST_AGE = MOST_SECONDS + 15.0
"""Seconds by which a shown flow may be older than the counts. Reading the next one takes time."""
_MOST_KEPT = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class RecentMoves:
    """The jobs that entered each state in the last seconds."""

    seconds: float
    entered: Mapping[JobStatus, int]
    """Without running jobs if the database does not record when jobs start."""

    def per_minute(self, status: JobStatus) -> float | None:
        number = self.entered.get(status)
        return None if number is None else number * 60 / max(self.seconds, 1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class OutcomeCosts:
    """The cost of a UTC day's jobs by their present status."""

    day: date
    succeeded_cents: int
    failed_cents: int


@dataclass(frozen=True, slots=True, kw_only=True)
class JobFlow:
    """Figures that are read less often than the totals. What took too long is None."""

    taken_at: datetime
    """The server's time."""
    moves: RecentMoves | None = None
    oldest_queued_at: datetime | None = None
    """When the oldest queued job was created. None if no job is queued."""
    stuck: CappedCount | None = None
    """The running jobs that are stuck."""
    outcomes: Mapping[date, OutcomeCosts] | None = None
    """By day. Days without jobs, or with too many, are missing."""


def seconds_to_keep(took: float) -> float:
    """Return how long to keep a flow that took this many seconds to read."""
    return min(max(LEAST_SECONDS, took * SHARE_OF_TIME), MOST_SECONDS)


class RecentFlows:
    """Keeps flows for some seconds, so that reading them adds little load."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._kept: OrderedDict[Hashable, tuple[float, JobFlow]] = OrderedDict()
        """Each flow with the time until which it is kept."""

    async def get(self, scope: Hashable, read: Callable[[], Awaitable[JobFlow]]) -> JobFlow:
        """Return the kept flow, or else read it."""
        until, kept = self._kept.get(scope, (0.0, None))
        began = self._clock()
        if kept is not None and began < until:
            return kept
        flow = await read()
        ended = self._clock()
        took = 0.0 if kept is None else ended - began
        self._keep_until(ended + seconds_to_keep(took), scope, flow)
        return flow

    def keep(self, scope: Hashable, flow: JobFlow) -> None:
        """Keep a flow that was read with the counts, at least as long as the older one would have been kept."""
        until, _ = self._kept.get(scope, (0.0, None))
        self._keep_until(max(until, self._clock() + LEAST_SECONDS), scope, flow)

    def has_stuck(self, scope: Hashable) -> bool:
        """Return whether jobs were stuck when the flow was last read."""
        _, flow = self._kept.get(scope, (0.0, None))
        return flow is not None and flow.stuck is not None and flow.stuck.number > 0

    def _keep_until(self, until: float, scope: Hashable, flow: JobFlow) -> None:
        self._kept.pop(scope, None)
        self._kept[scope] = (until, flow)
        if len(self._kept) > _MOST_KEPT:
            self._kept.popitem(last=False)


class WasteKey(StrEnum):
    """What the jobs are grouped by."""

    MODE = "mode"
    PROJECT = "project"
    USER = "user"
    GROUP = "group"
    """The error group of failed jobs."""
    DAY = "day"
    """The UTC day of creation."""


WasteRowKey: TypeAlias = str | UUID | date | None


@dataclass(frozen=True, slots=True, kw_only=True)
class WasteRow:
    """The failed jobs and the retries of one key, or of all keys. No job counts twice."""

    key: WasteRowKey
    """Depends on the `WasteKey`. None in the total row, and where the column is null. When grouped by error group,
    retries have the key `""`.
    """
    name: str | None = None
    """The fingerprint of a group, the name of a project or the e-mail of a user. None if it is unknown or unreadable,
    and for other keys. A group without a recent failure has none.
    """
    failed_count: int
    failed_cents: int
    retry_count: int
    """The retries that have not failed. A retry that failed is a failed job."""
    retry_cents: int
    all_cents: int | None
    """The cost of all jobs of the key. None for an error group."""

    @property
    def waste_cents(self) -> int:
        return self.failed_cents + self.retry_cents

    @property
    def share(self) -> float | None:
        """The waste as a share of all costs of the key. None if they are unknown or not above zero."""
        return self.waste_cents / self.all_cents if self.all_cents is not None and self.all_cents > 0 else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Waste:
    by: WasteKey
    rows: tuple[WasteRow, ...]
    """The keys with failed jobs or retries, most waste first. Days: newest first."""
    total: WasteRow
    """The sum of all keys, also of those beyond the limit of rows."""
    has_more: bool
    """Whether there are more keys than rows."""
    days: int | None
    """How many days, the newest ones, are counted. None: all."""
    read_limit: int | None
    """Only this many jobs, the newest ones, were read. None: every job is counted."""
    limited_because: str | None = None
    """Why the jobs were read instead of rollups, and what to do about it. None if every job is counted."""
    knows_retries: bool = True
    """Whether the table counts retries. Otherwise none is among the numbers."""

    @property
    def unnamed_groups(self) -> int:
        """The listed error groups whose fingerprint is unknown, because they failed too long ago."""
        return sum(row.name is None and row.key != "" for row in self.rows) if self.by is WasteKey.GROUP else 0

    @property
    def is_exact(self) -> bool:
        return self.read_limit is None


DAYS = 30
"""How many days are shown when waste is grouped by day."""
MOST_KEYS = 50
"""How many keys are returned by default."""
MOST_WASTED_JOBS = 50_000
"""The most jobs that are read where no rollups exist."""
MOST_GROUPED_JOBS = 20_000
"""The same for error groups, because the errors are long."""
FIRST_NAMING_JOBS = 1_000
"""The newest jobs whose failures are read first to find the fingerprints of groups."""
MOST_NAMING_FAILURES = 20_000
"""The newest failures that are read if the first ones do not name every group. The fingerprint is computed for only
one failure of each kind.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobStatistic:
    """A row of `get_job_statistics`."""

    status: AnyStatus
    count: int
    total_cost_cents: int
    avg_cost_cents: float
    """Rounded to two decimals."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobStatistics:
    """Statistics by status, in workflow order, then unknown statuses. A status without jobs has no row.

    Iterating yields the rows.
    """

    by_status: tuple[JobStatistic, ...]
    includes_archive: bool = False

    def __iter__(self) -> Iterator[JobStatistic]:
        return iter(self.by_status)

    def count(self, status: AnyStatus) -> int:
        return sum(row.count for row in self.by_status if row.status == status)

    def cost_cents(self, status: AnyStatus) -> int:
        return sum(row.total_cost_cents for row in self.by_status if row.status == status)

    @property
    def total_count(self) -> int:
        return sum(row.count for row in self.by_status)

    @property
    def total_cost_cents(self) -> int:
        return sum(row.total_cost_cents for row in self.by_status)

    @property
    def avg_cost_cents(self) -> float | None:
        """None without jobs."""
        return round(self.total_cost_cents / self.total_count, 2) if self.total_count else None

    @property
    def success_rate(self) -> float | None:
        """The share of succeeded jobs among all jobs, from 0 to 1. None without jobs."""
        return self.count(JobStatus.SUCCEEDED) / self.total_count if self.total_count else None

    @property
    def success_rate_finished(self) -> float | None:
        """The share of succeeded jobs among finished jobs, from 0 to 1. None if none has finished."""
        finished = self.count(JobStatus.SUCCEEDED) + self.count(JobStatus.FAILED)
        return self.count(JobStatus.SUCCEEDED) / finished if finished else None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobSummary:
    """A row of the view `gjobs.job_summary`, or of `generation_job_summary` of the app."""

    user_id: UUID
    project_id: UUID
    status: AnyStatus
    job_count: int
    total_cost_cents: int
    avg_cost_cents: float
    first_job_at: datetime
    last_job_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class DayCost:
    """The jobs created on a UTC day."""

    day: date
    job_count: int
    total_cost_cents: int


DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Percentiles:
    """Percentiles of durations, in seconds."""

    median: float
    percentile_95: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ModeTimings:
    """The timings of one mode, or of all modes."""

    mode: str | None
    """None for all modes."""
    succeeded: int
    """Jobs that finished in the window. The other counts of finished jobs also cover the window."""
    failed: int
    waiting: Percentiles | None
    """From creation to the first start, of finished jobs. None if no start is known."""
    running: Percentiles | None
    """From the first start to the end. None if no start is known."""
    total: Percentiles | None
    """From creation to the end. None if no job finished."""
    queued: int
    """The number of jobs queued now."""
    oldest_queued_at: datetime | None

    @property
    def finished(self) -> int:
        return self.succeeded + self.failed

    @property
    def failure_rate(self) -> float | None:
        """The share of failed jobs among finished ones. None if none has finished."""
        return self.failed / self.finished if self.finished else None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobTimings:
    of_all: ModeTimings
    by_mode: tuple[ModeTimings, ...]
    """Busiest first, at most MOST_MODES."""
    window: timedelta
    taken_at: datetime
    """The server's time at the end of the window."""
    is_capped: bool
    """Whether more jobs finished in the window, or are queued, than were read. Then the numbers cover the newest
    finished jobs and the oldest queued jobs.
    """

    @property
    def per_hour(self) -> float:
        """Finished jobs per hour."""
        return self.of_all.finished / (self.window / timedelta(hours=1))


MOST_TIMED_JOBS = 100_000
"""The maximum number of finished jobs, and of queued jobs, that are read."""
MOST_MODES = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class TotalsQuery:
    """A request for `Totals`."""

    project_id: UUID | None = None
    """None means all projects."""
    days: int = 14
    matching: ListQuery | None = None
    """A list whose length the statistics don't include. Its order does not matter. None: no such list."""

    @classmethod
    def of_list(cls, listed: ListQuery) -> TotalsQuery:
        """Return the query for the numbers beside a list. It is the same for every order of the list."""
        matching = replace(listed, order=NEWEST_FIRST) if listed.job_filter else None
        return cls(project_id=listed.project_id, matching=matching)


class Precision(StrEnum):
    EXACT = "exact"
    ESTIMATED = "estimated"
    """From the planner's statistics; may be too high or too low."""
    CAPPED = "capped"
    """There are at least this many. Counting stopped there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """A number of jobs, and how precise it is."""

    number: int
    precision: Precision = Precision.EXACT


def exact_counts(statistics: Iterable[JobStatistic]) -> Mapping[AnyStatus, Count]:
    """Return the count of each workflow status, and of each other status with jobs."""
    numbers = {row.status: row.count for row in statistics}
    there = in_order((*JobStatus, *numbers))
    return {status: Count(number=numbers.get(status, 0)) for status in there}


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectTotals:
    """The totals of one project's jobs that the actor sees."""

    job_count: int
    total_cost_cents: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """Numbers counted as one actor. Numbers that were too expensive are missing, and never zero."""

    query: TotalsQuery
    counts: Mapping[AnyStatus, Count]
    """Counts of the project, without the filter. A status that was not counted in time is missing."""
    statistics: JobStatistics | None
    """The exact counts with costs. None if reading all jobs was too expensive."""
    days: tuple[DayCost, ...] | None
    """Oldest first, today last, including days without jobs. None if too expensive."""
    projects: Mapping[UUID, ProjectTotals] | None
    """Totals of the projects that a listing names; those without jobs may be missing. None if too expensive."""
    matching: Count | None
    """The length of the query's list. None if not requested or not counted in time."""
    has_all_statuses: bool = True
    """Whether `counts` has every status outside the workflow."""
    budgets: tuple[Budget, ...] | None = None
    """The budgets that the project's jobs are charged to, least left first. None if the database keeps no budgets or
    did not answer in time.
    """
    flow: JobFlow | None = field(default=None, compare=False)
    """None unless the caller adds the result of `get_flow` or reads both together."""
    stuck: CappedCount | None = field(default=None, compare=False)
    """The stuck jobs in the snapshot of the counts. None if they were not counted there."""
    taken_at: datetime = field(compare=False)
    """The server's time."""
    actor: Actor
    """The actor who counted."""
    partial_claims: tuple[str, ...] = ()
    """The claims that policies read and that gjobs does not know. In the app, the numbers may differ."""
    unknown_because: str = ""
    """Why the numbers of an earlier moment are unknown. Empty if they are known."""

    def count(self, status: AnyStatus | None) -> Count | None:
        """Return the count of a status; None means all statuses. Returns None if the count is unknown."""
        if status is not None:
            return self.counts.get(status)
        number = sum(one.number for one in self.counts.values())
        is_known = number > 0 or self.precision is not Precision.CAPPED
        return Count(number=number, precision=self.precision) if is_known else None

    @property
    def stuck_jobs(self) -> CappedCount | None:
        """The number of stuck jobs. None if unknown, or if an older flow has more stuck jobs than there are running
        jobs now."""
        stuck = self.stuck or (self.flow.stuck if self.flow else None)
        running = self.counts.get(JobStatus.RUNNING)
        if stuck is None or running is None or running.precision is not Precision.EXACT:
            return stuck
        return stuck if stuck.number <= running.number else None

    def count_of(self, statuses: Iterable[AnyStatus]) -> Count | None:
        """Return the count of these statuses together, or None if it is unknown."""
        there = [self.counts[status] for status in statuses if status in self.counts]
        if not there:
            return None
        inexact = [one.precision for one in there if one.precision is not Precision.EXACT]
        return Count(number=sum(one.number for one in there), precision=inexact[0] if inexact else Precision.EXACT)

    @property
    def precision(self) -> Precision:
        """The precision of all counts together."""
        there = {one.precision for one in self.counts.values()}
        if Precision.ESTIMATED in there:
            return Precision.ESTIMATED
        is_whole = there == {Precision.EXACT} and self.has_all_statuses and set(JobStatus) <= self.counts.keys()
        return Precision.EXACT if is_whole else Precision.CAPPED
