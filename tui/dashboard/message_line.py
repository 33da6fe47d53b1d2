"""The line above the footer: messages, captions and steps."""

from dataclasses import dataclass
from typing import Any

from rich.cells import cell_len
from textual.content import Content
from textual.css.scalar import Scalar
from textual.geometry import Size

from gjobs.tui.dashboard.keys.bindings import APP_BINDINGS, key_of
from gjobs.tui.dashboard.message_board import MessageApp, MessageBoard, PinnedText, board_of
from gjobs.tui.dashboard.widgets import ClosesOnce, FittedLine
from gjobs.tui.text.clean_text import shorten
from gjobs.tui.text.error_text import Severity

OWN_LINE_FROM = 28
"""Minimum screen height for a line of its own. On a lower screen, a message lies on the border above the footer."""
_PADDING = 2
_BORDER_CORNERS = 4
_LEAST_ROOM = 16
_MOST_LINES = 3
_ONE_LINE_BELOW = 11
"""Screen height. On a lower screen, the list needs every line, so a text has only one."""


class MessageLine(FittedLine):
    """Shows the passing message, or else the pinned text. A dialog has a line of its own while it needs one.

    A text that is too long for one line gets further lines. They reduce the list and cover nothing.
    """

    DEFAULT_CSS = """
    MessageLine {
        padding: 0 1;

        &.-on-border { layer: notice; dock: bottom; margin-bottom: 1; background: $surface; }
        &.-in-dialog { dock: bottom; background: $surface; }
        &.-on-border.-empty { display: none; }
        &.-in-dialog.-empty { visibility: hidden; }
    }
    """

    def __init__(self, *, screen_size: Size | None = None) -> None:
        """Without a size, the line belongs to a dialog."""
        super().__init__(id="messages")
        self._notes = ""
        self._screen_size = screen_size
        self._line_count = 1
        self.set_class(screen_size is None, "-in-dialog")
        self.set_class(screen_size is not None and screen_size.height < OWN_LINE_FROM, "-on-border")
        self.add_class("-empty")

    @property
    def _board(self) -> MessageBoard:
        return board_of(self.app)

    def fit(self, size: Size) -> None:
        """Choose the place of the line by the size of the screen."""
        self._screen_size = size
        self.follow()

    def leave_room_for(self, notes: str) -> None:
        """Leave room at the right for the notes on the border, such as the number of marks."""
        if notes != self._notes:
            self._notes = notes
            self.follow()

    def follow(self) -> None:
        """Draw the present text. On a border, the line is only as wide as its text."""
        if not self.is_attached:
            return
        self._fit_lines()
        text = self.words(self._border_room if self.has_class("-on-border") else self._whole_room)
        self.set_class(not text, "-empty")
        self.styles.width = text.cell_length + _PADDING if self.has_class("-on-border") else None
        super().follow()

    def _fit_lines(self) -> None:
        """Take as many lines as the message and the pinned text need. A message that hides a pinned text then moves
        nothing twice.

        In a dialog, the number never falls: a click must hit what was seen.
        """
        most, least = self._most_lines, self._line_count if self.has_class("-in-dialog") else 1
        texts = [one for one in (self._passing, self._pinned) if one is not None]
        self._line_count = max([least, *(len(one.lines(self._whole_room, most)) for one in texts)])
        if self._screen_size is not None:
            fits = most == 1 or all(len(one.lines(self._border_room, most)) == 1 for one in texts)
            self.set_class(self._screen_size.height < OWN_LINE_FROM and fits, "-on-border")
        if self.styles.height != Scalar.from_number(self._line_count):
            self.styles.height = self._line_count

    @property
    def _most_lines(self) -> int:
        height = (self._screen_size or self.app.size).height
        return min(max(height - _ONE_LINE_BELOW + 2, 1), _MOST_LINES)

    @property
    def _whole_room(self) -> int:
        return (self._screen_size or self.app.size).width - _PADDING

    @property
    def _border_room(self) -> int:
        """The room beside the notes. A text that is too long for it gets a line of its own, if the screen has one."""
        covered = cell_len(self._notes) + _BORDER_CORNERS if self._notes else 0
        return max(self._whole_room - covered, _LEAST_ROOM)

    @property
    def _pinned(self) -> "LineText | None":
        """The pinned text, with the keys that work here."""
        pinned = self._board.pinned
        return None if pinned is None else pinned_text(pinned, has_keys=not self.has_class("-in-dialog"))

    @property
    def _passing(self) -> "LineText | None":
        """The message with its keys, and the key of the list if that shows more."""
        board = self._board
        message = board.passing
        if message is None:
            return None
        style, sign = _LOOKS[message.severity]
        listing = "" if self.has_class("-in-dialog") else key_of(self.app, APP_BINDINGS, "app.messages")
        unread = f"{listing} {board.unread} more" if listing and board.unread else ""
        keys = " · ".join(filter(None, (message.keys if self._takes_keys_of(board) else "", unread)))
        return LineText(
            text=f"{sign}{message.text.removesuffix('.') if keys else message.text}",
            style=style,
            keys=keys,
            keys_if_cut=f"{listing} all" if listing else "",
            keys_style="$foreground-muted",
        )

    def words(self, room: int) -> Content:
        if self.screen is not self.app.screen:
            return Content()  # A dialog may cover this line, so the top screen shows the text.
        shown = self._passing or self._pinned
        return Content() if shown is None else Content("\n").join(shown.lines(room, self._line_count))

    def _takes_keys_of(self, board: MessageBoard) -> bool:
        """Whether the keys of the passing message work here: not if it arrived on a screen below. If the screen where
        the message arrived has closed, the message's keys work in the list.
        """
        stack = self.app.screen_stack
        return self.screen is board.place or (self.screen is stack[0] and board.place not in stack)


