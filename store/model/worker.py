"""A worker, as the database knows it."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

SILENT_AFTER = timedelta(seconds=90)
"""A worker tells of itself three times a minute."""


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
    taken_at: datetime
    """The database's time of all this."""

    @property
    def is_alive(self) -> bool:
        return self.stopped_at is None and self.taken_at - self.seen_at < SILENT_AFTER
