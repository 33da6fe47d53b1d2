"""Columns of the job list: which fit a width, where, and what their cells say."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import assert_never
from uuid import UUID

from rich.cells import cell_len

from store.formats import money
from store.job_list.list_query import ListOrder, OrderColumn
from store.jobs.job import GenerationJob, JobStatus, ListedJob, UnknownStatus
from tui.text.clean_text import clean_cell, pad
from tui.text.format import age, duration, elapsed, error_summary, is_infinite, short_id
from tui.text.status_text import status_label

GUTTER = 3
"""Cells at the left for the mark and the cursor."""

WIDE = 120
"""From this width on there is room for the id."""

HIDDEN = "⊘ hidden"
"""What the lens' column says of a job that the user does not see."""

_NARROW = 60
_MOST_TEXT = 48
_SOME_TEXT, _ENOUGH_TEXT = 16, 24
_SOME_ERROR, _ENOUGH_ERROR = 24, 40
"""Cells of a mode or a name, and of an error: further ones are given when all have so many."""


class ColumnName(StrEnum):
    """In the order on the screen; the value is the title."""

    LENS = "LENS"
    STATUS = "STATUS"
    MODE = "MODE"
    COST = "COST"
    CREATED = "CREATED"
    UPDATED = "UPDATED"
    TOTAL = "TOTAL"
    PROJECT = "PROJECT"
    ID = "ID"
    ERROR = "ERROR"


