"""Keeps flows for some seconds, so that reading them adds little load."""

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable

from store.statistics.job_flow import JobFlow

LEAST_SECONDS = 1.0
SHARE_OF_TIME = 400
"""A flow is kept for at least this multiple of the time that reading it took. The first reading does not count: it may
wait for a connection and for data on disk.
"""
MOST_SECONDS = 300.0
_MOST_KEPT = 64


class RecentFlows:
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
        rest = min(max(LEAST_SECONDS, took * SHARE_OF_TIME), MOST_SECONDS)
        self._kept.pop(scope, None)
        self._kept[scope] = (ended + rest, flow)
        if len(self._kept) > _MOST_KEPT:
            self._kept.popitem(last=False)
        return flow
