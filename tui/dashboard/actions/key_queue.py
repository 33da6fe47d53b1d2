"""Delivers keys one at a time, each to the screen that the previous key opened, and decides which wait."""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import filterfalse, takewhile
from typing import Any

from textual import events
from textual.app import App
from textual.binding import Binding
from textual.message_pump import MessagePump
from textual.screen import Screen
from textual.widgets import Input

from gjobs.tui.dashboard.bindings import CHANGES, KEYS, PLAIN, WRITES, Trait, keys_with
from gjobs.tui.dashboard.panels.screen import DashboardScreen
from gjobs.tui.dashboard.terminal.terminal_input import EscapeChord
from gjobs.tui.dashboard.widgets.message_board import board_of, show_message, show_warning
from gjobs.tui.dashboard.widgets.widgets import LEAVING_KEYS, ClosesOnce
from gjobs.tui.text.format import jobs_name

UNSEEN = "The selection changed before you could see it. gjobs ignored the keys that you typed meanwhile."
STILL_CHANGING = "The list did not show the last change of {} in time. gjobs ignored the keys that you typed after it."


class KeyRules:
    def __init__(self, app: App[Any], dashboard: DashboardScreen) -> None:
        self._app = app
        self._dashboard = dashboard

    def is_dialog_ready(self, event: events.Event) -> bool:
        """Return whether the top dialog, if any, is ready for the key."""
        screen = self._app.screen
        return screen.takes_key(event) if isinstance(screen, ClosesOnce) else True

    def is_early(self, event: events.Event) -> bool:
        """Return whether the key acts on rows while the requested list is still awaited, or changes jobs whose last
        change is not listed yet.
        """
        if self.changes_jobs(event) and self._dashboard.jobs.is_changing_selected:
            return True
        return self._dashboard.awaits_list and self.is_for_rows(event)

    def refusal(self, event: events.Event) -> str:
        """Return why a key that changes jobs may not act. Empty if it may.

        It acts only on jobs that the screen showed when it was typed, as selected or in the details. Jobs that the user
        has just made are exempt.
        """
        panel, details = self._dashboard.jobs, self._dashboard.details
        if details is not None and details is self._app.screen:
            binding = self._binding(event, details)
            changes_job = binding is not None and binding.id in keys_with(WRITES, type(details))
            if not changes_job or details.was_drawn(event.time):
                return ""
            is_selected = [job.id for job in panel.selected] == [details.job.id]
            return "" if is_selected and panel.showed_selected(at=event.time) else UNSEEN
        if not self.changes_jobs(event):
            return ""
        if not panel.showed_selected(at=event.time):
            return UNSEEN
        return STILL_CHANGING.format(jobs_name(panel.selected)) if panel.is_changing_selected else ""

    def changes_jobs(self, event: events.Event) -> bool:
        return CHANGES in self._traits(event)

    def is_for_rows(self, event: events.Event) -> bool:
        """Return whether the key moves in the list or acts on its jobs."""
        return Trait.ROWS in self._traits(event)

    def _traits(self, event: events.Event) -> Trait:
        binding = self._binding(event, self._dashboard)
        return PLAIN if binding is None or binding.id not in KEYS else KEYS[binding.id].traits

    def _binding(self, event: events.Event, screen: Screen[Any]) -> Binding | None:
        """Return the screen's binding of the key. None if another screen is open."""
        if self._app.screen is not screen or not isinstance(event, events.Key):
            return None
        active = screen.active_bindings.get(event.key)
        return None if active is None else active.binding


_IDLE_TURNS = 3
"""A key counts as handled after this many turns of the event loop without a message."""
_SPIN_TURNS = 300
_POLL_SECONDS = 0.01
_MOST_SECONDS = 2.0
"""Upper limit for one key, so that a busy widget cannot lock the keyboard."""
_FEWEST_TURNS = 450
"""The limit applies only after this many turns of the event loop. On a slow machine, or while the process is stopped,
the seconds pass without progress of the widgets.
"""
_CANCELLABLE_AFTER_SECONDS = 1.0
"""After waiting this long for a dialog, escape cancels the wait and ctrl+q quits without it."""

_FEWEST_REPEATS = 4

