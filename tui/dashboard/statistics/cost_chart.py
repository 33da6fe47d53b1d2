"""A chart of the costs by day, each bar split by outcome."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gjobs.store.formats import money
from gjobs.tui.dashboard.statistics.canvas import Canvas
from gjobs.tui.dashboard.statistics.state_figures import MUTED

if TYPE_CHECKING:
    from gjobs.store.statistics.statistics import DayCost
    from gjobs.store.statistics.totals import Totals

_SUCCEEDED, _FAILED, _OTHER, _UNSPLIT = "$text-success", "$text-error", "$text-primary", "$text-accent"
_LEGEND = (("succeeded", _SUCCEEDED), ("failed", _FAILED), ("other", _OTHER))
_BLOCKS = " ▁▂▃▄▅▆▇█"
_STEPS = len(_BLOCKS) - 1
"""The number of visible fill heights of a cell."""
_WIDEST_BAR = 4
_LEAST_SLOT = 2
"""Cells of a day: a bar and a gap."""
_FEWEST_DAYS = 7
_TOPS = (1, 2, 3, 4, 6, 8, 10)
"""The top of the axis is one of these numbers, multiplied by a power of ten. Half of it has few digits, too."""


@dataclass(frozen=True, slots=True)
class _Part:
    """A part of a bar. Bars are built from the bottom."""

    cents: int
    style: str


def draw_chart(canvas: Canvas, totals: "Totals", *, x: int, width: int, height: int) -> bool:
    """Draw bars, an axis with amounts and the days. Return False, and draw nothing, if there is no room or no cost.

    If the width is too small for all days, the first ones are left out.
    """
    days = totals.days
    if not days:
        return False
    top = _rounded_up(max(day.total_cost_cents for day in days))
    labels = [_amount(top), _amount(top // 2), _amount(0)]
    axis = max(map(len, labels)) + 2
    shown = days[-max((width - axis) // _LEAST_SLOT, 1) :]
    slot = min((width - axis) // len(shown), _WIDEST_BAR + 1)
    rows = height - 2
    if top <= 0 or slot < _LEAST_SLOT or len(shown) < min(_FEWEST_DAYS, len(days)) or rows < 3:
        return False
    _draw_legend(canvas, totals, x=x, width=width)
    for y, label in ((1, labels[0]), (1 + (rows - 1) // 2, labels[1]), (rows, labels[2])):
        canvas.write(x + axis - 2 - len(label), y, label, MUTED)
    for y in range(1, rows + 1):
        canvas.write(x + axis - 1, y, "│", MUTED)
    for number, day in enumerate(shown):
        start = x + axis + number * slot
        _draw_bar(canvas, _parts(totals, day), top, x=start, width=slot - 1, bottom=rows, rows=rows)
        if slot > 2 or number % 2 == 0:
            canvas.write(start, height - 1, f"{day.day:%d}", MUTED)
    return True


def _draw_legend(canvas: Canvas, totals: "Totals", *, x: int, width: int) -> None:
    end = canvas.write(x, 0, "Cost by day", "bold")
    has_split = totals.flow is not None and totals.flow.outcomes is not None
    if has_split and end + sum(len(f"  ■ {word}") for word, _ in _LEGEND) <= x + width:
        for word, style in _LEGEND:
            end = canvas.write_spans(end, 0, [("  ■ ", style), (word, MUTED)])


def _parts(totals: "Totals", day: "DayCost") -> list[_Part]:
    """Return the parts of a day's bar. The split may be some seconds older than the day's total."""
    split = ((totals.flow.outcomes if totals.flow else None) or {}).get(day.day)
    if split is None:
        return [_Part(day.total_cost_cents, _UNSPLIT)]
    other = day.total_cost_cents - split.succeeded_cents - split.failed_cents
    parts = [_Part(split.succeeded_cents, _SUCCEEDED), _Part(split.failed_cents, _FAILED), _Part(other, _OTHER)]
    return [part for part in parts if part.cents > 0]


def _draw_bar(canvas: Canvas, parts: Sequence[_Part], top: int, *, x: int, width: int, bottom: int, rows: int) -> None:
    ends = _ends(parts, top, rows)
    for row in range(rows):
        base = row * _STEPS
        here = [(end - base, style) for end, style in ends if end > base]
        if not here:
            return
        (filled, style), *above = here
        if filled < _STEPS and above:
            style = f"{style} on {above[0][1]}"
        canvas.write(x, bottom - row, _BLOCKS[min(filled, _STEPS)] * width, style)


def _ends(parts: Sequence[_Part], top: int, rows: int) -> list[tuple[int, str]]:
    """Return where each part ends, in steps from the bottom. A cost of more than zero has at least one step."""
    ends, cents, last = [], 0, 0
    for part in parts:
        cents += part.cents
        last = max(round(cents * rows * _STEPS / top), last + 1) if part.cents > 0 else last
        ends.append((min(last, rows * _STEPS), part.style))
    return ends


def _rounded_up(cents: int) -> int:
    if cents <= 0:
        return 0
    power = int("1".ljust(len(str(cents)), "0"))
    return next(top * power for top in _TOPS if top * power >= cents)


def _amount(cents: int) -> str:
    return money(cents).removesuffix(".00")
