"""The last messages of this run."""

import textwrap
from collections.abc import Sequence
from datetime import tzinfo
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widgets import OptionList, Static

from tui.dashboard.dialogs.dialog import Dialog
from tui.dashboard.message_board import Message
from tui.dashboard.widgets import show_toast
from tui.text.error_text import Severity, Toast

if TYPE_CHECKING:
    from tui.text.time_zone import ShownZone

_STYLES: dict[Severity, str] = {"information": "$text-success", "warning": "$text-warning", "error": "$text-error"}
_WORDS: dict[Severity, str] = {"information": "✓", "warning": "warning", "error": "error"}
_COPY = {"messages.copy": "copy", "messages.copy_all": "copy all"}
_KEYS = {**_COPY, "dialog.leave": "close"}


class MessagesDialog(Dialog[None]):
    """Lists messages, the newest first. They can be copied."""

    DEFAULT_CSS = """
    MessagesDialog {
        #dialog { width: 120; }
        OptionList { max-height: 60vh; text-wrap: nowrap; }
        OptionList:focus { background-tint: $foreground 0%; }
        #keys { color: $foreground-muted; margin-top: 1; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("q,m", "leave", "Close", id="messages.close", tooltip="Close the messages"),
        Binding("y", "copy", "Copy", id="messages.copy", tooltip="Copy the message"),
        Binding("Y", "copy_all", "Copy all", id="messages.copy_all", tooltip="Copy all messages"),
    ]

    def __init__(self, kept: Sequence[Message], *, zone: tzinfo | None = None) -> None:
        """`kept` are the messages, oldest first. Times are in `zone`; None is this machine's."""
        super().__init__()
        self._messages = tuple(reversed(kept))
        self._zone = zone

    def compose(self) -> ComposeResult:
        with self.box("Messages"):
            if self._messages:
                yield OptionList(*self._contents(), id="messages-list", markup=False, compact=True)
            else:
                yield Static("No messages yet.", markup=False)
            yield Static(self.keys_line(_KEYS), id="keys", markup=False)

    @property
    def hidden_keys(self) -> frozenset[str]:
        return frozenset(() if self._messages else _COPY)

    def on_mount(self) -> None:
        if self._messages:
            self.query_one(OptionList).focus()
            self.query_one(OptionList).highlighted = 0

    def show_zone(self, zone: "ShownZone") -> None:
        self._zone = zone.zone
        self._draw()

    def on_resize(self) -> None:
        self.call_after_refresh(self._draw)

    def _draw(self) -> None:
        if self._messages and self.is_open:
            rows = self.query_one(OptionList)
            width = rows.scrollable_content_region.width
            for place, message in enumerate(self._messages):
                rows.replace_option_prompt_at_index(place, _content(message, self._zone, width))

    def action_copy(self) -> None:
        place = self.query_one(OptionList).highlighted if self._messages else None
        if place is not None:
            self._copy([self._contents()[place]], "Copied the message.")

    def action_copy_all(self) -> None:
        if self._messages:
            self._copy(self._contents(), "Copied all messages.")

    def _copy(self, contents: Sequence[Content], done: str) -> None:
        self.app.copy_to_clipboard("\n".join(content.plain for content in contents))
        show_toast(self.app, Toast(text=done))

    def _contents(self) -> list[Content]:
        return [_content(message, self._zone) for message in self._messages]


def _content(message: Message, zone: tzinfo | None, width: int | None = None) -> Content:
    """Return the message. With a width, the lines of its text are aligned."""
    time, word = f"{message.at.astimezone(zone):%H:%M:%S}  ", f"{_WORDS[message.severity]:<7}  "
    text, indent = message.text, len(time + word)
    if width is not None:
        text = f"\n{' ' * indent}".join(textwrap.wrap(text, max(width - indent, 1)))
    return Content.assemble((time, "$foreground-muted"), (word, _STYLES[message.severity]), text)
