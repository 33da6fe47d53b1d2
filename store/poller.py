"""Poller: repeats a query with intervals, back-off and wake-ups."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from statistics import median
from typing import Generic, TypeVar

from gjobs.store.errors import SignInRefused, StoreError
from gjobs.store.system.async_tools import PriorityGate, is_set_within, unless_stopped
from gjobs.store.values.data_classes import dataclass
from gjobs.store.values.formats import utc_now

DEFAULT_INTERVAL = 2.0
SHARE_OF_TIME = 10
"""The least wait, as a multiple of the last query's duration. It applies whatever the interval is."""
LONGEST_WAIT = 30.0
"""Seconds. Growing waits stop here, unless the interval or a slow query needs more."""
LONGEST_COSTLY_WAIT = 300.0
"""Seconds. If `share` is above SHARE_OF_TIME, it never lengthens a wait beyond this: a slow query may be fast next
time.
"""
FAST = 0.25
"""Seconds. A faster query takes much of its time in the network, not in the server."""
LONGEST_FAST_WAIT = 10.0
"""Seconds. After a fast query, a share above SHARE_OF_TIME never lengthens the wait beyond this."""
LONGEST_WOKEN_WAIT = 150.0
"""Seconds, for a feed that notifications wake. These queries only guard against a lost notification. A woken feed is
queried at least this often.
"""
LONGEST_IDLE_WAIT = 10.0
"""Seconds, for a feed that a person watches and that no notification wakes."""
IDLE_AFTER = 0.25
"""Seconds to wait after the last wake-up, so that changes made together are read together. Longer than the time in
which the triggers stay silent after a notification: they don't announce what changes meanwhile.
"""
SHORTEST_HINTED_WAIT = 1.0
"""Seconds. A constant stream of wake-ups causes at most one query in this time."""


_UNCHANGED_BEFORE_IDLE, _UNCHANGED_WITHOUT_FOCUS = 30, 5
"""How many unchanged results in a row are normal."""
_UNCHANGED_BEFORE_TRUST = 3
"""After this many unchanged results in a row, a feed with notifications need not be polled."""
_PAGES_A_STEP = 10
"""How many more unchanged results double the wait."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Observations:
    """What a feed has observed, and how often it is to be polled."""

    interval: float = DEFAULT_INTERVAL
    share: float = SHARE_OF_TIME
    """The wait is at least this multiple of the next query's duration."""
    is_focused: bool = True
    """Whether the terminal has the focus. Without it, polls are rarer, but a person may still watch."""
    is_woken: bool = False
    """Whether the database notifies of each change. Polling is then only a safeguard."""
    duration: float = 0.0
    """The expected seconds of the next query."""
    network: float = 0.0
    """Seconds that the network adds to each query. They cost the database nothing."""
    unchanged: int = 0
    """The results in a row without a change."""
    failures: int = 0
    """The failures in a row. After a failure, only their number, the interval and the cost determine the wait."""
    wakes: tuple[float, float] | None = None
    """The times of the first and last wake-up, counted from the last result. None without a wake-up."""


