"""Presenter view: the state machine on the whole screen, in large digits."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, ClassVar, Protocol

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.renderables.digits import Digits as DigitsRenderable
from textual.screen import ModalScreen
from textual.signal import Signal
from textual.widgets import Digits

from store.jobs.job import JobStatus
from tui.dashboard.keys.bindings import APP_BINDINGS
from tui.dashboard.keys.key_hints import KeyHints
from tui.dashboard.message_board import MessageApp
from tui.dashboard.message_line import MessageLine, pinned_words
from tui.dashboard.stage import big_digits
from tui.dashboard.stage.transition_rows import MOST_TRANSITIONS, TransitionRows
from tui.dashboard.stage.transitions import TransitionLog
from tui.dashboard.statistics.count_text import UNKNOWN
from tui.dashboard.statistics.state_figures import all_figures, other_figures, state_figures
from tui.dashboard.widgets import ClosesOnce, SteadyText
from tui.text.format import percent
from tui.text.status_text import status_label, status_style

if TYPE_CHECKING:
    from store.job_list.listing import Listing
    from store.statistics.totals import Totals

_LARGE, _TALLEST = 36, 45
"""Minimum screen heights: for larger digits of the states and blank lines between parts, and for larger digits of all
numbers.
"""
_LOW = 28
"""Screen height below which the caption has no blank line."""
_WIDEST = 140
"""Minimum screen width for long arrows."""
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


class BigNumber(Vertical):
    """A number in large digits above its label. A text that cannot be drawn large is bold."""

    DEFAULT_CSS = """
    BigNumber {
        width: 1fr;
        height: auto;

        Digits { height: 3; text-align: center; text-style: bold; }
        .plain { width: 100%; height: 3; text-align: center; content-align: center middle; text-style: bold; }
        .label { width: 100%; height: 1; text-align: center; text-style: bold; text-wrap: nowrap; }
        .note { width: 100%; height: 1; text-align: center; color: $foreground-muted; text-wrap: nowrap; }
        &.-large .plain { height: 5; }
    }
    """

    def compose(self) -> ComposeResult:
        yield Digits()
        yield SteadyText(classes="plain")
        yield SteadyText(classes="label")
        yield SteadyText(classes="note")

    def can_be_large(self, number: str) -> bool:
        """Whether there is room for larger digits. A text that can't be drawn in larger digits needs no room for
        them.
        """
        margin = _DIGIT_MARGIN if self.gutter.width else 0
        return not big_digits.can_draw(number) or big_digits.width_of(number) + margin <= self.content_size.width

    def show(self, number: str, label: str, *, style: str = "", note: str = "", is_large: bool = False) -> None:
        digits, plain = self.query_one(Digits), self.query_one(".plain", SteadyText)
        is_large_number = is_large and big_digits.can_draw(number)
        fits = set(number) <= _DIGITS and DigitsRenderable.get_width(number) <= self.content_size.width
        self.set_class(is_large, "-large")
        digits.display, plain.display = fits and not is_large, is_large or not fits
        if fits and digits.value != number:
            digits.update(number)
        plain.say(big_digits.draw_digits(number) if is_large_number else Content(number))
        self.query_one(".label", SteadyText).say(Content.styled(label, style))
        self.query_one(".note", SteadyText).say(Content(note))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Figure:
    """A number of the presenter view, and the widget that shows it."""

    name: str
    number: str
    label: str
    style: str = ""
    note: str = ""


class Caption(MessageLine):
    """A caption or a message on as many lines as it needs."""

    DEFAULT_CSS = """
    Caption {
        &.-in-dialog { dock: none; background: $panel; }
        width: 100%;
        height: auto;
        text-align: center;
        text-wrap: wrap;
        padding: 1 2 0 2;
    }
    """

    def words(self, room: int) -> Content:
        board = self.app.messages if isinstance(self.app, MessageApp) else None
        if board is None or board.passing is not None or board.pinned is None:
            return super().words(room)
        return pinned_words(board.pinned)

    def _fit_lines(self) -> None:
        """The height follows the text."""

    def follow(self) -> None:
        super().follow()
        self.refresh(layout=True)


_READING = frozenset(f"app.{name}" for name in ("isolation", "times", "errors", "workers", "load", "messages", "lens"))
READING_KEYS: list[BindingType] = [
    replace(one, action=f'leave_for("{one.action}")', show=False)
    for one in APP_BINDINGS
    if isinstance(one, Binding) and one.id in _READING
]
"""Keys of the app that open an information screen."""


class Presenter(ModalScreen[None], ClosesOnce[None]):
    DEFAULT_CSS = """
    Presenter {
        background: $background;
        layout: vertical;

        #heading { height: 1; width: 100%; background: $panel; text-style: bold; text-wrap: nowrap; padding: 0 1; }
        #heading.-past { color: $text-warning; }
        #machine { height: auto; margin-top: 1; padding: 0 1; align-vertical: middle; }
        #machine BigNumber { border: round $foreground-muted; }
        #machine #state-running { color: $text-primary; border: round $primary; }
        #machine #state-succeeded { color: $text-success; border: round $success; }
        #machine #state-failed { color: $text-error; border: round $error; }
        #machine .arrow { width: 3; height: 6; content-align: center middle; color: $foreground-muted; }
        #figures { height: auto; padding: 0 1; }
        ToastHolder { display: none; }
        #heading, .label, .note { text-overflow: ellipsis; }
        &.-low Caption { padding: 0 2; }
        &.-tall #figures { margin-top: 1; }
        &.-widest #machine .arrow { width: 7; }
        &.-large-digits #machine .arrow { height: 8; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("B,q,escape", "leave", "close", id="presenter.close", tooltip="Close the presenter view"),
        Binding("question_mark,f1", "app.help", "help", id="presenter.help", tooltip="Show the manual"),
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
            self._arrow(status, "→")
        self._arrow(JobStatus.FAILED, "/")
        self._source.data_signal.subscribe(self, lambda _: self.draw())
        self.set_interval(1.0, self._draw_transitions)
        self.call_after_refresh(self.draw)

    def _arrow(self, status: JobStatus, arrow: str) -> None:
        self.query_one(f"#before-{status}", SteadyText).say(Content(arrow))

    def on_resize(self) -> None:
        self._fit()
        self.call_after_refresh(self.draw)

    def _fit(self) -> None:
        self.set_class(self.app.size.height >= _LARGE, "-tall")
        self.set_class(self.app.size.height < _LOW, "-low")
        self.set_class(self.app.size.width >= _WIDEST, "-widest")

    def action_leave(self) -> None:
        self.dismiss()

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
        is_large = self._draw_row([_state_figure(status, totals) for status in JobStatus], large_from=_LARGE)
        self.set_class(is_large, "-large-digits")
        self._draw_row(_total_figures(totals), large_from=_TALLEST)

    def _draw_row(self, figures: Sequence[_Figure], *, large_from: int) -> bool:
        """Draw a row with digits of one size. Return whether they are large."""
        boxes = [self.query_one(f"#{figure.name}", BigNumber) for figure in figures]
        is_large = self.app.size.height >= large_from and all(
            box.can_be_large(figure.number) for box, figure in zip(boxes, figures, strict=True)
        )
        for box, one in zip(boxes, figures, strict=True):
            box.show(one.number, one.label, style=one.style, note=one.note, is_large=is_large)
        return is_large

    def _draw_transitions(self) -> None:
        empty = "Loading …" if self._source.listing is None else "No jobs yet"
        self.query_one(TransitionRows).show(self._log.transitions, self._source.now, empty=empty)


def _state_figure(status: JobStatus, totals: "Totals | None") -> _Figure:
    figures = state_figures(totals)[status] if totals else None
    return _Figure(
        name=f"state-{status}",
        number=figures.number if figures else UNKNOWN,
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
        _Figure(name="total-cost", number=everything.total if everything else UNKNOWN, label="cost"),
        _Figure(name="success", number=success, label="success of finished jobs"),
        _Figure(name="total-count", number=everything.number if everything else UNKNOWN, label="jobs", note=others),
    ]
