"""Timings dialog: waits, runs and failures by mode."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, ClassVar

from rich.cells import cell_len
from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content

from store.errors import StoreError
from store.statistics.statistics import DAY, JobTimings, ModeTimings
from tui.dashboard.dialogs.dialog import Dialog, choices_line
from tui.dashboard.widgets import SteadyText, show_toast
from tui.text import timings_text
from tui.text.clean_text import clean, pad
from tui.text.error_text import Toast, error_toast

if TYPE_CHECKING:
    from tui.dashboard.action_host import ActionHost

SPANS = (timedelta(hours=1), DAY, 7 * DAY, 30 * DAY)
MUCH_FAILS = 0.2
"""The failure rate from which a row is colored."""

_GAP = "  "
_KEYS = {
    "times.shorter": "shorter",
    "times.longer": "longer",
    "times.again": "refresh",
    "dialog.leave": "close",
}
_MODE_CELLS, _LEAST_MODE_CELLS = 24, 8
_LEAST_COLUMNS = 7
"""The mode, the numbers of jobs, and how long they waited and ran."""

Ask = Callable[[timedelta], Awaitable[JobTimings]]


class TimingsDialog(Dialog[None]):
    """Show timings. They are measured only when the user chooses a span or refreshes."""

    DEFAULT_CSS = """
    TimingsDialog {
        #dialog { width: 100; }
        VerticalScroll { height: auto; max-height: 100%; }
        #spans { margin-bottom: 1; }
        #summary { color: $foreground-muted; margin-top: 1; }
        #keys { color: $foreground-muted; margin-top: 1; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter,q", "leave", "Close", id="times.close", tooltip="Close the timings"),
        Binding("right,l", "step(1)", "Longer", id="times.longer", tooltip="Choose a longer period"),
        Binding("left,h", "step(-1)", "Shorter", id="times.shorter", tooltip="Choose a shorter period"),
        Binding("r,f5", "measure", "Refresh", id="times.again", tooltip="Refresh the timings"),
    ]

    def __init__(self, ask: Ask, *, of: str) -> None:
        """`of` names the project or all projects. It must be clean text."""
        super().__init__()
        self._ask = ask
        self._of = of
        self._span = SPANS.index(DAY)
        self._measured: JobTimings | None = None

    def compose(self) -> ComposeResult:
        with self.box(f"Times · {self._of}"), VerticalScroll():
            yield SteadyText(id="spans")
            yield SteadyText(id="table")
            yield SteadyText(id="summary")
            yield SteadyText(id="keys")

    def on_mount(self) -> None:
        self.query_one(VerticalScroll).focus()
        self.query_one("#keys", SteadyText).say(self.keys_line(_KEYS))
        self.action_measure()

    def action_step(self, steps: int) -> None:
        span = min(max(self._span + steps, 0), len(SPANS) - 1)
        if span != self._span:
            self._span = span
            self.action_measure()

    @work(exclusive=True)
    async def action_measure(self) -> None:
        self.say("spans", choices_line(map(timings_text.span, SPANS), self._span))
        self.say("summary", Content("Measuring …"))
        try:
            monitoring = await self._ask(SPANS[self._span])
        except StoreError as error:
            self._measured = None
            self._draw()
            self.say("summary", Content.styled(clean(error_toast(error).text), "$text-error"))
            return
        self._measured = monitoring
        self._draw()
        self.say("summary", Content(timings_text.summary(monitoring)))

    def on_resize(self) -> None:
        self.call_after_refresh(self._draw)

    def _draw(self) -> None:
        measured = self._measured
        if self.is_open:
            width = self.query_one(VerticalScroll).scrollable_content_region.width
            self.say("table", Content() if measured is None else _table(measured, width))


def _table(monitoring: JobTimings, width: int) -> Content:
    """Return the table. On a narrow screen, modes are cut and the last columns are left out."""
    works = (*monitoring.by_mode, monitoring.of_all)
    rows = [timings_text.TITLES, *(timings_text.cells(one, monitoring.taken_at) for one in works)]
    widths = [max(map(cell_len, column)) for column in zip(*rows, strict=True)]
    while len(widths) > _LEAST_COLUMNS and width - _width_of(widths[1:]) < min(widths[0], _MODE_CELLS):
        widths.pop()
    widths[0] = max(min(widths[0], width - _width_of(widths[1:])), _LEAST_MODE_CELLS)
    title, *lines = (_line(row, widths) for row in rows)
    styled = [Content.styled(line, _style(one)) for line, one in zip(lines, works, strict=True)]
    return Content("\n").join([Content.styled(title, "$foreground-muted"), *styled])


def _width_of(totals: Sequence[int]) -> int:
    return sum(totals) + len(_GAP) * len(totals)


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    totals = [pad(cell, width, right=True) for cell, width in zip(cells[1:], widths[1:], strict=False)]
    return _GAP.join([pad(cells[0], widths[0]), *totals])


def _style(one: ModeTimings) -> str:
    if (one.failure_rate or 0.0) >= MUCH_FAILS:
        return "$text-error"
    return "bold" if one.mode is None else ""


async def show_timings(host: "ActionHost") -> None:
    store = host.poller.store
    if store is None:
        show_toast(host.app, Toast(text="Not connected to a database yet.", severity="warning"))
        return
    project_id = host.dashboard.listed.project_id

    async def ask(window: "timedelta") -> "JobTimings":
        return await store.get_job_timings(project_id, window=window)

    await host.app.push_screen_wait(TimingsDialog(ask, of=host.dashboard.listed_name))
