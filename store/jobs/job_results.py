"""Results of store calls: pages, outcomes of changes, retry links, stuck verdict."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from enum import Enum, auto
from typing import Generic, Self, TypeVar, assert_never
from uuid import UUID

from gjobs.store.errors import RowMissing, TransitionRefused
from gjobs.store.jobs.job import AnyStatus, GenerationJob, JobStatus, why_refused
from gjobs.store.value_class import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """This call made the transition; `job` is the row after it."""

    job: GenerationJob


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """Nothing was changed. The job is `current` and may change to `allowed`; none if it is final."""

    current: AnyStatus
    allowed: tuple[JobStatus, ...]
    job: GenerationJob


@dataclass(frozen=True, slots=True, kw_only=True)
class Missing:
    """Nothing was changed. The job does not exist, or this actor does not see it."""

    job_id: UUID


TransitionOutcome = Applied | Refused | Missing


@dataclass(frozen=True, slots=True, kw_only=True)
class Retried:
    """A new queued job repeats the failed one; `job` is the new job."""

    job: GenerationJob
    repeats: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class AlreadyRetried:
    """Nothing was changed. Another job repeats this one already."""

    job_id: UUID
    repeated_by: UUID


RetryOutcome = Retried | AlreadyRetried | Refused | Missing


@dataclass(frozen=True, slots=True, kw_only=True)
class Deleted:
    """This call deleted the job; `job` is the whole row before it."""

    job: GenerationJob


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """Nothing was deleted. The job has another status than expected."""

    job: GenerationJob


DeletionOutcome = Deleted | Moved | Missing

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class PageKey:
    """The end of a page: the last row's values, where the next page starts. Newest first."""

    created_at: datetime
    id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class Page(Generic[T]):
    """Some rows of a longer list. Iterating yields the items."""

    items: tuple[T, ...]
    next_key: PageKey | None
    """None on the last page."""
    cautions: tuple[str, ...] = ()
    """Sentences on what may be missing."""

    def __iter__(self) -> Iterator[T]:
        return iter(self.items)

    def __len__(self) -> int:
        return len(self.items)


@dataclass(frozen=True, slots=True, kw_only=True)
class CappedCount:
    """A count that stops at a limit, so that it stays cheap."""

    number: int
    is_more: bool = False
    """Whether there are more than `number`."""

    @classmethod
    def of(cls, counted: int, most: int) -> Self:
        """Build the count from a number that was counted up to `most` plus one."""
        return cls(number=min(counted, most), is_more=counted > most)


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryLinks:
    repeats: UUID | None
    """The failed job that this job repeats, even if deleted since. None if this job is not a retry."""
    repeated_by: tuple[UUID, ...]
    """The jobs that repeat this one, oldest first, without deleted or hidden ones."""


NO_LINKS = RetryLinks(repeats=None, repeated_by=())


def applied_job(outcome: TransitionOutcome, new_status: JobStatus) -> GenerationJob:
    """Return the job after the transition to `new_status`. Raises TransitionRefused or RowMissing."""
    match outcome:
        case Applied(job=job):
            return job
        case Refused(current=current, allowed=allowed, job=job):
            raise TransitionRefused(job.id, current, allowed, why_refused(current, new_status))
        case Missing(job_id=job_id):
            raise RowMissing(f"Job {job_id} not found, or hidden from this user. Nothing was changed.", (job_id,))
    assert_never(outcome)


TIMES_USUAL = 3
"""A job is stuck after this multiple of its mode's usual duration without an update."""
AT_LEAST = timedelta(minutes=5)
"""A job is never stuck sooner."""
COMPARED_JOBS = 5_000
"""The usual duration comes from this many of the latest finished jobs. It is the 95th percentile for each mode."""
FEWEST = 20
"""The fewest jobs of a mode from which a usual duration is learned."""


class LeaseState(Enum):
    UNKNOWN = auto()
    """The database keeps no leases."""
    NONE = auto()
    LIVE = auto()
    """A worker holds the job, or the job waits for its next attempt."""
    EXPIRED = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class StuckVerdict:
    """Whether a running job is stuck, and the numbers behind it."""

    untouched: timedelta
    after: timedelta
    """The job is stuck after this time, unless a worker holds it."""
    usual: timedelta | None
    """The usual duration of the job's mode. None if none has been learned."""
    lease: LeaseState

    @property
    def is_stuck(self) -> bool:
        return self.lease is not LeaseState.LIVE and self.untouched > self.after
