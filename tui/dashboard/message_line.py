"""The line above the footer: results of keys, captions and steps."""

from dataclasses import replace
from typing import Any

from rich.cells import cell_len
from textual.content import Content
from textual.css.scalar import Scalar
from textual.geometry import Size

from gjobs.tui.dashboard.keys.bindings import APP_BINDINGS, key_of
from gjobs.tui.dashboard.message_board import Message, MessageApp, MessageBoard, PinnedText
from gjobs.tui.dashboard.widgets import ClosesOnce, FittedLine
from gjobs.tui.text.clean_text import shorten

OWN_LINE_FROM = 28
"""Minimum screen height for a line of its own. On a lower screen, a message lies on the border above the footer."""
_PADDING = 2
_BORDER_CORNERS = 4
_LEAST_ROOM = 16
_MOST_LINES = 3
_ONE_LINE_BELOW = 11
"""Screen height. On a lower screen, the list needs every line, so a pinned text has only one."""


class MessageLine(FittedLine):
    """Shows the passing message, or else the pinned text. A dialog has a line of its own while it needs one.

    A pinned text that is too long for one line gets further lines. They reduce the list and cover nothing.
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
    def _board(self) -> MessageBoard | None:
        return self.app.messages if isinstance(self.app, MessageApp) else None

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
        """Draw the present text. On a border, the line is only as wide as its text, unless it covers the notes."""
        if not self.is_attached:
            return
        self._fit_lines()
        text, room = self.words(self._room), self._room_beside_notes
        self.set_class(not text, "-empty")
        covers_notes = text.cell_length > room
        self.styles.width = text.cell_length + _PADDING if self.has_class("-on-border") and not covers_notes else None
        super().follow()

    def _fit_lines(self) -> None:
        """Take as many lines as the pinned text needs, also while a message hides it, so that nothing moves twice.

        In a dialog, the number never falls: a click must hit what was seen.
        """
        pinned, least = self._pinned, self._line_count if self.has_class("-in-dialog") else 1
        needed = 1 if pinned is None else len(pinned_lines(pinned, self._whole_room, self._most_lines))
        self._line_count = max(needed, least)
        if self._screen_size is not None:
            self.set_class(self._screen_size.height < OWN_LINE_FROM and self._line_count == 1, "-on-border")
        if self.styles.height != Scalar.from_number(self._line_count):
            self.styles.height = self._line_count

    @property
    def _most_lines(self) -> int:
        height = (self._screen_size or self.app.size).height
        return min(max(height - _ONE_LINE_BELOW + 2, 1), _MOST_LINES)

    @property
    def _pinned(self) -> PinnedText | None:
        """The pinned text, with the keys that work here."""
        pinned = self._board.pinned if self._board is not None else None
        if pinned is not None and self.has_class("-in-dialog") and not pinned.has_keys_in_dialogs:
            return replace(pinned, keys="")
        return pinned

    @property
    def _room(self) -> int:
        """The room for the present text. A pinned text that does not fit beside the notes covers them."""
        board, beside = self._board, self._room_beside_notes
        pinned = board.pinned if board is not None and board.passing is None else None
        return beside if pinned is None or pinned_words(pinned).cell_length <= beside else self._whole_room

    @property
    def _whole_room(self) -> int:
        return (self._screen_size or self.app.size).width - _PADDING

    @property
    def _room_beside_notes(self) -> int:
        if not self.has_class("-on-border") or not self._notes:
            return self._whole_room
        return max(self._whole_room - cell_len(self._notes) - _BORDER_CORNERS, _LEAST_ROOM)

    def words(self, room: int) -> Content:
        board, screen = self._board, self.screen
        if board is None:
            return Content()
        if screen is not self.app.screen:
            return Content()  # A dialog may cover this line, so the top screen shows the text.
        if board.passing is not None:
            return self._passing_words(board.passing, room, has_keys=self._takes_keys_of(board))
        pinned = self._pinned
        return Content() if pinned is None else Content("\n").join(pinned_lines(pinned, room, self._line_count))

    def _passing_words(self, message: Message, room: int, *, has_keys: bool) -> Content:
        """Return the message with its keys. If the text does not fit, name the key that shows all of it."""
        text, keys = message.text, message.keys if has_keys else ""
        if cell_len(text) > room:
            keys = "" if self.has_class("-in-dialog") else f"{key_of(self.app, APP_BINDINGS, 'app.messages')} all"
        end = f" · {keys}" if keys else ""
        text = shorten(text.removesuffix(".") if keys else text, max(room - cell_len(end), _LEAST_ROOM))
        return Content.assemble((text, "$text-success"), (end, "$foreground-muted"))

    def _takes_keys_of(self, board: MessageBoard) -> bool:
        """Whether the keys of the passing message work here: not if it arrived on a screen below. If the screen where
        the message arrived has closed, the message's keys work in the list.
        """
        stack = self.app.screen_stack
        return self.screen is board.place or (self.screen is stack[0] and board.place not in stack)


def pinned_words(pinned: PinnedText) -> Content:
    """Return the text and its keys on one line of any length."""
    return _styled(pinned.text, _end(pinned))


def pinned_lines(pinned: PinnedText, room: int, most: int) -> list[Content]:
    """Return the text and its keys on at most this many lines. Only the text is shortened, and keys stay together."""
    room, end = max(room, _LEAST_ROOM), _end(pinned)
    lines = [line.plain.rstrip() for line in Content(pinned.text).wrap(room)] or [""]
    has_room = cell_len(lines[-1] + end) <= room
    if not has_room and len(lines) < most:
        return [*map(_styled, lines), _styled("", pinned.keys)]
    if not has_room or len(lines) > most:
        lines[most - 1 :] = [shorten(" ".join(lines[most - 1 :]), max(room - cell_len(end), _LEAST_ROOM))]
    return [*map(_styled, lines[:-1]), _styled(lines[-1], end)]


def _end(pinned: PinnedText) -> str:
    return f" · {pinned.keys}" if pinned.keys else ""


def _styled(text: str, end: str = "") -> Content:
    return Content.assemble((text, "bold $text-accent"), (end, "bold"))


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
