"""GenerationJob, JobStatus and the allowed transitions."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from uuid import UUID


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
    retry_count: int | None = None
    """None where the database does not count them, before revision 0005."""
    completed_at: datetime | None = None
    """Start of the transaction that ended the job. None while it has not ended, and where nobody noted it."""


LATER_COLUMNS = ("retry_count", "completed_at")
"""Of a job, which revision 0005 adds: the app's own table need not have them."""

TRANSITIONS: Mapping[JobStatus, tuple[JobStatus, ...]] = MappingProxyType(
    {
        JobStatus.QUEUED: (JobStatus.RUNNING,),
        JobStatus.RUNNING: (JobStatus.SUCCEEDED, JobStatus.FAILED),
        JobStatus.SUCCEEDED: (),
        JobStatus.FAILED: (),
    }
)

_DONE = {JobStatus.RUNNING: "started", JobStatus.SUCCEEDED: "completed", JobStatus.FAILED: "failed"}


def allowed(current: JobStatus) -> tuple[JobStatus, ...]:
    """What a job in this status may become; empty when it is final."""
    return TRANSITIONS[current]


def sources(target: JobStatus) -> tuple[JobStatus, ...]:
    """The statuses from which a job may become `target`; empty for `queued`, where every job starts."""
    return tuple(status for status, targets in TRANSITIONS.items() if target in targets)


def is_final(status: JobStatus) -> bool:
    return not TRANSITIONS[status]


def why_refused(current: JobStatus, target: JobStatus) -> str:
    """A sentence for people: what the target needs, and what the job is."""
    needed = " or ".join(sources(target))
    if not needed:
        return f"Only a new job is {target}; this one is {current}."
    tail = f"this one is {current}, which is final" if is_final(current) else f"this one is {current}"
    return f"Only a {needed} job can be {_DONE[target]}; {tail}."


ERROR_CHARACTERS = 400
"""Kept of an error in a list: more than a line shows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedJob(GenerationJob):
    """A job as lists hold it: of a long error only the beginning."""

    is_error_cut: bool = False
