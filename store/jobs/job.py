"""GenerationJob, JobStatus and the allowed transitions."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from uuid import UUID


class JobStatus(StrEnum):
    """A status of the workflow, in its order. Where each leads is in TRANSITIONS."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"

    @property
    def order(self) -> int:
        """Its place in the workflow, from 0."""
        return list(JobStatus).index(self)

    @property
    def allowed(self) -> "tuple[JobStatus, ...]":
        """What a job in this status may become; empty when it is final."""
        return TRANSITIONS[self]

    @property
    def sources(self) -> "tuple[JobStatus, ...]":
        """The statuses from which a job may become this one; empty for `queued`, where every job starts."""
        return tuple(status for status, targets in TRANSITIONS.items() if self in targets)

    @property
    def is_final(self) -> bool:
        return not self.allowed


TRANSITIONS: Mapping[JobStatus, tuple[JobStatus, ...]] = MappingProxyType(
    {
        JobStatus.QUEUED: (JobStatus.RUNNING,),
        JobStatus.RUNNING: (JobStatus.SUCCEEDED, JobStatus.FAILED),
        JobStatus.SUCCEEDED: (),
        JobStatus.FAILED: (),
    }
)
LIVE_STATUSES = tuple(status for status in JobStatus if not status.is_final)
FINAL_STATUSES = tuple(status for status in JobStatus if status.is_final)
WORKFLOW = " to ".join((*LIVE_STATUSES, " or ".join(FINAL_STATUSES)))
"""For people."""

_DONE = {JobStatus.RUNNING: "started", JobStatus.SUCCEEDED: "completed", JobStatus.FAILED: "failed"}


def sql_literals(statuses: Iterable[JobStatus], *, cast: str = "") -> str:
    """`'succeeded', 'failed'`, for SQL that an index or a check has to the letter."""
    return ", ".join(f"'{status}'{cast}" for status in statuses)


def why_refused(current: JobStatus, target: JobStatus) -> str:
    """A sentence for people: what the target needs, and what the job is."""
    needed = " or ".join(target.sources)
    if not needed:
        return f"Only a new job is {target}; this one is {current}."
    tail = f"this one is {current}, which is final" if current.is_final else f"this one is {current}"
    return f"Only a {needed} job can be {_DONE[target]}; {tail}."


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

ERROR_CHARACTERS = 400
"""Kept of an error in a list: more than a line shows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedJob(GenerationJob):
    """A job as lists hold it: of a long error only the beginning."""

    is_error_cut: bool = False
