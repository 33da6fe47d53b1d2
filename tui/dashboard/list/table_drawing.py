"""What the table keeps (cursor, marks, scroll position) and how it draws and caches its lines."""

import dataclasses
import textwrap
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence, Set
from dataclasses import field, replace
from datetime import UTC, datetime
from uuid import UUID

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from gjobs.store.job_list.list_query import End, ListOrder, RowWindow, RowWindowQuery, key_of
from gjobs.store.jobs.job import GenerationJob
from gjobs.store.statistics.statistics import Count
from gjobs.store.values.data_classes import dataclass
from gjobs.store.values.formats import is_far
from gjobs.tui.dashboard.list import job_columns
from gjobs.tui.dashboard.list.job_columns import Cell, RowNotes
from gjobs.tui.dashboard.list.loaded_rows import LoadedRows, Step, spare_rows
from gjobs.tui.text.clean_text import clean, shorten
from gjobs.tui.text.format import count
from gjobs.tui.text.status_text import Position

Move = Step | End

_MOST_WAITING = 10
"""Limit of waiting keys, so that a held key does not keep moving after its release."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TableState:
    """The state of a job table, without its drawing."""

    rows: LoadedRows = field(default_factory=LoadedRows)
    cursor: UUID | None = None
    place: int | None = None
    """Place of the cursor's row. Without a cursor, the next move starts here. None until a row is loaded."""
    top: int = 0
    """Place of the first visible row."""
    height: int = 1
    """Number of rows that fit on screen."""
    marked: Mapping[UUID, GenerationJob] = field(default_factory=dict)
    """Marked jobs as last loaded, in the order of marking."""
    unseen: frozenset[UUID] = frozenset()
    """Jobs that arrived above and have not been visible since."""
    newest: datetime | None = None
    """Creation time of the newest job ever loaded."""
    waiting: tuple[Move, ...] = ()
    """Moves to make, in this order, once their rows are loaded."""

    @property
    def cursor_job(self) -> GenerationJob | None:
        return None if self.cursor is None else self.rows.get(self.cursor)

    @property
    def marks(self) -> frozenset[UUID]:
        return frozenset(self.marked)

    @property
    def visible_jobs(self) -> tuple[GenerationJob, ...]:
        return self.rows.between(self.top, self.top + self.height)

    @property
    def max_top(self) -> int:
        return max(self.rows.first_place, self.rows.end - self.height)

    def is_visible(self, place: int) -> bool:
        return self.top <= place < self.top + self.height

    @property
    def position(self) -> Position | None:
        """Position of the cursor's row, or of the first visible row if the cursor is out of sight."""
        if not self.rows:
            return None
        seen = self.place if self.cursor is not None and self.place is not None else self.top
        number = (seen if self.is_visible(seen) else self.top) + 1
        return Position(number=number, is_exact=self.rows.is_place_exact, length=self.rows.known_length)

    @property
    def goal(self) -> End | None:
        """The end of the list that the next waiting move needs."""
        return self.waiting[0] if self.waiting and isinstance(self.waiting[0], End) else None

    @property
    def request(self) -> RowWindowQuery | None:
        """The rows to load next; None if enough are loaded.

        A query never exceeds three times `spare_rows`. Directly after an answer, no further rows are needed.
        """
        rows, top, spare = self.rows, self.top, spare_rows(self.height)
        from_start = RowWindowQuery(listed=rows.listed, after=3 * spare)
        if self.goal is End.LAST and rows.has_after:
            return RowWindowQuery(listed=rows.listed, anchor=End.LAST, before=3 * spare, after=0)
        if self.goal is End.FIRST and rows.has_before:
            return from_start
        near = self.height * 3 // 2 + 25
        is_near_first = top - rows.first_place < near
        is_near_last = rows.end - (top + self.height) < near
        if is_near_first and rows.has_before:
            if rows.is_place_exact and top < 2 * spare:
                return from_start
            return self.rows_here(is_upward=not (is_near_last and rows.has_after))
        if is_near_first and not rows.follows_start:
            return from_start
        return self.rows_here() if is_near_last and rows.has_after else None

    def rows_here(self, *, is_upward: bool = False) -> RowWindowQuery | None:
        """Return a query for the rows around the visible ones, with more of them in one direction. Return None without
        rows.
        """
        job, listed, spare = self.rows.at(self.top), self.rows.listed, spare_rows(self.height)
        if job is None:
            return None
        before = 2 * spare if is_upward else spare
        return RowWindowQuery(listed=listed, anchor=key_of(job, listed.order), before=before, after=3 * spare - before)

    def is_covered_by(self, query: RowWindowQuery) -> bool:
        """Return whether the query is known to cover the visible rows."""
        match query.anchor:
            case End.FIRST:
                place = 0 if self.rows.is_place_exact else None
            case End.LAST:
                place = None if self.rows.has_after else self.rows.end
            case key:
                place = self.rows.find(key.id)
        return place is not None and place - query.before <= self.top and self.top + self.height <= place + query.after

    # Rows

    def showing(self, window: RowWindow) -> "TableState":
        """Show other rows of the list, or newer versions of the same rows.

        The cursor's row keeps its line on screen. If the cursor is out of sight, the top row keeps its line. A view at
        the start of the list stays there while the cursor is visible, so new jobs appear. Then make the waiting moves.
        """
        rows = self.rows.followed_by(window, near=self._anchor)
        if self.place is None and rows.jobs:
            place, newest = rows.first_place, _newest(None, rows)
            return replace(self, rows=rows, cursor=rows.jobs[0].id, place=place, top=place, newest=newest)
        if self.place is None:
            return replace(self, rows=rows)
        if rows == self.rows:
            return self
        cursor = self.cursor if self.cursor is not None and self.cursor in rows else None
        left = self.rows.missing_from(rows) if rows.detects_removals else frozenset[UUID]()
        here = {job.id: job for job in rows.jobs if job.id in self.marked}
        shown = replace(
            self,
            rows=rows,
            cursor=cursor,
            place=self.rows.position_in(rows, self.place),
            marked={known: here.get(known, job) for known, job in self.marked.items() if known not in left},
            unseen=(self.unseen - left) | self._arrived(rows),
            newest=_newest(self.newest, rows),
        )
        return shown.scrolled_to(self._anchored_top(rows)).with_pending_moves_applied()

    def with_cursor_replaced(self) -> "TableState":
        """Put the cursor on the row that replaces its lost job, or on the last row."""
        return self if self.cursor is not None or self.place is None else self.moved_to_place(self.place)

    @property
    def _anchor(self) -> int:
        """Place of the row that keeps its line: the cursor's row, or else the top row."""
        return self.place if self.place is not None and self.is_visible(self.place) else self.top

    def _anchored_top(self, rows: LoadedRows) -> int:
        before = self._anchor
        after = self.rows.position_in(rows, before)
        if self.top == 0 and after < self.height:
            return 0
        return after - (before - self.top)

    def _arrived(self, rows: LoadedRows) -> frozenset[UUID]:
        """Return the new jobs. Old jobs that a filter shows again are not new."""
        if self.newest is None:
            return frozenset()
        arrived = rows.missing_from(self.rows)
        return frozenset(job.id for job in rows.jobs if job.id in arrived and job.created_at > self.newest)

    def counted(self, length: Count | None) -> "TableState":
        """Set the length of the whole list. The visible rows stay where they are on screen."""
        rows = self.rows.counted(length)
        shift = rows.first_place - self.rows.first_place
        place = None if self.place is None else self.place + shift
        return replace(self, rows=rows, place=place, top=self.top + shift)

    # Scroll and size

    def scrolled_to(self, top: int) -> "TableState":
        """Scroll within the loaded rows. The cursor stays on its job, even out of sight."""
        top = max(self.rows.first_place, min(top, self.max_top))
        return replace(self, top=top, unseen=frozenset(job for job in self.unseen if self._is_above(job, top)))

    def _is_above(self, job_id: UUID, top: int) -> bool:
        place = self.rows.find(job_id)
        return self.rows.has_before if place is None else place < top

    def resized(self, height: int) -> "TableState":
        """Set the height. A visible cursor stays visible."""
        resized = replace(self, height=max(1, height))
        if self.place is not None and self.is_visible(self.place):
            return resized.revealed(self.place)
        return resized.scrolled_to(self.top)

    def revealed(self, place: int) -> "TableState":
        """Scroll just enough to show the row."""
        return self.scrolled_to(min(max(self.top, place - self.height + 1), place))

    # Moves

    def moved_to(self, job_id: UUID) -> "TableState":
        """Go to the job. Return the same state if it is not loaded."""
        place = self.rows.find(job_id)
        return self if place is None else self.without_pending_moves().moved_to_place(place)

    def without_pending_moves(self) -> "TableState":
        return replace(self, waiting=()) if self.waiting else self

    def moved(self, move: Move) -> "TableState":
        """Make the move, or append it to the waiting moves. A move to an end of the list replaces them.

        Without a cursor, a step goes to the row where it was lost, or to the first visible one. During a move by pages,
        the cursor keeps its line on screen if possible.
        """
        if not self.rows:
            return self
        waiting = () if isinstance(move, End) else self.waiting
        applied = None if waiting else self.without_pending_moves().applied(move)
        return applied or replace(self, waiting=(*waiting, move)[:_MOST_WAITING])

    def with_pending_moves_applied(self) -> "TableState":
        """Make as many waiting moves as the loaded rows allow."""
        view = self if self.rows else self.without_pending_moves()
        while view.waiting:
            move, *rest = view.waiting
            applied = view.applied(move)
            if applied is None:
                return view
            view = replace(applied, waiting=tuple(rest))
        return view

    def applied(self, move: Move) -> "TableState | None":
        """Make the move. Return None if it needs rows that are not loaded."""
        match move:
            case End.FIRST:
                return None if self.rows.has_before else self.moved_to_place(0)
            case End.LAST:
                return None if self.rows.has_after else self.moved_to_place(self.rows.end - 1)
            case Step(rows=rows, pages=pages):
                return self._stepped(rows, pages)

    def _stepped(self, rows: int, pages: int) -> "TableState | None":
        if self.cursor is None or self.place is None:
            return self.moved_to_place(self._anchor)
        scroll = pages * max(1, self.height - 1)
        place, top = self.place + rows + scroll, self.top + scroll
        first, last = (min(place, top), max(place, top + self.height - 1)) if scroll else (place, place)
        is_beyond_first = self.rows.has_before and first < self.rows.first_place
        is_beyond_last = self.rows.has_after and last >= self.rows.end
        if is_beyond_first or is_beyond_last:
            return None
        return (self.scrolled_to(top) if scroll else self).moved_to_place(place)

    def moved_to_place(self, place: int) -> "TableState":
        place = self.rows.clamp(place)
        job = self.rows.at(place)
        if job is None:
            return self
        return replace(self, cursor=job.id, place=place).revealed(place)

    # Marks

    def toggled(self, job_id: UUID) -> "TableState":
        """Mark or unmark the job. Return the same state if it is not loaded."""
        job = self.rows.get(job_id)
        if job is None:
            return self
        rest = {identifier: other for identifier, other in self.marked.items() if identifier != job_id}
        return replace(self, marked=rest if job_id in self.marked else {**rest, job_id: job})

    def all_marked(self) -> "TableState":
        """Mark all loaded jobs, and keep earlier marks."""
        return replace(self, marked={**self.marked, **{job.id: job for job in self.rows.jobs}})

    def unmarked(self, job_ids: Set[UUID]) -> "TableState":
        return replace(self, marked={known: job for known, job in self.marked.items() if known not in job_ids})


