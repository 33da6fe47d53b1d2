"""The costs panel's drawing at each size."""

from typing import TYPE_CHECKING

from tui.dashboard.statistics.cost_chart import draw_chart
from tui.dashboard.statistics.cost_facts import day_facts, flow_facts, joined, rate_facts, total_facts
from tui.dashboard.statistics.state_boxes import BOX_LINES, draw_boxes, width_of
from tui.dashboard.statistics.state_machine import Drawing, draw_columns

if TYPE_CHECKING:
    from store.statistics.totals import Totals

_GAP = 4
_WIDEST_CHART = 84


def draw_costs(totals: "Totals", *, width: int, height: int) -> Drawing:
    """Draw as many lines as `height` allows: the state machine, then rates with daily costs.

    A missing number is shown as a dash. Large panels get boxes, and a chart of the days if there is room.
    """
    if height > BOX_LINES:
        boxes = draw_boxes(totals, width=width, height=height)
        if boxes is not None:
            return _with_chart(boxes, totals, width, height)
    drawing, used = draw_columns(totals, width=width, height=height)
    rates, days = [*flow_facts(totals), *rate_facts(totals)], day_facts(totals)
    for facts in [[*rates, *days]] if height - used < 2 else [rates, days]:
        drawing.canvas.write_spans(0, used, joined(facts, width))
        used += 1
    return drawing


def _with_chart(boxes: Drawing, totals: "Totals", width: int, height: int) -> Drawing:
    start = width_of(boxes) + _GAP
    has_chart = draw_chart(boxes.canvas, totals, x=start, width=min(width - start, _WIDEST_CHART), height=height)
    facts = [*total_facts(totals), *rate_facts(totals), *([] if has_chart else day_facts(totals))]
    boxes.canvas.write_spans(0, BOX_LINES, joined(facts, start - _GAP if has_chart else width))
    return boxes
