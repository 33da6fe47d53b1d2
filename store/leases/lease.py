"""Values for claims, lease endings and worker status."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from gjobs.store.jobs.job import GenerationJob, JobStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerInfo:
    id: UUID
    name: str
    host: str
    process: int
    modes: tuple[str, ...] | None
    """None if it accepts every mode."""
    concurrency: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseKey:
    """A job and the attempt that holds its lease. Each claim is a new attempt, unless a crash lost the former claim.

    So the database also checks the owner, and a worker runs each key once at a time.
    """

    job_id: UUID
    attempt: int
    """1 for the first attempt."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimedJob:
    job: GenerationJob
    attempt: int
    lost_by: UUID | None
    """The worker whose lease expired; None if there was none."""
    note: str | None
    """Why the previous attempt failed; None for a first attempt."""

    @property
    def held(self) -> LeaseKey:
        return LeaseKey(job_id=self.job.id, attempt=self.attempt)


@dataclass(frozen=True, slots=True, kw_only=True)
class JobFinish(LeaseKey):
    status: JobStatus
    """Succeeded or failed."""
    error: str | None
    cost_cents: int | None
    """Total cost of the job; None keeps the recorded cost."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rescheduled(LeaseKey):
    """The job will be attempted again."""

    error: str
    cost_cents: int | None
    wait: float
    """Seconds until the next attempt."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Released(LeaseKey):
    """Another worker will run the job, as if this attempt had not started."""


Ending = JobFinish | Rescheduled | Released


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgressNote(LeaseKey):
    note: str


SILENT_AFTER = timedelta(seconds=90)
"""A worker reports three times in this period."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerStatus(WorkerInfo):
    started_at: datetime
    seen_at: datetime
    stopped_at: datetime | None
    held_jobs: int
    expired_jobs: int
    """How many of the held jobs have a lease that has expired."""
    held_since: datetime | None
    """When it claimed the job that it has held for longest; None if it holds none."""
    taken_at: datetime = field(compare=False)
    """The database's time at this moment."""

    @property
    def is_alive(self) -> bool:
        """Whether the worker was seen lately and has let no lease expire, because a running worker renews them.

        Nothing is known about the time after `taken_at`.
        """
        return self.stopped_at is None and self.taken_at - self.seen_at < SILENT_AFTER and not self.expired_jobs


@dataclass(frozen=True, slots=True, kw_only=True)
class LeasedJob:
    """A running job that a worker has claimed."""

    job_id: UUID
    mode: str
    project_id: UUID
    owner: UUID | None
    """The worker. None if nobody holds the job; then the first worker to claim after `expires_at` runs it again."""
    attempt: int
    """1 for the first attempt. If nobody holds the job, the last attempt."""
    acquired_at: datetime
    expires_at: datetime
    """When the lease expires unless renewed. From then on, another worker may take over the job."""
    note: str | None
    """The worker's progress note. If nobody holds the job, why the last attempt failed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkersOverview:
    """All workers and the jobs that they hold, at one moment, as visible to the actor."""

    workers: tuple[WorkerStatus, ...]
    held: tuple[LeasedJob, ...]
    """The earliest claims first. Some of their workers may be hidden from the actor."""
    is_cut: bool
    """Whether there are more leased jobs than these."""
    taken_at: datetime = field(compare=False)
