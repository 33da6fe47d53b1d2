"""How well the work goes. Pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta

DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """Of durations, in seconds."""

    median: float
    percentile_95: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """Of one mode, or of all."""

    mode: str | None
    """None of all modes."""
    succeeded: int
    """In the window, as the other numbers of what is finished."""
    failed: int
    waiting: Spread | None
    """Of the finished jobs, from their creation to their first start; None where no start is known."""
    running: Spread | None
    """From the first start to the end; None where no start is known."""
    total: Spread | None
    """From the creation to the end; None where nothing finished."""
    queued: int
    """Now."""
    oldest_queued_at: datetime | None

    @property
    def finished(self) -> int:
        return self.succeeded + self.failed

    @property
    def failure_rate(self) -> float | None:
        """Of the finished; None where there are none."""
        return self.failed / self.finished if self.finished else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Monitoring:
    of_all: Work
    by_mode: tuple[Work, ...]
    """The busiest first, at most MOST_MODES."""
    window: timedelta
    taken_at: datetime
    """By the server's clock: the window's end."""
    is_capped: bool
    """More jobs finished in the window, or are queued, than were looked at: the numbers are of the newest of the
    finished, and of the oldest of the queued."""

    @property
    def per_hour(self) -> float:
        """Finished jobs."""
        return self.of_all.finished / (self.window / timedelta(hours=1))


MOST_JOBS = 100_000
"""That are looked at, of the finished and of the queued."""
MOST_MODES = 50
