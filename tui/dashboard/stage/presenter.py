"""Presenter view: the state machine on the whole screen, in large digits."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum, auto
from typing import TYPE_CHECKING, ClassVar, Protocol

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.message import Message
from textual.renderables.digits import Digits as DigitsRenderable
from textual.screen import ModalScreen
from textual.signal import Signal
from textual.widgets import Digits

from store.jobs.job import JobStatus
from tui.dashboard.keys.bindings import APP_BINDINGS, DialogKey
from tui.dashboard.keys.key_hints import KeyHints
from tui.dashboard.keys.key_states import KeyState, KeyStates
from tui.dashboard.message_board import PinnedText
from tui.dashboard.message_line import MessageLine, pinned_lines
from tui.dashboard.stage import big_digits, big_letters
from tui.dashboard.stage.transition_rows import MOST_TRANSITIONS, SHOWN_TRANSITIONS, TransitionRows
from tui.dashboard.stage.transitions import TransitionLog
from tui.dashboard.statistics.count_text import UNKNOWN
from tui.dashboard.statistics.state_figures import all_figures, other_figures, state_figures
from tui.dashboard.widgets import ClosesOnce, SteadyText
from tui.text.format import percent
from tui.text.status_text import status_label, status_style

if TYPE_CHECKING:
    from store.job_list.listing import Listing
    from store.statistics.totals import Totals

_BASE = 12
"""Lines of the heading, the numbers with their names, and the key hints."""
_LARGE_ROWS, _SMALL_ROWS = SHOWN_TRANSITIONS * big_letters.LINES, 2 * SHOWN_TRANSITIONS - 1
"""Lines of the last transitions: in large letters, and in ordinary ones with blank lines between them."""


class Extra(Enum):
    """What the view shows if there is room, the most useful first. `STATE_NAMES` shows the state names in large
    letters."""

    FIGURE_NOTES = auto()
    FIGURE_GAP = auto()
    STATE_NAMES = auto()
    STATE_NOTES = auto()
    STATE_DIGITS = auto()
    CAPTION_GAP = auto()
    MACHINE_GAP = auto()
    FIGURE_DIGITS = auto()


_LINES = {
    **dict.fromkeys((Extra.FIGURE_NOTES, Extra.STATE_NOTES), 1),
    **dict.fromkeys((Extra.FIGURE_GAP, Extra.CAPTION_GAP, Extra.MACHINE_GAP), 1),
    Extra.STATE_NAMES: big_letters.LINES - 1,
    **dict.fromkeys((Extra.STATE_DIGITS, Extra.FIGURE_DIGITS), big_digits.LINES - 3),
}
"""How many lines each extra adds to the screen."""
_CLASSES = {
    Extra.FIGURE_GAP: "-figure-gap",
    Extra.CAPTION_GAP: "-caption-gap",
    Extra.MACHINE_GAP: "-machine-gap",
    Extra.STATE_DIGITS: "-state-digits",
}
"""The style class that each extra sets on the screen."""
_WIDEST = 140
"""Minimum screen width for long arrows."""
_CAPTION_ROWS = 2
"""Minimum number of rows reserved for a large caption, so that the next one does not move the screen."""
_KEYS_GAP, _KEYS_ROOM = 2, len("space: skip the wait")
"""Cells between a caption and its key hint, and cells of the longest usual hint."""
_MOST_CAPTION_LINES = 8
"""The maximum number of lines of a caption in ordinary letters."""
_PADDING = 2
_GAP = 2
"""Cells between a number and the name beside it."""
_DIGIT_MARGIN = 2
"""Cells that a box keeps free beside larger digits, so that they do not touch its border."""
_DIGITS = frozenset("0123456789$.,% ")
"""What can be drawn in large digits here."""


class Presented(Protocol):
    """The parts of the dashboard that the presenter view shows."""

    data_signal: Signal[None]
    """Published after new data or a new status, and after all data was forgotten."""

    @property
    def listing(self) -> "Listing | None": ...

    @property
    def totals(self) -> "Totals | None": ...

    @property
    def now(self) -> datetime:
        """The server's time."""

    @property
    def heading(self) -> str:
        """What is shown, who sees it and why it may be old, as clean text."""

    def key_states(self, binding_ids: Sequence[str]) -> list[KeyState]: ...


