"""Costs panel: the state machine with its costs, rates, and a chart of the days."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from textual import events
from textual.content import Content
from textual.geometry import Size
from textual.timer import Timer

from gjobs.store.jobs.job import GenerationJob, JobStatus
from gjobs.store.statistics.statistics import DayCost, Totals
from gjobs.store.values.formats import money
from gjobs.tui.dashboard.bindings import key_of
from gjobs.tui.dashboard.list.list_header import TABS
from gjobs.tui.dashboard.panels import state_machine
from gjobs.tui.dashboard.widgets.widgets import DrawnLines
from gjobs.tui.text.clean_text import clean
from gjobs.tui.text.format import MUTED, UNKNOWN, Span, spark
from gjobs.tui.text.status_text import is_stale, totals_note

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

_Part = tuple[int, str]
"""Cents and style of a part of a bar. Bars are built from the bottom."""


def draw_chart(canvas: state_machine.Canvas, totals: Totals, *, x: int, width: int, height: int) -> bool:
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


def _draw_legend(canvas: state_machine.Canvas, totals: Totals, *, x: int, width: int) -> None:
    end = canvas.write(x, 0, "Cost by day", "bold")
    has_split = totals.flow is not None and totals.flow.outcomes is not None
    if has_split and end + sum(len(f"  ■ {word}") for word, _ in _LEGEND) <= x + width:
        for word, style in _LEGEND:
            end = canvas.write_spans(end, 0, [("  ■ ", style), (word, MUTED)])


def _parts(totals: Totals, day: DayCost) -> list[_Part]:
    """Return the parts of a day's bar. The split may be some seconds older than the day's total."""
    split = ((totals.flow.outcomes if totals.flow else None) or {}).get(day.day)
    if split is None:
        return [(day.total_cost_cents, _UNSPLIT)]
    other = day.total_cost_cents - split.succeeded_cents - split.failed_cents
    parts = [(split.succeeded_cents, _SUCCEEDED), (split.failed_cents, _FAILED), (other, _OTHER)]
    return [(cents, style) for cents, style in parts if cents > 0]


def _draw_bar(
    canvas: state_machine.Canvas, parts: Sequence[_Part], top: int, *, x: int, width: int, bottom: int, rows: int
) -> None:
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
    ends, total, last = [], 0, 0
    for cents, style in parts:
        total += cents
        last = max(round(total * rows * _STEPS / top), last + 1) if cents > 0 else last
        ends.append((min(last, rows * _STEPS), style))
    return ends


def _rounded_up(cents: int) -> int:
    if cents <= 0:
        return 0
    power = int("1".ljust(len(str(cents)), "0"))
    return next(top * power for top in _TOPS if top * power >= cents)


def _amount(cents: int) -> str:
    return money(cents).removesuffix(".00")


_FACT_GAP, _LEAST_GAP = 3, 2


@dataclass(frozen=True, slots=True)
class Fact:
    """A part of a line, which may be dropped."""

    span: Span
    drops: int
    """The order of dropping facts that do not fit, highest first. A fact with 0 is never dropped."""
    gap: int = _FACT_GAP
    """The number of cells between this fact and the previous one."""


def flow_facts(totals: Totals, *, with_rates: bool = False) -> list[Fact]:
    """Return how many jobs are stuck, and how long the oldest queued job has waited.

    With rates, also return how many jobs entered each state per minute: `1.6 → 0.4 → 0.3 / 0 a min`.
    """
    waits, number = state_machine.oldest_queued(totals), state_machine.stuck(totals)
    rates = state_machine.flow_rates(totals) if with_rates else ""
    return [
        *([Fact((number, "bold $text-warning"), 0)] if number else []),
        *([Fact((rates, MUTED), 2)] if rates else []),
        *([Fact((f"oldest {waits}" if rates else f"oldest queued {waits}", MUTED), 3)] if waits else []),
    ]


def total_facts(totals: Totals) -> list[Fact]:
    """Return the figures of all jobs, and of each status outside the workflow."""
    everything = state_machine.all_figures(totals)
    average = [] if everything.average in ("", UNKNOWN) else [everything.average]
    return [
        Fact((" · ".join([f"Total {everything.number}", everything.total, *average]), "bold"), 0),
        *(Fact((f"{one.label} {one.number}", one.style), 1) for one in state_machine.other_figures(totals)),
    ]


def rate_facts(totals: Totals) -> list[Fact]:
    first, *further = state_machine.success_rates(totals)
    return [
        Fact((first, "" if further else MUTED), 1),
        *(Fact((words, MUTED), 5, gap=1) for words in further),
    ]


def day_facts(totals: Totals, *, most: int | None = None) -> list[Fact]:
    """Return one bar for each of the last `most` days, and a text that explains the bars. None means all days."""
    if totals.days is None:
        return [Fact(("costs by day not counted", MUTED), 4)]
    days = totals.days[-most:] if most else totals.days
    costs = [day.total_cost_cents for day in days]
    today = f"{len(days)} days, {money(costs[-1] if costs else 0)} today"
    return [Fact((spark(costs), "$text-accent"), 0), Fact((today, MUTED), 4)]


def joined(facts: Sequence[Fact], width: int) -> list[Span]:
    """Return the facts that fit. They get closer before one is dropped."""
    shown = list(facts)
    while len(shown) > 1 and _width(shown, _LEAST_GAP) > width:
        shown.remove(max(shown, key=lambda fact: fact.drops))
    most_gap = _FACT_GAP if _width(shown, _FACT_GAP) <= width else _LEAST_GAP
    first, *further = shown
    return [first.span, *(part for fact in further for part in ((" " * min(fact.gap, most_gap), ""), fact.span))]


def _width(facts: Sequence[Fact], most_gap: int) -> int:
    return sum(len(fact.span[0]) for fact in facts) + sum(min(fact.gap, most_gap) for fact in facts[1:])


_LINES = ((44, 9), (30, 5), (24, 4), (20, 3), (13, 2))
"""Minimum screen height, and the panel's lines. On a low screen, jobs need the lines."""
_LEAST_WIDTH_OF_BOXES = 80
_MOST_COLUMN_LINES = 5
NO_NOTE: Span = ("", "")
_GAP = 4
_FEW_DAYS = 7
"""How many days a small panel shows. More would leave no room for facts about the queue."""
_WIDEST_CHART = 84


