"""A job, and what one is usually like. Pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
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
