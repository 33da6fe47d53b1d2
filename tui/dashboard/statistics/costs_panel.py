"""Costs panel: totals, averages, rates and days."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from textual.content import Content

from store.formats import money
from store.jobs.job import AnyStatus, JobStatus, UnknownStatus, in_order
from tui.dashboard.keys.bindings import DASHBOARD_BINDINGS, key_of
from tui.dashboard.statistics.count_text import UNKNOWN, count_words, is_stale, totals_note
from tui.dashboard.widgets import SteadyText
from tui.text.clean_text import clean
from tui.text.format import Span, percent, spark
from tui.text.status_text import UNKNOWN_GLYPH, status_glyph, status_label, status_style

if TYPE_CHECKING:
    from store.statistics.statistics import DayCost, JobStatistics
    from store.statistics.totals import Totals

_LEAST_GAP = 2
_MOST_GAP = 6
_MUTED = "$foreground-muted"
_MOST_OTHERS = 3
"""Maximum number of unknown statuses with their own columns."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Column:
    """The texts of one status, or of all."""

    name: Span
    short_name: Span
    number: str
    total: str
    average: str
    """Empty if there is no room."""

    @property
    def title_width(self) -> int:
        return len(self.name[0]) + 1 + len(self.number)

    @property
    def width(self) -> int:
        return max(self.title_width, len(self.total), len(self.average))


