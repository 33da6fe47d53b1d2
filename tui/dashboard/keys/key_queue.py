"""Delivers keys one at a time, each to what the key before it opened."""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

from textual import events
from textual.app import App
from textual.message_pump import MessagePump
from textual.screen import Screen

from tui.dashboard.widgets import LEAVING_KEYS, show_toast
from tui.text.error_text import Toast

_CALM_TURNS = 3
"""Turns of the event loop without a message, after which a key counts as handled."""
_SPIN_TURNS = 300
_POLL_SECONDS = 0.01
_MOST_SECONDS = 2.0
"""A widget that never rests must not lock the keyboard."""
_PATIENCE_SECONDS = 1.0
"""After so long, escape gives up waiting for a dialog, and ctrl+q does not wait for it."""


class KeyQueue:
    """Holds keys and pastes back until the one before them was handled and what it opens has the focus.

    Keys that were typed for a dialog that does not open are dropped. A key never acts on something that was not there
    when all keys before it had been handled.
    """

    def __init__(
        self,
        app: App[Any],
        *,
        is_opening: Callable[[], bool],
        is_taken: Callable[[events.Event], bool],
        cancel: Callable[[], object],
    ) -> None:
        """`is_opening` tells whether a dialog is on its way. `is_taken` tells whether the open dialog can take it.

        `cancel` gives up what is on its way.
        """
        self._app = app
        self._is_opening = is_opening
        self._is_taken = is_taken
        self._cancel = cancel
        self._waiting: deque[events.Key | events.Paste] = deque()
        self._delivered: events.Event | None = None
        self._delivering: asyncio.Task[None] | None = None
        self._held_since = 0.0
        self._expected: frozenset[Screen[Any]] | None = None
        """The screens above which the key that is being handled should open something."""

    def expect_dialog(self) -> None:
        """The key that is being handled opens a dialog, or says why it does not."""
        self._expected = frozenset(self._app.screen_stack)

    def take(self, event: events.Key | events.Paste) -> bool:
        """Return False if the event is to be handled now, True if it waits or is dropped."""
        if event is self._delivered:
            self._delivered = None
            return False
        is_delivering = self._delivering is not None and not self._delivering.done()
        if is_delivering and self._gives_up(event):
            self._waiting.clear()
            if isinstance(event, events.Key) and event.key == "ctrl+q":
                return False
            if self._is_opening():
                self._cancel()
                show_toast(self._app, Toast(text="Stopped waiting for the dialog."))
                return True
        self._waiting.append(event)
        if not is_delivering:
            self._held_since = time.monotonic()
            self._delivering = asyncio.create_task(self._deliver())
            self._delivering.add_done_callback(self._report)
        return True

    @property
    def is_idle(self) -> bool:
        """Whether all keys were handled."""
        return not self._waiting and (self._delivering is None or self._delivering.done())

    def close(self) -> None:
        """Drop what waits."""
        self._waiting.clear()
        if self._delivering is not None:
            self._delivering.cancel()

    def _gives_up(self, event: events.Event) -> bool:
        """Whether the person has waited long enough and now wants out."""
        is_late = time.monotonic() - self._held_since > _PATIENCE_SECONDS
        return is_late and isinstance(event, events.Key) and event.key in LEAVING_KEYS

    def _report(self, delivering: "asyncio.Task[None]") -> None:
        """An error of ours must end the app, not the keyboard alone."""
        if not delivering.cancelled() and isinstance(error := delivering.exception(), Exception):
            self._app._handle_exception(error)  # noqa: SLF001

    async def _deliver(self) -> None:
        await self._settle(for_next=False)
        while self._waiting:
            await self._settle(for_next=True)
            if self._waiting:
                self._held_since = time.monotonic()
                self._delivered = self._waiting.popleft()
                self._app.post_message(self._delivered)
                await self._settle(for_next=False)

    async def _settle(self, *, for_next: bool) -> None:
        """Wait until the key before is handled, and, if wanted, until the next one can be.

        The next one may change meanwhile: escape takes the place of all that wait.
        """
        began, turns, calm = time.monotonic(), 0, 0
        while calm < _CALM_TURNS:
            await asyncio.sleep(0 if turns < _SPIN_TURNS else _POLL_SECONDS)
            turns += 1
            is_free = not self._is_opening() and (not for_next or self._is_next_taken)
            is_patient = time.monotonic() - began < _MOST_SECONDS
            calm = calm + 1 if is_free and (self._is_calm or not is_patient) else 0
        self._drop_if_nothing_opened()

    @property
    def _is_next_taken(self) -> bool:
        return not self._waiting or self._is_taken(self._waiting[0])

    def _drop_if_nothing_opened(self) -> None:
        expected, self._expected = self._expected, None
        if expected is None or expected < frozenset(self._app.screen_stack) or not self._waiting:
            return
        dropped = len(self._waiting)
        self._waiting.clear()
        what = "key that was typed for it was" if dropped == 1 else f"{dropped} keys that were typed for it were"
        show_toast(self._app, Toast(text=f"The dialog did not open. The {what} dropped.", severity="warning"))

    @property
    def _is_calm(self) -> bool:
        return not any(map(_is_busy, self._pumps()))

    def _pumps(self) -> Iterator[MessagePump]:
        yield self._app
        for screen in self._app.screen_stack:
            yield screen
            yield from screen.walk_children()


def _is_busy(pump: MessagePump) -> bool:
    """Whether it handles a message, has one to handle, or is not mounted yet.

    Textual has no public way to ask this. A pump that rests waits for its queue.
    """
    if pump._closing or pump._closed:  # noqa: SLF001
        return False
    is_ready: Any = pump._message_queue.ready_event  # noqa: SLF001
    return is_ready.is_set() or not is_ready._waiters or bool(pump._next_callbacks)  # noqa: SLF001