class BigNumber(Vertical):
    """A number in large digits above or beside its name. A text that cannot be drawn large is bold."""

    DEFAULT_CSS = """
    BigNumber {
        width: 1fr;
        height: auto;

        Digits { height: 3; text-align: center; text-style: bold; }
        .plain { width: 100%; height: 3; text-align: center; content-align: center middle; text-style: bold; }
        .name { width: 100%; height: auto; text-align: center; text-style: bold; text-wrap: nowrap; }
        .note { width: 100%; height: 1; text-align: center; color: $foreground-muted; text-wrap: nowrap; }
        &.-large .plain { height: 5; }
        &.-beside {
            layout: horizontal;
            align: center middle;

            Digits, .plain, .name { width: auto; }
            .name { margin-left: 2; }
        }
        &.-beside.-large .name { height: 5; content-align: center bottom; }
    }
    """

    def compose(self) -> ComposeResult:
        yield Digits()
        yield SteadyText(classes="plain")
        yield SteadyText(classes="name")
        yield SteadyText(classes="note")

    def has_room_for_digits(self, number: str) -> bool:
        """Whether there is room for larger digits. A text that can't be drawn in larger digits needs no room for
        them.
        """
        margin = _DIGIT_MARGIN if self.gutter.width else 0
        return not big_digits.can_draw(number) or big_digits.width_of(number) + margin <= self.content_size.width

    def has_room_for_name(self, word: str) -> bool:
        return big_letters.can_draw(word) and big_letters.width_of(word) <= self.content_size.width

    def has_room_beside(self, figure: "_Figure", *, has_large_digits: bool) -> bool:
        """Whether the name in large letters fits beside the number."""
        if not big_letters.can_draw(figure.word) or not set(figure.number) <= _DIGITS:
            return False
        width_of = big_digits.width_of if has_large_digits else DigitsRenderable.get_width
        return width_of(figure.number) + _GAP + big_letters.width_of(figure.word) <= self.content_size.width

    def show(
        self,
        figure: "_Figure",
        *,
        has_large_digits: bool,
        has_large_name: bool,
        has_note: bool,
        is_beside: bool = False,
    ) -> None:
        number, digits, plain = figure.number, self.query_one(Digits), self.query_one(".plain", SteadyText)
        is_large_number = has_large_digits and big_digits.can_draw(number)
        fits = set(number) <= _DIGITS and DigitsRenderable.get_width(number) <= self.content_size.width
        self.set_class(has_large_digits, "-large")
        self.set_class(is_beside, "-beside")
        digits.display, plain.display = fits and not has_large_digits, has_large_digits or not fits
        if fits and digits.value != number:
            digits.update(number)
        plain.say(big_digits.draw_digits(number) if is_large_number else Content(number))
        name = big_letters.draw(figure.word) if has_large_name else Content(figure.label or figure.word)
        self.query_one(".name", SteadyText).say(name.stylize(figure.style))
        note = self.query_one(".note", SteadyText)
        note.display = has_note
        note.say(Content(figure.note))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Figure:
    """A number of the presenter view, and the widget that shows it."""

    widget: str
    """The id of the widget."""
    number: str
    word: str
    """Its name in large letters."""
    label: str = ""
    """Its name in ordinary letters, if it differs."""
    style: str = ""
    note: str = ""


class Caption(MessageLine):
    """A caption on as many lines as it needs, in large letters if there is room. A message takes one line."""

    DEFAULT_CSS = """
    Caption {
        &.-in-dialog { dock: none; background: $panel; }
        width: 100%;
        height: auto;
        min-height: 1;
        text-align: center;
        content-align: center middle;
        text-wrap: wrap;
        padding: 0 2;

        &.-large { text-wrap: nowrap; }
    }
    """

    class Changed(Message):
        """The caption may need another number of lines."""

    def __init__(self) -> None:
        super().__init__()
        self._most_rows = 0

    def allow_rows(self, most: int) -> None:
        """Set how many rows of large letters there is room for. A caption with more is in ordinary letters."""
        if most != self._most_rows:
            self._most_rows = most
            self.follow()

    @property
    def _pinned(self) -> PinnedText | None:
        """The pinned text, with the keys that work in the presenter view."""
        pinned = self._board.pinned if self._board is not None else None
        return pinned if pinned is None or pinned.has_keys_on_stage else replace(pinned, keys="")

    @property
    def lines_needed(self) -> int:
        pinned = self._pinned
        if pinned is None:
            return 1
        if large := self._large_lines:
            return max(len(large), _CAPTION_ROWS * big_letters.LINES)
        return self._small_height(pinned)

    @property
    def _caption_room(self) -> int:
        return self.app.size.width - 2 * _PADDING

    @property
    def _large_lines(self) -> list[Content]:
        """The lines of the caption in large letters. Empty if it cannot be drawn or has too many rows."""
        pinned = self._pinned
        rows = big_letters.wrap(pinned.text, self._caption_room) if pinned else None
        if not pinned or not rows or len(rows) > self._most_rows:
            return []
        lines = [Content.styled(line, "bold $text-accent") for row in rows for line in row]
        if not pinned.has_keys_on_stage:
            return lines
        last, keys = lines[-1], Content.styled(pinned.keys, "bold")
        room = _KEYS_GAP + max(_KEYS_ROOM, keys.cell_length)
        if last.cell_length + 2 * room > self._caption_room:
            return [*lines, keys]
        # Pad both sides of the row equally, so that its letters stay in place when centered.
        row = [Content.assemble(" " * room, line, " " * room) for line in lines[-big_letters.LINES : -1]]
        end = " " * (room - _KEYS_GAP - keys.cell_length)
        return [*lines[: -big_letters.LINES], *row, Content.assemble(" " * room, last, " " * _KEYS_GAP, keys, end)]

    def _small_lines(self, pinned: PinnedText) -> list[Content]:
        return pinned_lines(pinned, self._caption_room, _MOST_CAPTION_LINES)

    def _small_height(self, pinned: PinnedText) -> int:
        """The caption's height, calculated with the longest usual key hint, so that nothing moves when the hint
        changes."""
        if pinned.has_keys_on_stage:
            pinned = replace(pinned, keys=pinned.keys.ljust(_KEYS_ROOM, "."))
        return len(self._small_lines(pinned))

    def words(self, room: int) -> Content:
        board, pinned = self._board, self._pinned
        if board is None or board.passing is not None or pinned is None:
            return super().words(room)
        return Content("\n").join(self._large_lines or self._small_lines(pinned))

    def _fit_lines(self) -> None:
        self.set_class(bool(self._large_lines), "-large")
        self.styles.height = self.lines_needed

    def follow(self) -> None:
        super().follow()
        self.post_message(self.Changed())