def _newest(newest: datetime | None, rows: LoadedRows) -> datetime | None:
    known = [] if newest is None else [newest]
    return max((*known, *(job.created_at for job in rows.jobs if not is_far(job.created_at))), default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingRows:
    """Which rows were requested, and which were answered."""

    asked: RowWindowQuery | None = None
    """The request that is waiting for an answer; None if there is none."""
    answered: RowWindowQuery | None = None
    """The request that the loaded rows answered; None if no rows are loaded."""

    def arrived(self, query: RowWindowQuery) -> "PendingRows":
        """Return the state after rows arrived. An old answer does not fulfil the pending request."""
        is_old = query == self.answered and query != self.asked
        return PendingRows(asked=self.asked if is_old else None, answered=query)

    def following(self, view: TableState) -> "PendingRows":
        """Request what the view needs. Keep a pending request while it is still useful."""
        request = view.request
        if self.asked is not None and view.goal is None:
            if view.is_covered_by(self.asked):
                return self
            request = request or view.rows_here()
        return self if request is None or request == self.asked else replace(self, asked=request)


MARK = "✱"
ROW = "job-table--row"
CURSOR = "job-table--cursor"
FLASH = "job-table--flash"
CURSOR_FLASH = "job-table--cursor-flash"
HEADER = "job-table--header"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
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
        gutter.insert(0, Cell(start=0, text="›"))
        cells = tuple(Cell(start=cell.start, text=cell.text) for cell in cells)
    if is_flashing:
        style = CURSOR_FLASH if is_cursor else FLASH
    else:
        style = CURSOR if is_cursor else "job-table--hover" if is_hovered else ROW
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
    written = [
        Line(cells=(Cell(start=(width - cell_len(text)) // 2, text=text, style="job-table--empty"),))
        for text in wrapped
    ]
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


class TableRenderer:
    def __init__(self) -> None:
        self.now = datetime.min.replace(tzinfo=UTC)
        self._has_starts = False
        self._notes = job_columns.NO_NOTES
        self._jobs: tuple[GenerationJob, ...] = ()
        self._content = job_columns.measure(())
        self._width = 0
        self._sort: ListOrder | None = None
        self.columns: tuple[job_columns.JobColumn, ...] = ()
        self._titles: tuple[Cell, ...] = ()
        self._rows: dict[UUID, tuple[GenerationJob, tuple[str, ...], tuple[Cell, ...]]] = {}
        """The cells of each visible row, with the job and the changing texts that they were drawn from."""

    def note(self, notes: RowNotes) -> None:
        """Take other notes on the same rows."""
        self.take(self._jobs, notes, has_starts=self._has_starts)

    def take(self, jobs: tuple[GenerationJob, ...], notes: RowNotes, *, has_starts: bool) -> None:
        """Take the jobs to draw, and the values that their texts depend on.

        Columns only grow with new values, so that they do not move back and forth.
        """
        is_same = (notes, has_starts) == (self._notes, self._has_starts)
        if is_same and jobs is self._jobs:
            return
        self._jobs, self._notes, self._has_starts = jobs, notes, has_starts
        before = self._content
        measured = job_columns.measure(jobs, has_starts=has_starts, notes=notes)
        self._content = {name: max(cells, before.get(name, 0)) for name, cells in measured.items()}
        if self._content != before or not is_same:
            self.fit(self._width, self._sort)

    def forget(self) -> None:
        """Forget the jobs before other jobs are drawn."""
        self._jobs, self._content = (), job_columns.measure(())

    def fit(self, width: int, sort: ListOrder | None) -> None:
        self._width = width
        self._sort = sort
        self.columns = job_columns.lay_out(width, self._content, sort)
        self._titles = job_columns.header_cells(self.columns, sort)
        self._rows.clear()

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
                cells,
                is_cursor=job_id == view.cursor,
                is_marked=job_id in view.marked,
                is_hovered=y == hovered_line,
                is_flashing=job_id in flashing,
            )
            for y, (job_id, (_, _, cells)) in enumerate(self._rows.items(), HEADER_HEIGHT)
        ]
        return (header, *rows)

    def _drawn(self, job: GenerationJob) -> tuple[GenerationJob, tuple[str, ...], tuple[Cell, ...]]:
        """Return the earlier drawing of the row if it has not changed."""
        changing = job_columns.times(job, self.columns, now=self.now, notes=self._notes)
        drawn = self._rows.get(job.id)
        if drawn and drawn[0] is job and drawn[1] == changing:
            return drawn
        return job, changing, job_columns.row_cells(job, self.columns, now=self.now, notes=self._notes)


FLASH_SECONDS = 1.0
"""The time that a changed row, and a changed count, is highlighted."""


def changed_jobs(before: LoadedRows, after: LoadedRows) -> frozenset[UUID]:
    """Return the jobs that are in both and have changed. Unchanged jobs are the same objects in both."""
    return frozenset(job.id for job in after.jobs if (old := before.get(job.id)) is not None and old is not job)
