"""How jobs moved in the last minutes, and the costs of each day by outcome."""

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable, Mapping
from datetime import date, datetime, timedelta

from gjobs.store.jobs.job import JobStatus
from gjobs.store.jobs.job_results import CappedCount
from gjobs.store.value_class import dataclass

WINDOW = timedelta(minutes=5)
MOST_MOVES = 2_000
"""The most updated jobs that are read. If there were more, the rates cover a shorter time."""
MOST_STUCK = 1_000
MOST_PRICED = 20_000
"""The most jobs that are read for the costs by outcome. Days with further jobs have no split."""

LEAST_SECONDS = 1.0
SHARE_OF_TIME = 400
"""A flow is kept for at least this multiple of the time that reading it took. The first reading does not count: it may
wait for a connection and for data on disk.
"""
MOST_SECONDS = 60.0
MOST_AGE = MOST_SECONDS + 15.0
"""Seconds by which a shown flow may be older than the counts. Reading the next one takes time."""
_MOST_KEPT = 64


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


def seconds_to_keep(took: float) -> float:
    """Return how long to keep a flow that took this many seconds to read."""
    return min(max(LEAST_SECONDS, took * SHARE_OF_TIME), MOST_SECONDS)


class RecentFlows:
    """Keeps flows for some seconds, so that reading them adds little load."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._kept: OrderedDict[Hashable, tuple[float, JobFlow]] = OrderedDict()
        """Each flow with the time until which it is kept."""

    async def get(self, scope: Hashable, read: Callable[[], Awaitable[JobFlow]]) -> JobFlow:
        """Return the kept flow, or else read it."""
        until, kept = self._kept.get(scope, (0.0, None))
        began = self._clock()
        if kept is not None and began < until:
            return kept
        flow = await read()
        ended = self._clock()
        took = 0.0 if kept is None else ended - began
        self._keep_until(ended + seconds_to_keep(took), scope, flow)
        return flow

    def keep(self, scope: Hashable, flow: JobFlow) -> None:
        """Keep a flow that was read with the counts, at least as long as the older one would have been kept."""
        until, _ = self._kept.get(scope, (0.0, None))
        self._keep_until(max(until, self._clock() + LEAST_SECONDS), scope, flow)

    def has_stuck(self, scope: Hashable) -> bool:
        """Return whether jobs were stuck when the flow was last read."""
        _, flow = self._kept.get(scope, (0.0, None))
        return flow is not None and flow.stuck is not None and flow.stuck.number > 0

    def _keep_until(self, until: float, scope: Hashable, flow: JobFlow) -> None:
        self._kept.pop(scope, None)
        self._kept[scope] = (until, flow)
        if len(self._kept) > _MOST_KEPT:
            self._kept.popitem(last=False)
