"""The poll loop: one query in flight, numbered pages, each measured, slower while it fails or is costly."""

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any, Generic, TypeVar

from store.errors import SignInRefused, StoreError

Q = TypeVar("Q")
T = TypeVar("T")

DEFAULT_INTERVAL = 2.0
LONGEST_WAIT = 30.0
SHARE_OF_TIME = 10
"""A page that took a second is asked for again after this many, whatever the interval."""
PATIENCE_WITH_STOPPING = 0.5
"""Seconds. A server that lives stops a query within some milliseconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedPage(Generic[T]):
    number: int
    """Counts all answers of this feed, failures too, from 1."""
    generation: int
    """Counts the questions asked, from 1: a page of an older one is stale."""
    value: T
    fetched_at: datetime
    """By the local clock."""
    duration: float
    """Seconds, of the round trip and the reading."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedFailure:
    number: int
    generation: int
    error: StoreError
    since: datetime
    """When the first of these failures in a row happened, by the local clock."""
    attempts: int
    retry_in: float | None
    """Seconds; None when trying again changes nothing until somebody asks for it."""


def wait_after_page(interval: float, duration: float) -> float:
    """Seconds until the next question: a costly one is asked less often."""
    return max(interval, duration * SHARE_OF_TIME)


def wait_after_failure(interval: float, attempts: int) -> float:
    """Seconds until the next attempt: twice as long each time, up to a limit."""
    doubled = interval * 2.0 ** min(attempts - 1, 16)
    return min(doubled, max(interval, LONGEST_WAIT))


def utc_now() -> datetime:
    return datetime.now(UTC)


class Feed(Generic[Q, T]):
    """Asks the same question again and again, until another is asked.

    `fetch` answers a question or raises a StoreError; any other exception ends the feed. A refused sign-in is not
    repeated by itself: hosts ban an address for that.
    """

    def __init__(
        self,
        fetch: Callable[[Q], Awaitable[T]],
        query: Q,
        *,
        interval: float = DEFAULT_INTERVAL,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self._fetch = fetch
        self._query = query
        self._interval = interval
        self._clock = clock
        self._generation = 1
        self._paused = False
        self._due = False
        """Whether somebody wants an answer at once."""
        self._stirred = asyncio.Event()
        """Set when what is waited for has to be thought over."""
        self._asked = asyncio.Event()
        """Set when what is in flight is wanted no more."""

    @property
    def query(self) -> Q:
        return self._query

    @property
    def generation(self) -> int:
        """Of the question asked last."""
        return self._generation

    @property
    def interval(self) -> float:
        """Seconds between a page and the next question. Counts for the present wait, too."""
        return self._interval

    @interval.setter
    def interval(self, seconds: float) -> None:
        self._interval = seconds
        self._stirred.set()

    @property
    def paused(self) -> bool:
        return self._paused

    def pause(self) -> None:
        """No more questions but those that are asked for: `ask` and `refresh` still answer once."""
        self._paused = True
        self._stirred.set()

    def resume(self) -> None:
        """Asks at once, and goes on."""
        self._paused = False
        self.refresh()

    def ask(self, query: Q) -> None:
        """Another question, at once: what is in flight is stopped and never answered."""
        self._query = query
        self._generation += 1
        self._asked.set()
        self.refresh()

    def refresh(self) -> None:
        """The same question as soon as the one in flight is answered."""
        self._due = True
        self._stirred.set()

    async def pages(self) -> AsyncGenerator[FeedPage[T] | FeedFailure, None]:
        """Never ends by itself. Only one may be read at a time."""
        number = attempts = 0
        since: datetime | None = None
        while True:
            self._due = False
            self._asked.clear()
            generation = self._generation
            started = time.monotonic()
            try:
                answered = await self._answer()
            except StoreError as error:
                number += 1
                attempts += 1
                since = since or self._clock()
                wait = self._after_failure(error, attempts)
                yield FeedFailure(
                    number=number,
                    generation=generation,
                    error=error,
                    since=since,
                    attempts=attempts,
                    retry_in=wait(),
                )
                await self._sleep(wait)
                continue
            if answered is None:
                continue
            number += 1
            attempts, since = 0, None
            duration = time.monotonic() - started
            yield FeedPage(
                number=number,
                generation=generation,
                value=answered[0],
                fetched_at=self._clock(),
                duration=duration,
            )
            await self._sleep(partial(self._after_page, duration))

    def _after_page(self, duration: float) -> float:
        return wait_after_page(self._interval, duration)

    def _after_failure(self, error: StoreError, attempts: int) -> Callable[[], float | None]:
        if isinstance(error, SignInRefused):
            return lambda: None
        return lambda: wait_after_failure(self._interval, attempts)

    async def _answer(self) -> tuple[T] | None:
        """The answer to the present question; None when another was asked meanwhile."""
        fetching = asyncio.ensure_future(self._fetch(self._query))
        asked = asyncio.ensure_future(self._asked.wait())
        try:
            await asyncio.wait({fetching, asked}, return_when=asyncio.FIRST_COMPLETED)
            if self._asked.is_set():
                return None
            return (fetching.result(),)
        finally:
            asked.cancel()
            await _stop(fetching)
            await asyncio.gather(asked, return_exceptions=True)

    async def _sleep(self, wait: Callable[[], float | None]) -> None:
        """As many seconds as `wait` says at any moment, or until an answer is wanted; for None, until then."""
        started = time.monotonic()
        while not self._due:
            self._stirred.clear()
            seconds = None if self._paused else wait()
            left = None if seconds is None else started + seconds - time.monotonic()
            if left is not None and left <= 0:
                return
            with suppress(TimeoutError):
                async with asyncio.timeout(left):
                    await self._stirred.wait()


async def _stop(fetching: "asyncio.Future[Any]") -> None:
    """At the first word the driver asks the server to stop, waiting some seconds for it; at the second it gives up."""
    fetching.cancel()
    await asyncio.wait({fetching}, timeout=PATIENCE_WITH_STOPPING)
    fetching.cancel()
    await asyncio.gather(fetching, return_exceptions=True)
