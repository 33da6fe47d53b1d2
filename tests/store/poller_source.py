"""A source for a poller, and readers of its results."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import datetime, timedelta
from itertools import count
from math import ceil

from gjobs.store.poller import Poller, PollFailure, PollResult
from tests.store.store_fixtures import NOW

NEVER = 3600.0
"""More seconds than any test waits."""

SOON = 0.001
Answer = PollResult[str] | PollFailure


class ControlledSource:
    """A source that answers each query with `query!` or with the next failure, and records its queries."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.in_flight = self.most_in_flight = self.cancelled = 0
        self.failures: list[Exception] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.reached = asyncio.Event()

    async def fetch(self, question: str) -> str:
        self.asked.append(question)
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        self.reached.set()
        try:
            await self.gate.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        else:
            if self.failures:
                raise self.failures.pop(0)
            return f"{question}!"
        finally:
            self.in_flight -= 1


class Reader:
    """A reader of a poller's results, one by one."""

    def __init__(self, poller: Poller[str, str]) -> None:
        self.pages = poller.results()

    async def next(self) -> Answer:
        async with asyncio.timeout(60):
            return await anext(self.pages)

    async def next_page(self) -> PollResult[str]:
        answer = await self.next()
        assert isinstance(answer, PollResult)
        return answer

    async def next_failure(self) -> PollFailure:
        answer = await self.next()
        assert isinstance(answer, PollFailure)
        return answer

    async def nothing_comes(self) -> "asyncio.Task[Answer]":
        """Require that no answer is ready, and return the task that waits for the next one."""
        waiting = asyncio.ensure_future(self.next())
        await _everything_happens()
        assert not waiting.done()
        return waiting


async def begins(reader: Reader, source: ControlledSource) -> "asyncio.Task[PollResult[str]]":
    """Start a poll that ends when the gate is opened."""
    source.gate.clear()
    waiting = asyncio.ensure_future(reader.next_page())
    await source.reached.wait()
    return waiting


async def started(source: ControlledSource, interval: float, question: str = "q") -> tuple[Poller[str, str], Reader]:
    """Return a poller and its reader after the first result."""
    poller = Poller(source.fetch, question, interval=interval)
    reader = Reader(poller)
    await reader.next_page()
    return poller, reader


class Time:
    """The running loop's clock. It advances only when a test says so."""

    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        self._now = float(ceil(loop.time()))  # A whole number, so that adding halves and quarters is exact.
        loop.time = lambda: self._now  # type: ignore[method-assign]

    async def passes(self, seconds: float) -> None:
        """Advance the clock, and run what was waiting for it."""
        self._now += seconds
        await _everything_happens()


async def _everything_happens() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


@asynccontextmanager
async def followed(poller: Poller[str, str]) -> AsyncIterator[list[Answer]]:
    """Collect the poller's answers. The first answer has already arrived when the block begins."""
    answers: list[Answer] = []

    async def follow() -> None:
        async for answer in poller.results():
            answers.append(answer)  # noqa: PERF401

    following = asyncio.ensure_future(follow())
    await _everything_happens()
    assert answers
    try:
        yield answers
    finally:
        following.cancel()
        with suppress(asyncio.CancelledError):
            await following


def ticking() -> Callable[[], datetime]:
    """Return a clock that advances a second with each reading."""
    seconds = count()
    return lambda: NOW + timedelta(seconds=next(seconds))
