"""Claims, lease ends, worker status: values."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from store.jobs.job import GenerationJob, JobStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerInfo:
    id: UUID
    user_id: UUID | None
    """With whose eyes it works; None: the operator's."""
    name: str
    host: str
    process: int
    modes: tuple[str, ...] | None
    """None: it takes every mode."""
    concurrency: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseKey:
    """A job under a lease. Whoever claims it later has another attempt, so that the two are told apart."""

    job_id: UUID
    attempt: int
    """1 for the first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimedJob:
    job: GenerationJob
    attempt: int
    lost_by: UUID | None
    """The worker whose lease had expired; None where there was no such."""
    note: str | None
    """Why the attempt before failed; None for a first one."""

    @property
    def held(self) -> LeaseKey:
        return LeaseKey(job_id=self.job.id, attempt=self.attempt)


@dataclass(frozen=True, slots=True, kw_only=True)
class JobFinish(LeaseKey):
    status: JobStatus
    """Succeeded or failed."""
    error: str | None
    cost_cents: int | None
    """Of the job in all; None leaves what it has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rescheduled(LeaseKey):
    """The job is to be attempted again."""

    error: str
    cost_cents: int | None
    wait: float
    """Seconds until then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Released(LeaseKey):
    """Somebody else is to do the job, as if it had not been begun."""


Ending = JobFinish | Rescheduled | Released


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgressNote(LeaseKey):
    note: str


SILENT_AFTER = timedelta(seconds=90)
"""A worker tells of itself three times in that."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerStatus:
    id: UUID
    user_id: UUID | None
    """With whose eyes it works; None: the operator's."""
    name: str
    host: str
    process: int
    modes: tuple[str, ...] | None
    """None: it takes every mode."""
    concurrency: int
    started_at: datetime
    seen_at: datetime
    stopped_at: datetime | None
    held_jobs: int
    held_since: datetime | None
    """When it claimed the one that it has had for longest; None where it has none."""
    taken_at: datetime = field(compare=False)
    """The database's time of all this."""

    @property
    def is_alive(self) -> bool:
        return self.stopped_at is None and self.taken_at - self.seen_at < SILENT_AFTER


@dataclass(frozen=True, slots=True, kw_only=True)
class LeasedJob:
    """A running job that a worker has claimed."""

    job_id: UUID
    mode: str
    project_id: UUID
    owner: UUID | None
    """The worker; None where nobody has it, and the first that comes by after `expires_at` attempts it again."""
    attempt: int
    """1 for the first. Where nobody has it: the one that was."""
    acquired_at: datetime
    expires_at: datetime
    """When the lease runs out unless it is renewed; from then on another worker takes the job over."""
    note: str | None
    """The worker's, of its progress; where nobody has it, why the last attempt failed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkersOverview:
    """Who works, and on what: at one moment, as far as the actor sees."""

    workers: tuple[WorkerStatus, ...]
    held: tuple[LeasedJob, ...]
    """Those claimed first come first. Their workers need not be among those that the actor sees."""
    is_cut: bool
    """Whether more are held than these."""
    taken_at: datetime = field(compare=False)
