"""Dialogs with a table that is read for one option at a time: waits and runs by mode, and the cost of failures."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from types import MappingProxyType
from typing import Any, ClassVar, Generic, TypeVar
from uuid import UUID

from textual import work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from gjobs.store.errors import StoreError
from gjobs.store.statistics.statistics import DAY, JobTimings, ModeTimings, Waste, WasteKey, WasteRow
from gjobs.store.store import Store
from gjobs.tui.dashboard.actions.action_host import ActionHost
from gjobs.tui.dashboard.bindings import bind
from gjobs.tui.dashboard.dialogs.dialog import MOST_PERCENT, Dialog, choices_line
from gjobs.tui.dashboard.dialogs.list_dialog import cells_of, fitted, narrowed, table_lines
from gjobs.tui.dashboard.widgets.widgets import SteadyText
from gjobs.tui.text import statistics_text
from gjobs.tui.text.error_text import error_words
from gjobs.tui.text.format import Column
from gjobs.tui.text.statistics_text import headline, sentences, timing_columns, waste_columns

OptionType = TypeVar("OptionType")
FoundType = TypeVar("FoundType")

_GAP = "  "
_OTHERS, _LOW_OTHERS = 14, 6
"""Lines of the border, the padding, the options, a heading, the summary and the keys."""


class TableDialog(Dialog[None], Generic[OptionType, FoundType]):
    """Show a table. It is read when the dialog opens, when the user chooses another option, and on refresh."""

    DEFAULT_CSS = """
    TableDialog {
        #options { margin-bottom: 1; }
        VerticalScroll { height: auto; }
        #summary { height: auto; max-height: 3; color: $foreground-muted; margin-top: 1; }
        #keys { height: 1; color: $foreground-muted; margin-top: 1; }

        &.-low {
            #dialog { padding: 0 1; }
            #options { margin-bottom: 0; }
            #summary { max-height: 1; margin-top: 0; }
            #keys { margin-top: 0; }
        }
    }
    """
    FOCUS = "VerticalScroll"
    LOW = 18
    TITLE: ClassVar[str]
    OPTIONS: ClassVar[Mapping[str, Any]]
    """Each option by its label."""
    READING: ClassVar[str] = "Reading …"
    WRAPS_AROUND: ClassVar[bool] = True
    """Whether the first option follows the last one."""
    help_topic = "metrics"
    _chosen = 0

    def __init__(self, store: Store, project_id: UUID | None, *, of: str) -> None:
        """`of` names the project or all projects. It must be clean text."""
        super().__init__()
        self._store = store
        self._project_id = project_id
        self._of = of
        self._result: FoundType | None = None

    async def read(self, option: OptionType) -> FoundType:
        raise NotImplementedError

    def heading(self) -> str:
        """Return a line above the table, or an empty text."""
        return ""

    def table(self, found: FoundType, width: int) -> Content:
        raise NotImplementedError

    def summary(self, found: FoundType) -> str:
        raise NotImplementedError

    def compose(self) -> ComposeResult:
        with self.box(f"{self.TITLE} · {self._of}"):
            yield SteadyText(id="options")
            with VerticalScroll():
                yield SteadyText(id="table")
            yield SteadyText(id="summary")
            yield Static(self.keys_line(self.HINTS), id="keys")

    def on_mount(self) -> None:
        self.action_read()

    def action_step(self, steps: int) -> None:
        count, place = len(self.OPTIONS), self._chosen + steps
        place = place % count if self.WRAPS_AROUND else min(max(place, 0), count - 1)
        if place != self._chosen:
            self._chosen = place
            self.action_read()

    @work(exclusive=True)
    async def action_read(self) -> None:
        self._draw_options()
        self.set_part("summary", Content(self.READING))
        try:
            self._result = await self.read(list(self.OPTIONS.values())[self._chosen])
            summary = Content(self.summary(self._result))
        except StoreError as error:
            self._result = None
            summary = Content.styled(error_words(error), "$text-error")
        self._draw_options()
        self._draw_table()
        self.set_part("summary", summary)

    def on_resize(self) -> None:
        # Textual 8.2.8 ignores a relative limit, as in `max-height: 50vh`, when it computes the height of the dialog.
        room = self.size.height * MOST_PERCENT // 100 - (_LOW_OTHERS if self.is_low else _OTHERS)
        self.query_one(VerticalScroll).styles.max_height = max(room, 1)
        self._draw_options()
        self.call_after_refresh(self._draw_table)

    def _draw_options(self) -> None:
        labels = choices_line(self.OPTIONS, self._chosen, gap="" if self.is_low else _GAP)
        heading, between = self.heading(), Content("\n" if self.is_low else "\n\n")
        self.set_part("options", between.join([labels, Content.styled(heading, "bold")] if heading else [labels]))

    def _draw_table(self) -> None:
        if self.is_open:
            width = self.query_one(VerticalScroll).scrollable_content_region.width
            self.set_part("table", Content() if self._result is None else self.table(self._result, width))


SPANS = (timedelta(hours=1), DAY, 7 * DAY, 30 * DAY)
HIGH_FAILURE_RATE = 0.2
"""The failure rate from which a row is colored."""

_MODE_CELLS, _LEAST_MODE_CELLS = 24, 8
_LEAST_COLUMNS = 7
"""The mode, the numbers of jobs, and how long they waited and ran. Fewer columns are shown only if these do not fit."""


class TimingsDialog(TableDialog[timedelta, JobTimings]):
    """Show timings of one span at a time."""

    DEFAULT_CSS = "TimingsDialog #dialog { width: 100; }"
    BINDINGS: ClassVar[list[BindingType]] = [
        bind("times.close", "enter,q", "Close", "Close the timings", action="leave"),
        bind("times.longer", "right,l", "Longer", "Choose a longer period", action="step(1)"),
        bind("times.shorter", "left,h", "Shorter", "Choose a shorter period", action="step(-1)"),
        bind("times.again", "r,f5", "Refresh", "Refresh the timings", action="read"),
    ]
    HINTS = ("times.shorter", "times.longer", "times.again", "dialog.leave")
    TITLE = "Times"
    OPTIONS = MappingProxyType({statistics_text.span(span): span for span in SPANS})
    READING = "Measuring …"
    WRAPS_AROUND = False
    _chosen = SPANS.index(DAY)

    async def read(self, option: timedelta) -> JobTimings:
        return await self._store.get_job_timings(self._project_id, window=option)

    def table(self, found: JobTimings, width: int) -> Content:
        """Return the table. On a narrow screen, modes are cut and the last columns are left out."""
        works = (*found.by_mode, found.of_all)
        mode, *others = fitted(timing_columns(found.taken_at), works)
        while len(others) >= _LEAST_COLUMNS and width - cells_of(others) < min(mode.cells, _MODE_CELLS):
            others.pop()
        while len(others) > 1 and width - cells_of(others) < _LEAST_MODE_CELLS:
            others.pop()
        return table_lines(narrowed([mode, *others], width), works, _style)

    def summary(self, found: JobTimings) -> str:
        return statistics_text.summary(found)


def _style(one: ModeTimings) -> str:
    if (one.failure_rate or 0.0) >= HIGH_FAILURE_RATE:
        return "$text-error"
    return "bold" if one.mode is None else ""


async def show_timings(host: ActionHost, store: Store) -> None:
    dashboard = host.dashboard
    await host.push_screen_wait(TimingsDialog(store, dashboard.listed.project_id, of=dashboard.listed_name))


_LEAST_NAME_CELLS = 24
_BAR_CELLS = 16
_BAR = " " * _BAR_CELLS
"""The title of the bars."""
_LEFT_OUT = (_BAR,), ("ALL JOBS",), ("RETRIES",), ("FAILED",), ("FAILED COST", "RETRY COST")
"""The numbers that a narrow screen leaves out, in this order. The two costs add up to the waste."""


class WasteDialog(TableDialog[WasteKey, Waste]):
    """Show waste by one dimension at a time."""

    DEFAULT_CSS = "WasteDialog #dialog { width: 130; overflow: hidden; }"
    BINDINGS: ClassVar[list[BindingType]] = [
        bind("waste.close", "enter,q,w", "Close", "Close the waste", action="leave"),
        bind("waste.next", "right,l", "Next", "Group the waste by the next dimension", action="step(1)"),
        bind("waste.before", "left,h", "Previous", "Group the waste by the previous dimension", action="step(-1)"),
        bind("waste.again", "f5", "Refresh", "Read the waste again", action="read"),
    ]
    HINTS = ("waste.before", "waste.next", "waste.again", "dialog.leave")
    TITLE = "Waste"
    OPTIONS = MappingProxyType({key.value: key for key in WasteKey})

    async def read(self, option: WasteKey) -> Waste:
        return await self._store.get_waste(option, self._project_id)

    def heading(self) -> str:
        return "" if self._result is None else headline(self._result)

    def table(self, found: Waste, width: int) -> Content:
        """Return the table. On a narrow screen, names are cut and some columns are left out. Groups have no share."""
        most = max([1, *(row.waste_cents for row in found.rows)])

        def bar(row: WasteRow) -> str:
            """Only a row without waste has an empty bar."""
            cells = max(round(row.waste_cents / most * _BAR_CELLS), 1 if row.waste_cents > 0 else 0)
            return "" if row is found.total else "█" * cells

        rows = [*found.rows, found.total]
        columns = fitted([*waste_columns(found, has_group_ids=False), Column(_BAR, bar, style="$text-warning")], rows)
        if found.by is WasteKey.GROUP:
            columns = _without(columns, ("ALL JOBS", "SHARE"))
        if not found.total.retry_count:
            columns = _without(columns, ("RETRIES", "RETRY COST"))
        for titles in _LEFT_OUT:
            if width - cells_of(columns[1:]) < min(columns[0].cells, _LEAST_NAME_CELLS):
                columns = _without(columns, titles)
        columns[0] = replace(columns[0], least=1)
        return table_lines(narrowed(columns, width), rows, lambda row: "bold" if row is found.total else None)

    def summary(self, found: Waste) -> str:
        return "\n".join(sentences(found)) or "All jobs that exist are counted."


def _without(columns: Sequence[Column[WasteRow]], titles: Sequence[str]) -> list[Column[WasteRow]]:
    return [column for column in columns if column.title not in titles]
