"""Answers whoever asks for the metrics, from a thread of the library's, with what the loop's thread reads."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable

from prometheus_client import CollectorRegistry, Metric
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from store.errors import StoreError
from tui.cli.output import say

FRESH = 5.0
"""Seconds for which an answer serves everybody: who asks often costs the database no more."""


class Scrapes:
    def __init__(self, read: Callable[[], Awaitable[list[Metric]]]) -> None:
        self._read = read
        self._lock = asyncio.Lock()
        self._answer: list[Metric] = []
        self._answered_at = float("-inf")
        self._is_up = True

    async def answer(self) -> list[Metric]:
        """What was read, or that nothing could be: never an error, for the rest of the answer would be lost with it."""
        async with self._lock:
            now = asyncio.get_running_loop().time()
            if now - self._answered_at > FRESH:
                self._answer, self._answered_at = await self._asked(), now
            return self._answer

    async def _asked(self) -> list[Metric]:
        try:
            metrics = await self._read()
        except StoreError as error:
            if self._is_up:
                say(f"{error} The answer is gjobs_up 0 until that is over.")
            self._is_up = False
            return [_up(0)]
        if not self._is_up:
            say("The database answers again.")
        self._is_up = True
        return [_up(1), *metrics]

    def from_another_thread(self, loop: asyncio.AbstractEventLoop) -> Callable[[], list[Metric]]:
        return lambda: asyncio.run_coroutine_threadsafe(self.answer(), loop).result()


def _up(number: int) -> Metric:
    return GaugeMetricFamily("gjobs_up", "Whether the database answered.", value=number)


class _Collector(Collector):
    def __init__(self, read: Callable[[], list[Metric]]) -> None:
        self._read = read

    def collect(self) -> Iterable[Metric]:
        return self._read()

    def describe(self) -> Iterable[Metric]:
        """Nothing is read before somebody asks."""
        return []


def registry_of(read: Callable[[], list[Metric]]) -> CollectorRegistry:
    registry = CollectorRegistry()
    registry.register(_Collector(read))
    return registry
