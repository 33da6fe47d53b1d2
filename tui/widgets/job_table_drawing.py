"""Draws a view of the job table as lines, and remembers the rows' texts until time, width or rows change."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from uuid import UUID

from store.model import GenerationJob
from tui.arrange import Sort
from tui.widgets.job_table_lines import Line, header_line, row_line, sentence_lines
from tui.widgets.job_table_view import JobTableView
from tui.words.job_cells import Cell, header_cells, row_cells
from tui.words.job_columns import Column, ContentWidths, lay_out, measure

HEADER_HEIGHT = 1


class Drawing:
    def __init__(self) -> None:
        self._now = datetime.min.replace(tzinfo=UTC)
        self._project_names: Mapping[UUID, str] | None = None
        self._hidden: frozenset[UUID] = frozenset()
        self._content = ContentWidths()
        self._width = 0
        self._sort: Sort | None = None
        self._columns: tuple[Column, ...] = ()
        self._cells: dict[UUID, tuple[Cell, ...]] = {}

    @property
    def columns(self) -> tuple[Column, ...]:
        return self._columns

    def take(
        self,
        jobs: Iterable[GenerationJob],
        *,
        now: datetime,
        project_names: Mapping[UUID, str] | None,
        hidden: frozenset[UUID] | None = None,
    ) -> None:
        """The jobs that `lines` will be asked for, and what else their texts depend on."""
        self._now = now
        self._project_names = project_names
        self._hidden = hidden or frozenset()
        self._content = measure(jobs, project_names, through_lens=hidden is not None)
        self.fit(self._width, self._sort)

    def fit(self, width: int, sort: Sort | None) -> None:
        self._width = width
        self._sort = sort
        self._columns = lay_out(width, self._content, sort)
        self._cells.clear()

    def pass_time(self, now: datetime) -> None:
        self._now = now
        self._cells.clear()

    def lines(self, view: JobTableView, *, hovered_line: int | None, empty_text: str) -> tuple[Line, ...]:
        """The header and the rows in sight; `hovered_line` is counted from the header."""
        titles = header_cells(self._columns, self._sort)
        header = header_line(titles, new_above=len(view.unseen), width=self._width)
        if not view.rows:
            return (header, *sentence_lines(empty_text, width=self._width, height=view.height))
        rows = [
            row_line(
                self._row_cells(job),
                is_cursor=job.id == view.cursor,
                is_marked=job.id in view.marks,
                is_hovered=y == hovered_line,
            )
            for y, job in enumerate(view.jobs_in_sight, HEADER_HEIGHT)
        ]
        return (header, *rows)

    def _row_cells(self, job: GenerationJob) -> tuple[Cell, ...]:
        if job.id not in self._cells:
            self._cells[job.id] = row_cells(
                job,
                self._columns,
                now=self._now,
                project_names=self._project_names,
                is_hidden=job.id in self._hidden,
            )
        return self._cells[job.id]
