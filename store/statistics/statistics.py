"""Counts and costs by status, summary and day, and job timings."""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from uuid import UUID

from gjobs.store.jobs.job import AnyStatus, JobStatus
from gjobs.store.value_class import dataclass


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
    cautions: tuple[str, ...] = ()
    """Sentences on what may be missing."""

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
    """A row of the view `generation_job_summary`."""

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


MOST_JOBS = 100_000
"""The maximum number of finished jobs, and of queued jobs, that are read."""
MOST_MODES = 50
