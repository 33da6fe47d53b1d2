"""How jobs moved in the last minutes, and what the costs of each day led to."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from store.jobs.job import JobStatus
from store.jobs.job_results import CappedCount

WINDOW = timedelta(minutes=5)
MOST_MOVES = 2_000
"""The most updated jobs that are read. If there were more, the rates cover a shorter time."""
MOST_STUCK = 1_000
MOST_PRICED = 20_000
"""The most jobs that are read for the costs by outcome. Days with further jobs have no split."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecentMoves:
    """The jobs that entered each state in the last seconds."""

    seconds: float
    entered: Mapping[JobStatus, int]
    """Without running jobs if the database does not record when jobs start."""

    def per_minute(self, status: JobStatus) -> float | None:
        number = self.entered.get(status)
        return None if number is None else number * 60 / max(self.seconds, 1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class OutcomeCosts:
    """The cost of a UTC day's jobs by their present status."""

    day: date
    succeeded_cents: int
    failed_cents: int


@dataclass(frozen=True, slots=True, kw_only=True)
class JobFlow:
    """Figures that are read less often than the totals. What took too long is None."""

    taken_at: datetime
    """The server's time."""
    moves: RecentMoves | None = None
    oldest_queued_at: datetime | None = None
    """When the oldest queued job was created. None if no job is queued."""
    stuck: CappedCount | None = None
    """The running jobs that are stuck."""
    outcomes: Mapping[date, OutcomeCosts] | None = None
    """By day. Days without jobs, or with too many, are missing."""