SORTED_BY: Mapping[ColumnName, OrderColumn] = {
    ColumnName.COST: OrderColumn.COST,
    ColumnName.CREATED: OrderColumn.CREATED,
    ColumnName.UPDATED: OrderColumn.UPDATED,
    ColumnName.TOTAL: OrderColumn.TOTAL,
}
"""The columns that a list can be sorted by."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobColumn:
    name: ColumnName
    start: int
    """In cells from the left."""
    width: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ContentWidths:
    """In cells, of the widest value among all rows at hand, so that columns keep still while one scrolls.

    A project is as wide as the widest of all names, whether a row at hand has it or not.
    """

    mode: int = 0
    cost: int = 0
    project: int | None = None
    """None when all jobs are of one project, so that no column names it."""
    with_visibility: bool = False
    """Whether a column tells which jobs are hidden from a user."""

    def widened(self, other: "ContentWidths") -> "ContentWidths":
        """With room for what the other one measured, and with the columns that it has."""
        return ContentWidths(
            mode=max(self.mode, other.mode),
            cost=max(self.cost, other.cost),
            project=None if other.project is None else max(self.project or 0, other.project),
            with_visibility=other.with_visibility,
        )


def measure(
    jobs: Iterable[GenerationJob], project_names: Mapping[UUID, str] | None, *, with_visibility: bool = False
) -> ContentWidths:
    jobs = tuple(jobs)
    costs = [job.cost_cents for job in jobs]
    project = None if project_names is None else _widest(project_names.values())
    return ContentWidths(
        mode=_widest({job.mode for job in jobs}),
        cost=max((len(money(cents)) for cents in (min(costs), max(costs))), default=0) if costs else 0,
        project=project,
        with_visibility=with_visibility,
    )


def _widest(texts: Iterable[str]) -> int:
    return max((min(cell_len(clean_cell(text, _MOST_TEXT)), _MOST_TEXT) for text in texts), default=0)


def lay_out(width: int, content: ContentWidths, sort: ListOrder | None = None) -> tuple[JobColumn, ...]:
    """Share a width of 40 to 200 cells among the columns that fit, left to right.

    When it is narrow the least wanted go first. Modes, project names and errors get some cells, then enough of them,
    then the names what they need, and the error what is left.
    """
    gap = 1 if width < _NARROW else 2
    least = _least_widths(content)
    widths: dict[ColumnName, int] = {}
    left = width - GUTTER + gap
    for name in _wanted(width, content, sort):
        # Beside a project's column, an error that says something goes before more times and ids.
        reserved = _SOME_ERROR - least[ColumnName.ERROR] if ColumnName.PROJECT in widths else 0
        if left < least[name] + gap + reserved:
            break
        widths[name] = least[name]
        left -= least[name] + gap
    project = content.project or 0
    for name, wanted_width in (
        (ColumnName.MODE, min(content.mode, _SOME_TEXT)),
        (ColumnName.PROJECT, min(project, _SOME_TEXT)),
        (ColumnName.ERROR, _SOME_ERROR),
        (ColumnName.MODE, min(content.mode, _ENOUGH_TEXT)),
        (ColumnName.PROJECT, min(project, _ENOUGH_TEXT)),
        (ColumnName.ERROR, _ENOUGH_ERROR),
        (ColumnName.MODE, content.mode),
        (ColumnName.PROJECT, project),
    ):
        if name in widths:
            more = min(max(wanted_width - widths[name], 0), left)
            widths[name] += more
            left -= more
    if ColumnName.ERROR in widths:
        widths[ColumnName.ERROR] += left
    return _place(widths, gap)


_TIMES = {OrderColumn.UPDATED: ColumnName.UPDATED, OrderColumn.TOTAL: ColumnName.TOTAL}


def _wanted(width: int, content: ContentWidths, sort: ListOrder | None) -> list[ColumnName]:
    """The most wanted first. Sorted by the last change or the total, the table shows that instead of the creation."""
    sorted_by = sort.column if sort else OrderColumn.CREATED
    time = _TIMES.get(sorted_by, ColumnName.CREATED)
    wanted = [
        *([ColumnName.LENS] if content.with_visibility else []),
        ColumnName.STATUS,
        ColumnName.MODE,
        ColumnName.COST,
        time,
        ColumnName.ERROR,
    ]
    if content.project is not None:
        wanted.append(ColumnName.PROJECT)
    wanted.append(ColumnName.CREATED if time is ColumnName.TOTAL else ColumnName.TOTAL)
    if width >= WIDE:
        wanted.append(ColumnName.ID)
    return wanted


def _least_widths(content: ContentWidths) -> dict[ColumnName, int]:
    return {
        ColumnName.LENS: len(HIDDEN),
        ColumnName.STATUS: max(len(status_label(status)) for status in JobStatus),
        ColumnName.MODE: min(max(content.mode, len("MODE ▾")), 8),
        ColumnName.COST: max(content.cost, len("COST ▾")),
        ColumnName.CREATED: len("59 min ago"),
        ColumnName.UPDATED: len("59 min ago"),
        ColumnName.TOTAL: len("59 min 59 s"),
        ColumnName.PROJECT: 10,
        ColumnName.ID: 8,
        ColumnName.ERROR: 10,
    }


def _place(widths: Mapping[ColumnName, int], gap: int) -> tuple[JobColumn, ...]:
    columns: list[JobColumn] = []
    start = GUTTER
    for name in ColumnName:
        if name in widths:
            columns.append(JobColumn(name=name, start=start, width=widths[name]))
            start += widths[name] + gap
    return tuple(columns)


def column_at(columns: Iterable[JobColumn], x: int) -> ColumnName | None:
    """The column under a cell; the gap to the right belongs to it. None in the gutter."""
    starts = [column for column in columns if column.start <= x]
    return starts[-1].name if starts else None


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
        cells.append(Cell(start=column.start, text=_fit_cell(column.name + arrow, column)))
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
            text=_fit_cell(_cell_text(job, column.name, now, names, is_hidden), column),
            style=_hidden_style(column.name) if is_hidden else _cell_style(job, column.name),
        )
        for column in columns
    )


def times(job: GenerationJob, columns: Iterable[JobColumn], *, now: datetime) -> tuple[str, ...]:
    """All that `row_cells` says of a job and that changes by itself."""
    return tuple(_cell_text(job, column.name, now, {}, False) for column in columns if column.name in _CHANGING_BY_TIME)


_CHANGING_BY_TIME = frozenset((ColumnName.CREATED, ColumnName.UPDATED, ColumnName.TOTAL))


def _fit_cell(text: str, column: JobColumn) -> str:
    return pad(clean_cell(text, column.width), column.width, right=column.name is ColumnName.COST)


def _cell_text(
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


def _cell_style(job: GenerationJob, name: ColumnName) -> str:
    match name:
        case ColumnName.STATUS:
            return "job-table--quiet" if isinstance(job.status, UnknownStatus) else f"job-table--{job.status}"
        case ColumnName.ERROR:
            return "job-table--error"
        case ColumnName.CREATED | ColumnName.UPDATED | ColumnName.TOTAL | ColumnName.ID:
            return "job-table--quiet"
        case _:
            return ""
