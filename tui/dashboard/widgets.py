"""Small shared widgets, and showing a toast."""

from contextlib import suppress
from typing import Any, TypeVar

from rich.highlighter import Highlighter
from rich.text import Text
from textual import events, messages
from textual.app import App
from textual.await_complete import AwaitComplete
from textual.content import Content
from textual.css.query import NoMatches
from textual.errors import NoWidget
from textual.message import Message
from textual.screen import Screen
from textual.suggester import Suggester
from textual.widget import Widget
from textual.widgets import Input, Static
from textual.widgets._toast import Toast as ToastWidget

from tui.text.clean_text import clean, visible
from tui.text.error_text import Toast


class SteadyText(Static):
    """Content only, never a string: what comes from a database is no markup."""

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id, classes=classes, markup=False)
        self._said = Content()

    def say(self, content: Content) -> None:
        if not content.is_same(self._said):
            self._said = content
            self.update(content)


class FittedLine(Widget):
    """Of its own height: what it says never moves what stands around it."""

    DEFAULT_CSS = """
    FittedLine {
        height: 1;
        text-wrap: nowrap;
        text-overflow: ellipsis;
    }
    """

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._drawn: Content | None = None

    def words(self, room: int) -> Content:
        """What it says at present, in so many cells."""
        raise NotImplementedError

    def render(self) -> Content:
        self._drawn = self.words(self.content_size.width)
        return self._drawn

    def follow(self) -> None:
        """Draws it again where it reads otherwise by now."""
        if self._drawn is not None and not self.words(self.content_size.width).is_same(self._drawn):
            self.refresh()


class ShowsInvisible(Highlighter):
    """One character for each, so that the cursor stands where it seems to; the value itself is as it was typed."""

    def __call__(self, text: str | Text) -> Text:
        shown = text.copy() if isinstance(text, Text) else Text(text)
        shown.plain = visible(shown.plain)
        self.highlight(shown)
        return shown

    def highlight(self, text: Text) -> None:
        """Adds no colours."""


class TextField(Input):
    DEFAULT_CSS = """
    TextField.-textual-compact {
        padding: 0 1;
        background: $foreground 8%;

        &:focus { background: $primary-muted; background-tint: $foreground 0%; }
    }
    """

    def __init__(self, *, id: str, value: str = "", placeholder: str = "", suggester: Suggester | None = None) -> None:  # noqa: A002
        super().__init__(
            id=id,
            value=value,
            placeholder=placeholder,
            suggester=suggester,
            highlighter=ShowsInvisible(),
            compact=True,
        )

    def _on_paste(self, event: events.Paste) -> None:
        """All of it: Textual's own keeps the first line, and says nothing of the rest."""
        event.prevent_default()
        event.stop()
        self.replace(event.text, *self.selection)


_SECONDS = 8


def show_toast(app: App[Any], toast: Toast) -> None:
    """In place of the same words where they are still shown: a key that is held covers nothing."""
    text = clean(toast.text)
    # Textual has no public way to take one toast back.
    for shown in [one for one in app._notifications if one.message == text]:  # noqa: SLF001
        app._unnotify(shown, refresh=False)  # noqa: SLF001
    app.notify(text, severity=toast.severity, timeout=_SECONDS, markup=False)


def keep_newest_toast_in_sight(screen: Screen[Any]) -> None:
    """Drop the oldest toasts where there is no room for all: Textual cannot scroll a hidden rack."""

    def drop(_: Screen[Any]) -> None:
        notifications = screen.app._notifications  # noqa: SLF001 - as above
        if len(notifications) < 2:
            return
        with suppress(NoWidget, NoMatches):  # It is laid out next time.
            newest = screen.query(ToastWidget).last()
            if screen.find_widget(newest).visible_region.height < newest.region.height:
                screen.app._unnotify(next(iter(notifications)))  # noqa: SLF001

    screen.screen_layout_refresh_signal.subscribe(screen, drop, immediate=True)


ResultType = TypeVar("ResultType")

_ENDING = (messages.CloseMessages, messages.Prune, events.ScreenSuspend, events.Unmount)

LEAVING_KEYS = frozenset({"escape", "ctrl+q"})
"""Keys that leave a dialog or the app. A dialog takes them while it waits for an answer, too."""


class ClosesOnce(Screen[ResultType]):
    """A screen that may be closed at any time, also by an answer or a key that comes late.

    Name it as the last base: Textual takes styles and bindings from the first one.

    Textual's own `dismiss` closes the screen on top, whichever that is, and raises ScreenStackError for the last one:
    `self.dismiss(); self.dismiss()` in a handler of a pushed screen ends the app.
    """

    def on_mount(self) -> None:
        keep_newest_toast_in_sight(self)

    def dismiss(self, result: ResultType | None = None) -> AwaitComplete:
        """Close this screen and what lies above it. Does nothing if it is closed already."""
        if self not in self.app.screen_stack:
            return AwaitComplete()
        while (above := self.app.screen) is not self:
            above.dismiss(None)
        return super().dismiss(result)

    async def _on_message(self, message: Message) -> None:
        """A closed screen has lost its widgets, or never got them: only what ends it is handled."""
        if self in self.app.screen_stack or isinstance(message, _ENDING):
            await super()._on_message(message)

    def takes_key(self, event: events.Event) -> bool:  # noqa: ARG002
        """Whether the key may be delivered now. If not, it waits, and all keys after it."""
        return True
