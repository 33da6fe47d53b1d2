"""Measures what the session costs the database and this machine."""

import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

WINDOW = 60.0
"""Seconds that are looked back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """All times are seconds."""

    over: float
    """What the rest was measured in: about a minute, or less in the first one."""
    queries: int
    database_time: float
    """From sending to the last row, so it is more than what the server worked: the way there and back is in it."""
    processor_time: float
    """Of this process, whatever it did."""

    @property
    def database_share(self) -> float:
        """Of one core of the server, at most."""
        return self.database_time / self.over if self.over else 0.0

    @property
    def processor_share(self) -> float:
        """Of one core."""
        return self.processor_time / self.over if self.over else 0.0


@dataclass(frozen=True, slots=True)
class _Sample:
    """Sums since some beginning, and the moment at which they were these."""

    at: float
    queries: int
    database_time: float
    processor_time: float


class LoadMeter:
    """Adds up what is run, and looks back a minute. The clocks count seconds from anywhere."""

    def __init__(
        self, *, clock: Callable[[], float] = time.monotonic, processor: Callable[[], float] = time.process_time
    ) -> None:
        self._clock = clock
        self._processor = processor
        self._queries = 0
        self._database_time = 0.0
        self._samples = deque([self._sample()])
        """Oldest first: the last one that is a minute old, or the beginning, and all after it."""

    @contextmanager
    def measured(self) -> Iterator[None]:
        """What runs within is the database's time, however it ends."""
        began = self._clock()
        try:
            yield
        finally:
            self._database_time += self._clock() - began
            sample = self._sample()
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
            queries=now.queries - first.queries,
            database_time=now.database_time - first.database_time,
            processor_time=now.processor_time - first.processor_time,
        )

    def _sample(self) -> _Sample:
        return _Sample(self._clock(), self._queries, self._database_time, self._processor())

    def _forget_before(self, moment: float) -> None:
        while len(self._samples) > 1 and self._samples[1].at <= moment:
            self._samples.popleft()
