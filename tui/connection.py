"""The link to the database: opens the session, follows it with the present eyes, and tells what it sees."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from textual.message import Message

from store.errors import InvalidValue, SignInRefused, StoreError, Unreachable
from store.feed import DEFAULT_INTERVAL, Feed, FeedFailure, FeedPage, utc_now, wait_after_failure
from store.model import Overview, OverviewQuery
from tui.messages import Connected, Connecting, Looked, LookFailed

if TYPE_CHECKING:
    from store.store import Store
    from tui.session import Report, Session

log = logging.getLogger(__name__)

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
        interval: float = DEFAULT_INTERVAL,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self._opener = opener
        self._tell = tell
        self._interval = interval
        self._clock = clock
        self._open_things = AsyncExitStack()
        self._try_now = asyncio.Event()
        self._feed: Feed[OverviewQuery, Overview] | None = None
        self._paused = False
        self.session: Session | None = None
        self.store: Store | None = None
        """With the present eyes; None until connected."""
        self.failure: LookFailed | None = None
        """None while all is well."""
        self.progress = ""
        """What is being done to open a session."""

    async def open(self) -> "Session":
        """Tries until there is a session. A refused sign-in or address is tried again only when somebody asks."""
        attempts = 0
        since: datetime | None = None
        while True:
            attempts += 1
            self._try_now.clear()
            try:
                session = await self._open_things.enter_async_context(self._opener(self._report))
            except StoreError as error:
                since = since or self._clock()
                is_final = isinstance(error, (SignInRefused, InvalidValue))
                wait = None if is_final else wait_after_failure(self._interval, attempts)
                self._fail(None, error, since, wait)
                await self._wait(wait)
                continue
            self.session = session
            self.failure = None
            self._tell(Connected(session))
            return session

    def look_with(self, store: "Store", query: OverviewQuery) -> Coroutine[None, None, None]:
        """From here on with these eyes. Returns what looks until cancelled; to be run in place of the former."""
        self.store = store
        self.failure = None
        self._feed = feed = Feed(store.get_overview, query, interval=self._interval, clock=self._clock)
        if self._paused:
            feed.pause()
        return self._follow(store, feed)

    async def _follow(self, store: "Store", feed: Feed[OverviewQuery, Overview]) -> None:
        async for answer in feed.pages():
            match answer:
                case FeedPage(value=overview, fetched_at=fetched_at):
                    self.failure = None
                    self._tell(Looked(store, overview, fetched_at))
                case FeedFailure(error=error, since=since, retry_in=retry_in):
                    self._fail(store, error, since, retry_in)
                    if isinstance(error, Unreachable) and await self._revived():
                        feed.refresh()

    async def _revived(self) -> bool:
        """Whether the server is ours, had died, and has been started again."""
        if self.session is None or self.session.revive is None:
            return False
        try:
            return await asyncio.to_thread(self.session.revive)
        except StoreError as error:
            log.warning("The server that died cannot be started again: %s", error)
            return False

    def ask(self, query: OverviewQuery) -> None:
        """Looks at something else, at once."""
        if self._feed is not None:
            self._feed.ask(query)

    def refresh(self) -> None:
        """Looks, or tries to connect, at once."""
        self._try_now.set()
        if self._feed is not None:
            self._feed.refresh()

    @property
    def paused(self) -> bool:
        return self._paused

    def pause_or_resume(self) -> None:
        self._paused = not self._paused
        if self._feed is not None:
            self._feed.pause() if self._paused else self._feed.resume()

    @property
    def interval(self) -> float:
        return self._interval

    def step_interval(self, steps: int) -> None:
        """Slower by so many steps, faster where negative."""
        nearest = min(range(len(INTERVALS)), key=lambda place: abs(INTERVALS[place] - self._interval))
        self._interval = INTERVALS[min(max(nearest + steps, 0), len(INTERVALS) - 1)]
        if self._feed is not None:
            self._feed.interval = self._interval

    async def close(self) -> None:
        await self._open_things.aclose()

    def _report(self, sentence: str) -> None:
        self.progress = sentence
        self._tell(Connecting())

    def _fail(self, store: "Store | None", error: StoreError, since: datetime, wait: float | None) -> None:
        retry_at = None if wait is None else self._clock() + timedelta(seconds=wait)
        self.failure = LookFailed(store, error, since, retry_at)
        self._tell(self.failure)

    async def _wait(self, seconds: float | None) -> None:
        try:
            await asyncio.wait_for(self._try_now.wait(), seconds)
        except TimeoutError:
            return
