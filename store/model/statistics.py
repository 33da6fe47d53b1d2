"""What jobs add up to. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from store.model.job import JobStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class JobStatistic:
    """A row of `get_job_statistics`."""

    status: JobStatus
    count: int
    total_cost_cents: int
    avg_cost_cents: float
    """Rounded to two decimals."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobStatistics:
    """The statistics by status, in the workflow's order; a status without jobs has no row. Iterates over its rows."""

    by_status: tuple[JobStatistic, ...]
    includes_archive: bool = False

    def __iter__(self) -> Iterator[JobStatistic]:
        return iter(self.by_status)

    def count(self, status: JobStatus) -> int:
        return sum(row.count for row in self.by_status if row.status is status)

    def cost_cents(self, status: JobStatus) -> int:
        return sum(row.total_cost_cents for row in self.by_status if row.status is status)

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
    status: JobStatus
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
