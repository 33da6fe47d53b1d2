"""Small shared widgets."""

from collections.abc import Sequence, Set
from itertools import zip_longest
from typing import Any, ClassVar, TypeVar

from rich.highlighter import Highlighter
from rich.text import Text
from textual import events, messages
from textual.await_complete import AwaitComplete
from textual.content import Content
from textual.geometry import Region, Size
from textual.message import Message
from textual.screen import Screen
from textual.strip import Strip
from textual.visual import Visual
from textual.widget import Widget
from textual.widgets import Input, OptionList, Static

from gjobs.tui.dashboard.widgets.message_board import MessageApp
from gjobs.tui.text.clean_text import visible


class SteadyText(Static):
    """A text that takes only Content, so that text from a database is never read as markup."""

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id, classes=classes, markup=False)
        self._shown = Content()

    def set_content(self, content: Content) -> None:
        if not content.is_same(self._shown):
            self._shown = content
            self.update(content)


class RowList(OptionList):
    """A list that keeps its cursor in sight when it gets smaller, for example because a message appears below."""

    def on_resize(self) -> None:
        self.call_after_refresh(self.scroll_to_highlight)


class FittedLine(Widget):
    """A line that fits its text to its width. A subclass may take more lines."""

    DEFAULT_CSS = """
    FittedLine {
        height: 1;
        text-wrap: nowrap;
        text-overflow: ellipsis;
    }
    """

    _drawn: Content | None = None

    def words(self, room: int) -> Content:
        """Return the present text in at most `room` cells."""
        raise NotImplementedError

    def render(self) -> Content:
        self._drawn = self.words(self.content_size.width)
        return self._drawn

    def follow(self) -> None:
        """Redraw the line if its text has changed."""
        if self._drawn is not None and not self.words(self.content_size.width).is_same(self._drawn):
            self.refresh()


class DrawnLines(Widget):
    """A widget of lines, each as wide as the widget at most. Only lines that changed are drawn again, because drawing
    a whole pane takes milliseconds.
    """

    DEFAULT_CSS = "DrawnLines { text-wrap: nowrap; }"

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._lines: Sequence[Content] = ()
        self._strips: dict[int, Strip] = {}
        """The drawn lines by their number, as long as they are valid."""
        self._fitted = Size()

    def show_lines(self, lines: Sequence[Content]) -> None:
        pairs = enumerate(zip_longest(self._lines, lines, fillvalue=_NO_LINE))
        changed = [y for y, (before, after) in pairs if before is not after and not before.is_same(after)]
        self._lines = lines
        for y in changed:
            self._strips.pop(y, None)
        if changed:
            self.refresh(*(Region(0, y, self.size.width, 1) for y in changed))

    def render(self) -> Content:
        return Content("\n").join(self._lines)

    def fit_lines(self) -> None:
        """Show the lines for the present size. Subclasses override this method."""
        raise NotImplementedError

    def render_lines(self, crop: Region) -> list[Strip]:
        """Fit first, because the first frame is drawn before the resize message."""
        if self.size != self._fitted:
            self._fitted = self.size
            self._strips.clear()
            self.fit_lines()
        return super().render_lines(crop)

    def render_line(self, y: int) -> Strip:
        if self.text_selection is not None:
            return super().render_line(y)
        if y not in self._strips:
            self._draw_missing_lines()
        return self._strips.get(y) or Strip.blank(self.size.width, self.visual_style.rich_style)

    def _draw_missing_lines(self) -> None:
        """Draw from the first to the last missing line together. Mouse selections depend on the line numbers."""
        missing = [y for y in range(len(self._lines)) if y not in self._strips] or [0]
        first, last = missing[0], missing[-1]
        content = Content("\n").join(self._lines[first : last + 1])
        drawn = Visual.to_strips(self, content, self.size.width, last - first + 1, self.visual_style)
        for y, strip in enumerate(drawn, first):
            self._strips.setdefault(y, strip.apply_offsets(0, y) if first else strip)

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._strips.clear()

    def on_resize(self) -> None:
        self.fit_lines()


_NO_LINE = Content()


class ShowsInvisible(Highlighter):
    """Shows each invisible character as one cell, so that the cursor position is right. The value is unchanged."""

    def highlight(self, text: Text) -> None:
        text.plain = visible(text.plain)


class TextField(Input):
    DEFAULT_CSS = """
    TextField.-textual-compact {
        padding: 0 1;
        background: $foreground 8%;

        &:focus { background: $primary-muted; background-tint: $foreground 0%; }
    }
    """

    def __init__(self, *, id: str, value: str = "", placeholder: str = "") -> None:  # noqa: A002
        super().__init__(id=id, value=value, placeholder=placeholder, highlighter=ShowsInvisible(), compact=True)

    def on_paste(self, event: events.Paste) -> None:
        """Paste the whole text. Textual would keep only the first line."""
        event.prevent_default()
        event.stop()
        self.replace(event.text, *self.selection)


