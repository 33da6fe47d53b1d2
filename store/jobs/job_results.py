"""What calls return: pages, outcomes of changes, retry links, stuck verdict."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum, auto
from typing import Generic, Self, TypeVar, assert_never
from uuid import UUID

from store.errors import RowMissing, TransitionRefused
from store.jobs.job import AnyStatus, GenerationJob, JobStatus, why_refused


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """The transition was made by this call; `job` is the row as it is since."""

    job: GenerationJob


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """Nothing was changed: the job is `current`, which may become one of `allowed` (none: it is final)."""

    current: AnyStatus
    allowed: tuple[JobStatus, ...]
    job: GenerationJob


@dataclass(frozen=True, slots=True, kw_only=True)
class Missing:
    """Nothing was changed: there is no such job, or none that this actor sees."""

    job_id: UUID


TransitionOutcome = Applied | Refused | Missing


@dataclass(frozen=True, slots=True, kw_only=True)
class Retried:
    """A new queued job repeats the failed one; `job` is the new one."""

    job: GenerationJob
    repeats: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class AlreadyRetried:
    """Nothing was changed: another job repeats this one by now."""

    job_id: UUID
    repeated_by: UUID


RetryOutcome = Retried | AlreadyRetried | Refused | Missing


@dataclass(frozen=True, slots=True, kw_only=True)
class Deleted:
    """The deletion was made by this call; `job` is the whole row as it was."""

    job: GenerationJob


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """Nothing was deleted: the job is in another status than the one that was expected of it."""

    job: GenerationJob


DeletionOutcome = Deleted | Moved | Missing

T = TypeVar("T")


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
class RetryLinks:
    repeats: UUID | None
    """The failed job that it repeats, be that deleted since; None where it is no repetition."""
    repeated_by: tuple[UUID, ...]
    """The jobs that repeat it, the oldest first, without those that are deleted or hidden."""


NO_LINKS = RetryLinks(repeats=None, repeated_by=())


def applied_job(outcome: TransitionOutcome, new_status: JobStatus) -> GenerationJob:
    """The job as it is since. Raises TransitionRefused or RowMissing; `new_status` is what was asked for."""
    match outcome:
        case Applied(job=job):
            return job
        case Refused(current=current, allowed=allowed, job=job):
            raise TransitionRefused(job.id, current, allowed, why_refused(current, new_status))
        case Missing(job_id=job_id):
            raise RowMissing(f"There is no job {job_id}, or none that this user sees: nothing was changed.", (job_id,))
    assert_never(outcome)


TIMES_USUAL = 3
"""A job is stuck that was not touched for so many times what jobs of its mode usually run."""
AT_LEAST = timedelta(minutes=5)
"""And never sooner."""
COMPARED_JOBS = 5_000
"""Finished jobs, the latest, tell what is usual: the time within which 95 of 100 of a mode end."""
FEWEST = 20
"""Of a mode; of fewer nothing is learned."""


class LeaseState(Enum):
    UNKNOWN = auto()
    """The database keeps none."""
    NONE = auto()
    LIVE = auto()
    """A worker has it, or it waits for its next attempt."""
    EXPIRED = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class StuckVerdict:
    """On a running job."""

    untouched: timedelta
    after: timedelta
    """It is stuck from then on, unless a worker has it."""
    usual: timedelta | None
    """Within which jobs of its mode end; None where nothing has been learned."""
    lease: LeaseState

    @property
    def is_stuck(self) -> bool:
        return self.lease is not LeaseState.LIVE and self.untouched > self.after
