"""Measures what the session costs the database and this machine: queries, times and bytes."""

import dataclasses
import socket
import struct
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from weakref import WeakKeyDictionary

from gjobs.store.values.data_classes import dataclass

# On Linux, `struct tcp_info` has these two counters since version 4.1, after 120 bytes of other values.
_COUNTERS = struct.Struct("=120xQQ")


@dataclasses.dataclass(frozen=True, slots=True)
class Traffic:
    """Bytes of TCP's payload, which includes the encryption."""

    sent: int = 0
    received: int = 0

    def __add__(self, other: "Traffic") -> "Traffic":
        return Traffic(self.sent + other.sent, self.received + other.received)

    def __sub__(self, other: "Traffic") -> "Traffic":
        return Traffic(self.sent - other.sent, self.received - other.received)


def read_traffic(file: int) -> Traffic | None:
    """Return the bytes of an open socket, or None if the system does not count them, as for a Unix socket."""
    if sys.platform != "linux":
        return None
    try:
        with socket.socket(fileno=socket.dup(file)) as connected:
            if connected.family not in (socket.AF_INET, socket.AF_INET6):
                return None
            return Traffic(*_COUNTERS.unpack(connected.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _COUNTERS.size)))
    except (OSError, struct.error):
        return None


class TrafficMeter:
    """Adds up the bytes of all connections of a session. The last bytes of a closed connection may be missing."""

    def __init__(self) -> None:
        self._last: WeakKeyDictionary[Any, Traffic] = WeakKeyDictionary()
        self._total = Traffic()
        self._is_counted = False

    def add(self, connection: Any) -> None:
        """Count an open connection of the driver, if the system counts its bytes."""
        if read_traffic(connection.fileno()) is not None:
            self._last[connection] = Traffic()

    def total(self) -> Traffic | None:
        """Return the bytes so far, or None if nothing was counted."""
        for connection, last in list(self._last.items()):
            found = None if connection.closed else read_traffic(connection.fileno())
            if found is not None:
                self._is_counted = True
                self._total += found - last
                self._last[connection] = found
        return self._total if self._is_counted else None


WINDOW = 60.0
"""Length of the measured window, in seconds."""

LAST_ANSWERS = 3
"""The fastest of this many answers counts as a round trip. A network that becomes slower shows soon, and a slow query
among fast ones does not.
"""
RECENT = 30.0
"""Answers older than the newest one by more than this many seconds say nothing about the network now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """Load over the last window. All times are in seconds."""

    over: float
    """Length of the measured window: about a minute, or less in the first minute."""
    includes_start: bool = False
    """Whether the window begins with the session, whose first queries read the most."""
    queries: int
    database_time: float
    """From sending a statement to its last row. This includes the network time, so the server worked less."""
    processor_time: float
    """Processor time of this whole process."""
    traffic: Traffic | None = None
    """None if the system does not count the bytes, as on a connection within this machine."""
    round_trip: float | None = None
    """The shortest time of the last answers. It includes the work of the server. None without answers."""

    @property
    def processor_share(self) -> float:
        """Share of one core of this machine."""
        return self.processor_time / self.over if self.over else 0.0


@dataclass(frozen=True, slots=True)
class _Sample:
    """Totals since the start, and the moment at which they were taken."""

    at: float
    queries: int
    database_time: float
    processor_time: float
    traffic: Traffic | None
    took: float | None
    """The duration in seconds of the block that ended at this moment. None if it failed."""


class LoadMeter:
    """Counts queries and times, and reports the last minute. The clocks may count seconds from any start."""

    def __init__(
        self,
        *,
        clock: Callable[[], float] = time.monotonic,
        processor: Callable[[], float] = time.process_time,
        traffic: Callable[[], Traffic | None] = lambda: None,
    ) -> None:
        self._clock = clock
        self.traffic = traffic
        self._processor = processor
        self._queries = 0
        self._database_time = 0.0
        self._start = self._sample()
        self._samples = deque([self._start])
        """Oldest first: the newest sample that is at least a minute old (or the first one), and all later ones."""

    @contextmanager
    def measured(self) -> Iterator[None]:
        """Count the time of the block as database time, even if it fails. The time of a failed block does not count
        as a round trip, because the database may not have answered.
        """
        began, is_answered = self._clock(), False
        try:
            yield
            is_answered = True
        finally:
            took = self._clock() - began
            self._database_time += took
            sample = self._sample(took if is_answered else None)
            self._forget_before(sample.at - WINDOW)
            self._samples.append(sample)

    def count(self, queries: int) -> None:
        self._queries += queries

    def last_minute(self) -> Load:
        now = self._sample()
        self._forget_before(now.at - WINDOW)
        first = self._samples[0]
        return Load(
            over=now.at - first.at,
            includes_start=first is self._start,
            queries=now.queries - first.queries,
            database_time=now.database_time - first.database_time,
            processor_time=now.processor_time - first.processor_time,
            traffic=None if now.traffic is None else now.traffic - (first.traffic or Traffic()),
            round_trip=self._round_trip,
        )

    @property
    def _round_trip(self) -> float | None:
        answers = [(sample.at, sample.took) for sample in self._samples if sample.took is not None][-LAST_ANSWERS:]
        return min((took for at, took in answers if at >= answers[-1][0] - RECENT), default=None)

    def _sample(self, took: float | None = None) -> _Sample:
        traffic = self.traffic()
        return _Sample(self._clock(), self._queries, self._database_time, self._processor(), traffic, took)

    def _forget_before(self, moment: float) -> None:
        while len(self._samples) > 1 and self._samples[1].at <= moment:
            self._samples.popleft()