class CostsPanel(DrawnLines):
    ALLOW_SELECT = False
    DEFAULT_CSS = """
    CostsPanel {
        box-sizing: content-box;
        border-title-color: $text-primary;
        border-subtitle-color: $foreground-muted;
        padding: 0 1;

        &.-stale { border-subtitle-color: $text-warning; }
    }
    """

    def __init__(self, *, id: str | None = None, screen_size: Size) -> None:  # noqa: A002
        super().__init__(id=id)
        self._title = ("", NO_NOTE)
        self._note = ""
        self._totals: Totals | None = None
        self._drawing: state_machine.Drawing | None = None
        """What is shown. None while there are no numbers."""
        self._sentence = Content()
        """What is shown instead of numbers."""
        self._changes: state_machine.StateChanges | None = None
        """What the present animation shows."""
        self._frame = 0
        self._frames: Timer | None = None
        """Only runs during an animation."""
        self._height = 0
        self.fit(screen_size)
        self.explain("")

    def show(self, totals: Totals, *, of_what: str, note: Span = NO_NOTE, jobs: Iterable[GenerationJob] = ()) -> None:
        """Show the numbers. The note stands beside the title. `jobs` are those of the present list."""
        self._show_title(f"Costs · {clean(of_what, limit=80)}", note)
        if totals is self._totals:
            return  # Lists arrive more often than totals.
        self._flash(state_machine.state_changes(self._totals, totals, created_at=(job.created_at for job in jobs)))
        self._totals = totals
        self.fit_lines()

    def show_age(self, seconds: float, *, is_current: bool = True, is_past: bool = False) -> None:
        """Show the age and precision of the numbers, and who they were read as.

        They are not current if the list has changed since, or while the database does not answer. Numbers of an
        earlier moment never change.
        """
        if self._totals is not None:
            key = key_of(self.app, "numbers.exact")
            note = totals_note(self._totals, seconds=seconds, key=key, is_current=is_current, is_past=is_past)
            self._show_note(note, is_stale=is_stale(seconds))

    def explain(self, why: str, *, of_what: str = "") -> None:
        """Show a sentence instead of numbers, when zeros would be wrong."""
        self._show_title(f"Costs · {clean(of_what, limit=80)}" if of_what else "Costs")
        self._totals = self._drawing = None
        self._stop_flash()
        self._show_note("")
        self._sentence = Content(why)
        self.fit_lines()

    def fit(self, screen: Size) -> None:
        """Set the height. It is the same with and without numbers, so that the panes below do not move."""
        lines = next((lines for least, lines in _LINES if screen.height >= least), 0)
        self._height = min(lines, _MOST_COLUMN_LINES) if screen.width < _LEAST_WIDTH_OF_BOXES else lines
        self.display = self._height > 0
        self.styles.height = self._height
        self.fit_lines()

    def _flash(self, changes: state_machine.StateChanges | None) -> None:
        """Animate the changes, unless animations are off. Later changes replace earlier ones."""
        if changes is None or self.app.animation_level == "none":
            return
        self._stop_flash()
        self._changes, self._frames = changes, self.set_interval(state_machine.FRAME_SECONDS, self._draw_next_frame)

    def _draw_next_frame(self) -> None:
        self._frame += 1
        if self._frame > state_machine.FRAMES:
            self._stop_flash()
        self._show_frame()

    def _stop_flash(self) -> None:
        self._changes, self._frame = None, 0
        if self._frames is not None:
            self._frames.stop()
            self._frames = None

    async def on_click(self, event: events.Click) -> None:
        """List the jobs in the clicked state, as its digit key does."""
        offset = event.get_content_offset(self)
        states = self._drawing.states.items() if self._drawing else ()
        for state, region in states:
            if offset is not None and region.contains(*offset):
                await self.app.run_action(f"screen.status({TABS.index(state)})", self)

    def _show_title(self, title: str, note: Span = NO_NOTE) -> None:
        if (title, note) != self._title:
            self._title = (title, note)
            self.border_title = Content.assemble(title, " · ", note) if note[0] else Content(title)

    def _show_note(self, words: str, *, is_stale: bool = False) -> None:
        if words != self._note:
            self._note = words
            self.set_class(is_stale, "-stale")
            self.border_subtitle = Content(words)

    def fit_lines(self) -> None:
        if self._totals is None:
            self.show_lines(self._sentence.wrap(self.size.width) if self.size.width else ())
            return
        self._drawing = draw_costs(self._totals, width=self.size.width, height=self._height)
        self._show_frame()

    def _show_frame(self) -> None:
        """Show the drawing, with the present frame of the animation on a copy of it."""
        drawing = self._drawing
        if drawing is None:
            return
        if self._changes is not None:
            drawing = replace(drawing, canvas=drawing.canvas.copy())
            state_machine.draw_changes(drawing, self._changes, frame=self._frame)
        self.show_lines([Content.assemble(*line) for line in drawing.canvas.lines()])