def cost_lines(totals: "Totals", *, width: int, height: int) -> list[list[Span]]:
    """Return two to four lines, as `height` allows: counts, totals, averages, and rates with daily costs.

    A missing number is shown as a dash. If the width is too small, parts are dropped in this order: status names,
    averages, then statuses from the left. Without averages, the days have their own line.
    """
    columns = _fitting(_columns(totals, width=width), width, with_averages=height > 3)
    free = width - sum(column.width for column in columns)
    gap = max(_LEAST_GAP, min(_MOST_GAP, free // max(1, len(columns) - 1)))
    widths = [column.width + gap for column in columns[:-1]] + [columns[-1].width]
    placed = list(zip(columns, widths, strict=True))
    lines = [
        [span for column, cells in placed for span in _title(column, cells)],
        [(column.total.ljust(cells), "bold") for column, cells in placed],
    ]
    rates, bars = _rates(totals), _days(totals)
    if any(column.average for column in columns):
        lines += [[(column.average.ljust(cells), _MUTED) for column, cells in placed], _joined([*rates, *bars], width)]
    elif height > 3:
        lines += [_joined(rates, width), _joined(bars, width)]
    else:
        lines.append(_joined([*rates, *bars], width))
    return lines[:height]


def _columns(totals: "Totals", *, width: int) -> list[_Column]:
    """Return one column for each status. Unknown statuses share one column if they are many or do not fit."""
    known = [_column(totals, [status], status_label(status), status_glyph(status)) for status in JobStatus]
    unknown = [status for status in in_order(totals.counts) if isinstance(status, UnknownStatus)]
    others = [_column(totals, [status], status_label(status), status_glyph(status)) for status in unknown]
    name = ("Total", "bold")
    everything = _Column(
        name=name,
        short_name=name,
        number=count_words(totals.count(None)),
        total=_total(totals.statistics, None),
        average=_average(totals.statistics, None),
    )
    if len(others) > _MOST_OTHERS or (len(others) > 1 and _least_width([*known, *others, everything]) > width):
        others = [_column(totals, unknown, f"{UNKNOWN_GLYPH} other", UNKNOWN_GLYPH)]
    return [*known, *others, everything]


def _column(totals: "Totals", statuses: Sequence[AnyStatus], label: str, glyph: str) -> _Column:
    style = status_style(statuses[0])
    return _Column(
        name=(label, style),
        short_name=(glyph, style),
        number=count_words(totals.count_of(statuses)),
        total=_total(totals.statistics, statuses),
        average=_average(totals.statistics, statuses),
    )


def _total(statistics: "JobStatistics | None", statuses: Sequence[AnyStatus] | None) -> str:
    if statistics is None:
        return UNKNOWN
    if statuses is None:
        return money(statistics.total_cost_cents)
    return money(sum(map(statistics.cost_cents, statuses)))


def _fitting(columns: Sequence[_Column], width: int, *, with_averages: bool) -> Sequence[_Column]:
    plain = [replace(column, average="") for column in columns]
    short = _with_short_names(plain)
    candidates = [columns, _with_short_names(columns)] if with_averages else []
    candidates += [plain, *(short[first:] for first in range(len(short)))]
    return next((candidate for candidate in candidates if _least_width(candidate) <= width), candidates[-1])


def _with_short_names(columns: Sequence[_Column]) -> Sequence[_Column]:
    return [replace(column, name=column.short_name) for column in columns]


def _least_width(columns: Sequence[_Column]) -> int:
    return sum(column.width for column in columns) + _LEAST_GAP * (len(columns) - 1)


def _title(column: _Column, cells: int) -> list[Span]:
    padding = " " * (cells - column.title_width)
    return [column.name, (f" {column.number}{padding}", "bold")]


def _average(statistics: "JobStatistics | None", statuses: Sequence[AnyStatus] | None) -> str:
    if statistics is None:
        return ""
    number = statistics.total_count if statuses is None else sum(map(statistics.count, statuses))
    total = statistics.total_cost_cents if statuses is None else sum(map(statistics.cost_cents, statuses))
    return f"{money(round(total / number))} a job" if number else UNKNOWN


@dataclass(frozen=True, slots=True)
class _Fact:
    """A part of a line, which may be dropped."""

    span: Span
    drops: int
    """The order of dropping facts that do not fit, highest first. A fact with 0 is never dropped."""


def _rates(totals: "Totals") -> list[_Fact]:
    """Return the success rates of the finished jobs and of all jobs, or why there are none."""
    statistics = totals.statistics
    if statistics is None:
        return [_Fact(("costs not counted", _MUTED), 1)]
    if statistics.success_rate_finished is None:
        return [_Fact(("no finished jobs", _MUTED), 1)]
    return [
        _Fact((f"{percent(statistics.success_rate_finished)} success", ""), 1),
        _Fact((f"{percent(statistics.success_rate)} of all jobs", _MUTED), 3),
    ]


def _days(totals: "Totals") -> list[_Fact]:
    """Return one bar for each day, and their meaning."""
    days = totals.days
    if days is None:
        return [_Fact(("costs by day not counted", _MUTED), 2)]
    return [_Fact((spark(_costs(days)), "$text-accent"), 0), _Fact((_today(days), _MUTED), 2)]


def _joined(facts: Sequence[_Fact], width: int) -> list[Span]:
    """Return the facts that fit."""
    shown = list(facts)
    while len(shown) > 1 and _joined_width(shown) > width:
        shown.remove(max(shown, key=lambda fact: fact.drops))
    return [part for place, fact in enumerate(shown) for part in ([("   ", "")] if place else []) + [fact.span]]


def _costs(days: "Sequence[DayCost]") -> list[int]:
    return [day.total_cost_cents for day in days]


def _today(days: "Sequence[DayCost]") -> str:
    return f"{len(days)} days, {money(days[-1].total_cost_cents if days else 0)} today"


def _joined_width(facts: Sequence[_Fact]) -> int:
    return sum(len(fact.span[0]) for fact in facts) + 3 * (len(facts) - 1)


_LINES = ((30, 4), (20, 3), (13, 2))
"""Minimum screen height, and the panel's lines. On a low screen, jobs need the lines."""
NO_NOTE: Span = ("", "")


class CostsPanel(SteadyText):
    DEFAULT_CSS = """
    CostsPanel {
        box-sizing: content-box;
        border: round $primary-muted;
        border-title-color: $text-primary;
        border-title-style: bold;
        border-subtitle-color: $foreground-muted;
        padding: 0 1;
        text-wrap: nowrap;

        &.-sentence { text-wrap: wrap; }
        &.-stale { border-subtitle-color: $text-warning; }
    }
    """

    def __init__(self, *, id: str | None = None, screen_height: int) -> None:  # noqa: A002
        super().__init__(id=id)
        self._title = ("", NO_NOTE)
        self._note = ""
        self._totals: Totals | None = None
        self._height = 0
        self.fit(screen_height)

    def show(self, totals: "Totals", *, of_what: str, note: Span = NO_NOTE) -> None:
        """Show the numbers. The note stands beside the title."""
        self._show_title(f"Costs · {clean(of_what, limit=80)}", note)
        self._totals = totals
        self._draw()

    def tell_age(self, seconds: float, *, is_current: bool = True) -> None:
        """Show the age and precision of the numbers, and who they were read as.

        They are not current if the list has changed since, or while the database does not answer.
        """
        if self._totals is not None:
            key = key_of(self.app, DASHBOARD_BINDINGS, "numbers.exact")
            note = totals_note(self._totals, seconds=seconds, key=key, is_current=is_current)
            self._show_note(note, is_stale=is_stale(seconds))

    def explain(self, why: str, *, of_what: str) -> None:
        """Show a sentence instead of numbers, when zeros would be wrong."""
        self._show_title(f"Costs · {clean(of_what, limit=80)}")
        self._totals = None
        self._show_note("")
        self.add_class("-sentence")
        self.say(Content(why))

    def forget(self) -> None:
        """Show nothing until there are numbers for the current user."""
        self._show_title("Costs")
        self._totals = None
        self._show_note("")
        self.say(Content(""))

    def fit(self, screen_height: int) -> None:
        """Set the height. It is the same with and without numbers, so that the panes below do not move."""
        self._height = next((lines for least, lines in _LINES if screen_height >= least), 0)
        self.display = self._height > 0
        self.styles.height = self._height
        self._draw()

    def on_mount(self) -> None:
        self.forget()

    def on_resize(self) -> None:
        self._draw()

    def _show_title(self, title: str, note: Span = NO_NOTE) -> None:
        if (title, note) != self._title:
            self._title = (title, note)
            self.border_title = Content.assemble(title, " · ", note) if note[0] else Content(title)

    def _show_note(self, words: str, *, is_stale: bool = False) -> None:
        if words != self._note:
            self._note = words
            self.set_class(is_stale, "-stale")
            self.border_subtitle = Content(words)

    def _draw(self) -> None:
        if self._totals is not None:
            self.remove_class("-sentence")
            lines = cost_lines(self._totals, width=self.size.width, height=self._height)
            self.say(Content("\n").join(Content.assemble(*line) for line in lines))
