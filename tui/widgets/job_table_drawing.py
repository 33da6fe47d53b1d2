"""Draws a view of the job table as lines, and remembers the texts of the rows in sight until they read otherwise."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from store.listing.query import ListOrder
from store.model import GenerationJob
from tui.widgets.job_table_lines import Line, header_line, row_line, sentence_lines
from tui.widgets.job_table_view import JobTableView
from tui.widgets.row_window import RowWindow
from tui.words.job_cells import Cell, header_cells, row_cells, times
from tui.words.job_columns import Column, ContentWidths, lay_out, measure

HEADER_HEIGHT = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class _DrawnRow:
    job: GenerationJob
    is_hidden: bool
    times: tuple[str, ...]
    """What it says that time changes."""
    cells: tuple[Cell, ...]


class Drawing:
    def __init__(self) -> None:
        self._now = datetime.min.replace(tzinfo=UTC)
        self._project_names: Mapping[UUID, str] | None = None
        self._hidden: frozenset[UUID] | None = None
        self._jobs: tuple[GenerationJob, ...] = ()
        self._content = ContentWidths()
        self._width = 0
        self._sort: ListOrder | None = None
        self._columns: tuple[Column, ...] = ()
        self._titles: tuple[Cell, ...] = ()
        self._rows: dict[UUID, _DrawnRow] = {}

    @property
    def columns(self) -> tuple[Column, ...]:
        return self._columns

    def take(
        self,
        rows: RowWindow,
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
        content = self._content.widened(measure(rows.jobs, project_names, through_lens=hidden is not None))
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

    def lines(self, view: JobTableView, *, hovered_line: int | None, empty_text: str) -> tuple[Line, ...]:
        """The header and the rows in sight; `hovered_line` is counted from the header."""
        header = header_line(self._titles, new_above=len(view.unseen), width=self._width)
        if not view.rows:
            return (header, *sentence_lines(empty_text, width=self._width, height=view.height))
        self._rows = {job.id: self._drawn(job) for job in view.jobs_in_sight}
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
