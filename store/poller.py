"""Poller: repeats a query with intervals, back-off and wake-ups."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum, auto
from functools import partial
from typing import Generic, TypeVar

from store.async_tools import PriorityGate, unless_stopped
from store.errors import SignInRefused, StoreError
from store.formats import utc_now

DEFAULT_INTERVAL = 2.0
SHARE_OF_TIME = 10
"""A page that took a second is asked for again after this many, whatever the interval."""
LONGEST_WAIT = 30.0
"""Waits that grow by themselves stop here, unless the interval or a costly page asks for more."""
LONGEST_COSTLY_WAIT = 300.0
"""A larger share than the usual one puts no page off for longer: what cost much may not cost it again."""
LONGEST_IDLE_WAIT = 10.0
"""Of a feed that somebody watches and that nobody wakes."""
IDLE_AFTER = 0.25
"""After the last hint: what changes together is looked at together."""
SHORTEST_HINTED_WAIT = 1.0
"""Hints without end bring no more than a page in so long."""


class Attention(Enum):
    FOCUSED = auto()
    """A page more than a few seconds old would be noticed."""
    UNFOCUSED = auto()
    """The terminal is not typed into. It may still be watched, beside the app."""


_UNCHANGED_BEFORE_IDLE = {Attention.FOCUSED: 30, Attention.UNFOCUSED: 5}
"""So many unchanged ones in a row are nothing special yet."""
_PAGES_A_STEP = 10
"""The wait doubles after so many more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PollPace:
    """What is asked of a feed."""

    interval: float = DEFAULT_INTERVAL
    share: float = SHARE_OF_TIME
    """The wait is at least so many times what the last page took."""
    attention: Attention = Attention.FOCUSED
    is_woken: bool = False
    """Whether the database tells of each change, so that asking unbidden only makes sure."""


def wait_after_page(pace: PollPace, duration: float, *, unchanged: int = 0) -> float:
    """Until the next question, by the end of a page that took so long; `unchanged` ones in a row are idle."""
    interval = pace.interval
    limit = LONGEST_IDLE_WAIT if pace.attention is Attention.FOCUSED and not pace.is_woken else LONGEST_WAIT
    idle = min(interval * 2.0 ** _idle_steps(pace, unchanged), limit)
    return max(interval, idle, wait_for_cost(pace.share, duration))


def wait_for_cost(share: float, duration: float) -> float:
    """After a page that took so long, whatever else is asked of the feed."""
    return min(duration * share, max(duration * SHARE_OF_TIME, LONGEST_COSTLY_WAIT))