def next_wait(seen: Observations) -> float:
    """Return the seconds from a result or a failure to the next query.

    A wake-up never delays a query. During a constant stream of them, the query runs at the interval.
    """
    cost = wait_for_cost(seen.share, seen.duration, network=seen.network)
    if seen.failures:
        return max(wait_after_failure(seen.interval, seen.failures), cost)
    if seen.is_woken:
        longest, steps = LONGEST_WOKEN_WAIT, 16 * (seen.unchanged >= _UNCHANGED_BEFORE_TRUST)
    else:
        longest = LONGEST_IDLE_WAIT if seen.is_focused else LONGEST_WAIT
        beyond = seen.unchanged - (_UNCHANGED_BEFORE_IDLE if seen.is_focused else _UNCHANGED_WITHOUT_FOCUS)
        steps = 0 if beyond < 0 else min(1 + beyond // _PAGES_A_STEP, 16)
    wait = max(seen.interval, min(seen.interval * 2.0**steps, longest), cost)
    if seen.wakes is None:
        return wait
    first, last = seen.wakes
    shortest = max(min(seen.interval, SHORTEST_HINTED_WAIT), cost)
    return min(wait, max(shortest, min(last + IDLE_AFTER, first + seen.interval)))


def wait_for_cost(share: float, duration: float, *, network: float = 0.0) -> float:
    """Return the least wait after a query of this duration.

    The whole duration is multiplied by at most SHARE_OF_TIME. A higher `share` applies only to the time without the
    network.
    """
    worked = max(duration - network, 0.0)
    longest = LONGEST_FAST_WAIT if worked < FAST else LONGEST_COSTLY_WAIT
    least = duration * min(share, SHARE_OF_TIME)
    return max(least, min(worked * share, longest))


def usual_duration(durations: Sequence[float]) -> float:
    """Return the expected duration of the next query: the shorter of the last two, or a fast one at first.

    A single slow query may only have waited for a busy machine.
    """
    return min(durations) if len(durations) > 1 else min((*durations, FAST / 2))


def wait_after_failure(interval: float, attempts: int) -> float:
    """Return the seconds until the next attempt. They double each time, up to a limit."""
    doubled = interval * 2.0 ** min(attempts - 1, 16)
    return min(doubled, max(interval, LONGEST_WAIT))


Q = TypeVar("Q")
T = TypeVar("T")
A = TypeVar("A")


@dataclass(frozen=True, slots=True, kw_only=True)
class PollResult(Generic[T]):
    """A value that the database returned."""

    generation: int
    """Counts how often a query was set, from 1. A result of an older generation is stale."""
    value: T
    is_changed: bool
    """Whether the value differs from the last one or is the first of its query. If not, there is nothing to draw."""
    fetched_at: datetime
    """The local time."""
    requested_at: float
    """When the query was sent, by the loop's clock, which is the monotonic clock."""
    duration: float
    """Seconds of the round trip and the reading, without the wait before them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PollFailure:
    """A failed poll, the latest of a run of consecutive failures."""

    error: StoreError
    since: datetime
    """When the first of these consecutive failures occurred, in local time."""
    retry_in: Callable[[], float | None]
    """Return the seconds from the failure to the next attempt, or None if the poller waits for a manual refresh. They
    change with the interval.
    """


def _now() -> float:
    """Return the seconds of the clock that the loop's timers use."""
    return asyncio.get_running_loop().time()


class Poller(Generic[Q, T]):
    """Repeats a query until another one is set.

    `fetch` returns a result or raises a StoreError; any other exception ends the feed. After a refused sign-in, the
    poller waits for a manual refresh, because hosts ban addresses for repeated failures. A result that equals the last
    one counts as unchanged, so leave out values that always differ, such as the query time. With a priority gate, the
    poller queries only while no foreground work runs. `network` returns the seconds that the network adds to a query.
    """

    def __init__(
        self,
        fetch: Callable[[Q], Awaitable[T]],
        query: Q,
        *,
        interval: float = DEFAULT_INTERVAL,
        share: float = SHARE_OF_TIME,
        priority_gate: PriorityGate | None = None,
        network: Callable[[], float] = float,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self._fetch = fetch
        self.query = query
        self._settings = Observations(interval=interval, share=share)
        """The part that the caller chooses."""
        self._priority_gate = priority_gate
        self._network = network
        self._clock = clock
        self._durations: deque[float] = deque(maxlen=2)
        """Seconds of the last two fetches that the server answered, the last one at the end."""
        self._last_started = self._last_duration = self._ended_at = 0.0
        self.generation = 1
        """The generation of the current query."""
        self._unchanged = 0
        """Unchanged results in a row without user activity."""
        self._wake_times: tuple[float, float] | None = None
        """The first and last wake-up since the last query, by the loop's clock."""
        self.paused = False
        self._is_refresh_due = False
        """Whether the next query must run at once."""
        self._schedule_changed = asyncio.Event()
        """Set when the current wait must be computed again."""
        self._query_changed = asyncio.Event()
        """Set when the query in flight is obsolete."""

    @property
    def interval(self) -> float:
        """Seconds between a result and the next query."""
        return self._settings.interval

    def adapt(self, *, interval: float, is_focused: bool = True, is_woken: bool = False) -> None:
        """Use these settings from now on, also for the current wait. See `Observations`."""
        changed = replace(self._settings, interval=interval, is_focused=is_focused, is_woken=is_woken)
        if changed != self._settings:
            self._settings = changed
            self.note_activity()

    @property
    def max_staleness(self) -> float:
        """Seconds after which a change is seen at the latest. More than the interval if queries are slow or the feed is
        idle.
        """
        return max(self.interval, self._cost) if self.is_woken else next_wait(self._observations)

    @property
    def is_slowed_by_cost(self) -> bool:
        """Whether the duration of the last queries, more than anything else, determines the wait."""
        return self.interval < self._cost >= self.max_staleness

    @property
    def _cost(self) -> float:
        return wait_for_cost(self._settings.share, self.usual_duration)

    @property
    def _observations(self) -> Observations:
        return replace(self._settings, duration=self.usual_duration, unchanged=self._unchanged)

    @property
    def usual_duration(self) -> float:
        """The expected duration of the next query, in seconds."""
        return usual_duration(self._durations)

    def expect_duration(self, seconds: float) -> None:
        """Until two queries are answered, expect the next one to take this long. By default, it is expected to be
        fast.
        """
        if len(self._durations) < 2:
            self._durations.appendleft(seconds)

    def expect_change(self, change: float, *, took: float) -> None:
        """Expect the next query to take longer or shorter by `change`, as another query of the session did.

        The expected duration changes at most as far as `took`, the new duration of the other query.
        """
        usual = self.usual_duration
        self._durations.extend([median((usual, usual + change, took))] * 2)

    def forget_durations(self) -> None:
        """Query again soon, because the last durations no longer apply."""
        self._durations.clear()
        self._schedule_changed.set()

    @property
    def is_idle(self) -> bool:
        """Whether only notifications and rare queries keep the value current."""
        return self.is_woken and self._unchanged >= _UNCHANGED_BEFORE_TRUST

    @property
    def is_woken(self) -> bool:
        """Whether `wake` is called for each change. Polling is then only a safeguard."""
        return self._settings.is_woken

    def note_activity(self) -> None:
        """Note user activity: an idle feed returns to its interval, and queries at once if that has passed."""
        self._unchanged = 0
        self._schedule_changed.set()

    def wake(self) -> None:
        """Query soon, because data may have changed. Many wake-ups cause few queries."""
        now = _now()
        first, _ = self._wake_times or (now, now)
        self._wake_times = (first, now)
        self._schedule_changed.set()

    def pause(self) -> None:
        """Stop polling. `ask` and `refresh` still run one query each."""
        self.paused = True
        self._schedule_changed.set()

    def resume(self) -> None:
        """Query at once and continue polling."""
        self.paused = False
        self.refresh()

    def ask(self, query: Q) -> None:
        """Switch to another query at once. The query in flight is stopped and never answered."""
        self.query = query
        self.generation += 1
        self._query_changed.set()
        self.refresh()

    def refresh(self) -> None:
        """Repeat the query as soon as the one in flight has ended."""
        self._is_refresh_due = True
        self.note_activity()

    async def results(self) -> AsyncGenerator[PollResult[T] | PollFailure, None]:
        """Yield results and failures without end. Only one iterator may be read at a time."""
        attempts = 0
        since: datetime | None = None
        former: PollResult[T] | None = None
        while True:
            self._is_refresh_due = False
            self._wake_times = None
            self._query_changed.clear()
            generation = self.generation
            try:
                answered = await self._fetch_unless_asked()
            except StoreError as error:
                attempts += 1
                since = since or self._clock()
                wait = self._after_failure(error, attempts)
                yield PollFailure(error=error, since=since, retry_in=wait)
                await self._sleep(wait)
                continue
            if answered is None:
                continue
            attempts, since = 0, None
            (value,) = answered
            is_changed = former is None or generation != former.generation or value != former.value
            self._unchanged = 0 if is_changed else self._unchanged + 1
            former = PollResult(
                generation=generation,
                value=value,
                is_changed=is_changed,
                fetched_at=self._clock(),
                requested_at=self._last_started,
                duration=self._last_duration,
            )
            self._ended_at = _now()
            yield former
            await self._sleep(self._wait_after_result)

    def _wait_after_result(self) -> float:
        wakes = self._wake_times and (self._wake_times[0] - self._ended_at, self._wake_times[1] - self._ended_at)
        return next_wait(replace(self._observations, network=self._network(), wakes=wakes))

    def _after_failure(self, error: StoreError, attempts: int) -> Callable[[], float | None]:
        if isinstance(error, SignInRefused):
            return lambda: None
        # A server that answered may have worked the whole time. A server that did not answer is assumed to have done
        # no work.
        worked = self._last_duration if error.sqlstate is not None else 0.0
        return lambda: next_wait(replace(self._settings, duration=worked, failures=attempts))

    async def unless_asked(self, question: Awaitable[A]) -> tuple[A] | None:
        """Return the result in a tuple. If another query is set meanwhile, stop `question` and return None."""
        return await unless_stopped(self._query_changed, question)

    async def _fetch_unless_asked(self) -> tuple[T] | None:
        """Return the result of the current query, or None if another one was set meanwhile."""
        fetch = partial(self._timed_fetch, self.query)
        return await self.unless_asked(self._priority_gate.run_in_background(fetch) if self._priority_gate else fetch())

    async def _timed_fetch(self, query: Q) -> T:
        started, is_answered = _now(), True
        try:
            return await self._fetch(query)
        except StoreError as error:
            is_answered = error.sqlstate is not None
            raise
        finally:
            self._last_started, self._last_duration = started, _now() - started
            if is_answered:
                self._durations.append(self._last_duration)

    async def _sleep(self, wait: Callable[[], float | None]) -> None:
        """Sleep until `wait` has passed or a query is due. `wait` may change meanwhile; None means no limit."""
        started = _now()
        while not self._is_refresh_due:
            self._schedule_changed.clear()
            seconds = None if self.paused else wait()
            left = None if seconds is None else started + seconds - _now()
            if left is not None and left <= 0:
                return
            await is_set_within(self._schedule_changed, left)