SEEING_SECONDS = 1.0
"""Time that a user needs to see that a dialog has closed by itself, or that it did not open."""
UNOPENED = "The dialog did not open. gjobs ignored the keys that you typed for it."
DROPPED = "The dialog closed by itself. gjobs ignored the keys that you typed for it."
UNCHANGED = "The job was not changed. gjobs ignored the keys that you typed meanwhile."
UNCONFIRMED = "The change did not end as expected. gjobs ignored the keys that you typed meanwhile."
SUSPENDING = "gjobs waits for the last change. It ignored the keys that you typed meanwhile."
UNLISTED = "The list does not show the job. gjobs ignored the keys that you typed meanwhile."

_TEXT_KEYS = frozenset({"space", "enter", "tab", "backspace", "delete"})
"""Keys that type and correct text, besides characters."""
_ACKNOWLEDGING_KEYS = frozenset({"escape", "ctrl+c", "up", "down", "left", "right"})
"""Keys that nobody types as text. They show that the user has seen a refusal, and do not extend the time to see it."""


def every_key(_: events.Event) -> bool:
    return True


def _is_text(event: events.Event) -> bool:
    return isinstance(event, events.Paste) or (
        isinstance(event, events.Key) and (event.is_printable or event.key in _TEXT_KEYS)
    )


def _is_acknowledging(event: events.Event) -> bool:
    return isinstance(event, events.Key) and event.key in _ACKNOWLEDGING_KEYS


