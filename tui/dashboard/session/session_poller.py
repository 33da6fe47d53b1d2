"""Opens the session, polls list and totals, prepares the next write, and posts poll events."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, aclosing, contextmanager, nullcontext
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from itertools import count
from math import inf
from typing import TYPE_CHECKING, Any, TypeVar

from textual.events import Event

from gjobs.store.errors import InvalidValue, SignInRefused, StoreError, TimedOut, Unreachable
from gjobs.store.job_list.list_query import Listing, ListingQuery, ListQuery
from gjobs.store.poller import DEFAULT_INTERVAL, Poller, PollFailure, PollResult, wait_after_failure
from gjobs.store.statistics.statistics import Totals, TotalsQuery
from gjobs.store.system.async_tools import is_set_within
from gjobs.store.users.actor import OPERATOR
from gjobs.store.values.formats import utc_now
from gjobs.tui.text.error_text import with_index_hint
from gjobs.tui.text.statistics_text import PaceCause, load_summary

if TYPE_CHECKING:
    from gjobs.store.database.database import Database
    from gjobs.store.database.load_meter import Load
    from gjobs.store.store import Store
    from gjobs.tui.session import Report, Session


class PollEvent(Event):
    """The base of poll events. They are dropped once the app closes, because the widgets may be gone."""


@dataclass
class Connecting(PollEvent):
    """The progress of connecting has changed."""

    sentence: str


@dataclass
class ListPolled(PollEvent):
    """A result of polling the jobs as the actor of `store`. It contains everything that was committed before the
    request.
    """

    store: "Store"
    result: PollResult[Listing]


@dataclass
class PaceChanged(PollEvent):
    """The actual refresh interval has changed, or a list query has no answer for some seconds, or has one again."""


@dataclass
class ListPollFailed(PollEvent):
    """The list could not be read. Times are by the local clock."""

    error: StoreError
    since: datetime
    retry_at: Callable[[], datetime | None]
    """Return the time of the next attempt, or None if only the user can retry. The time changes when the refresh
    interval changes, so ask for it each time."""


@dataclass
class TotalsPolled(PollEvent):
    """Totals as the actor of `store`."""

    store: "Store"
    totals: Totals
    is_complete: bool = True
    """Whether reading the flow has ended, with or without success. If not, the same totals follow with the flow."""


@dataclass
class TotalsPollFailed(PollEvent):
    """The totals could not be counted as the actor of `store`."""

    store: "Store"
    error: StoreError


RETRY_AFTER = 180.0
"""Seconds from a failed attempt to the next one."""


class WritePreparation:
    """Opens the spare connection for writes in a task of its own, because connecting may take many seconds.

    A refused sign-in is not tried again, because hosts ban addresses for repeated failures.
    """

    def __init__(self) -> None:
        self._task: asyncio.Task[None] | None = None
        self._retry_at = 0.0
        """No attempt is made before this time, by the event loop's clock."""

    def start(self, database: "Database", network_time: float) -> None:
        """Prepare the next write, unless an attempt is running or failed a short time ago."""
        if self._task is not None:
            if not self._task.done():
                return
            self._task.result()  # Raises an unexpected error.
        if asyncio.get_running_loop().time() >= self._retry_at:
            self._task = asyncio.create_task(self._prepare(database, network_time))

    async def stop(self) -> None:
        """End the running attempt."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})

    async def _prepare(self, database: "Database", network_time: float) -> None:
        try:
            await database.prepare_write(network_time)
        except StoreError as error:
            wait = inf if isinstance(error, SignInRefused) else RETRY_AFTER
            self._retry_at = asyncio.get_running_loop().time() + wait
            log.info("Can't open a spare connection for writes: %s", error)


log = logging.getLogger(__name__)

T = TypeVar("T")
Opener = Callable[["Report"], AbstractAsyncContextManager["Session"]]
"""Opens a session. It takes a function for progress reports, which may be called from any thread."""

TOTALS_SHARE = 400
"""Slow counts take at most 1 / TOTALS_SHARE of the time, so that they add little load to the database."""

SILENCE_SECONDS = 3.0
"""After this time without an answer, the status line shows it. Behind a pooler, a dead server may just stay silent."""

FAST_AFTER_SILENCE = 1.0
"""Seconds. A list that takes less than this after a silence shows that the connection was slow, and not the queries."""

SLOW_ANSWER = 0.2
"""Seconds. Slower answers are shown in the status line if they delay the refresh: each poll waits ten times as long as
its query.
"""

LONGEST_UNSHOWN = 0.5
"""The most seconds to wait for the first list to be drawn."""

INTERVALS = (1.0, 2.0, 5.0, 10.0, 30.0, 60.0)
"""Seconds between two polls, as steps for faster and slower."""


class SessionPoller:
    def __init__(
        self,
        opener: Opener,
        *,
        post: Callable[[PollEvent], object],
        interval: float = DEFAULT_INTERVAL,
        totals_share: int | None = None,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self._opener = opener
        self._totals_share = totals_share
        self._post = post
        self.interval = interval
        self.clock = clock
        self._resources = AsyncExitStack()
        self._retry_now = asyncio.Event()
        self._listing: Poller[ListingQuery, Listing] | None = None
        self._totals: Poller[TotalsQuery, Totals] | None = None
        self._extra: Poller[None, Any] | None = None
        self._known_query: ListingQuery | None = None
        """The query that the store listed last."""
        self._has_polled = asyncio.Event()
        self.is_shown = asyncio.Event()
        """Set when the first list is on screen. Until then, nothing else is read."""
        self.paused = False
        self._is_still = False
        """Whether the store shows an earlier moment, which never changes, so it is read once."""
        self._costed_list: ListQuery | None = None
        """The list to which `_least_interval` belongs."""
        self._least_interval = 0.0
        self._is_focused = True
        self.is_woken = False
        """Whether the database sends notifications of changes."""
        self.session: Session | None = None
        self.store: Store | None = None
        """The store of the present actor; None until connected."""
        self.failure: ListPollFailed | None = None
        """The last failure; None if the last poll succeeded."""
        self._write_preparation = WritePreparation()
        self._was_silent = False
        """Whether a list query got no answer for SILENCE_SECONDS, and no later one was answered fast."""
        self.silent_since: datetime | None = None
        """When the unanswered list query was sent; None while the database answers in time."""

    async def open(self) -> "Session":
        """Try until a session opens. A refused sign-in or a bad address is retried only on request."""
        attempts = 0
        since: datetime | None = None
        while True:
            attempts += 1
            self._retry_now.clear()
            try:
                session = await self._resources.enter_async_context(self._opener(self._report))
            except StoreError as error:
                since = since or self.clock()
                is_final = isinstance(error, (SignInRefused, InvalidValue))
                wait = None if is_final else wait_after_failure(self.interval, attempts)
                self._fail(error, since, _constant(wait))
                await is_set_within(self._retry_now, wait)
                continue
            self.session = session
            self.failure = None
            return session

    def act_as(
        self, store: "Store", query: ListingQuery, totals: TotalsQuery
    ) -> tuple[Callable[[], Coroutine[None, None, None]], Callable[[], Coroutine[None, None, None]]]:
        """Act as the actor of `store`, at the moment of the query. Return the coroutine functions that list and count
        until they are cancelled. Run them instead of the former ones.
        """
        if query.moment is not None:
            from gjobs.store.moments.past_store import past_store

            store = past_store(store, query.moment)
        self.store = store
        self._is_still = query.moment is not None
        self.failure = None
        self._has_polled.clear()
        self._costed_list, self._least_interval = None, 0.0
        self._known_query = None
        self._listing = Poller(partial(self._get_listing, store), query, clock=self.clock)
        self._totals = Poller(
            partial(self._get_totals, store),
            totals,
            share=self._totals_share or TOTALS_SHARE,
            priority_gate=store.database.priority,
            network=self._network_time,
            clock=self.clock,
        )
        self._apply_settings()
        # Return functions: a worker that is cancelled before its first step would never await a coroutine.
        return partial(self._list, store, self._listing), partial(self._count, store, self._totals)

    @contextmanager
    def poll_also(self, fetch: Callable[[None], Awaitable[T]]) -> Iterator[Poller[None, T]]:
        """Poll something else as often as the list. Pausing and refreshing apply to it too."""
        self._extra = poller = Poller(fetch, None, clock=self.clock)
        self._apply_settings()
        try:
            yield poller
        finally:
            self._extra = None

    def _apply_settings(self) -> None:
        """Apply all settings to all pollers, after one of them has changed."""
        for poller in self._pollers:
            interval = max(self.interval, self._least_interval if poller is self._listing else 0.0)
            poller.adapt(interval=interval, is_focused=self._is_focused, is_woken=self.is_woken)
            if (is_paused := self.paused or self._is_still) is not poller.paused:
                poller.pause() if is_paused else poller.resume()

    async def _list(self, store: "Store", poller: Poller[ListingQuery, Listing]) -> None:
        answered_generation = None
        async for answer in poller.results():
            match answer:
                case PollResult(value=listing, is_changed=is_changed, duration=took):
                    self.failure = None
                    self._note_answer(took)
                    if answered_generation is None:
                        self._expect_slow_answers(poller)
                    self._post(ListPolled(store, answer))
                    self._has_polled.set()
                    if answer.generation == answered_generation:
                        # If the database notifies of changes, that wakes the count.
                        if is_changed and self._totals is not None and not self.is_woken:
                            self._totals.wake()
                    elif self.session is not None and store.actor == OPERATOR and listing.query.moment is None:
                        self.session.remember(listing.query.window.listed.project_id)
                    answered_generation = answer.generation
                    if await poller.unless_asked(is_set_within(self.is_shown, LONGEST_UNSHOWN)) is None:
                        continue
                    await self._slow_down_if_expensive(store, poller, listing.query.window.listed, took)
                case PollFailure(error=error, since=since, retry_in=retry_in):
                    if isinstance(error, TimedOut):
                        answered = await poller.unless_asked(with_index_hint(store, poller.query.window.listed, error))
                        if answered is None:
                            continue
                        (error,) = answered
                    self._fail(error, since, retry_in)
                    if isinstance(error, Unreachable) and self.session and await self.session.restart_if_dead():
                        poller.refresh()

    async def _get_totals(self, store: "Store", query: TotalsQuery) -> Totals:
        """Count. While nothing changes, the same round trip also reads the flow."""
        is_idle = self._totals is not None and self._totals.is_idle
        return await store.get_totals(query, with_flow=is_idle)

    def _network_time(self) -> float:
        """Return the maximum seconds that the network adds to a query, or 0 if they are unknown. A cheap list query
        takes hardly longer than the network alone.
        """
        return 0.0 if self._least_interval else self.usual_answer

    def _note_answer(self, took: float) -> None:
        """After a silence, count at the usual pace again once the list is answered fast."""
        if self._was_silent and took < FAST_AFTER_SILENCE:
            self._was_silent = False
            if self._totals is not None:
                self._totals.forget_durations()

    def _expect_slow_answers(self, poller: Poller[ListingQuery, Listing]) -> None:
        """Slow down after the first list, if the statements before it were slow too."""
        load = self.load
        if load is not None and load.round_trip is not None and load.round_trip > SLOW_ANSWER:
            poller.expect_duration(load.round_trip)

    async def _get_listing(self, store: "Store", query: ListingQuery) -> Listing:
        """Return the listing. If the answer takes long, set `silent_since` meanwhile.

        New queries have priority over counting. If a count finishes while the new query starts, its answer is used.
        """
        is_known, priority = query == self._known_query, store.database.priority
        timer = asyncio.get_running_loop().call_later(SILENCE_SECONDS, self._set_silent_since, self.clock())
        try:
            with nullcontext() if is_known else priority.foreground(invalidates=False):
                listing = await store.get_listing(query)
            self._known_query = query
        except StoreError:
            self.silent_since = None  # The failure is shown instead.
            raise
        else:
            return listing
        finally:
            timer.cancel()
            if self.silent_since is not None:
                self._set_silent_since(None)

    def _set_silent_since(self, asked_at: datetime | None) -> None:
        self.silent_since = asked_at
        self._was_silent |= asked_at is not None
        self._post(PaceChanged())

    async def _slow_down_if_expensive(
        self, store: "Store", poller: Poller[ListingQuery, Listing], listed: ListQuery, took: float
    ) -> None:
        """Poll a list less often if its plan is expensive and it took long."""
        if listed == self._costed_list:
            return
        self._costed_list, self._least_interval, before = listed, 0.0, poller.max_staleness
        try:
            answered = await poller.unless_asked(store.get_list_cost(listed))
            if answered is None:
                self._costed_list = None
                return
            if cost := answered[0]:
                self._least_interval = cost.least_interval(took)
        except StoreError as error:
            log.info("Can't read the cost of the list: %s", error)
        self._apply_settings()
        if poller.max_staleness != before:
            self._post(PaceChanged())

    async def _count(self, store: "Store", poller: Poller[TotalsQuery, Totals]) -> None:
        """Count after the first list, so that counting never delays it."""
        from gjobs.store.statistics.read_totals import Folder

        await self._has_polled.wait()
        await is_set_within(self.is_shown, LONGEST_UNSHOWN)
        folder = Folder(store.actor_database)
        idle_before: float | None = None
        async for answer in poller.results():
            match answer:
                case PollResult(value=totals, is_changed=is_changed, duration=took):
                    idle_now = took if totals.flow and not is_changed else None
                    self._compare_idle_counts(idle_before, idle_now)
                    idle_before = idle_now
                    if is_changed:
                        self._post(TotalsPolled(store, totals, is_complete=False))
                    answered = (totals,) if totals.flow else await poller.unless_asked(_with_flow(store, totals))
                    if answered is not None:
                        self._post(TotalsPolled(store, answered[0]))
                    # Over a slow network, the next write is then sent at once.
                    if (network_time := self._network_time()) and not self._is_still:
                        self._write_preparation.start(store.database, network_time)
                    await folder.fold_if_due()
                case PollFailure(error=error):
                    self._post(TotalsPollFailed(store, error))

    def _compare_idle_counts(self, before: float | None, now: float | None) -> None:
        """Expect slower or faster lists if the same count took much longer or shorter than before.

        An idle dashboard reads its list so rarely that list durations alone would reveal a network change late.
        """
        if self._listing is None or before is None or now is None or abs(now - before) <= SLOW_ANSWER:
            return
        self._listing.expect_change(now - before, took=now)
        self._post(PaceChanged())

    async def follow_changes(self) -> None:
        """Poll soon after the database notifies of a change. Stop if it sends no notifications."""
        await self._has_polled.wait()
        from gjobs.store.database.wake_ups import WakeUp, may_listen, wake_ups

        session = self.session
        if session is None or session.capabilities is None:
            return
        if not may_listen(session.capabilities.facts, session.profile.pooler):
            return
        turns = count()
        async with aclosing(wake_ups(session.operator.database)) as words:
            async for word in words:
                self.is_woken = word is not WakeUp.LOST
                self._apply_settings()
                if word is WakeUp.SILENT:
                    # One after the other, so that an idle dashboard sends at most one query a minute.
                    self._pollers[next(turns) % len(self._pollers)].wake()
                elif self.is_woken:
                    for poller in self._pollers:
                        poller.wake()

    @property
    def _pollers(self) -> tuple[Poller[Any, Any], ...]:
        return tuple(poller for poller in (self._listing, self._totals, self._extra) if poller is not None)

    def ask(self, query: ListingQuery, totals: TotalsQuery) -> None:
        """Poll another query at once."""
        if self._listing is not None and self._totals is not None:
            self._listing.ask(query)
            if totals != self._totals.query:
                self._totals.ask(totals)

    def refresh(self) -> None:
        """Poll or try to connect at once."""
        self._retry_now.set()
        for poller in self._pollers:
            poller.refresh()

    def touch(self) -> None:
        """Note user activity, so that an unchanged list is polled at the full rate again."""
        for poller in self._pollers:
            poller.note_activity()

    def note_focus(self, *, is_focused: bool) -> None:
        self._is_focused = is_focused
        self._apply_settings()

    def pause_or_resume(self) -> None:
        self.paused = not self.paused
        self._apply_settings()

    @property
    def max_staleness(self) -> float:
        """Maximum seconds until a change is shown. It exceeds the interval if queries are slow or nothing changes."""
        return self.interval if self._listing is None else self._listing.max_staleness

    @property
    def pace_cause(self) -> PaceCause:
        """Why `max_staleness` exceeds the interval, or why nothing is refreshed."""
        if self.failure is not None:
            return PaceCause.FAILED
        if self.paused:
            return PaceCause.PAUSED
        if self._listing is None or not self._listing.is_slowed_by_cost:
            return PaceCause.EXPENSIVE if self._least_interval > self.interval else PaceCause.UNCHANGED
        return PaceCause.SLOW

    @property
    def load(self) -> "Load | None":
        """Load of this session in the last minute; None without a session."""
        return self.session.operator.database.load.last_minute() if self.session else None

    @property
    def slow_answer(self) -> float | None:
        """Seconds that the list usually takes. None unless this time delays the refresh."""
        is_slow = self._listing is not None and self._listing.is_slowed_by_cost and self.usual_answer > SLOW_ANSWER
        return self.usual_answer if is_slow else None

    @property
    def usual_answer(self) -> float:
        """Seconds that the list usually takes; 0 before the first one is requested."""
        return 0.0 if self._listing is None else self._listing.usual_duration

    @property
    def is_idle(self) -> bool:
        """Whether nothing has changed for a while, and only notifications and rare polls keep list and totals
        current.
        """
        pollers = (self._listing, self._totals)
        return all(poller is not None and poller.is_idle for poller in pollers)

    def step_interval(self, steps: int) -> None:
        """Change the interval by steps, slower if positive."""
        nearest = min(range(len(INTERVALS)), key=lambda place: abs(INTERVALS[place] - self.interval))
        self.interval = INTERVALS[min(max(nearest + steps, 0), len(INTERVALS) - 1)]
        self._apply_settings()

    async def close(self) -> None:
        if (load := self.load) is not None:
            log.info("%s", load_summary(load))
        await self._write_preparation.stop()
        await self._resources.aclose()

    def _report(self, sentence: str) -> None:
        self._post(Connecting(sentence))

    def _fail(self, error: StoreError, since: datetime, retry_in: Callable[[], float | None]) -> None:
        failed_at = self.clock()

        def retry_at() -> datetime | None:
            return None if (wait := retry_in()) is None else failed_at + timedelta(seconds=wait)

        self.failure = ListPollFailed(error, since, retry_at)
        self._post(self.failure)


def _constant(seconds: float | None) -> Callable[[], float | None]:
    return lambda: seconds


async def _with_flow(store: "Store", totals: Totals) -> Totals:
    """Add the flow of the counted jobs to the totals. If the flow cannot be read, return the totals without it."""
    try:
        flow = await store.database.priority.run_in_background(partial(store.get_flow, totals.query))
    except StoreError as error:
        log.info("Can't read how jobs move: %s", error)
        return totals
    return replace(totals, flow=flow)
