"""Which jobs have been kept for long enough, and what became of them. Pure."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from store.model import JobStatus
from store.transitions import is_final


class RetentionAction(StrEnum):
    ARCHIVE = "archive"
    """They move to the archive, from which they can be restored."""
    DELETE = "delete"


FINISHED = tuple(status for status in JobStatus if is_final(status))


@dataclass(frozen=True, slots=True, kw_only=True)
class Expired:
    """The jobs that were created before a time. Neither that time nor a job's ever moves, so these become no more."""

    created_before: datetime
    statuses: tuple[JobStatus, ...] = FINISHED
    project_id: UUID | None = None
    """None stands for every project that the actor sees."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpiredCount:
    """Of one status; there is none of a status without such jobs."""

    status: JobStatus
    count: int
    total_cost_cents: int
    oldest_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Cleaned:
    """What has become of them so far."""

    done: int = 0
    refused: int = 0
    """That the database does not let go, mostly because rows of another table refer to them."""
    refused_id: UUID | None = None
    """One of them."""
    refusal: str | None = None
    """What it said of that one, as a sentence."""
