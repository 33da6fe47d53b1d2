"""What the message line shows, and the messages of this run."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from textual.app import App
from textual.screen import Screen
from textual.timer import Timer

from gjobs.tui.text.clean_text import clean
from gjobs.tui.text.error_text import Severity, Toast

MESSAGE_SECONDS = 8
_SECONDS_OVER_PINNED = 3
"""A pinned text shows the next step, so a message hides it for a shorter time, unless it offers keys."""
_MOST_KEPT = 200

ReturnType = TypeVar("ReturnType")


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
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
    """Hints for the keys that continue, such as "space: next". They are never cut off."""
    has_keys_in_dialogs: bool = True
    """Whether these keys do the same in a dialog."""
    has_keys_on_stage: bool = False
    """Whether these keys do the same in the presenter view."""


class MessageBoard:
    """The state of all message lines, and the last messages."""

    def __init__(self, app: "MessageApp[Any]", *, clock: Callable[[], datetime]) -> None:
        self._app = app
        self._clock = clock
        self._pinned: list[PinnedText] = []
        self._timer: Timer | None = None
        self.passing: Message | None = None
        """The message on the line. It ends after some seconds."""
        self.place: Screen[Any] | None = None
        """The screen that was on top when the passing message arrived."""
        self.kept: deque[Message] = deque(maxlen=_MOST_KEPT)
        """The last messages, oldest first."""

    @property
    def pinned(self) -> PinnedText | None:
        """The text pinned last, if any."""
        return self._pinned[-1] if self._pinned else None

    def show_message(self, text: str, *, keys: str = "") -> None:
        """Show a success until the next message, at most for some seconds."""
        self._keep(Toast(text=text, keys=keys))
        self.passing, self.place = self.kept[-1], self._app.screen
        seconds = _SECONDS_OVER_PINNED if self._pinned and not keys else MESSAGE_SECONDS
        self._end_message_after(seconds)
        self._app.follow_messages()

    def _end_message_after(self, seconds: float) -> None:
        if self._timer is not None:
            self._timer.stop()
        self._timer = self._app.set_timer(seconds, self.clear_passing)

    def keep(self, toast: Toast) -> None:
        """Keep a message that is shown elsewhere. If the newest message is equal, replace it: a held key repeats
        messages.
        """
        self._keep(toast)
        self._app.follow_messages()

    def _keep(self, toast: Toast) -> None:
        text = clean(f"{toast.text} {toast.advice}".rstrip())
        if self.kept and (self.kept[-1].text, self.kept[-1].severity) == (text, toast.severity):
            self.kept.pop()
        self.kept.append(Message(at=self._clock(), text=text, severity=toast.severity, keys=toast.keys))

    def clear_passing(self) -> None:
        """End the passing message."""
        if self.passing is not None:
            self.passing = self.place = None
            self._app.follow_messages()

    def pin(
        self,
        text: str,
        *,
        owner: str,
        keys: str = "",
        has_keys_in_dialogs: bool = True,
        has_keys_on_stage: bool = False,
    ) -> None:
        """Show a caption or a step until its owner unpins or replaces it. The text pinned last is shown."""
        if not self._pinned and self.passing is not None and not self.passing.keys:
            self._end_message_after(_SECONDS_OVER_PINNED)
        pinned = PinnedText(
            owner=owner,
            text=clean(text),
            keys=keys,
            has_keys_in_dialogs=has_keys_in_dialogs,
            has_keys_on_stage=has_keys_on_stage,
        )
        self._pinned = [*self._without(owner), pinned]
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
        self._app.follow_messages()


class MessageApp(App[ReturnType]):
    """An app with a message board."""

    messages: MessageBoard
    clipboard: str = ""
    """The text copied last, for pasting in gjobs."""

    def follow_messages(self) -> None:
        """Draw the message lines and the list of messages again after a change of the board or of the top screen."""
