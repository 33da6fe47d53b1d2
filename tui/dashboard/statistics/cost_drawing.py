"""The costs panel's drawing at each size."""

from typing import TYPE_CHECKING

from tui.dashboard.statistics.cost_facts import day_facts, joined, rate_facts
from tui.dashboard.statistics.state_machine import Drawing, draw_columns

if TYPE_CHECKING:
    from store.statistics.totals import Totals


def draw_costs(totals: "Totals", *, width: int, height: int) -> Drawing:
    """Draw two to four lines, as `height` allows: the state machine, then rates with daily costs.

    A missing number is shown as a dash. Without averages, the days have their own line.
    """
    drawing, used = draw_columns(totals, width=width, height=height)
    rates, days = rate_facts(totals), day_facts(totals)
    for facts in [[*rates, *days]] if height - used < 2 else [rates, days]:
        drawing.canvas.write_spans(0, used, joined(facts, width))
        used += 1
    return drawing
