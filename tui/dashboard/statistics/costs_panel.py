"""Costs panel: the state machine with its costs, rates and days."""

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

from textual import events
from textual.content import Content
from textual.geometry import Size
from textual.timer import Timer

from gjobs.tui.dashboard.job_list.list_header import StatusTabs
from gjobs.tui.dashboard.keys.bindings import DASHBOARD_BINDINGS, key_of
from gjobs.tui.dashboard.statistics.cost_chart import draw_chart
from gjobs.tui.dashboard.statistics.cost_facts import day_facts, flow_facts, joined, rate_facts, total_facts
from gjobs.tui.dashboard.statistics.count_text import is_stale, totals_note
from gjobs.tui.dashboard.statistics.state_boxes import BOX_LINES, draw_boxes, width_of
from gjobs.tui.dashboard.statistics.state_flash import (
    FRAME_SECONDS,
    FRAMES,
    StateChanges,
    draw_changes,
    state_changes,
)
from gjobs.tui.dashboard.statistics.state_machine import Drawing, draw_columns, has_flow_line
from gjobs.tui.dashboard.widgets import DrawnLines
from gjobs.tui.text.clean_text import clean
from gjobs.tui.text.format import Span

if TYPE_CHECKING:
    from gjobs.store.jobs.job import GenerationJob
    from gjobs.store.statistics.totals import Totals

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
        border: round $primary-muted;
        border-title-color: $text-primary;
        border-title-style: bold;
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
        self._drawing: Drawing | None = None
        """What is shown. None while there are no numbers."""
        self._sentence = Content()
        """What is shown instead of numbers."""
        self._changes: StateChanges | None = None
        """What the present animation shows."""
        self._frame = 0
        self._frames: Timer | None = None
        """Only runs during an animation."""
        self._height = 0
        self.fit(screen_size)

    def show(
        self, totals: "Totals", *, of_what: str, note: Span = NO_NOTE, jobs: "Iterable[GenerationJob]" = ()
    ) -> None:
        """Show the numbers. The note stands beside the title. `jobs` are those of the present list."""
        self._show_title(f"Costs · {clean(of_what, limit=80)}", note)
        if totals is self._totals:
            return  # Lists arrive more often than totals.
        self._flash(state_changes(self._totals, totals, created_at=(job.created_at for job in jobs)))
        self._totals = totals
        self._draw()

    def tell_age(self, seconds: float, *, is_current: bool = True, is_past: bool = False) -> None:
        """Show the age and precision of the numbers, and who they were read as.

        They are not current if the list has changed since, or while the database does not answer. Numbers of an
        earlier moment never change.
        """
        if self._totals is not None:
            key = key_of(self.app, DASHBOARD_BINDINGS, "numbers.exact")
            note = totals_note(self._totals, seconds=seconds, key=key, is_current=is_current, is_past=is_past)
            self._show_note(note, is_stale=is_stale(seconds))

    def explain(self, why: str, *, of_what: str) -> None:
        """Show a sentence instead of numbers, when zeros would be wrong."""
        self._show_title(f"Costs · {clean(of_what, limit=80)}")
        self._totals = self._drawing = None
        self._stop_flash()
        self._show_note("")
        self._sentence = Content(why)
        self._draw()

    def forget(self) -> None:
        """Show nothing until there are numbers for the current user."""
        self._show_title("Costs")
        self._totals = self._drawing = None
        self._stop_flash()
        self._show_note("")
        self._sentence = Content()
        self._draw()

    def fit(self, screen: Size) -> None:
        """Set the height. It is the same with and without numbers, so that the panes below do not move."""
        lines = next((lines for least, lines in _LINES if screen.height >= least), 0)
        self._height = min(lines, _MOST_COLUMN_LINES) if screen.width < _LEAST_WIDTH_OF_BOXES else lines
        self.display = self._height > 0
        self.styles.height = self._height
        self._draw()

    def _flash(self, changes: "StateChanges | None") -> None:
        """Animate the changes, unless animations are off. Later changes replace earlier ones."""
        if changes is None or self.app.animation_level == "none":
            return
        self._stop_flash()
        self._changes, self._frames = changes, self.set_interval(FRAME_SECONDS, self._draw_next_frame)

    def _draw_next_frame(self) -> None:
        self._frame += 1
        if self._frame > FRAMES:
            self._stop_flash()
        self._show_frame()

    def _stop_flash(self) -> None:
        self._changes, self._frame = None, 0
        if self._frames is not None:
            self._frames.stop()
            self._frames = None

    def on_mount(self) -> None:
        self.forget()

    def fit_lines(self) -> None:
        self._draw()

    def on_click(self, event: events.Click) -> None:
        """List the jobs in the clicked state, as its digit key does."""
        offset = event.get_content_offset(self)
        state = self._drawing.state_at(*offset) if self._drawing and offset else None
        if state is not None:
            self.post_message(StatusTabs.Chosen(state))

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
            draw_changes(drawing, self._changes, frame=self._frame)
        self.show_lines([Content.assemble(*line) for line in drawing.canvas.lines()])


def draw_costs(totals: "Totals", *, width: int, height: int) -> Drawing:
    """Draw as many lines as `height` allows: the state machine, then rates with daily costs.

    A missing number is shown as a dash. Small panels show the flow beside the success rates. Large panels get boxes,
    and a chart of the days if there is room.
    """
    if height > BOX_LINES:
        boxes = draw_boxes(totals, width=width, height=height)
        if boxes is not None:
            return _with_chart(boxes, totals, width, height)
    drawing, used = draw_columns(totals, width=width, height=height)
    is_small = not has_flow_line(height)
    rates = [*flow_facts(totals, with_rates=is_small), *rate_facts(totals)]
    days = day_facts(totals, most=_FEW_DAYS if is_small else None)
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
