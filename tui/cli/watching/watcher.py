"""The loop: reads batch by batch, and tells every receiver of each transition, in order."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import aclosing

from store.errors import StoreError, TimedOut, Unreachable
from store.feed import Feed, FeedFailure, FeedPage
from store.watching.model import Batch, Cursor, HeldBack
from store.watching.watch import Watch
from tui.cli.output import say
from tui.cli.watching.conditions import Condition
from tui.cli.watching.receivers import Receiver
from tui.cli.watching.until import Until
from tui.words.format import local_time

log = logging.getLogger(__name__)

Keep = Callable[[Cursor], None]
"""Takes the place behind which nothing has been told yet."""
Revive = Callable[[], bool]
"""Starts a server of our own that died, and says whether it had; it may raise a StoreError, and takes its time."""


class Watcher:
    """Ends when a condition holds, which it returns."""

    def __init__(
        self,
        watch: Watch,
        receivers: Sequence[Receiver],
        until: Until,
        *,
        interval: float,
        keep: Keep | None = None,
        revive: Revive | None = None,
    ) -> None:
        self._receivers = receivers
        self._until = until
        self._keep = keep
        self._revive = revive
        self._held_back: HeldBack | None = None
        self._is_broken = False
        self.feed: Feed[None, Batch] = Feed(lambda _: watch.read(), None, interval=interval)

    async def run(self) -> Condition:
        """Raises a StoreError that trying again would not change, and ReaderGone."""
        async with aclosing(self.feed.pages()) as pages:
            async for page in pages:
                match page:
                    case FeedPage(value=batch):
                        if met := await self._take(batch):
                            return met
                    case FeedFailure(error=error):
                        self._fail(error)
                        if isinstance(error, Unreachable) and await self._revived():
                            self.feed.refresh()
        raise AssertionError("a feed never ends")

    async def _take(self, batch: Batch) -> Condition | None:
        if self._is_broken:
            self._is_broken = False
            say("The database answers again.")
        for transition in batch.transitions:
            for receiver in self._receivers:
                await receiver.tell(transition)
            if met := self._until.told(transition):
                if self._keep and transition.cursor:
                    self._keep(transition.cursor)
                return met
        if self._keep and batch.cursor:
            self._keep(batch.cursor)
        self._say_held_back(batch.held_back)
        if batch.has_more:
            self.feed.refresh()
            return None
        # Nobody looks at this as at a screen: it is as quick after an hour without a job.
        self.feed.touch()
        try:
            return await self._until.now()
        except StoreError as error:
            self._fail(error)
            return None

    def _fail(self, error: StoreError) -> None:
        if not isinstance(error, (Unreachable, TimedOut)):
            raise error
        if not self._is_broken:
            self._is_broken = True
            say(f"{error} It is tried again; nothing is told twice.")

    async def _revived(self) -> bool:
        if self._revive is None:
            return False
        try:
            return await asyncio.to_thread(self._revive)
        except StoreError as error:
            log.warning("The server that died cannot be started again: %s", error)
            return False

    def _say_held_back(self, held_back: HeldBack | None) -> None:
        if held_back == self._held_back:
            return
        self._held_back = held_back
        if held_back is None:
            say("What was kept back has been told.")
            return
        who = f"process {held_back.process_id}" if held_back.process_id else "one that cannot be seen"
        application = f" of {held_back.application}" if held_back.application else ""
        since = f", open since {local_time(held_back.since)}" if held_back.since else ""
        say(f"What happened since waits for a transaction to end, so that none is missed: {who}{application}{since}.")
