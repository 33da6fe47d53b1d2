"""The values of the store: frozen, with the columns' names. Money is integer cents, times are aware UTC."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Generic, Self, TypeVar
from uuid import UUID

from store.actor import ActingUser

T = TypeVar("T")


class JobStatus(StrEnum):
    """In the workflow's order."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


USUAL_MODES = ("main_white", "lifestyle", "feature_callout", "packaging")
"""The app's modes. The column takes any text."""

DEFAULT_COST_CENTS = 100
"""What the app proposes for a new job."""

STUCK_AFTER = timedelta(minutes=30)
"""A running job that nobody touched for so long is stuck: the specification's view `stuck_jobs` says the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerationJob:
    id: UUID
    user_id: UUID
    project_id: UUID
    status: JobStatus
    mode: str
    input_asset_id: UUID | None
    error: str | None
    """Plain text, or the app's JSON object as text."""
    cost_cents: int
    """May be negative: the column has no check."""
    created_at: datetime
    updated_at: datetime
    """Start of the transaction that last wrote the row, whatever it changed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    id: UUID
    user_id: UUID
    name: str
    created_at: datetime
    updated_at: datetime
    job_count: int
    """Of the jobs that the actor sees."""
    total_cost_cents: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Asset:
    id: UUID
    user_id: UUID
    project_id: UUID
    kind: str
    mode: str
    mime_type: str | None
    width: int | None
    height: int | None
    storage_path: str
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    id: UUID
    email: str | None
    created_at: datetime | None
    job_count: int
    last_job_at: datetime | None
    """When the newest job was created; None without jobs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CappedCount:
    """A count that stops somewhere, so that it stays cheap."""

    number: int
    is_more: bool = False
    """Whether there are more than that."""

    @classmethod
    def of(cls, counted: int, most: int) -> Self:
        """Of what was counted up to one beyond `most`."""
        return cls(number=min(counted, most), is_more=counted > most)


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundUser:
    """What a search tells of a user."""

    id: UUID
    email: str | None
    """None also where the users are not to be read."""
    job_count: CappedCount
    last_job_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Located:
    """Everything whose id is the one looked for, or begins with it."""

    jobs: tuple[GenerationJob, ...] = ()
    projects: tuple[Project, ...] = ()
    assets: tuple[Asset, ...] = ()
    users: tuple[ActingUser, ...] = ()
    is_more: bool = False
    """Whether there are more of a kind than are held here."""


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


@dataclass(frozen=True, slots=True, kw_only=True)
class PageKey:
    """Where a page ends: the last row's values, by which the next page starts. Newest first."""

    created_at: datetime
    id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class Page(Generic[T]):
    """Some rows of a longer list. Iterates over its items."""

    items: tuple[T, ...]
    next_key: PageKey | None
    """None on the last page."""

    def __iter__(self) -> Iterator[T]:
        return iter(self.items)

    def __len__(self) -> int:
        return len(self.items)


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """The transition was made by this call; `job` is the row as it is since."""

    job: GenerationJob


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """Nothing was changed: the job is `current`, which may become one of `allowed` (none: it is final)."""

    current: JobStatus
    allowed: tuple[JobStatus, ...]
    job: GenerationJob


@dataclass(frozen=True, slots=True, kw_only=True)
class Missing:
    """Nothing was changed: there is no such job, or none that this actor sees."""

    job_id: UUID


TransitionOutcome = Applied | Refused | Missing


@dataclass(frozen=True, slots=True, kw_only=True)
class Deleted:
    """The deletion was made by this call; `job` is the whole row as it was."""

    job: GenerationJob


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """Nothing was deleted: the job is in another status than the one that was expected of it."""

    job: GenerationJob


DeletionOutcome = Deleted | Moved | Missing
