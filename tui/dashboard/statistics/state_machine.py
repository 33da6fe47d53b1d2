"""The state machine as a row of columns, and where its parts were drawn."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from rich.cells import cell_len
from textual.geometry import Region

from gjobs.store.jobs.job import JobStatus
from gjobs.store.member_table import by_member
from gjobs.tui.dashboard.statistics.canvas import Canvas
from gjobs.tui.dashboard.statistics.state_figures import MUTED, StateFigures, all_figures, other_figures, state_figures

if TYPE_CHECKING:
    from gjobs.store.statistics.totals import Totals
    from gjobs.tui.text.format import Span

_LEAST_GAP = 3
_LEAST_STEP = 4
"""The fewest cells between two states that leave room for `+1`."""
_ROOM_FOR_TRAVEL = 6
"""With at least this many cells between two states, a moving number does not cover the arrowhead or the slash."""
_EVEN_FROM = 7
"""With at least this many cells between columns, all gaps are equal. Otherwise, arrows get the room first."""
_MOST_GAP = 9
_LINES_WITHOUT_FLOW = 4
"""With this many lines or fewer, the flow is left out, because the averages matter more."""


@dataclass(slots=True)
class Drawing:
    """A canvas, and the places on it."""

    canvas: Canvas
    states: dict[JobStatus, Region] = field(default_factory=dict)
    """A click here lists the state."""
    numbers: dict[JobStatus, Region] = field(default_factory=dict)
    arrows: dict[JobStatus, Region] = field(default_factory=dict)
    """The cells on which a number may move to a state. They touch no other number."""

    def state_at(self, x: int, y: int) -> JobStatus | None:
        return next((state for state, region in self.states.items() if region.contains(x, y)), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Column:
    """What is shown of one state. A part that does not fit is empty."""

    figures: StateFigures
    key: str
    name: str
    has_average: bool

    @property
    def heading(self) -> "list[Span]":
        key: list[Span] = [(f"{self.key} ", MUTED)] if self.key else []
        return [*key, (f"{self.name} ", self.figures.style), (self.figures.number, "bold")]

    @property
    def average(self) -> str:
        return self.figures.average if self.has_average else ""

    @property
    def width(self) -> int:
        heading = sum(cell_len(text) for text, _ in self.heading)
        return max(heading, len(self.figures.total), len(self.average), len(self.figures.flow))


def draw_columns(totals: "Totals", *, width: int, height: int) -> tuple[Drawing, int]:
    """Draw a column for each state: count, total cost, average cost and flow. Return the number of lines used, too.

    If the width is too small, either digits or status names are dropped. Then averages, then both, and then statuses
    from the left. Between states, there is room for the number of moved jobs, unless that would drop a state or the
    averages. Unknown statuses share one column if they are many or do not fit.
    """
    columns = _fitting(totals, width, with_averages=height > 3)
    has_flow = has_flow_line(height)
    lines = 2 + any(column.average for column in columns) + has_flow
    drawing = Drawing(Canvas(width, height))
    x = 0
    for column, gap in zip(columns, [*_gaps(columns, width), 0], strict=True):
        end = _draw_column(drawing, column, x, lines=lines, has_flow=has_flow)
        x += column.width + gap
        _draw_step(drawing, column.figures.state, end, x - end)
    return drawing, lines


def has_flow_line(height: int) -> bool:
    """Return whether the columns have a line with the flow."""
    return height > _LINES_WITHOUT_FLOW


def _gaps(columns: Sequence[_Column], width: int) -> list[int]:
    """Return the cells after each column but the last."""
    free = width - sum(column.width for column in columns)
    are_steps = [_NEXT[column.figures.state] is not None for column in columns[:-1]]
    even = min(free // max(len(are_steps), 1), _MOST_GAP)
    if even >= _EVEN_FROM or not any(are_steps):
        return [max(even, _LEAST_GAP)] * len(are_steps)
    steps = are_steps.count(True)
    step, spare = divmod(free - _LEAST_GAP * are_steps.count(False), steps)
    widths = iter([max(min(step + (place < spare), _EVEN_FROM), _LEAST_GAP) for place in range(steps)])
    return [next(widths) if is_step else _LEAST_GAP for is_step in are_steps]


def _draw_column(drawing: Drawing, column: _Column, x: int, *, lines: int, has_flow: bool) -> int:
    """Return the end of the heading."""
    canvas, figures = drawing.canvas, column.figures
    end = canvas.write_spans(x, 0, column.heading)
    canvas.write(x, 1, figures.total, "bold")
    canvas.write(x, 2, column.average, MUTED)
    if has_flow:
        canvas.write(x, lines - 1, figures.flow, MUTED)
    if figures.state is not None:
        drawing.states[figures.state] = Region(x, 0, column.width, lines)
        drawing.numbers[figures.state] = Region(end - len(figures.number), 0, len(figures.number), 1)
    return end


_NEXT: Mapping[JobStatus | None, JobStatus | None] = by_member(
    JobStatus,
    {
        None: None,
        JobStatus.QUEUED: JobStatus.RUNNING,
        JobStatus.RUNNING: JobStatus.SUCCEEDED,
        JobStatus.SUCCEEDED: JobStatus.FAILED,
        JobStatus.FAILED: None,
    },
)
"""The state drawn after each one. None for the column without a state."""


def _draw_step(drawing: Drawing, state: JobStatus | None, x: int, gap: int) -> None:
    """Draw what stands between a state and the next one: an arrow, or a slash between the two ends."""
    following = _NEXT[state]
    if following is None:
        return
    if following is JobStatus.FAILED:
        start = drawing.canvas.write(x + (gap - 1) // 2, 0, "/", MUTED)
        end = x + gap - 1
    else:
        drawing.canvas.write(x + 1, 0, "─" * (gap - 3) + "→", MUTED)
        start, end = x + 2, x + gap - 2
    if gap < _ROOM_FOR_TRAVEL:
        start, end = x + 1, x + gap - 1
    drawing.arrows[following] = Region(start, 0, max(end - start, 0), 1)


def _fitting(totals: "Totals", width: int, *, with_averages: bool) -> "Sequence[_Column]":
    states, everything = [*state_figures(totals).values()], all_figures(totals)
    others = other_figures(totals)
    if len(others) > 1 and _least_width(_plain([*states, *others, everything])) > width:
        others = other_figures(totals, most=1)
    full = [
        _Column(figures=one, key=one.key, name=one.label, has_average=True) for one in [*states, *others, everything]
    ]
    plain = [replace(column, has_average=False) for column in full]
    short = _plain([*states, *others, everything])
    with_average = [full, _without_keys(full), _with_short_names(full)] if with_averages else []
    without_average = [plain, _without_keys(plain), _with_short_names(plain), short]
    candidates = [
        *((columns, _LEAST_STEP) for columns in with_average),
        *((columns, _LEAST_GAP) for columns in with_average[-1:]),
        *((columns, _LEAST_STEP) for columns in without_average),
        *((short[first:], _LEAST_GAP) for first in range(len(short))),
    ]
    return next((columns for columns, step in candidates if _least_width(columns, step) <= width), short[-1:])


def _plain(figures: "Sequence[StateFigures]") -> list[_Column]:
    return _with_short_names([_Column(figures=one, key="", name=one.label, has_average=False) for one in figures])


def _without_keys(columns: Sequence[_Column]) -> list[_Column]:
    return [replace(column, key="") for column in columns]


def _with_short_names(columns: Sequence[_Column]) -> list[_Column]:
    return [replace(column, name=column.figures.glyph or column.name) for column in columns]


def _least_width(columns: Sequence[_Column], step: int = _LEAST_GAP) -> int:
    """Return the width of the columns, with `step` cells between a state and the next one."""
    gaps = (step if _NEXT[column.figures.state] else _LEAST_GAP for column in columns[:-1])
    return sum(column.width for column in columns) + sum(gaps)
