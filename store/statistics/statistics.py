"""Counts and costs by status, summary, day, and job timings."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import UUID

from store.jobs.job import AnyStatus, JobStatus


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
    """The statistics by status, in the workflow's order, then unknown ones; a status without jobs has no row.

    Iterates over its rows.
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
        """The succeeded among all jobs, 0 to 1; None without jobs."""
        return self.count(JobStatus.SUCCEEDED) / self.total_count if self.total_count else None

    @property
    def success_rate_finished(self) -> float | None:
        """The succeeded among the finished jobs, 0 to 1; None while none has finished."""
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
    """Of durations, in seconds."""

    median: float
    percentile_95: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ModeTimings:
    """Of one mode, or of all."""

    mode: str | None
    """None of all modes."""
    succeeded: int
    """In the window, as the other numbers of what is finished."""
    failed: int
    waiting: Percentiles | None
    """Of the finished jobs, from their creation to their first start; None where no start is known."""
    running: Percentiles | None
    """From the first start to the end; None where no start is known."""
    total: Percentiles | None
    """From the creation to the end; None where nothing finished."""
    queued: int
    """Now."""
    oldest_queued_at: datetime | None

    @property
    def finished(self) -> int:
        return self.succeeded + self.failed

    @property
    def failure_rate(self) -> float | None:
        """Of the finished; None where there are none."""
        return self.failed / self.finished if self.finished else None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobTimings:
    of_all: ModeTimings
    by_mode: tuple[ModeTimings, ...]
    """The busiest first, at most MOST_MODES."""
    window: timedelta
    taken_at: datetime
    """By the server's clock: the window's end."""
    is_capped: bool
    """More jobs finished in the window, or are queued, than were looked at: the numbers are of the newest of the
    finished, and of the oldest of the queued."""

    @property
    def per_hour(self) -> float:
        """Finished jobs."""
        return self.of_all.finished / (self.window / timedelta(hours=1))


MOST_JOBS = 100_000
"""That are looked at, of the finished and of the queued."""
MOST_MODES = 50
