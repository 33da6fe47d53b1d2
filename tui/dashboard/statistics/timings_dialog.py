"""Timings dialog: waits, runs and failures by mode."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType
from textual.content import Content

from gjobs.store.statistics.statistics import DAY, JobTimings, ModeTimings
from gjobs.tui.dashboard.dialogs.table_dialog import TableDialog, cells_of_others, column_widths, table_line
from gjobs.tui.dashboard.message_board import show_warning
from gjobs.tui.text import timings_text

if TYPE_CHECKING:
    from gjobs.tui.dashboard.action_host import ActionHost

SPANS = (timedelta(hours=1), DAY, 7 * DAY, 30 * DAY)
MUCH_FAILS = 0.2
"""The failure rate from which a row is colored."""

_MODE_CELLS, _LEAST_MODE_CELLS = 24, 8
_LEAST_COLUMNS = 7
"""The mode, the numbers of jobs, and how long they waited and ran. Fewer columns are shown only if these do not fit."""


class TimingsDialog(TableDialog[timedelta, JobTimings]):
    """Show timings of one span at a time."""

    DEFAULT_CSS = """
    TimingsDialog {
        #dialog { width: 100; }
        VerticalScroll { height: auto; }
        #summary { margin-top: 1; }
        &.-low #summary { margin-top: 0; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter,q", "leave", "Close", id="times.close", tooltip="Close the timings"),
        Binding("right,l", "step(1)", "Longer", id="times.longer", tooltip="Choose a longer period"),
        Binding("left,h", "step(-1)", "Shorter", id="times.shorter", tooltip="Choose a shorter period"),
        Binding("r,f5", "read", "Refresh", id="times.again", tooltip="Refresh the timings"),
    ]
    HINTS: ClassVar = {
        "times.shorter": "shorter",
        "times.longer": "longer",
        "times.again": "refresh",
        "dialog.leave": "close",
    }
    READING = "Measuring …"
    GOES_ROUND = False

    def __init__(self, read: Callable[[timedelta], Awaitable[JobTimings]], *, of: str) -> None:
        """`of` names the project or all projects. It must be clean text."""
        spans = {timings_text.span(span): span for span in SPANS}
        super().__init__(read, spans, title=f"Times · {of}", chosen=SPANS.index(DAY))

    def table(self, found: JobTimings, width: int) -> Content:
        return _table(found, width)

    def summary(self, found: JobTimings) -> str:
        return timings_text.summary(found)


def _table(monitoring: JobTimings, width: int) -> Content:
    """Return the table. On a narrow screen, modes are cut and the last columns are left out."""
    works = (*monitoring.by_mode, monitoring.of_all)
    rows = [timings_text.TITLES, *(timings_text.cells(one, monitoring.taken_at) for one in works)]
    widths = column_widths(rows)
    while len(widths) > _LEAST_COLUMNS and width - cells_of_others(widths) < min(widths[0], _MODE_CELLS):
        widths.pop()
    while len(widths) > 2 and width - cells_of_others(widths) < _LEAST_MODE_CELLS:
        widths.pop()
    widths[0] = max(min(widths[0], width - cells_of_others(widths)), _LEAST_MODE_CELLS)
    title, *lines = (table_line(row, widths) for row in rows)
    styled = [Content.styled(line, _style(one)) for line, one in zip(lines, works, strict=True)]
    return Content("\n").join([Content.styled(title, "$foreground-muted"), *styled])


def _style(one: ModeTimings) -> str:
    if (one.failure_rate or 0.0) >= MUCH_FAILS:
        return "$text-error"
    return "bold" if one.mode is None else ""


async def show_timings(host: "ActionHost") -> None:
    store = host.poller.store
    if store is None:
        show_warning(host.app, "Not connected to a database yet.")
        return
    project_id = host.dashboard.listed.project_id

    async def read(window: "timedelta") -> "JobTimings":
        return await store.get_job_timings(project_id, window=window)

    await host.app.push_screen_wait(TimingsDialog(read, of=host.dashboard.listed_name))
