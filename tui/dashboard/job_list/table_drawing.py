"""Draws table lines; caches cells per row."""

import textwrap
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import assert_never
from uuid import UUID

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from store.formats import money
from store.job_list.list_query import ListOrder
from store.jobs.job import GenerationJob, JobStatus, ListedJob, UnknownStatus
from tui.dashboard.job_list.job_columns import HIDDEN, SORTED_BY, ColumnName, ContentWidths, JobColumn, lay_out, measure
from tui.dashboard.job_list.loaded_rows import LoadedRows
from tui.dashboard.job_list.table_state import TableState
from tui.text.clean_text import clean, clean_cell, pad, shorten
from tui.text.format import age, count, duration, elapsed, error_summary, is_infinite, short_id
from tui.text.status_text import status_label


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """Cleaned text at its place in a line."""

    start: int
    """In cells from the left."""
    text: str
    style: str = ""
    """A component class of the table; empty for the line's own style."""


def header_cells(columns: Iterable[JobColumn], sort: ListOrder | None) -> tuple[Cell, ...]:
    """The titles; the sorted one points down when the largest or newest is on top."""
    cells: list[Cell] = []
    for column in columns:
        is_sorted = sort is not None and SORTED_BY.get(column.name) is sort.column
        arrow = "" if sort is None or not is_sorted else " ▾" if sort.descending else " ▴"
        cells.append(Cell(start=column.start, text=_fit(column.name + arrow, column)))
    return tuple(cells)


def row_cells(
    job: GenerationJob,
    columns: Iterable[JobColumn],
    *,
    now: datetime,
    project_names: Mapping[UUID, str] | None = None,
    is_hidden: bool = False,
) -> tuple[Cell, ...]:
    """A job whose project has no name here shows the project's id. One that is hidden is dimmed, and says so."""
    names = project_names or {}
    return tuple(
        Cell(
            start=column.start,
            text=_fit(_value(job, column.name, now, names, is_hidden), column),
            style=_hidden_style(column.name) if is_hidden else _style(job, column.name),
        )
        for column in columns
    )


def times(job: GenerationJob, columns: Iterable[JobColumn], *, now: datetime) -> tuple[str, ...]:
    """All that `row_cells` says of a job and that changes by itself."""
    return tuple(_value(job, column.name, now, {}, False) for column in columns if column.name in _TIMES)


_TIMES = frozenset((ColumnName.CREATED, ColumnName.UPDATED, ColumnName.TOTAL))


def _fit(text: str, column: JobColumn) -> str:
    return pad(clean_cell(text, column.width), column.width, right=column.name is ColumnName.COST)


def _value(
    job: GenerationJob, name: ColumnName, now: datetime, project_names: Mapping[UUID, str], is_hidden: bool
) -> str:
    match name:
        case ColumnName.LENS:
            return HIDDEN if is_hidden else ""
        case ColumnName.STATUS:
            return status_label(job.status)
        case ColumnName.MODE:
            return job.mode
        case ColumnName.COST:
            return money(job.cost_cents)
        case ColumnName.CREATED:
            return age(job.created_at, now)
        case ColumnName.UPDATED:
            return age(job.updated_at, now)
        case ColumnName.TOTAL:
            return _total(job, now)
        case ColumnName.PROJECT:
            return project_names.get(job.project_id, short_id(job.project_id))
        case ColumnName.ID:
            return short_id(job.id)
        case ColumnName.ERROR:
            return error_summary(job.error, is_cut=isinstance(job, ListedJob) and job.is_error_cut)
        case _:
            assert_never(name)


def _hidden_style(name: ColumnName) -> str:
    return "job-table--hidden" if name is ColumnName.LENS else "job-table--quiet"


def _total(job: GenerationJob, now: datetime) -> str:
    """From the creation to the end, or up to now while the job runs."""
    if job.status is JobStatus.QUEUED or is_infinite(job.created_at) or is_infinite(job.updated_at):
        return ""
    if isinstance(job.status, UnknownStatus):
        return ""  # Nobody knows whether it has ended.
    if job.status.is_final:
        return duration((job.updated_at - job.created_at).total_seconds())
    return elapsed((now - job.created_at).total_seconds())


def _style(job: GenerationJob, name: ColumnName) -> str:
    match name:
        case ColumnName.STATUS:
            return "job-table--quiet" if isinstance(job.status, UnknownStatus) else f"job-table--{job.status}"
        case ColumnName.ERROR:
            return "job-table--error"
        case ColumnName.CREATED | ColumnName.UPDATED | ColumnName.TOTAL | ColumnName.ID:
            return "job-table--quiet"
        case _:
            return ""


MARK = "✱"
POINTER = "›"
ROW = "job-table--row"
CURSOR = "job-table--cursor"
HOVER = "job-table--hover"
HEADER = "job-table--header"
EMPTY = "job-table--empty"


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """Two equal lines are drawn alike."""

    cells: tuple[Cell, ...] = ()
    style: str = ROW


def row_line(cells: tuple[Cell, ...], *, is_cursor: bool, is_marked: bool, is_hovered: bool) -> Line:
    """The cursor's line has one style throughout, for a status' colour may not be readable on the cursor's."""
    gutter = []
    if is_marked:
        gutter.append(Cell(start=1, text=MARK, style="" if is_cursor else "job-table--mark"))
    if is_cursor:
        gutter.insert(0, Cell(start=0, text=POINTER))
        cells = tuple(Cell(start=cell.start, text=cell.text) for cell in cells)
    style = CURSOR if is_cursor else HOVER if is_hovered else ROW
    return Line(cells=(*gutter, *cells) if gutter else cells, style=style)


