"""What the message line shows, and the messages of this run."""

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any, TypeVar, cast
from uuid import uuid4

from textual.app import App
from textual.binding import Keymap
from textual.screen import Screen
from textual.timer import Timer

from gjobs.tui.text.clean_text import clean
from gjobs.tui.text.error_text import Message, Severity

MESSAGE_SECONDS = 8
_SECONDS_OVER_PINNED = 3
"""A pinned text shows the next step, so a success hides it for a shorter time, unless it offers keys."""
_READING_TIME = timedelta(seconds=2)
"""A message that is replaced earlier may be unread."""
_MOST_KEPT = 200

ReturnType = TypeVar("ReturnType")


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownMessage:
    """A message that was shown, as clean text."""

    at: datetime
    text: str
    severity: Severity
    keys: str = ""
    """Keys that follow up, such as "U undo"."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PinnedText:
    """A text that stays, such as a caption. A message replaces it for some seconds."""

    owner: str
    text: str
    keys: str = ""
    """Hints for the keys that continue, such as "space: next". They are never cut off. A dialog takes them itself."""
    has_keys_in_presenter: bool = False
    """Whether these keys do the same in the presenter view."""


class MessageBoard:
    """The state of all message lines, and the last messages."""

    def __init__(self, app: "MessageApp[Any]", *, clock: Callable[[], datetime]) -> None:
        self._app = app
        self._clock = clock
        self._pinned: list[PinnedText] = []
        self._timer: Timer | None = None
        self.passing: ShownMessage | None = None
        """The message on the line."""
        self.unread = 0
        """How many messages it replaced before they could be read. Successes in a row do not count."""
        self.place: Screen[Any] | None = None
        """The screen that was on top when the passing message arrived."""
        self.kept: deque[ShownMessage] = deque(maxlen=_MOST_KEPT)
        """The last messages, oldest first."""

    @property
    def pinned(self) -> PinnedText | None:
        """The text pinned last, if any."""
        return self._pinned[-1] if self._pinned else None

    def show(self, message: Message) -> None:
        """Show a message until the next one, or for some seconds. An error that hides no pinned text has no time limit.

        If the newest message is equal, replace it: a held key repeats messages.
        """
        text, now, before = clean(f"{message.text} {message.advice}".rstrip()), self._clock(), self.passing
        if before is None or now - before.at >= _READING_TIME:
            self.unread = 0
        elif not text.startswith(before.text) and {before.severity, message.severity} != {"information"}:
            self.unread += 1
        if self.kept and (self.kept[-1].text, self.kept[-1].severity) == (text, message.severity):
            self.kept.pop()
        self.kept.append(ShownMessage(at=now, text=text, severity=message.severity, keys=message.keys))
        self.passing, self.place = self.kept[-1], self._app.screen
        self._limit_time()
        self._app.follow_messages()

    def _limit_time(self) -> None:
        if self._timer is not None:
            self._timer.stop()
            self._timer = None
        passing = self.passing
        if passing is None or (passing.severity == "error" and not self._pinned):
            return
        is_short = self._pinned and passing.severity == "information" and not passing.keys
        self._timer = self._app.set_timer(_SECONDS_OVER_PINNED if is_short else MESSAGE_SECONDS, self.clear_passing)

    def clear_passing(self) -> None:
        """End the passing message."""
        if self.passing is not None:
            self.passing = self.place = None
            self._app.follow_messages()

    def pin(self, text: str, *, owner: str, keys: str = "", has_keys_in_presenter: bool = False) -> None:
        """Show a caption or a step until its owner unpins or replaces it. The text pinned last is shown."""
        was_pinned = bool(self._pinned)
        pinned = PinnedText(owner=owner, text=clean(text), keys=keys, has_keys_in_presenter=has_keys_in_presenter)
        self._pinned = [*self._without(owner), pinned]
        if not was_pinned:
            self._limit_time()
        self._app.follow_messages()

    def unpin(self, owner: str) -> None:
        self._pinned = self._without(owner)
        self._app.follow_messages()

    def _without(self, owner: str) -> list[PinnedText]:
        return [one for one in self._pinned if one.owner != owner]

    def forget(self) -> None:
        """Forget the last messages, because they name data of another database.

        The passing message stays until its time is over. It may be the result that the user waited for before the
        change.
        """
        self.kept.clear()
        if self._timer is None:
            self._timer = self._app.set_timer(MESSAGE_SECONDS, self.clear_passing)
        self._app.follow_messages()


class MessageApp(App[ReturnType]):
    """An app with a message board."""

    messages: MessageBoard
    clipboard: str = ""
    """The text copied last, for pasting in gjobs."""
    keymap: Keymap = MappingProxyType({})

    def set_keymap(self, keymap: Keymap) -> None:
        self.keymap = keymap
        super().set_keymap(keymap)

    def follow_messages(self) -> None:
        """Draw the message lines and the list of messages again after a change of the board or of the top screen."""


def show_message(app: App[Any], message: Message | str) -> None:
    """Show a message on the message line, and add it to the list of messages. A text alone is a success."""
    board_of(app).show(Message(text=message) if isinstance(message, str) else message)


def show_warning(app: App[Any], text: str) -> None:
    show_message(app, Message(text=text, severity="warning"))


def drop_message(app: App[Any], text: str) -> None:
    """End the passing message if it begins with this text."""
    board = board_of(app)
    if board.passing is not None and board.passing.text.startswith(clean(text)):
        board.clear_passing()


@contextmanager
def showing_pending(app: App[Any], words: str) -> Iterator[None]:
    """While the block runs, show `words` on the message line. They name the write that is not answered yet. Empty
    words show nothing.
    """
    if not words:
        yield
        return
    board, owner = board_of(app), f"pending {uuid4()}"
    board.clear_passing()
    board.pin(words, owner=owner)
    try:
        yield
    finally:
        board.unpin(owner)


def board_of(app: App[Any]) -> MessageBoard:
    return cast(MessageApp[Any], app).messages
