"""What came of asking for a change. Pure."""

from dataclasses import dataclass
from uuid import UUID

from store.model.job import GenerationJob, JobStatus


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
class Repeated:
    """A new queued job repeats the failed one; `job` is the new one."""

    job: GenerationJob
    repeats: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class AlreadyRepeated:
    """Nothing was changed: another job repeats this one by now."""

    job_id: UUID
    repeated_by: UUID


RetryOutcome = Repeated | AlreadyRepeated | Refused | Missing


@dataclass(frozen=True, slots=True, kw_only=True)
class Deleted:
    """The deletion was made by this call; `job` is the whole row as it was."""

    job: GenerationJob


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """Nothing was deleted: the job is in another status than the one that was expected of it."""

    job: GenerationJob


DeletionOutcome = Deleted | Moved | Missing
