"""GenerationJob, JobStatus and the allowed transitions."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from uuid import UUID

from store.formats import UnknownText, close_names


class UnknownStatus(UnknownText):
    """A status outside the workflow, which the app has added to its database: any text. It has no transitions."""

    __slots__ = ()
    order = 1_000_000
    """Behind the workflow."""
    allowed: "tuple[JobStatus, ...]" = ()
    is_final = False
    """Nobody knows whether the app still changes such a job."""


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


AnyStatus = JobStatus | UnknownStatus
"""What the database may hold."""

_STATUSES = {status.value: status for status in JobStatus}


def parse_status(text: str) -> AnyStatus:
    return _STATUSES.get(text) or UnknownStatus(text)


def near_status(text: str) -> str | None:
    """The status of the workflow that somebody may have meant who typed an unknown one; None where none is near."""
    return next(iter(close_names(text, list(JobStatus))), None)


def in_order(statuses: Iterable[AnyStatus]) -> list[AnyStatus]:
    """Each once, in the workflow's order; the unknown ones follow by name."""
    return sorted(set(statuses), key=status_order)


def status_order(status: AnyStatus) -> tuple[int, str]:
    return status.order, status.value


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


def why_refused(current: AnyStatus, target: JobStatus) -> str:
    """A sentence for people: what the target needs, and what the job is."""
    needed = " or ".join(target.sources)
    if not needed:
        return f"Only a new job is {target}; this one is {current}."
    tail = f"this one is {current}"
    if isinstance(current, UnknownStatus):
        tail += ", a status outside the workflow"
    elif current.is_final:
        tail += ", which is final"
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
    status: AnyStatus
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
