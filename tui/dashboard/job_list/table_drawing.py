"""Draws table lines, caches the cells of each row, and keeps which rows flash."""

import textwrap
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from uuid import UUID

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from gjobs.store.job_list.list_query import ListOrder
from gjobs.store.jobs.job import GenerationJob
from gjobs.tui.dashboard.job_list.column_layout import ContentWidths, JobColumn, lay_out
from gjobs.tui.dashboard.job_list.job_columns import (
    NO_NOTES,
    Cell,
    RowNotes,
    header_cells,
    measure,
    row_cells,
    stuck_time,
    times,
)
from gjobs.tui.dashboard.job_list.loaded_rows import LoadedRows
from gjobs.tui.dashboard.job_list.table_state import TableState
from gjobs.tui.text.clean_text import clean, shorten
from gjobs.tui.text.format import count

MARK = "✱"
POINTER = "›"
ROW = "job-table--row"
CURSOR = "job-table--cursor"
HOVER = "job-table--hover"
FLASH = "job-table--flash"
CURSOR_FLASH = "job-table--cursor-flash"
HEADER = "job-table--header"
EMPTY = "job-table--empty"


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """Equal lines look the same on screen."""

    cells: tuple[Cell, ...] = ()
    style: str = ROW


def row_line(
    cells: tuple[Cell, ...], *, is_cursor: bool, is_marked: bool, is_hovered: bool, is_flashing: bool = False
) -> Line:
    """Return the line of a row. The cursor's line has one style, because status colors may not be readable on it."""
    gutter = []
    if is_marked:
        gutter.append(Cell(start=1, text=MARK, style="" if is_cursor else "job-table--mark"))
    if is_cursor:
        gutter.insert(0, Cell(start=0, text=POINTER))
        cells = tuple(Cell(start=cell.start, text=cell.text) for cell in cells)
    if is_flashing:
        style = CURSOR_FLASH if is_cursor else FLASH
    else:
        style = CURSOR if is_cursor else HOVER if is_hovered else ROW
    return Line(cells=(*gutter, *cells) if gutter else cells, style=style)


def header_line(cells: Sequence[Cell], *, new_above: int, width: int) -> Line:
    """Return the titles and, at the right end, the number of new rows above.

    The number gets a word where no title is in its way. A title that the number would cut is left out.
    """
    if not new_above:
        return Line(cells=tuple(cells), style=HEADER)
    titles = [replace(cell, text=cell.text.rstrip()) for cell in cells]
    end = max((cell.start + cell_len(cell.text) for cell in titles), default=0)
    notice = f" ▲ {count(new_above)} new"
    if end + cell_len(notice) > width:
        notice = notice.removesuffix(" new")
    start = max(0, width - cell_len(notice))
    kept = [cell for cell in titles if cell.start + cell_len(cell.text) <= start]
    return Line(cells=(*kept, Cell(start=start, text=notice, style="job-table--new")), style=HEADER)