class KeyQueue:
    """Hold keys and pastes until the previous one is handled and the screen it opens has the focus.

    If a dialog does not open or closes by itself, the keys typed for it are dropped, at any pace. A key never
    acts on a widget that did not exist when all earlier keys had been handled.
    """

    def __init__(
        self, app: App[Any], rules: KeyRules, *, is_opening: Callable[[], bool], cancel: Callable[[], object]
    ) -> None:
        """`is_opening` returns whether a dialog is about to open. `cancel` cancels it.

        A key that is early waits for at most two seconds.
        """
        self._app = app
        self.rules = rules
        self._is_opening = is_opening
        self._cancel = cancel
        self._waiting: deque[events.Key | events.Paste] = deque()
        self.is_closed = False
        self._delivered: events.Event | None = None
        self._delivering: asyncio.Task[None] | None = None
        self._held_since = 0.0
        self._expected: frozenset[Screen[Any]] | None = None
        """The screen stack before the current key. The key is expected to open a screen above it."""
        self._refused_on: frozenset[Screen[Any]] | None = None
        """The screen stack on which a key was refused. Text is dropped until a screen opens above it. None: no text is
        dropped.
        """
        self._refused_until = 0.0
        """Text that was typed before this time is dropped."""
        self._refusal = ""
        """The message of the refused key. It stays in the message on the dropped text."""
        self._unseen_until = 0.0
        """Until this time, keys count as typed for a dialog that closed by itself, or for an unlisted job."""
        self._dropped = DROPPED
        self._drops: frozenset[Callable[[events.Event], bool]] = frozenset()
        """All keys are dropped as soon as one of these returns true."""
        self._changes = 0
        """The number of running changes, during which keys are dropped."""
        self._stacks: deque[tuple[str, list[Screen[Any]]]] = deque(maxlen=2)
        """The last two keys, and the screen stack before each."""
        self._repeated = ""
        """This key is ignored until the given time, unless another key comes first."""
        self._repeated_until = 0.0
        self.typed_at = 0.0
        """When the last handled key was typed, by the monotonic clock. It may have waited since."""

    def expect_dialog(self) -> None:
        """Expect the current key or click to open a dialog or to explain why it does not."""
        self._expected = frozenset(self._app.screen_stack)
        self._start_delivering()

    def _drop_text(self) -> None:
        """Drop text after a refused key. A second without text ends this, and an acknowledging key at once."""
        self._refused_on = frozenset(self._app.screen_stack)
        passing = board_of(self._app).passing
        self._refusal = "" if passing is None or passing.severity == "information" else passing.text
        self._refused_until = time.monotonic() + SEEING_SECONDS
        self._waiting = deque(filterfalse(self._is_dropped_text, self._waiting))

    def _is_dropped_text(self, event: events.Event) -> bool:
        """Return whether the event is text to drop after a refused key. Such text also extends the time."""
        if self._refused_on is None:
            return False
        has_opened = not self._refused_on.issuperset(self._app.screen_stack)
        if has_opened or _is_acknowledging(event) or event.time >= self._refused_until:
            self._refused_on = None
        elif _is_text(event):
            self._refused_until = max(self._refused_until, event.time + SEEING_SECONDS)
            show_warning(self._app, f"{self._refusal} {UNOPENED}".lstrip())
            return True
        return False

    def drop_until_seen(self, text: str = DROPPED, *, drops: Callable[[events.Event], bool] = every_key) -> None:
        """Drop keys until the user has seen what `text` says, because they were typed for something else.

        The time for seeing it starts when the screen has been drawn. Dropping starts at the first key that matches
        `drops`, or matches the `drops` of an earlier active call.
        """
        self._dropped, self._drops = text, frozenset({drops}) | (self._drops if self.is_dropping else frozenset())
        self._wait_until_seen()
        if any(map(self._is_unseen, self._waiting)):
            self._drop_all()

    @contextmanager
    def dropping(self, text: str, *, drops: Callable[[events.Event], bool] = every_key) -> Iterator[None]:
        """Drop keys while the body changes the screen, and then until the user has seen the result."""
        self.drop_until_seen(text, drops=drops)
        self._changes += 1
        try:
            yield
        finally:
            self._changes -= 1
            self.drop_until_seen(text, drops=drops)

    def ignore_repeat(self, key: str) -> None:
        """Ignore the key if it comes next, before the user has had time to see that the dialog closed."""
        self._repeated, self._repeated_until = key, time.monotonic() + SEEING_SECONDS

    def _is_repeat(self, event: events.Event) -> bool:
        if time.monotonic() < self._repeated_until and _is_same_key(event, self._repeated):
            return True
        self._repeated_until = 0.0
        return False

    @property
    def is_dropping(self) -> bool:
        """Whether keys may be dropped now."""
        return self._changes > 0 or time.monotonic() < self._unseen_until

    def _wait_until_seen(self) -> None:
        self._unseen_until = time.monotonic() + _MOST_SECONDS
        self._app.call_after_refresh(self._start_seeing)

    def _start_seeing(self) -> None:
        self._unseen_until = time.monotonic() + SEEING_SECONDS

    def _is_unseen(self, event: events.Event) -> bool:
        return any(drops(event) for drops in self._drops) and not _is_quit(event)

    def _drop_all(self) -> None:
        """Drop the waiting keys, and each later key until the user has seen why."""
        self._drops |= {every_key}
        self._waiting = deque(filter(_is_quit, self._waiting))
        show_warning(self._app, self._dropped)

    def take(self, event: events.Key | events.Paste) -> bool:
        """Return False if the event is to be handled now. Return True if it waits or is dropped."""
        is_held = self._take(event)
        if not is_held:
            self.typed_at = event.time
        return is_held

    def _take(self, event: events.Key | events.Paste) -> bool:
        is_delivered = event is self._delivered
        if is_delivered:
            self._delivered = None
        if self.is_dropping and self._is_unseen(event):
            self._drop_all()
            # This key may have been meant to open a dialog. Then the next keys are text for that dialog.
            if not _is_acknowledging(event):
                self._wait_until_seen()
            return True
        if self._is_dropped_text(event):
            return True
        if is_delivered:
            return self._is_repeat(event)
        if self._is_delivering and self._cancels_wait(event):
            self._waiting.clear()
            if _is_quit(event):
                return False
            if self._is_opening():
                self._cancel()
                show_message(self._app, "Stopped waiting for the dialog.")
                return True
        self._waiting.append(event)
        self._start_delivering()
        return True

    def _start_delivering(self) -> None:
        if not self._is_delivering:
            self._held_since = time.monotonic()
            self._delivering = asyncio.create_task(self._deliver())
            self._delivering.add_done_callback(self._report)

    @property
    def _is_delivering(self) -> bool:
        return self._delivering is not None and not self._delivering.done()

    @property
    def is_idle(self) -> bool:
        """Whether all keys have been handled."""
        return not self._waiting and not self._is_delivering

    def is_delivering(self, event: events.Event) -> bool:
        """Return whether the event has waited and is to be handled now."""
        return event is self._delivered

    def close(self) -> None:
        self.is_closed = True
        self._waiting.clear()
        if self._delivering is not None:
            self._delivering.cancel()

    def _cancels_wait(self, event: events.Event) -> bool:
        """Return whether the user has waited long enough and pressed a key that leaves the dialog."""
        is_late = time.monotonic() - self._held_since > _CANCELLABLE_AFTER_SECONDS
        return is_late and isinstance(event, events.Key) and event.key in LEAVING_KEYS

    def _report(self, delivering: "asyncio.Task[None]") -> None:
        """Make an error of the queue end the app, not only the keyboard."""
        if not delivering.cancelled() and isinstance(delivering.exception(), Exception):
            self._app.call_later(delivering.result)

    async def _deliver(self) -> None:
        await self._settle(for_next=False)
        while self._waiting:
            await self._settle(for_next=True)
            if self._waiting and (refusal := self.rules.refusal(self._waiting[0])):
                self.drop_until_seen(refusal)
            elif self._waiting:
                self._held_since = time.monotonic()
                self._split_chord()
                self._skip_repeats()
                self._delivered = self._waiting.popleft()
                self._stacks.append((getattr(self._delivered, "key", ""), self._app.screen_stack.copy()))
                self._app.post_message(self._delivered)
                await self._settle(for_next=False)

    def _split_chord(self) -> None:
        if isinstance(chord := self._waiting[0], EscapeChord):
            self._waiting.popleft()
            self._waiting.extendleft(reversed(chord.keys(is_typing=isinstance(self._app.focused, Input))))

    def _skip_repeats(self) -> None:
        """If a held key opens and closes a dialog, skip pairs of its repeats, which come too fast.

        The result is the same. At least two keys are left, so that an answer to the key is still shown.
        """
        if len(self._stacks) < 2:
            return
        (key, before), (other, between) = self._stacks
        repeats = sum(1 for _ in takewhile(lambda event: _is_same_key(event, key), self._waiting))
        if repeats >= _FEWEST_REPEATS and key == other and before == self._app.screen_stack != between:
            for _ in range(repeats - 2 - repeats % 2):
                self._waiting.popleft()

    async def _settle(self, *, for_next: bool) -> None:
        """Wait until the previous key is handled. With `for_next`, wait until the next key can be handled too.

        The next key may change during the wait: escape replaces all waiting keys.
        """
        began, turns, idle_turns = time.monotonic(), 0, 0
        while idle_turns < _IDLE_TURNS:
            await asyncio.sleep(0 if turns < _SPIN_TURNS else _POLL_SECONDS)
            turns += 1
            is_patient = turns < _FEWEST_TURNS or time.monotonic() - began < _MOST_SECONDS
            is_free = not self._is_opening() and (not for_next or self._is_next_ready(is_patient=is_patient))
            idle_turns = idle_turns + 1 if is_free and (self._are_widgets_idle or not is_patient) else 0
        expected, self._expected = self._expected, None
        if expected is not None and expected.issuperset(self._app.screen_stack):
            self._drop_text()

    def _is_next_ready(self, *, is_patient: bool) -> bool:
        if not self._waiting:
            return True
        event = self._waiting[0]
        return self.rules.is_dialog_ready(event) and not (is_patient and self.rules.is_early(event))

    @property
    def _are_widgets_idle(self) -> bool:
        return not any(map(_is_busy, self._pumps()))

    def _pumps(self) -> Iterator[MessagePump]:
        yield self._app
        for screen in self._app.screen_stack:
            yield screen
            yield from screen.walk_children()


def _is_same_key(event: events.Event, key: str) -> bool:
    return isinstance(event, events.Key) and event.key == key


def _is_quit(event: events.Event) -> bool:
    return _is_same_key(event, "ctrl+q")


def _is_busy(pump: MessagePump) -> bool:
    """Whether the widget handles a message, has one waiting, or is not mounted yet.

    Textual 8.2.8 has no public way to ask this. An idle pump waits on its queue.
    """
    if pump._closing or pump._closed:  # noqa: SLF001
        return False
    is_ready: Any = pump._message_queue.ready_event  # noqa: SLF001
    return is_ready.is_set() or not is_ready._waiters or bool(pump._next_callbacks)  # noqa: SLF001
