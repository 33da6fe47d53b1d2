"""Follows what happens to the jobs, and tells what ended out of sight."""

import logging
from collections.abc import Callable
from contextlib import aclosing
from typing import TYPE_CHECKING, Protocol

from store.configuration.notifications import Notifications
from store.errors import StoreError
from store.feed import Feed, FeedFailure, FeedPage
from store.watching.model import Batch, Transition
from tui.notifying.finished import Finished
from tui.words.toast import Toast

if TYPE_CHECKING:
    from store.filters import JobFilter
    from store.store import Store

log = logging.getLogger(__name__)


class Place(Protocol):
    """Where the person is, and how they are told."""

    def shows(self, transition: Transition) -> bool:
        """Whether the job is of the list that is on screen."""

    def tell(self, toast: Toast) -> None: ...

    def ring(self) -> None: ...

    def notify_desktop(self, body: str) -> None: ...


class Notifier:
    def __init__(self, notifications: Notifications, place: Place, *, interval: Callable[[], float]) -> None:
        self._notifications = notifications
        self._place = place
        self._interval = interval
        self._is_away = False
        """Whether the terminal is not typed into."""
        self._missed = Finished()
        """While the person was away."""

    async def follow(self, store: "Store", job_filter: "JobFilter") -> None:
        """With the store's eyes, until it is cancelled. What refuses to be watched is told, and that is all."""
        self._missed = Finished()
        try:
            watch = await store.watch(job_filter)
        except StoreError as refusal:
            self._place.tell(Toast(text=f"What finishes is not told: {refusal}", severity="warning"))
            return
        feed: Feed[None, Batch] = Feed(lambda _: watch.read(), None, interval=self._interval())
        async with aclosing(feed.pages()) as pages:
            async for page in pages:
                match page:
                    case FeedPage(value=batch):
                        self._take(batch)
                        feed.interval = self._interval()
                        if batch.has_more:
                            feed.refresh()
                    case FeedFailure(error=error):
                        # The list on screen says that the database does not answer.
                        log.info("What finishes could not be read: %s", error)

    def _take(self, batch: Batch) -> None:
        unseen = Finished()
        for transition in batch.transitions:
            if self._is_away:
                unseen.add(transition)
                self._missed.add(transition)
            elif not self._place.shows(transition):
                unseen.add(transition)
        if not unseen:
            return
        has_failed, words = unseen.has_failed, unseen.take()
        if self._notifications.bell:
            self._place.ring()
        if self._is_away:
            if self._notifications.desktop:
                self._place.notify_desktop(words)
        else:
            self._place.tell(_toast(words, has_failed=has_failed))

    def leave(self) -> None:
        self._is_away = True

    def come_back(self) -> None:
        self._is_away = False
        if self._missed:
            has_failed = self._missed.has_failed
            self._place.tell(_toast(f"Meanwhile: {self._missed.take()}", has_failed=has_failed))


def _toast(text: str, *, has_failed: bool) -> Toast:
    return Toast(text=text, severity="warning" if has_failed else "information")