_READING = frozenset(f"app.{name}" for name in ("isolation", "times", "errors", "workers", "load", "messages", "lens"))
READING_KEYS: list[BindingType] = [
    replace(one, action=f'leave_for("{one.action}")', show=False)
    for one in APP_BINDINGS
    if isinstance(one, Binding) and one.id in _READING
]
"""Keys of the app that open an information screen."""


class Presenter(ModalScreen[None], KeyStates, ClosesOnce[None]):
    DEFAULT_CSS = """
    Presenter {
        background: $background;
        layout: vertical;

        #heading { height: 1; width: 100%; background: $panel; text-style: bold; text-wrap: nowrap; padding: 0 1; }
        #heading.-past { color: $text-warning; }
        #machine { height: auto; padding: 0 1; align-vertical: middle; }
        #machine BigNumber { border: round $foreground-muted; }
        #machine #state-running { color: $text-primary; border: round $primary; }
        #machine #state-succeeded { width: 1.15fr; color: $text-success; border: round $success; }
        #machine #state-failed { color: $text-error; border: round $error; }
        #machine .arrow { width: 3; height: 5; content-align: center middle; color: $foreground-muted; }
        #figures { height: auto; padding: 0 1; }
        #figures #total-cost { width: 1.2fr; }
        #figures #total-count { width: 0.8fr; }
        ToastHolder { display: none; }
        #heading, .name, .note { text-overflow: ellipsis; }
        &.-caption-gap Caption { margin-top: 1; }
        &.-machine-gap #machine { margin-top: 1; }
        &.-figure-gap #figures { margin-bottom: 1; }
        &.-widest #machine .arrow { width: 7; }
        &.-state-digits #machine .arrow { height: 7; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("B,q,escape", "leave", "close", id="presenter.close", tooltip="Close the presenter view"),
        DialogKey("question_mark,f1", "app.help", "help", id="presenter.help", tooltip="Show the manual"),
        *READING_KEYS,
    ]

    has_message_line = True

    def __init__(self, source: Presented) -> None:
        super().__init__()
        self._source = source
        self._log = TransitionLog(MOST_TRANSITIONS)

    def compose(self) -> ComposeResult:
        self._fit()
        yield SteadyText(id="heading")
        with Horizontal(id="machine"):
            for place, status in enumerate(JobStatus):
                if place:
                    yield SteadyText(id=f"before-{status}", classes="arrow")
                yield BigNumber(id=f"state-{status}")
        with Horizontal(id="figures"):
            yield BigNumber(id="total-cost")
            yield BigNumber(id="success")
            yield BigNumber(id="total-count")
        yield TransitionRows()
        yield Caption()
        yield KeyHints(id="keys")

    def on_mount(self) -> None:
        for status in (JobStatus.RUNNING, JobStatus.SUCCEEDED):
            self._arrow(status, "──→")
        self._arrow(JobStatus.FAILED, "/")
        self._source.data_signal.subscribe(self, lambda _: self.draw())
        self.set_interval(1.0, self._draw_transitions)
        self.call_after_refresh(self.draw)

    def _arrow(self, status: JobStatus, arrow: str) -> None:
        self.query_one(f"#before-{status}", SteadyText).say(Content(arrow))

    def on_resize(self) -> None:
        self._fit()
        self.call_after_refresh(self.draw)

    def on_caption_changed(self) -> None:
        self.call_after_refresh(self.draw)

    def _fit(self) -> None:
        self.set_class(self.app.size.width >= _WIDEST, "-widest")

    def action_leave(self) -> None:
        self.dismiss()

    def key_states(self, binding_ids: Sequence[str]) -> list[KeyState]:
        return self._source.key_states(binding_ids)

    async def action_leave_for(self, action: str) -> None:
        """Close the view and run the key's action on the dashboard, which shows the results."""
        self.dismiss()
        await self.app.run_action(action)

    def draw(self) -> None:
        listing, totals = self._source.listing, self._source.totals
        if listing is None:
            self._log.forget()
        else:
            self._log.follow(listing)
        heading = self.query_one("#heading", SteadyText)
        heading.set_class(listing is not None and listing.query.moment is not None, "-past")
        heading.say(Content(self._source.heading))
        self._draw_numbers(totals)
        self._draw_transitions()

    def _draw_numbers(self, totals: "Totals | None") -> None:
        states, figures = [_state_figure(status, totals) for status in JobStatus], _total_figures(totals)
        extras = self._extras(states, figures)
        for extra, class_name in _CLASSES.items():
            self.set_class(extra in extras, class_name)
        for figure in states:
            self._box(figure).show(
                figure,
                has_large_digits=Extra.STATE_DIGITS in extras,
                has_large_name=Extra.STATE_NAMES in extras,
                has_note=Extra.STATE_NOTES in extras,
            )
        is_beside, has_large_digits = self._are_beside(figures), Extra.FIGURE_DIGITS in extras
        for figure in figures:
            self._box(figure).show(
                figure,
                has_large_digits=has_large_digits,
                has_large_name=is_beside,
                has_note=Extra.FIGURE_NOTES in extras,
                is_beside=is_beside,
            )

    def _are_beside(self, figures: Sequence[_Figure], *, has_large_digits: bool = False) -> bool:
        """Whether the names of all figures fit beside their numbers, and none has a note, which needs its own line."""
        boxes = [(self._box(one), one) for one in figures]
        return all(box.has_room_beside(one, has_large_digits=has_large_digits) and not one.note for box, one in boxes)

    def _box(self, figure: _Figure) -> BigNumber:
        return self.query_one(f"#{figure.widget}", BigNumber)

    def _extras(self, states: Sequence[_Figure], figures: Sequence[_Figure]) -> set[Extra]:
        """Choose the extras by the lines and the widths of the screen. Five transitions and the caption come first."""
        height, caption = self.app.size.height, self.query_one(Caption)
        caption.allow_rows((height - _BASE - _LARGE_ROWS - _LINES[Extra.FIGURE_GAP]) // big_letters.LINES)
        is_beside = self._are_beside(figures)
        room = height - _BASE - caption.lines_needed + is_beside
        room -= _LARGE_ROWS if room >= _LARGE_ROWS else _SMALL_ROWS
        has_use_for = {
            Extra.FIGURE_NOTES: any(one.note for one in figures),
            Extra.STATE_NAMES: all(self._box(one).has_room_for_name(one.word) for one in states),
            Extra.STATE_DIGITS: all(self._box(one).has_room_for_digits(one.number) for one in states),
            Extra.FIGURE_DIGITS: is_beside and self._are_beside(figures, has_large_digits=True),
        }
        extras = set[Extra]()
        for one in Extra:
            if has_use_for.get(one, True) and _LINES[one] <= room:
                extras.add(one)
                room -= _LINES[one]
        return extras

    def _draw_transitions(self) -> None:
        empty = "Loading …" if self._source.listing is None else "No jobs yet"
        self.query_one(TransitionRows).show(self._log.transitions, self._source.now, empty=empty)


def _state_figure(status: JobStatus, totals: "Totals | None") -> _Figure:
    figures = state_figures(totals)[status] if totals else None
    return _Figure(
        widget=f"state-{status}",
        number=figures.number if figures else UNKNOWN,
        word=status,
        label=status_label(status),
        style=status_style(status),
        note=figures.total if figures else "",
    )


def _total_figures(totals: "Totals | None") -> list[_Figure]:
    everything = all_figures(totals) if totals else None
    statistics = totals.statistics if totals else None
    rate = statistics.success_rate_finished if statistics else None
    success = UNKNOWN if rate is None else percent(rate).replace(" ", "")
    others = ", ".join(f"{one.number} {one.label}" for one in other_figures(totals)) if totals else ""
    return [
        _Figure(widget="total-cost", number=everything.total if everything else UNKNOWN, word="cost"),
        _Figure(widget="success", number=success, word="success", label="success rate"),
        _Figure(widget="total-count", number=everything.number if everything else UNKNOWN, word="jobs", note=others),
    ]
