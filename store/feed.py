"""The poll loop: one query in flight, numbered pages, each measured, as often as `pacing` says."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Generic, TypeVar

from store.clock import utc_now
from store.errors import SignInRefused, StoreError
from store.pacing import (
    DEFAULT_INTERVAL,
    SHARE_OF_TIME,
    Attention,
    Pace,
    seen_within,
    wait_after_failure,
    wait_after_hint,
    wait_after_page,
    wait_for_cost,
)
from store.right_of_way import RightOfWay
from store.stopping import answer_unless

Q = TypeVar("Q")
T = TypeVar("T")
A = TypeVar("A")


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedPage(Generic[T]):
    number: int
    """Counts all answers of this feed, failures too, from 1."""
    generation: int
    """Counts the questions asked, from 1: a page of an older one is stale."""
    value: T
    is_changed: bool
    """Whether it differs from the page before, or is the first to its question: if not, there is nothing to draw."""
    fetched_at: datetime
    """By the local clock."""
    duration: float
    """Seconds, of the round trip and the reading; without what was waited for to begin."""


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


def _now() -> float:
    """Seconds by the clock that the loop's timers go by."""
    return asyncio.get_running_loop().time()


class Feed(Generic[Q, T]):
    """Asks the same question again and again, until another is asked.

    `fetch` answers a question or raises a StoreError; any other exception ends the feed. A refused sign-in is not
    repeated by itself: hosts ban an address for that. Answers that are equal are the same: what always differs, as the
    time at which they were taken, must not be compared. One that gives way asks only while nobody has the right of way.
    """

    def __init__(
        self,
        fetch: Callable[[Q], Awaitable[T]],
        query: Q,
        *,
        interval: float = DEFAULT_INTERVAL,
        share: float = SHARE_OF_TIME,
        gives_way: RightOfWay | None = None,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self._fetch = fetch
        self._query = query
        self._pace = Pace(interval=interval, share=share)
        self._gives_way = gives_way
        self._clock = clock
        self._duration = 0.0
        """Of the last fetch."""
        self._generation = 1
        self._unchanged = 0
        """Pages in a row that brought nothing new while nobody did anything."""
        self._hints: tuple[float, float] | None = None
        """When something was told to have changed, first and last since the last question, by the loop's clock."""
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
        return self._pace.interval

    @interval.setter
    def interval(self, seconds: float) -> None:
        self._change_pace(replace(self._pace, interval=seconds))

    @property
    def seen_within(self) -> float:
        """Seconds after which a change is seen at the latest: the interval, or more where looking is costly or idle."""
        return seen_within(self._pace, self._duration, unchanged=self._unchanged)

    @property
    def attention(self) -> Attention:
        return self._pace.attention

    @attention.setter
    def attention(self, attention: Attention) -> None:
        self._change_pace(replace(self._pace, attention=attention))

    @property
    def is_woken(self) -> bool:
        """Whether `hint` is called for each change, so that asking unbidden only makes sure."""
        return self._pace.is_woken

    @is_woken.setter
    def is_woken(self, is_woken: bool) -> None:
        self._change_pace(replace(self._pace, is_woken=is_woken))

    def _change_pace(self, pace: Pace) -> None:
        if pace != self._pace:
            self._pace = pace
            self.touch()

    def touch(self) -> None:
        """Somebody is there: an idle feed asks at its interval again, and at once if that has passed."""
        self._unchanged = 0
        self._stirred.set()

    def hint(self) -> None:
        """Something may have changed: it is looked at soon, but not as often as there are hints."""
        now = _now()
        first, _ = self._hints or (now, now)
        self._hints = (first, now)
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
        self.touch()

    async def pages(self) -> AsyncGenerator[FeedPage[T] | FeedFailure, None]:
        """Never ends by itself. Only one may be read at a time."""
        number = attempts = 0
        since: datetime | None = None
        former: FeedPage[T] | None = None
        while True:
            self._due = False
            self._hints = None
            self._asked.clear()
            generation = self._generation
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
            (value,) = answered
            is_changed = former is None or generation != former.generation or value != former.value
            self._unchanged = 0 if is_changed else self._unchanged + 1
            former = page = FeedPage(
                number=number,
                generation=generation,
                value=value,
                is_changed=is_changed,
                fetched_at=self._clock(),
                duration=self._duration,
            )
            wait = self._after_page(self._duration, _now())
            yield page
            await self._sleep(wait)

    def _after_page(self, duration: float, ended: float) -> Callable[[], float]:
        def wait() -> float:
            if self._hints is None:
                return wait_after_page(self._pace, duration, unchanged=self._unchanged)
            first, last = (hint - ended for hint in self._hints)
            return wait_after_hint(self._pace, duration, first_hint=first, last_hint=last, unchanged=self._unchanged)

        return wait

    def _after_failure(self, error: StoreError, attempts: int) -> Callable[[], float | None]:
        if isinstance(error, SignInRefused):
            return lambda: None
        # Where the server answered, it may have worked all the time; where it did not, the time was ours.
        worked = self._duration if error.sqlstate is not None else 0.0
        return lambda: max(wait_after_failure(self._pace.interval, attempts), wait_for_cost(self._pace.share, worked))

    async def unless_asked(self, question: Awaitable[A]) -> tuple[A] | None:
        """The answer to something about the last page; None, and stopped, where another page is asked for meanwhile."""
        return await answer_unless(self._asked, question)

    async def _answer(self) -> tuple[T] | None:
        """The answer to the present question; None when another was asked meanwhile."""
        fetch = partial(self._measured, self._query)
        return await self.unless_asked(self._gives_way.giving_way(fetch) if self._gives_way else fetch())

    async def _measured(self, query: Q) -> T:
        started = _now()
        try:
            return await self._fetch(query)
        finally:
            self._duration = _now() - started

    async def _sleep(self, wait: Callable[[], float | None]) -> None:
        """As many seconds as `wait` says at any moment, or until an answer is wanted; for None, until then."""
        started = _now()
        while not self._due:
            self._stirred.clear()
            seconds = None if self._paused else wait()
            left = None if seconds is None else started + seconds - _now()
            if left is not None and left <= 0:
                return
            with suppress(TimeoutError):
                async with asyncio.timeout(left):
                    await self._stirred.wait()
