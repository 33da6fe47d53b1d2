"""The link to the database: opens the session, follows it with the present eyes, and tells what it sees."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from textual.message import Message

from store.errors import StoreError, Unreachable
from store.feed import Feed, FeedFailure, FeedPage, utc_now, wait_after_failure
from store.model import Overview, OverviewQuery
from tui.messages import Connected, Connecting, Looked, LookFailed

if TYPE_CHECKING:
    from store.store import Store
    from tui.session import Report, Session

Opener = Callable[["Report"], AbstractAsyncContextManager["Session"]]
"""Opens a session; receives where to report what it is doing, which may be called from any thread."""

INTERVALS = (1.0, 2.0, 5.0, 10.0, 30.0, 60.0)
"""Seconds between two looks: what faster and slower step through."""


class Connection:
    def __init__(
        self,
        opener: Opener,
        *,
        tell: Callable[[Message], object],
        interval: float = 2.0,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self._opener = opener
        self._tell = tell
        self._interval = interval
        self._clock = clock
        self._open_things = AsyncExitStack()
        self._try_now = asyncio.Event()
        self.session: Session | None = None
        self.store: Store | None = None
        """With the present eyes; None until connected."""
        self.feed: Feed[OverviewQuery, Overview] | None = None
        self.failure: LookFailed | None = None
        """None while all is well."""

    async def open(self) -> "Session":
        """Tries until there is a session. A refusal is not repeated until somebody asks for it."""
        attempts = 0
        since: datetime | None = None
        while True:
            attempts += 1
            self._try_now.clear()
            try:
                session = await self._open_things.enter_async_context(self._opener(self._report))
            except StoreError as error:
                since = since or self._clock()
                wait = wait_after_failure(self._interval, attempts) if isinstance(error, Unreachable) else None
                self._fail(None, error, since, wait)
                await self._wait(wait)
                continue
            self.session = session
            self.failure = None
            self._tell(Connected(session))
            return session

    async def follow(self, store: "Store", query: OverviewQuery) -> None:
        """Looks with these eyes until cancelled."""
        self.store = store
        self.feed = Feed(store.get_overview, query, interval=self._interval, clock=self._clock)
        async for answer in self.feed.pages():
            match answer:
                case FeedPage(value=overview, fetched_at=fetched_at):
                    self.failure = None
                    self._tell(Looked(store, overview, fetched_at))
                case FeedFailure(error=error, since=since, retry_in=retry_in):
                    self._fail(store, error, since, retry_in)

    def refresh(self) -> None:
        """Looks, or tries to connect, at once."""
        self._try_now.set()
        if self.feed is not None:
            self.feed.refresh()

    def step_interval(self, steps: int) -> float:
        """Slower by so many steps, faster where negative. Returns the interval that is now in force."""
        place = INTERVALS.index(self._interval) if self._interval in INTERVALS else 1
        self._interval = INTERVALS[min(max(place + steps, 0), len(INTERVALS) - 1)]
        if self.feed is not None:
            self.feed.interval = self._interval
        return self._interval

    @property
    def interval(self) -> float:
        return self._interval

    async def close(self) -> None:
        await self._open_things.aclose()

    def _report(self, sentence: str) -> None:
        self._tell(Connecting(sentence))

    def _fail(self, store: "Store | None", error: StoreError, since: datetime, wait: float | None) -> None:
        retry_at = None if wait is None else self._clock() + timedelta(seconds=wait)
        self.failure = LookFailed(store, error, since, retry_at)
        self._tell(self.failure)

    async def _wait(self, seconds: float | None) -> None:
        try:
            await asyncio.wait_for(self._try_now.wait(), seconds)
        except TimeoutError:
            return
