"""Waste and timings dialogs: what failed jobs and retries cost, waits and runs by mode."""

from collections.abc import Sequence
from datetime import timedelta
from typing import ClassVar
from uuid import UUID

from textual.binding import Binding, BindingType
from textual.content import Content

from gjobs.store.statistics.statistics import DAY, JobTimings, ModeTimings, Waste, WasteKey
from gjobs.store.store import Store
from gjobs.tui.dashboard.actions.action_host import ActionHost
from gjobs.tui.dashboard.dialogs.pick import TableDialog, cells_of_others, column_widths, table_line
from gjobs.tui.text import statistics_text
from gjobs.tui.text.statistics_text import NUMBERS, TOTAL, WASTE_TITLES, headline, name, numbers, sentences

SPANS = (timedelta(hours=1), DAY, 7 * DAY, 30 * DAY)
MUCH_FAILS = 0.2
"""The failure rate from which a row is colored."""

_MODE_CELLS, _LEAST_MODE_CELLS = 24, 8
_LEAST_COLUMNS = 7
"""The mode, the numbers of jobs, and how long they waited and ran. Fewer columns are shown only if these do not fit."""


class TimingsDialog(TableDialog[timedelta, JobTimings]):
    """Show timings of one span at a time."""

    DEFAULT_CSS = "TimingsDialog #dialog { width: 100; }"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter,q", "leave", "Close", id="times.close", tooltip="Close the timings"),
        Binding("right,l", "step(1)", "Longer", id="times.longer", tooltip="Choose a longer period"),
        Binding("left,h", "step(-1)", "Shorter", id="times.shorter", tooltip="Choose a shorter period"),
        Binding("r,f5", "read", "Refresh", id="times.again", tooltip="Refresh the timings"),
    ]
    HINTS = ("times.shorter", "times.longer", "times.again", "dialog.leave")
    READING = "Measuring …"
    GOES_ROUND = False
    help_topic = "metrics"

    def __init__(self, store: Store, project_id: UUID | None, *, of: str) -> None:
        """`of` names the project or all projects. It must be clean text."""
        spans = {statistics_text.span(span): span for span in SPANS}
        super().__init__(store, project_id, spans, title=f"Times · {of}", chosen=SPANS.index(DAY))

    async def read(self, option: timedelta) -> JobTimings:
        return await self._store.get_job_timings(self._project_id, window=option)

    def table(self, found: JobTimings, width: int) -> Content:
        """Return the table. On a narrow screen, modes are cut and the last columns are left out."""
        works = (*found.by_mode, found.of_all)
        rows = [statistics_text.TIMING_TITLES, *(statistics_text.cells(one, found.taken_at) for one in works)]
        widths = column_widths(rows)
        while len(widths) > _LEAST_COLUMNS and width - cells_of_others(widths) < min(widths[0], _MODE_CELLS):
            widths.pop()
        while len(widths) > 2 and width - cells_of_others(widths) < _LEAST_MODE_CELLS:
            widths.pop()
        widths[0] = max(min(widths[0], width - cells_of_others(widths)), _LEAST_MODE_CELLS)
        title, *lines = (table_line(row, widths) for row in rows)
        styled = [Content.styled(line, _style(one)) for line, one in zip(lines, works, strict=True)]
        return Content("\n").join([Content.styled(title, "$foreground-muted"), *styled])

    def summary(self, found: JobTimings) -> str:
        return statistics_text.summary(found)


def _style(one: ModeTimings) -> str:
    if (one.failure_rate or 0.0) >= MUCH_FAILS:
        return "$text-error"
    return "bold" if one.mode is None else ""


async def show_timings(host: ActionHost, store: Store) -> None:
    dashboard = host.dashboard
    await host.push_screen_wait(TimingsDialog(store, dashboard.listed.project_id, of=dashboard.listed_name))


_NAME_CELLS, _LEAST_NAME_CELLS = 80, 24
_RETRIES = "RETRIES", "RETRY COST"
_BAR_CELLS = 16
_BAR = " " * _BAR_CELLS
"""The title of the bars."""
_LEFT_OUT = (_BAR,), ("ALL JOBS",), ("RETRIES",), ("FAILED",), ("FAILED COST", "RETRY COST")
"""The numbers that a narrow screen leaves out, in this order. The two costs add up to the waste."""
_ALL_COUNTED = "All jobs that exist are counted."


class WasteDialog(TableDialog[WasteKey, Waste]):
    """Show waste by one dimension at a time."""

    DEFAULT_CSS = "WasteDialog #dialog { width: 130; overflow: hidden; }"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter,q,w", "leave", "Close", id="waste.close", tooltip="Close the waste"),
        Binding("right,l", "step(1)", "Next", id="waste.next", tooltip="Group the waste by the next dimension"),
        Binding(
            "left,h", "step(-1)", "Previous", id="waste.before", tooltip="Group the waste by the previous dimension"
        ),
        Binding("f5", "read", "Refresh", id="waste.again", tooltip="Read the waste again"),
    ]
    HINTS = ("waste.before", "waste.next", "waste.again", "dialog.leave")
    help_topic = "metrics"

    def __init__(self, store: Store, project_id: UUID | None, *, of: str) -> None:
        """`of` names the project or all projects. It must be clean text."""
        super().__init__(store, project_id, {key.value: key for key in WasteKey}, title=f"Waste · {of}")

    async def read(self, option: WasteKey) -> Waste:
        return await self._store.get_waste(option, self._project_id)

    def heading(self) -> str:
        return "" if self._result is None else headline(self._result)

    def table(self, found: Waste, width: int) -> Content:
        """Return the table. On a narrow screen, names are cut and some columns are left out. Groups have no share."""
        shown = -2 if found.by is WasteKey.GROUP else None
        most = max([1, *(row.waste_cents for row in found.rows)])
        lines = [
            [WASTE_TITLES[found.by], *NUMBERS[:shown], _BAR],
            *(
                [name(row, found.by, has_group_id=False), *numbers(row)[:shown], _bar(row.waste_cents / most)]
                for row in found.rows
            ),
            [TOTAL, *numbers(found.total)[:shown], ""],
        ]
        if not found.total.retry_count:
            lines = _without(lines, _RETRIES)
        for titles in _LEFT_OUT:
            widths = column_widths(lines)
            if width - cells_of_others(widths) < min(widths[0], _LEAST_NAME_CELLS) and titles[0] in lines[0]:
                lines = _without(lines, titles)
        widths = column_widths(lines)
        widths[0] = max(min(widths[0], _NAME_CELLS, width - cells_of_others(widths)), 1)
        title, *rows, total = (table_line(line, widths) for line in lines)
        bar = _BAR_CELLS if _BAR in lines[0] else 0
        return Content("\n").join(
            [
                Content.styled(title, "$foreground-muted"),
                *(Content.assemble(row[: len(row) - bar], (row[len(row) - bar :], "$text-warning")) for row in rows),
                Content.styled(total, "bold"),
            ]
        )

    def summary(self, found: Waste) -> str:
        return "\n".join(sentences(found)) or _ALL_COUNTED


def _without(lines: Sequence[Sequence[str]], titles: Sequence[str]) -> list[list[str]]:
    """Return the lines without these columns."""
    places = [place for place, title in enumerate(lines[0]) if title not in titles]
    return [[line[place] for place in places] for line in lines]


def _bar(share: float) -> str:
    """Return a bar, padded to its full width. Only a share of 0 gives an empty bar."""
    return ("█" * max(round(share * _BAR_CELLS), 1 if share > 0 else 0)).ljust(_BAR_CELLS)
