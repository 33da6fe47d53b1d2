"""What is told of a job's past. Pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from store.model import JobStatus

MOST_EVENTS = 200
"""Of a job, the newest."""


class EventKind(StrEnum):
    """The weightiest of what one statement changed of a job."""

    CREATED = "created"
    STATUS = "status"
    RETRY = "retry"
    """It was counted as retried, or an attempt of a worker's failed and another follows."""
    ERROR = "error"
    COST = "cost"
    CHANGED = "changed"
    """Its mode, its owner or its project."""
    OWNER = "owner"
    """Of its lease: another worker works on it, or none."""
    PROGRESS = "progress"
    """A worker's note."""
    DELETED = "deleted"
    ARCHIVED = "archived"
    RESTORED = "restored"
    """From the archive, as it was."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobEvent:
    id: int
    """Greater than those of the job's events before."""
    at: datetime
    kind: EventKind
    from_status: JobStatus | None
    """None where it came to be, and where the event tells nothing of the job itself."""
    to_status: JobStatus | None
    """None where it was deleted, and as above."""
    error: str | None
    """What it is since. Told where the job came to be, or its status, retries or error changed; else None."""
    cost_cents: int
    """What it is since; of a deleted job, what it was."""
    cents_change: int
    retry_count: int | None
    mode: str
    project_id: UUID
    user_id: UUID | None
    """The job's owner. None where the user is gone, or not this reader's to know."""
    actor_user_id: UUID | None
    """Whose claims the statement was made with. None without, and as above."""
    actor_role: str
    application: str
    """As the client called itself: any text."""
    lease_owner: str | None
    """The worker that holds or held the job; None where none does."""
    note: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Stay:
    """A while in which a job was in one status."""

    status: JobStatus
    since: datetime
    until: datetime | None
    """None where it is in it still."""
    lasted: timedelta
    """Until now, where it is in it still. Never below zero, whatever the clocks said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """A job's events, oldest first, and its stays in each status."""

    job_id: UUID
    events: tuple[JobEvent, ...]
    is_cut: bool
    """Whether there are older events than these."""
    stays: tuple[Stay, ...]
    started_at: datetime | None
    """When it first ran; None where it has not, or did so before events were kept."""