_LOOKS: dict[Severity, tuple[str, str]] = {
    "information": ("$text-success", ""),
    "warning": ("$text-warning", "! "),
    "error": ("$text-error", "✗ "),
}
"""The style and the sign of a message."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LineText:
    """A text with the keys that continue."""

    text: str
    style: str
    keys: str
    keys_if_cut: str
    keys_style: str

    def lines(self, room: int, most: int) -> list[Content]:
        """Return the text and its keys on at most this many lines. Only the text is cut, and keys stay together."""
        room = max(room, _LEAST_ROOM)
        lines = [line.plain.rstrip() for line in Content(self.text).wrap(room)] or [""]
        keys = self.keys_if_cut if len(lines) > most else self.keys
        end = f" · {keys}" if keys else ""
        has_room = cell_len(lines[-1] + end) <= room
        if not has_room and len(lines) < most:
            return [*map(self._styled, lines), self._styled("", keys)]
        if not has_room or len(lines) > most:
            lines[most - 1 :] = [shorten(" ".join(lines[most - 1 :]), max(room - cell_len(end), _LEAST_ROOM))]
        return [*map(self._styled, lines[:-1]), self._styled(lines[-1], end)]

    def _styled(self, text: str, end: str = "") -> Content:
        return Content.assemble((text, self.style), (end, self.keys_style))


def pinned_text(pinned: PinnedText, *, has_keys: bool = True) -> LineText:
    keys = pinned.keys if has_keys else ""
    return LineText(text=pinned.text, style="bold $text-accent", keys=keys, keys_if_cut=keys, keys_style="bold")


def follow_messages(app: MessageApp[Any]) -> None:
    """Draw the lines of all open screens. A dialog gets a line as soon as it has something to show."""
    if not app.screen_stack:
        return
    board, top = app.messages, app.screen
    needs_line = board.passing is not None or board.pinned is not None
    can_get_line = isinstance(top, ClosesOnce) and top.is_attached and not top.has_message_line
    if needs_line and can_get_line and not top.query(MessageLine):
        top.mount(MessageLine())
    for one in app.screen_stack:
        for line in one.query(MessageLine):
            line.follow()
        if isinstance(one, ClosesOnce):
            one.follow_messages()