ResultType = TypeVar("ResultType")

_BEHIND = "-behind-dialog"
_CLOSING_MESSAGES = (messages.CloseMessages, messages.Prune, events.ScreenSuspend, events.Unmount)


class QuietScreen(Screen[ResultType]):
    """A screen that does nothing once it is closed or the app ends, because its widgets may be gone."""

    @property
    def is_alive(self) -> bool:
        """Whether the screen is open. From the call of `App.exit` on, Textual counts no screen as attached."""
        return self.is_attached and self.app.is_running and self in self.app.screen_stack

    @property
    def hidden_keys(self) -> frozenset[str]:
        """The bindings that would be refused now, for example because the session is read-only. Neither the help nor a
        hint shows them.
        """
        return frozenset()

    @property
    def refused_keys(self) -> Set[str]:
        """The bindings that explain why they do nothing now. Their hints are grey."""
        return frozenset()

    async def _on_message(self, message: Message) -> None:
        """Handle only closing messages at the end. Textual 8.2.8 would handle all that wait, without their widgets."""
        if self.is_alive or isinstance(message, _CLOSING_MESSAGES):
            await super()._on_message(message)

    def on_screen_resume(self) -> None:
        self._mark_as_behind(is_behind=False)

    def on_screen_suspend(self) -> None:
        self._mark_as_behind(is_behind=True)

    def _mark_as_behind(self, *, is_behind: bool) -> None:
        """Hide what only the top screen shows. Restyle nothing else: that would take as long as opening the dialog."""
        if self.has_class(_BEHIND) is not is_behind:
            self.set_class(is_behind, _BEHIND, update=False)
            for part in self.query("KeyHints"):
                part.update_node_styles(animate=False)


LEAVING_KEYS = frozenset({"escape", "ctrl+q"})
"""Keys that leave a dialog or the app. A dialog takes them even while it waits for an answer."""


def hidden_keys(screen: Screen[Any]) -> frozenset[str]:
    return screen.hidden_keys if isinstance(screen, QuietScreen) else frozenset()


WRITES = "writes"
"""The group of the Textual workers that write, also for a form."""


class Request(Message):
    """Something that a widget requests and only the app can do, because it needs the database."""


class ClosesOnce(QuietScreen[ResultType]):
    """A screen that may be closed at any time, even by a late answer or key.

    List this class last among the bases, because Textual takes styles and bindings from the first base.

    Textual's `dismiss` closes the top screen, even another one, and raises ScreenStackError for the last screen.
    `self.dismiss(); self.dismiss()` in a handler of a pushed screen ends the app.
    """

    has_message_line = False
    """Whether it composes its own message line. Otherwise it gets one as soon as there is a message."""
    is_dismissed = False
    """Whether a key, a click or an awaited answer closed this screen. Otherwise it closed by itself."""
    has_result = False
    """Whether it was closed with a result."""
    result_key: ClassVar[str] = ""
    """A key that closes the screen with a result. If it is pressed twice, the second one is ignored."""
    help_topic = "tour"
    """The page of the manual for this screen."""
    is_waiting = False
    """Whether it waits for an answer, for example of the database."""
    KEYS_WHILE_WAITING: ClassVar[Set[str]] = LEAVING_KEYS
    """The keys that it takes even while it waits."""

    def on_mount(self) -> None:
        self.screen_layout_refresh_signal.subscribe(self, self._place_cursor, immediate=True)
        if isinstance(self.app, MessageApp):
            self.app.follow_messages()

    def _place_cursor(self, _: Screen[Any]) -> None:
        """Move the terminal's cursor with the focused field, because input methods open at the cursor.

        Textual places it only when the focus or the text changes, not when the layout moves the field.
        """
        if isinstance(field := self.focused, Input):
            self.app.cursor_position = field.cursor_screen_offset

    def follow_messages(self) -> None:
        """Draw again after a change of the messages. Does nothing here: only the list of messages overrides it."""

    def dismiss(self, result: ResultType | None = None) -> AwaitComplete:
        """Close this screen and all screens above it. Do nothing if it is already closed."""
        if self not in self.app.screen_stack:
            return AwaitComplete()
        while (above := self.app.screen) is not self:
            Screen.dismiss(above, None)  # It closes by itself.
        self.is_dismissed, self.has_result = True, result is not None
        return super().dismiss(result)

    def action_leave(self) -> None:
        self.dismiss(None)

    def action_copy_text(self) -> None:
        """Copy the selected text. Without any, Ctrl+C names the key that quits, as in the dashboard."""
        if self.get_selected_text() is None:
            self.app.action_help_quit()
        else:
            super().action_copy_text()

    def takes_key(self, event: events.Event) -> bool:
        """Return whether the key may be delivered now. If not, it waits, and so do all later keys."""
        return not self.is_waiting or (isinstance(event, events.Key) and event.key in self.KEYS_WHILE_WAITING)