def header_line(cells: Sequence[Cell], *, new_above: int, width: int) -> Line:
    """The titles, and at the right end how many new rows wait above."""
    if not new_above:
        return Line(cells=tuple(cells), style=HEADER)
    notice = f" ▲ {count(new_above)} new"
    start = max(0, width - cell_len(notice))
    kept = [
        Cell(start=cell.start, text=shorten(cell.text.rstrip(), start - cell.start), style=cell.style)
        for cell in cells
        if cell.start < start
    ]
    return Line(cells=(*kept, Cell(start=start, text=notice, style="job-table--new")), style=HEADER)


def sentence_lines(sentence: str, *, width: int, height: int) -> tuple[Line, ...]:
    """A sentence in the middle of otherwise blank lines."""
    wrapped = [shorten(line, width) for line in textwrap.wrap(clean(sentence), max(1, width - 2))][:height]
    above = (height - len(wrapped)) // 2
    below = height - len(wrapped) - above
    written = [Line(cells=(Cell(start=(width - cell_len(text)) // 2, text=text, style=EMPTY),)) for text in wrapped]
    return (*[Line()] * above, *written, *[Line()] * below)


def paint(line: Line, width: int, style_of: Callable[[str], Style]) -> Strip:
    """Exactly `width` cells; the blanks have the line's background. `style_of` finds the style of a component class."""
    base = style_of(line.style)
    on_base = Style.from_color(None, base.bgcolor)
    segments: list[Segment] = []
    end = 0
    for cell in line.cells:
        segments.append(Segment(" " * (cell.start - end), base))
        segments.append(Segment(cell.text, style_of(cell.style) + on_base if cell.style else base))
        end = cell.start + cell_len(cell.text)
    drawn = Strip([segment for segment in segments if segment.text], end)
    return drawn.adjust_cell_length(width, base)


HEADER_HEIGHT = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class _DrawnRow:
    job: GenerationJob
    is_hidden: bool
    times: tuple[str, ...]
    """What it says that time changes."""
    cells: tuple[Cell, ...]


class TableRenderer:
    def __init__(self) -> None:
        self._now = datetime.min.replace(tzinfo=UTC)
        self._project_names: Mapping[UUID, str] | None = None
        self._hidden: frozenset[UUID] | None = None
        self._jobs: tuple[GenerationJob, ...] = ()
        self._content = ContentWidths()
        self._width = 0
        self._sort: ListOrder | None = None
        self._columns: tuple[JobColumn, ...] = ()
        self._titles: tuple[Cell, ...] = ()
        self._rows: dict[UUID, _DrawnRow] = {}

    @property
    def columns(self) -> tuple[JobColumn, ...]:
        return self._columns

    def take(
        self,
        rows: LoadedRows,
        *,
        now: datetime,
        project_names: Mapping[UUID, str] | None,
        hidden: frozenset[UUID] | None = None,
    ) -> None:
        """The rows that `lines` will be asked for, and what else their texts depend on.

        Columns get wider with what comes into the list, and no narrower, so that they keep still.
        """
        self._now = now
        is_same = project_names == self._project_names and hidden == self._hidden
        if is_same and rows.jobs is self._jobs:
            return
        self._jobs, self._project_names, self._hidden = rows.jobs, project_names, hidden
        content = self._content.widened(measure(rows.jobs, project_names, with_visibility=hidden is not None))
        if not is_same or content != self._content:
            self._content = content
            self.fit(self._width, self._sort)

    def forget(self) -> None:
        """Other jobs will be drawn."""
        self._jobs, self._content = (), ContentWidths()

    def fit(self, width: int, sort: ListOrder | None) -> None:
        self._width = width
        self._sort = sort
        self._columns = lay_out(width, self._content, sort)
        self._titles = header_cells(self._columns, sort)
        self._rows.clear()

    def pass_time(self, now: datetime) -> None:
        self._now = now

    def lines(self, view: TableState, *, hovered_line: int | None, empty_text: str) -> tuple[Line, ...]:
        """The header and the rows in sight; `hovered_line` is counted from the header."""
        header = header_line(self._titles, new_above=len(view.unseen), width=self._width)
        if not view.rows:
            return (header, *sentence_lines(empty_text, width=self._width, height=view.height))
        self._rows = {job.id: self._drawn(job) for job in view.visible_jobs}
        rows = [
            row_line(
                drawn.cells,
                is_cursor=job_id == view.cursor,
                is_marked=job_id in view.marked,
                is_hovered=y == hovered_line,
            )
            for y, (job_id, drawn) in enumerate(self._rows.items(), HEADER_HEIGHT)
        ]
        return (header, *rows)

    def _drawn(self, job: GenerationJob) -> _DrawnRow:
        """As it was drawn before, if it would read the same."""
        is_hidden = self._hidden is not None and job.id in self._hidden
        read = times(job, self._columns, now=self._now)
        drawn = self._rows.get(job.id)
        if drawn and drawn.job is job and drawn.times == read and drawn.is_hidden == is_hidden:
            return drawn
        cells = row_cells(job, self._columns, now=self._now, project_names=self._project_names, is_hidden=is_hidden)
        return _DrawnRow(job=job, is_hidden=is_hidden, times=read, cells=cells)
