"""What workers and the database tell each other. Pure; seconds are seconds, and money is cents."""

from dataclasses import dataclass
from uuid import UUID

from store.model import GenerationJob, JobStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerFacts:
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
class Held:
    """A job under a lease. Whoever claims it later has another attempt, so that the two are told apart."""

    job_id: UUID
    attempt: int
    """1 for the first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claimed:
    job: GenerationJob
    attempt: int
    lost_by: UUID | None
    """The worker whose lease had expired; None where there was no such."""
    note: str | None
    """Why the attempt before failed; None for a first one."""

    @property
    def held(self) -> Held:
        return Held(job_id=self.job.id, attempt=self.attempt)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finish(Held):
    status: JobStatus
    """Succeeded or failed."""
    error: str | None
    cost_cents: int | None
    """Of the job in all; None leaves what it has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Postponed(Held):
    """The job is to be attempted again."""

    error: str
    cost_cents: int | None
    wait: float
    """Seconds until then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HandedBack(Held):
    """Somebody else is to do the job, as if it had not been begun."""


Ending = Finish | Postponed | HandedBack


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress(Held):
    note: str