def draw_costs(totals: Totals, *, width: int, height: int) -> state_machine.Drawing:
    """Draw as many lines as `height` allows: the state machine, then rates with daily costs.

    A missing number is shown as a dash. Small panels show the flow beside the success rates. Large panels get boxes,
    and a chart of the days if there is room.
    """
    boxes = state_machine.draw_boxes(totals, width=width, height=height) if height > state_machine.BOX_LINES else None
    if boxes is not None:
        return _with_chart(boxes, totals, width, height)
    drawing, used = state_machine.draw_columns(totals, width=width, height=height)
    is_small = not state_machine.has_flow_line(height)
    rates = [*flow_facts(totals, with_rates=is_small), *rate_facts(totals)]
    days = day_facts(totals, most=_FEW_DAYS if is_small else None)
    for facts in [[*rates, *days]] if height - used < 2 else [rates, days]:
        drawing.canvas.write_spans(0, used, joined(facts, width))
        used += 1
    return drawing


def _with_chart(boxes: state_machine.Drawing, totals: Totals, width: int, height: int) -> state_machine.Drawing:
    start = boxes.states[JobStatus.SUCCEEDED].right + _GAP
    has_chart = draw_chart(boxes.canvas, totals, x=start, width=min(width - start, _WIDEST_CHART), height=height)
    facts = [*total_facts(totals), *rate_facts(totals), *([] if has_chart else day_facts(totals))]
    boxes.canvas.write_spans(0, state_machine.BOX_LINES, joined(facts, start - _GAP if has_chart else width))
    return boxes
