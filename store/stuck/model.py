"""What is known of a running job that nobody touches. Pure."""

from dataclasses import dataclass
from datetime import timedelta
from enum import Enum, auto

TIMES_USUAL = 3
"""A job is stuck that was not touched for so many times what jobs of its mode usually run."""
AT_LEAST = timedelta(minutes=5)
"""And never sooner."""
LEARNED_FROM = 5_000
"""Finished jobs, the latest, tell what is usual: the time within which 95 of 100 of a mode end."""
FEWEST = 20
"""Of a mode; of fewer nothing is learned."""


class Lease(Enum):
    UNKNOWN = auto()
    """The database keeps none."""
    NONE = auto()
    LIVE = auto()
    """A worker has it, or it waits for its next attempt."""
    EXPIRED = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class StuckVerdict:
    """On a running job."""

    untouched: timedelta
    after: timedelta
    """It is stuck from then on, unless a worker has it."""
    usual: timedelta | None
    """Within which jobs of its mode end; None where nothing has been learned."""
    lease: Lease

    @property
    def is_stuck(self) -> bool:
        return self.lease is not Lease.LIVE and self.untouched > self.after
