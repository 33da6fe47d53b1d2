"""The state machine as boxes with arrows, for large screens."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from textual.geometry import Region

from gjobs.store.jobs.job import JobStatus
from gjobs.store.member_table import by_member
from gjobs.tui.dashboard.statistics.canvas import Canvas
from gjobs.tui.dashboard.statistics.count_text import UNKNOWN
from gjobs.tui.dashboard.statistics.state_figures import MUTED, StateFigures, oldest_queued, state_figures, stuck
from gjobs.tui.dashboard.statistics.state_machine import Drawing

if TYPE_CHECKING:
    from gjobs.store.statistics.totals import Totals
    from gjobs.tui.text.format import Span

    Line = list[Span]

BOX_LINES = 8
"""The height of the boxes of the two end states, one above the other. The other two states are in the middle."""
_LEAST_ARROW = 6
_MOST_ARROW = 8
_FRAME = 4
"""The cells that a box needs besides its text."""
_USUAL_WIDTH = len("$888.88 · $8.88 a job")
_MIDDLE, _UPPER, _LOWER = 3, 1, 5
"""The lines of the arrows."""


def draw_boxes(totals: "Totals", *, width: int, height: int) -> Drawing | None:
    """Draw a box for each state, with count, costs, flow, and what needs attention. None if they do not fit.

    If the width is too small, averages are dropped.
    """
    figures = state_figures(totals)
    for has_averages, least in ((True, _USUAL_WIDTH), (False, 0)):
        texts = {state: _texts(one, totals, has_averages) for state, one in figures.items()}
        box = _width(figures, texts, least)
        arrow = min((width - 3 * box) // 2, _MOST_ARROW)
        if arrow >= _LEAST_ARROW:
            break
    else:
        return None
    return _drawn(figures, texts, box, arrow, Canvas(width, height))


def width_of(drawing: Drawing) -> int:
    """Return the width that the boxes take."""
    return drawing.states[JobStatus.SUCCEEDED].right


def _texts(figures: StateFigures, totals: "Totals", has_averages: bool) -> "list[Line]":
    has_average = has_averages and figures.average not in ("", UNKNOWN)
    costs = [figures.total, figures.average] if has_average else [figures.total]
    number: Span = (figures.number, "bold")
    if figures.state in (JobStatus.SUCCEEDED, JobStatus.FAILED):
        return [[number, (f"  {figures.flow}", MUTED)], [(" · ".join(costs), "")]]
    return [[number], [(" · ".join(costs), "")], [(figures.flow, MUTED)], [_note(figures, totals)]]


def _note(figures: StateFigures, totals: "Totals") -> "Span":
    if figures.state is JobStatus.RUNNING:
        return stuck(totals), "bold $text-warning"
    waits = oldest_queued(totals)
    return f"oldest {waits}" if waits else "", MUTED


def _width(figures: dict[JobStatus, StateFigures], texts: "dict[JobStatus, list[Line]]", least: int) -> int:
    """Return the width of each box. It is the same for all and has a minimum, so that boxes seldom move."""
    titles = (len(one.label) + _FRAME for one in figures.values())
    lines = (sum(len(text) for text, _ in line) for of_state in texts.values() for line in of_state)
    return max(least, *titles, *lines) + _FRAME


def _drawn(
    figures: dict[JobStatus, StateFigures],
    texts: "dict[JobStatus, list[Line]]",
    box: int,
    arrow: int,
    canvas: Canvas,
) -> Drawing:
    left, right = box + arrow, 2 * (box + arrow)
    regions = by_member(
        JobStatus,
        {
            JobStatus.QUEUED: Region(0, 1, box, 6),
            JobStatus.RUNNING: Region(left, 1, box, 6),
            JobStatus.SUCCEEDED: Region(right, 0, box, 4),
            JobStatus.FAILED: Region(right, 4, box, 4),
        },
    )
    drawing = Drawing(canvas, states=dict(regions))
    for state, region in regions.items():
        _draw_box(canvas, region, figures[state], texts[state])
        drawing.numbers[state] = Region(region.x + 2, region.y + 1, len(figures[state].number), 1)
    _draw_arrows(drawing, box, left + box, arrow)
    return drawing


def _draw_box(canvas: Canvas, region: Region, figures: StateFigures, texts: "Sequence[Line]") -> None:
    x, y, width, height = region
    canvas.write(x, y, "╭" + "─" * (width - 2) + "╮", MUTED)
    canvas.write_spans(x + 1, y, [(f" {figures.key} ", MUTED), (f"{figures.label} ", f"bold {figures.style}")])
    for line in range(1, height - 1):
        canvas.write(x, y + line, "│", MUTED)
        canvas.write(x + width - 1, y + line, "│", MUTED)
    canvas.write(x, y + height - 1, "╰" + "─" * (width - 2) + "╯", MUTED)
    for line, spans in enumerate(texts, 1):
        canvas.write_spans(x + 2, y + line, list(spans))


def _draw_arrows(drawing: Drawing, start: int, fork: int, arrow: int) -> None:
    """Draw an arrow to the running jobs, and one that forks to the two ends."""
    canvas = drawing.canvas
    canvas.write(start + 1, _MIDDLE, "─" * (arrow - 3) + "→", MUTED)
    drawing.arrows[JobStatus.RUNNING] = Region(start + 1, _MIDDLE, arrow - 2, 1)
    knee = fork + arrow // 3
    canvas.write(fork + 1, _MIDDLE, "─" * (knee - fork - 1) + "┤", MUTED)
    for y in (_MIDDLE - 1, _MIDDLE + 1):
        canvas.write(knee, y, "│", MUTED)
    rest = fork + arrow - knee - 2
    for y, corner, state in ((_UPPER, "╭", JobStatus.SUCCEEDED), (_LOWER, "╰", JobStatus.FAILED)):
        canvas.write(knee, y, corner + "─" * (rest - 1) + "→", MUTED)
        drawing.arrows[state] = Region(knee + 1, y, rest, 1)
