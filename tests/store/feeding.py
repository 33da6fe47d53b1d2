"""What a feed is fed with, and who reads it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import datetime, timedelta
from itertools import count
from math import ceil

from store.poller import Poller, PollFailure, PollResult
from tests.store.support import NOW

NEVER = 3600.0

"""Seconds: a test in which a feed waits for that long would not end."""

SOON = 0.001

Answer = PollResult[str] | PollFailure


class ControlledSource:
    """Answers a question with itself, or with what is queued for it; counts what is asked of it."""

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
    """Takes the answers of a feed one by one."""

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
        """The task that waits for the next answer, after the loop has had every chance to bring one."""
        waiting = asyncio.ensure_future(self.next())
        await _everything_happens()
        assert not waiting.done()
        return waiting


async def begins(reader: Reader, source: ControlledSource) -> "asyncio.Task[PollResult[str]]":
    """A poll that is under way, and ends when the gate is opened."""
    source.gate.clear()
    waiting = asyncio.ensure_future(reader.next_page())
    await source.reached.wait()
    return waiting


async def started(source: ControlledSource, interval: float, question: str = "q") -> tuple[Poller[str, str], Reader]:
    """The first result has been read."""
    poller = Poller(source.fetch, question, interval=interval)
    reader = Reader(poller)
    await reader.next_page()
    return poller, reader


class Time:
    """The running loop's clock, which stands still but when it is told to go on."""

    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        self._now = float(ceil(loop.time()))  # so that halves and quarters of seconds are added up exactly
        loop.time = lambda: self._now  # type: ignore[method-assign]

    async def passes(self, seconds: float) -> None:
        """And whatever was waiting for that happens."""
        self._now += seconds
        await _everything_happens()


async def _everything_happens() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


@asynccontextmanager
async def followed(poller: Poller[str, str]) -> AsyncIterator[list[Answer]]:
    """All that the feed answers, as it comes; the first answer is there."""
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
    """Each look at this clock is a second later."""
    seconds = count()
    return lambda: NOW + timedelta(seconds=next(seconds))
