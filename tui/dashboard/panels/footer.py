"""The lines at the bottom: key hints, which of them work now, and messages above them.

While an earlier moment is shown, they name its keys, and the session refuses to write.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from rich.cells import cell_len
from textual.binding import ActiveBinding
from textual.content import Content
from textual.css.scalar import Scalar
from textual.geometry import Size
from textual.style import Style

from gjobs.store.configuration.settings import WriteAccess
from gjobs.store.jobs.job_results import WRITES_OFF
from gjobs.tui.dashboard.bindings import inherited_bindings, key_of, key_words
from gjobs.tui.dashboard.widgets.message_board import MessageApp, MessageBoard, PinnedText, board_of, drop_message
from gjobs.tui.dashboard.widgets.widgets import ClosesOnce, FittedLine, QuietScreen, hidden_keys
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
        style, sign = _STYLES[message.severity]
        listing = "" if self.has_class("-in-dialog") else key_of(self.app, "app.messages")
        unread = f"{listing} {board.unread} more" if listing and board.unread else ""
        # The keys work only where the message arrived. If that screen has closed, they work in the list.
        stack = self.app.screen_stack
        has_keys = self.screen is board.place or (self.screen is stack[0] and board.place not in stack)
        keys = " · ".join(filter(None, (message.keys if has_keys else "", unread)))
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


_STYLES: dict[Severity, tuple[str, str]] = {
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


_GAP = 2
_PINNED = ("app.help", "presenter.help", "app.quit")
"""These hints are at the right end of the line and get room first."""
_LEAST_WIDTH = {"app.quit": 60, "app.errors": 100, "job.case": 100, "app.moment": 120, "app.zone": 120}
"""Minimum width of the line to show the hint."""
_RANKS = {
    **dict.fromkeys(("demo.pause", "app.presenter"), 0),
    "demo.slower": 2,
    "demo.step": 3,
    **dict.fromkeys(("app.errors", "job.case"), 6),
    **dict.fromkeys(("list.export", "app.messages", "demo.restart"), 7),
    **dict.fromkeys(("app.moment", "app.zone"), 8),
}
"""The ranks of these hints, lowest first. Other needed hints have 1, or 4 if refused, and the rest have 5."""
_NEEDED_GROUPS = frozenset({"job", "jobs", "find"})


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyHint:
    """A key and what it does, in the line of key hints."""

    key: str
    """As Textual names it."""
    shown: str
    """As the screen shows it."""
    what: str
    binding_id: str
    is_refused: bool = False
    second: "KeyHint | None" = None
    """The hint of the other key of a pair. `shown` has both keys."""

    @property
    def width(self) -> int:
        return cell_len(self.shown) + 1 + cell_len(self.what)

    @property
    def rank(self) -> int:
        """The order in which hints get room. If there is not enough room, grey hints are left out before usable
        ones.
        """
        if self.binding_id in _RANKS:
            return _RANKS[self.binding_id]
        is_needed = self.binding_id == "list.find" or self.binding_id.partition(".")[0] in _NEEDED_GROUPS
        return 5 if not is_needed else 4 if self.is_refused else 1

    @property
    def content(self) -> Content:
        """The hint. A click on it presses its key."""
        if self.is_refused:
            words = Content.styled(f"{self.shown} {self.what}", "$foreground-disabled")
        else:
            key = (self.shown, "bold $footer-key-foreground")
            words = Content.assemble(key, (f" {self.what}", "$footer-description-foreground"))
        words = words.stylize(_pressing(self.key))
        if self.second is None:
            return words
        return words.stylize(_pressing(self.second.key), start=len(self.shown) - len(self.second.shown))


def _pressing(key: str) -> Style:
    return Style.from_meta({"@click": ("app.simulate_key", (key,))})


class KeyHints(FittedLine):
    """Hints for the active bindings, in a fixed order.

    Keys that do not work now are grey or left out. The screen says which.
    """

    ALLOW_SELECT = False
    auto_links = False
    DEFAULT_CSS = """
    KeyHints {
        padding-left: 1;
        background: $footer-background;
        color: $footer-foreground;
    }
    """

    _known: list[KeyHint] | None = None
    """The hints of all active bindings. None until they are needed: reading the bindings is slow."""
    _placed_for: tuple[object, ...] | None = None
    """The width, and the hidden and refused keys, for which the hints were placed."""
    _line = Content()

    def on_mount(self) -> None:
        self.screen.bindings_updated_signal.subscribe(self, lambda _: self._read_again())

    def _read_again(self) -> None:
        self._known = self._placed_for = None
        self.follow()

    def follow(self) -> None:
        """Redraw the line if it has changed. Behind a dialog it is hidden."""
        if self.screen is self.app.screen:
            super().follow()

    def words(self, room: int) -> Content:
        """Return the line. It is built again only if the room or the state of a key has changed."""
        if self._known is None:
            self._known = self._read_hints()
        hidden = hidden_keys(self.screen)
        refused = self.screen.refused_keys if isinstance(self.screen, QuietScreen) else frozenset[str]()
        if (room, hidden, refused) != self._placed_for:
            self._placed_for = room, hidden, refused
            hints = [
                replace(hint, is_refused=hint.binding_id in refused)
                for hint in self._known
                if hint.binding_id not in hidden
            ]
            self._line = _line(hints, room)
        return self._line

    def _read_hints(self) -> list[KeyHint]:
        """Return a hint for the first key of each action."""
        shown: dict[str, ActiveBinding] = {}
        for active in _in_declared_order(list(self.screen.active_bindings.values())):
            if active.binding.show and not self._is_typed(active):
                shown.setdefault(active.binding.action, active)
        hints = [
            KeyHint(
                key=one.binding.key,
                shown=self.app.get_key_display(one.binding),
                what=key_words(one),
                binding_id=one.binding.id or "",
            )
            for one in shown.values()
        ]
        return _with_speed_joined(hints)

    def _is_typed(self, active: ActiveBinding) -> bool:
        """Whether the focused widget takes the key as a character. Textual hides such a key only if it knows the
        key's character.
        """
        focused, shown = self.screen.focused, self.app.get_key_display(active.binding)
        return (
            focused is not None
            and focused is not active.node
            and len(shown) == 1
            and focused.check_consume_key(active.binding.key, shown)
        )


def _with_speed_joined(hints: list[KeyHint]) -> list[KeyHint]:
    """Join the hints of the two keys that change the speed of a demo."""
    by_id = {hint.binding_id: hint for hint in hints}
    slower, faster = by_id.get("demo.slower"), by_id.get("demo.faster")
    if slower is None or faster is None:
        return hints
    speed = replace(slower, shown=slower.shown + faster.shown, what="speed", second=faster)
    return [speed if hint is slower else hint for hint in hints if hint is not faster]


def _line(hints: Sequence[KeyHint], room: int) -> Content:
    """Return the hints that fit, side by side. The pinned ones are at the right end."""
    hints = [hint for hint in hints if room >= _LEAST_WIDTH.get(hint.binding_id, 0)]
    pinned = [hint for name in _PINNED for hint in hints if hint.binding_id == name]
    at_end = room - _width(pinned)
    others = _fitting([hint for hint in hints if hint.binding_id not in _PINNED], at_end - _GAP if pinned else room)
    left, right = (Content(" " * _GAP).join(hint.content for hint in part) for part in (others, pinned))
    return Content.assemble(left, " " * (at_end - left.cell_length), right) if pinned else left


def _width(hints: Sequence[KeyHint]) -> int:
    return sum(hint.width for hint in hints) + _GAP * max(len(hints) - 1, 0)


def _fitting(hints: Sequence[KeyHint], room: int) -> list[KeyHint]:
    """Return the hints that get room, in their order."""
    chosen: set[int] = set()
    for place in sorted(range(len(hints)), key=lambda place: hints[place].rank):
        if _width([hints[one] for one in (*chosen, place)]) <= room:
            chosen.add(place)
    return [hint for place, hint in enumerate(hints) if place in chosen]


def _in_declared_order(active: Sequence[ActiveBinding]) -> list[ActiveBinding]:
    """Sort as declared. Textual puts a remapped key behind the others, where it may not fit."""
    nodes = list(dict.fromkeys(one.node for one in active))
    places = {node: [binding.id for binding in inherited_bindings(type(node))] for node in nodes}

    def place(one: ActiveBinding) -> tuple[int, int]:
        declared = places[one.node]
        name = one.binding.id
        return nodes.index(one.node), declared.index(name) if name in declared else len(declared)

    return sorted(active, key=place)


ONLY_PRESENT = "This works only in the present:"
"""Why an action is refused while an earlier moment is shown."""

_MOMENT = "moment"


def suspend_writes(app: MessageApp[int], access: WriteAccess, moment: datetime | None, *, is_filtered: bool) -> None:
    """Refuse writes of the whole session while an earlier moment is shown. Without a moment, allow them again and
    remove the messages of refused keys.
    """
    if moment is None:
        access.suspended_by = None
        app.messages.unpin(_MOMENT)
        for refusal in (WRITES_OFF, ONLY_PRESENT):
            drop_message(app, refusal)
        return
    access.suspended_by = WRITES_OFF, f"Press {key_of(app, 'list.clear')} to return."
    show_moment_keys(app, is_filtered=is_filtered)


def show_moment_keys(app: MessageApp[int], *, is_filtered: bool) -> None:
    """Show the keys that step through time. If a filter is set, the key that returns to the present clears the filter
    first.
    """
    steps = ((f"app.{way}_{unit}" for way in ("earlier", "later")) for unit in ("event", "minute", "hour"))
    event, minute, hour = (" ".join(key_of(app, one) for one in pair) for pair in steps)
    time, zone = (key_of(app, one) for one in ("app.moment", "app.zone"))
    caption = f"{event} event · {minute} minute · {hour} hour · {time} time · {zone} zone"
    leaving = f"{key_of(app, 'list.clear')}: {'clear the filter' if is_filtered else 'present'}"
    app.messages.pin(caption, owner=_MOMENT, keys=leaving)