def _idle_steps(pace: PollPace, unchanged: int) -> int:
    beyond = unchanged - _UNCHANGED_BEFORE_IDLE[pace.attention]
    return 0 if beyond < 0 else min(1 + beyond // _PAGES_A_STEP, 16)


def wait_after_wake(
    pace: PollPace, duration: float, *, first_hint: float, last_hint: float, unchanged: int = 0
) -> float:
    """The same where something was told to have changed, for the first and the last time so long after that page.

    A hint hastens a question and never puts one off. Where hints never end, the question comes at the interval.
    """
    shortest = max(min(pace.interval, SHORTEST_HINTED_WAIT), wait_for_cost(pace.share, duration))
    hinted = max(shortest, min(last_hint + IDLE_AFTER, first_hint + pace.interval))
    return min(hinted, wait_after_page(pace, duration, unchanged=unchanged))


def max_staleness(pace: PollPace, duration: float, *, unchanged: int = 0) -> float:
    """After so long at the latest a change is seen, where looking takes as long as it did last."""
    if pace.is_woken:
        return max(pace.interval, wait_for_cost(pace.share, duration))
    return wait_after_page(pace, duration, unchanged=unchanged)


def wait_after_failure(interval: float, attempts: int) -> float:
    """Until the next attempt: twice as long each time, up to a limit."""
    doubled = interval * 2.0 ** min(attempts - 1, 16)
    return min(doubled, max(interval, LONGEST_WAIT))


Q = TypeVar("Q")
T = TypeVar("T")
A = TypeVar("A")


@dataclass(frozen=True, slots=True, kw_only=True)
class PollResult(Generic[T]):
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
class PollFailure:
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


class Poller(Generic[Q, T]):
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
        priority_gate: PriorityGate | None = None,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self._fetch = fetch
        self._query = query
        self._pace = PollPace(interval=interval, share=share)
        self._priority_gate = priority_gate
        self._clock = clock
        self._duration = 0.0
        """Of the last fetch."""
        self._generation = 1
        self._unchanged = 0
        """Pages in a row that brought nothing new while nobody did anything."""
        self._wake_times: tuple[float, float] | None = None
        """When something was told to have changed, first and last since the last question, by the loop's clock."""
        self._paused = False
        self._is_refresh_due = False
        """Whether somebody wants an answer at once."""
        self._schedule_changed = asyncio.Event()
        """Set when what is waited for has to be thought over."""
        self._query_changed = asyncio.Event()
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
    def max_staleness(self) -> float:
        """Seconds after which a change is seen at the latest: the interval, or more where looking is costly or idle."""
        return max_staleness(self._pace, self._duration, unchanged=self._unchanged)

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

    def _change_pace(self, pace: PollPace) -> None:
        if pace != self._pace:
            self._pace = pace
            self.note_activity()

    def note_activity(self) -> None:
        """Somebody is there: an idle feed asks at its interval again, and at once if that has passed."""
        self._unchanged = 0
        self._schedule_changed.set()

    def wake(self) -> None:
        """Something may have changed: it is looked at soon, but not as often as there are hints."""
        now = _now()
        first, _ = self._wake_times or (now, now)
        self._wake_times = (first, now)
        self._schedule_changed.set()

    @property
    def paused(self) -> bool:
        return self._paused

    def pause(self) -> None:
        """No more questions but those that are asked for: `ask` and `refresh` still answer once."""
        self._paused = True
        self._schedule_changed.set()

    def resume(self) -> None:
        """Asks at once, and goes on."""
        self._paused = False
        self.refresh()

    def ask(self, query: Q) -> None:
        """Another question, at once: what is in flight is stopped and never answered."""
        self._query = query
        self._generation += 1
        self._query_changed.set()
        self.refresh()

    def refresh(self) -> None:
        """The same question as soon as the one in flight is answered."""
        self._is_refresh_due = True
        self.note_activity()

    async def results(self) -> AsyncGenerator[PollResult[T] | PollFailure, None]:
        """Never ends by itself. Only one may be read at a time."""
        number = attempts = 0
        since: datetime | None = None
        former: PollResult[T] | None = None
        while True:
            self._is_refresh_due = False
            self._wake_times = None
            self._query_changed.clear()
            generation = self._generation
            try:
                answered = await self._fetch_unless_asked()
            except StoreError as error:
                number += 1
                attempts += 1
                since = since or self._clock()
                wait = self._after_failure(error, attempts)
                yield PollFailure(
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
            former = page = PollResult(
                number=number,
                generation=generation,
                value=value,
                is_changed=is_changed,
                fetched_at=self._clock(),
                duration=self._duration,
            )
            wait = self._wait_after_result(self._duration, _now())
            yield page
            await self._sleep(wait)

    def _wait_after_result(self, duration: float, ended: float) -> Callable[[], float]:
        def wait() -> float:
            if self._wake_times is None:
                return wait_after_page(self._pace, duration, unchanged=self._unchanged)
            first, last = (hint - ended for hint in self._wake_times)
            return wait_after_wake(self._pace, duration, first_hint=first, last_hint=last, unchanged=self._unchanged)

        return wait

    def _after_failure(self, error: StoreError, attempts: int) -> Callable[[], float | None]:
        if isinstance(error, SignInRefused):
            return lambda: None
        # Where the server answered, it may have worked all the time; where it did not, the time was ours.
        worked = self._duration if error.sqlstate is not None else 0.0
        return lambda: max(wait_after_failure(self._pace.interval, attempts), wait_for_cost(self._pace.share, worked))

    async def unless_asked(self, question: Awaitable[A]) -> tuple[A] | None:
        """The answer to something about the last page; None, and stopped, where another page is asked for meanwhile."""
        return await unless_stopped(self._query_changed, question)

    async def _fetch_unless_asked(self) -> tuple[T] | None:
        """The answer to the present question; None when another was asked meanwhile."""
        fetch = partial(self._timed_fetch, self._query)
        return await self.unless_asked(self._priority_gate.run_in_background(fetch) if self._priority_gate else fetch())

    async def _timed_fetch(self, query: Q) -> T:
        started = _now()
        try:
            return await self._fetch(query)
        finally:
            self._duration = _now() - started

    async def _sleep(self, wait: Callable[[], float | None]) -> None:
        """As many seconds as `wait` says at any moment, or until an answer is wanted; for None, until then."""
        started = _now()
        while not self._is_refresh_due:
            self._schedule_changed.clear()
            seconds = None if self._paused else wait()
            left = None if seconds is None else started + seconds - _now()
            if left is not None and left <= 0:
                return
            with suppress(TimeoutError):
                async with asyncio.timeout(left):
                    await self._schedule_changed.wait()
