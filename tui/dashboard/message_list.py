"""The last messages of this run."""

from collections.abc import Sequence
from datetime import tzinfo
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widgets import OptionList

from gjobs.tui.dashboard.clipboard import copy_text
from gjobs.tui.dashboard.dialogs.dialog import Dialog
from gjobs.tui.dashboard.message_board import MessageBoard, ShownMessage
from gjobs.tui.dashboard.widgets import RowList, SteadyText
from gjobs.tui.text.error_text import Severity

if TYPE_CHECKING:
    from gjobs.tui.text.time_zone import ShownZone

_STYLES: dict[Severity, str] = {"information": "$text-success", "warning": "$text-warning", "error": "$text-error"}
_WORDS: dict[Severity, str] = {"information": "✓", "warning": "warning", "error": "error"}
_COPY = {"messages.copy": "copy", "messages.copy_all": "copy all"}
_KEYS = {**_COPY, "dialog.leave": "close"}
_LOW = 18
"""A screen with fewer lines has no empty lines in the dialog."""
_OTHERS, _LOW_OTHERS = 6, 3
"""Lines of the border, the padding and the keys."""
_LEAST_TEXT = 24
"""Minimum width of the text beside the time. If there is less, the text begins below the time."""
_INDENT = 2


class MessagesDialog(Dialog[None]):
    """Lists messages, the newest first. They can be copied. A new message does not move the cursor to another one."""

    DEFAULT_CSS = """
    MessagesDialog {
        #dialog { width: 120; overflow: hidden; }
        OptionList { height: 1fr; text-wrap: nowrap; scrollbar-gutter: stable; }
        OptionList:focus { background-tint: $foreground 0%; }
        #none { height: 1fr; display: none; }
        #keys { height: 1; color: $foreground-muted; margin-top: 1; text-wrap: nowrap; text-overflow: ellipsis; }

        &.-empty {
            OptionList { height: 0; }
            #none { display: block; }
        }
        &.-low {
            #dialog { padding: 0 1; }
            #keys { margin-top: 0; }
        }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("q,m", "leave", "Close", id="messages.close", tooltip="Close the messages"),
        Binding("y", "copy", "Copy", id="messages.copy", tooltip="Copy the message"),
        Binding("Y", "copy_all", "Copy all", id="messages.copy_all", tooltip="Copy all messages"),
    ]

    def __init__(self, board: MessageBoard, *, zone: tzinfo | None = None) -> None:
        """Times are in `zone`; None is this machine's."""
        super().__init__()
        self._board = board
        self._zone = zone
        self._messages: tuple[ShownMessage, ...] = ()
        """The listed messages, newest first."""
        self._heights: tuple[int, ...] = ()
        """The number of lines of each listed message."""

    def compose(self) -> ComposeResult:
        with self.box("Messages"):
            yield RowList(markup=False, compact=True)
            yield SteadyText(id="none")
            yield SteadyText(id="keys")

    @property
    def hidden_keys(self) -> frozenset[str]:
        return frozenset(() if self._board.kept else _COPY)

    def on_mount(self) -> None:
        self.say("none", Content("No messages yet."))
        self._draw()
        self.query_one(OptionList).focus()

    def show_zone(self, zone: "ShownZone") -> None:
        self._zone = zone.zone
        self._draw()

    def on_resize(self) -> None:
        self.set_class(self._is_low, "-low")
        self.call_after_refresh(self._draw)

    @property
    def _is_low(self) -> bool:
        return self.size.height < _LOW

    def follow_messages(self) -> None:
        listed, kept = [id(one) for one in reversed(self._messages)], [id(one) for one in self._board.kept]
        if listed != kept:
            self._draw()

    def _draw(self) -> None:
        """List the kept messages. The cursor stays on its message and, if it can, on its line of the screen."""
        if not self.is_open:
            return
        rows = self.query_one(OptionList)
        before, place = rows.scroll_y, rows.highlighted or 0
        chosen = self._messages[place] if self._messages else None
        above = sum(self._heights[:place]) - before

        width = rows.scrollable_content_region.width or None
        self._messages = tuple(reversed(self._board.kept))
        contents = self._contents(width)
        self._heights = tuple(content.plain.count("\n") + 1 for content in contents)
        self.set_class(not contents, "-empty")
        others = _LOW_OTHERS if self._is_low else _OTHERS
        self.query_one("#dialog").styles.height = max(sum(self._heights), 1) + others
        self.say("keys", self.keys_line(_KEYS))

        rows.set_options(contents)
        if contents:
            place = next((at for at, one in enumerate(self._messages) if one is chosen), min(place, len(contents) - 1))
            rows.highlighted = place
            rows.scroll_to(y=sum(self._heights[:place]) - above if before else 0, animate=False, immediate=True)
            rows.scroll_to_highlight()

    def action_copy(self) -> None:
        place = self.query_one(OptionList).highlighted
        if place is not None:
            self._copy([self._contents()[place]], "Copied the message")

    def action_copy_all(self) -> None:
        if self._messages:
            self._copy(self._contents(), "Copied all messages")

    def _copy(self, contents: Sequence[Content], done: str) -> None:
        copy_text(self.app, "\n".join(content.plain for content in contents), done)

    def _contents(self, width: int | None = None) -> list[Content]:
        return [_content(message, self._zone, width) for message in self._messages]


def _content(message: ShownMessage, zone: tzinfo | None, width: int | None) -> Content:
    """Return the message. With `width`, wrap the text and indent its continuation lines."""
    time, word = f"{message.at.astimezone(zone):%H:%M:%S}  ", f"{_WORDS[message.severity]:<7}  "
    text, beside = message.text, len(time + word)
    if width is not None:
        is_beside = width - beside >= _LEAST_TEXT
        indent = beside if is_beside else _INDENT
        lines = [line.plain.rstrip() for line in Content(text).wrap(max(width - indent, 1))]
        text = f"\n{' ' * indent}".join(lines if is_beside else ["", *lines])
    return Content.assemble((time, "$foreground-muted"), (word, _STYLES[message.severity]), text)