def sentence_lines(sentence: str, *, width: int, height: int) -> tuple[Line, ...]:
    """Return blank lines with a sentence in the middle."""
    wrapped = [shorten(line, width) for line in textwrap.wrap(clean(sentence), max(1, width - 2))][:height]
    above = (height - len(wrapped)) // 2
    below = height - len(wrapped) - above
    written = [Line(cells=(Cell(start=(width - cell_len(text)) // 2, text=text, style=EMPTY),)) for text in wrapped]
    return (*[Line()] * above, *written, *[Line()] * below)


class PaintedLine(Strip):
    """A strip that does not store itself in its own caches. Otherwise each line on screen would be a reference cycle,
    which stays in memory until the garbage collector runs.
    """

    __slots__ = ()

    def crop_extend(self, start: int, end: int, style: Style | None) -> Strip:
        return self if (start, end) == (0, self.cell_length) else super().crop_extend(start, end, style)

    def divide(self, cuts: Iterable[int]) -> Sequence[Strip]:
        within = [cut for cut in cuts if cut <= self.cell_length]
        return [self] if within == [self.cell_length] else super().divide(within)


def paint(line: Line, width: int, style_of: Callable[[str], Style]) -> Strip:
    """Return exactly `width` cells on the line's background. `style_of` returns the style of a component class."""
    base = style_of(line.style)
    on_base = Style.from_color(None, base.bgcolor)
    segments: list[Segment] = []
    end = 0
    for cell in line.cells:
        segments.append(Segment(" " * (cell.start - end), base))
        segments.append(Segment(cell.text, style_of(cell.style) + on_base if cell.style else base))
        end = cell.start + cell_len(cell.text)
    segments.append(Segment(" " * (width - end), base))
    return PaintedLine([segment for segment in segments if segment.text], max(width, end)).crop(0, width)


HEADER_HEIGHT = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class _DrawnRow:
    """What a cached row was drawn from."""

    job: GenerationJob
    is_hidden: bool
    times: tuple[str, ...]
    """The texts that change with time."""
    cells: tuple[Cell, ...]


class TableRenderer:
    def __init__(self) -> None:
        self._now = datetime.min.replace(tzinfo=UTC)
        self._project_names: Mapping[UUID, str] | None = None
        self._hidden: frozenset[UUID] | None = None
        self._has_starts = False
        self._notes = NO_NOTES
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
        has_starts: bool = False,
    ) -> None:
        """Take the rows to draw, and the values that their texts depend on.

        Columns only grow with new values, so that they do not move back and forth.
        """
        self._now = now
        is_same = (project_names, hidden, has_starts) == (self._project_names, self._hidden, self._has_starts)
        if is_same and rows.jobs is self._jobs:
            return
        self._jobs, self._project_names, self._hidden, self._has_starts = rows.jobs, project_names, hidden, has_starts
        if self._widen() or not is_same:
            self.fit(self._width, self._sort)

    def note(self, notes: RowNotes) -> None:
        """Take what was read about the rows."""
        if notes != self._notes:
            self._notes = notes
            self._widen()
            self.fit(self._width, self._sort)

    def _widen(self) -> bool:
        """Widen the columns to the rows and notes. Return whether that changes anything."""
        measured = measure(
            self._jobs,
            self._project_names,
            with_visibility=self._hidden is not None,
            has_starts=self._has_starts,
            notes=self._notes,
        )
        before, self._content = self._content, self._content.widened(measured)
        return self._content != before

    def forget(self) -> None:
        """Forget the jobs before other jobs are drawn."""
        self._jobs, self._content = (), ContentWidths()

    def fit(self, width: int, sort: ListOrder | None) -> None:
        self._width = width
        self._sort = sort
        self._columns = lay_out(width, self._content, sort)
        self._titles = header_cells(self._columns, sort)
        self._rows.clear()

    def pass_time(self, now: datetime) -> None:
        self._now = now

    def lines(
        self, view: TableState, *, hovered_line: int | None, empty_text: str, flashing: Collection[UUID] = ()
    ) -> tuple[Line, ...]:
        """Return the header and the visible rows. `hovered_line` counts from the header."""
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
                is_flashing=job_id in flashing,
            )
            for y, (job_id, drawn) in enumerate(self._rows.items(), HEADER_HEIGHT)
        ]
        return (header, *rows)

    def _drawn(self, job: GenerationJob) -> _DrawnRow:
        """Return the earlier drawing of the row if it has not changed."""
        is_hidden = self._hidden is not None and job.id in self._hidden
        read = times(job, self._columns, now=self._now)
        if self._notes.is_stuck(job):
            read = (*read, stuck_time(job, self._now))
        drawn = self._rows.get(job.id)
        if drawn and drawn.job is job and drawn.times == read and drawn.is_hidden == is_hidden:
            return drawn
        cells = row_cells(
            job,
            self._columns,
            now=self._now,
            project_names=self._project_names,
            is_hidden=is_hidden,
            notes=self._notes,
        )
        return _DrawnRow(job=job, is_hidden=is_hidden, times=read, cells=cells)


FLASH_SECONDS = 1.0
"""The time that a changed row, and a changed count, is highlighted."""


def changed_jobs(before: LoadedRows, after: LoadedRows) -> frozenset[UUID]:
    """Return the jobs that are in both and have changed. Unchanged jobs are the same objects in both."""
    if before is after:
        return frozenset()
    return frozenset(job.id for job in after.jobs if (old := before.get(job.id)) is not None and old is not job)


class RowFlashes:
    """The rows that flash now. Each change starts one timer, however many jobs have changed."""

    def __init__(self) -> None:
        self._started: dict[UUID, int] = {}
        """The number of the last change of each job."""
        self._changes = 0

    @property
    def jobs(self) -> Set[UUID]:
        return self._started.keys()

    def start(self, jobs: Set[UUID]) -> Callable[[], None]:
        """Let these rows flash. Return a function that ends this, except for rows that have flashed again since."""
        self._changes += 1
        number = self._changes
        self._started |= dict.fromkeys(jobs, number)
        return lambda: self._end(number)

    def clear(self) -> None:
        self._started.clear()

    def _end(self, number: int) -> None:
        self._started = {job_id: last for job_id, last in self._started.items() if last > number}
