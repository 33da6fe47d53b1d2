"""Columns of the job list: which fit, where, and their cells."""

from collections.abc import Iterable, Mapping
from dataclasses import field
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import assert_never
from uuid import UUID

from rich.cells import cell_len

from store.formats import money
from store.job_list.list_query import ListOrder, OrderColumn
from store.jobs.job import GenerationJob, JobStatus, ListedJob, UnknownStatus
from store.moments.moment import PastJob
from store.value_class import dataclass
from tui.text.clean_text import clean_cell, pad
from tui.text.format import age, coarse_duration, duration, error_summary, is_far, short_id
from tui.text.moment_text import UNRECORDED, is_duration_unrecorded, is_unrecorded
from tui.text.status_text import status_label

GUTTER = 3
"""Cells at the left for the mark and the cursor."""

WIDE = 120
"""The width from which the id column fits."""

_STUCK_LABEL = "! stuck 59 min"
"""The longest status of a stuck job. The exclamation mark is one cell wide in every font."""

HIDDEN = "⊘ hidden"
"""The visibility cell of a job that the user does not see."""

_NARROW = 60
_MOST_TEXT, _MOST_ERROR = 32, 80
"""Maximum cells of a mode or a name, and of an error. Longer lines are harder to read."""
_SHORT_TEXT, _SOME_TEXT, _ENOUGH_TEXT = 12, 16, 24
_SHORT_ERROR, _SOME_ERROR, _ENOUGH_ERROR = 16, 24, 40
"""Cells of a mode or a name, and of an error. Columns grow beyond them only after all have reached them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RowNotes:
    """Facts about the rows that are read separately from the list."""

    owners: Mapping[UUID, str] | None = None
    """The known names of owners. None if no column shows the owners."""
    stuck: Mapping[UUID, datetime] = field(default_factory=dict)
    """The stuck jobs, and when each was last updated. A job that was updated later no longer counts as stuck."""

    pending: Mapping[UUID, str] = field(default_factory=dict)
    """What an unanswered change is doing to a job, such as "starting …". It takes the place of the status."""

    def is_stuck(self, job: GenerationJob) -> bool:
        return job.status is JobStatus.RUNNING and self.stuck.get(job.id) == job.updated_at


NO_NOTES = RowNotes()


class ColumnName(StrEnum):
    """Columns in screen order. The value is the title."""

    LENS = "VISIBLE"
    STATUS = "STATUS"
    MODE = "MODE"
    COST = "COST"
    CREATED = "CREATED"
    UPDATED = "UPDATED"
    TOTAL = "DURATION"
    PROJECT = "PROJECT"
    OWNER = "OWNER"
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
    """A column that fits, and where it is."""

    name: ColumnName
    start: int
    """Cells from the left."""
    width: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ContentWidths:
    """Cells of the widest values among the loaded rows, so that columns do not move during a scroll.

    The project width covers all project names, even those without a loaded row.
    """

    mode: int = 0
    cost: int = 0
    project: int | None = None
    """None if all jobs belong to one project, which then needs no column."""
    owner: int | None = None
    """None if no column shows the owners."""
    with_visibility: bool = False
    """Whether a column shows which jobs are hidden from a user."""

    def widened(self, other: "ContentWidths") -> "ContentWidths":
        """Return the larger widths of both, with the columns of `other`."""
        return ContentWidths(
            mode=max(self.mode, other.mode),
            cost=max(self.cost, other.cost),
            project=None if other.project is None else max(self.project or 0, other.project),
            owner=None if other.owner is None else max(self.owner or 0, other.owner),
            with_visibility=other.with_visibility,
        )


def measure(
    jobs: Iterable[GenerationJob],
    project_names: Mapping[UUID, str] | None,
    *,
    with_visibility: bool = False,
    notes: RowNotes = NO_NOTES,
) -> ContentWidths:
    jobs = tuple(jobs)
    costs = [job.cost_cents for job in jobs]
    project = None if project_names is None else _widest(project_names.values())
    return ContentWidths(
        mode=_widest({job.mode for job in jobs}),
        cost=max((len(money(cents)) for cents in (min(costs), max(costs))), default=0) if costs else 0,
        project=project,
        owner=None if notes.owners is None else _widest(notes.owners.values()),
        with_visibility=with_visibility,
    )


def _widest(texts: Iterable[str]) -> int:
    return max((min(cell_len(clean_cell(text, _MOST_TEXT)), _MOST_TEXT) for text in texts), default=0)


def lay_out(width: int, content: ContentWidths, sort: ListOrder | None = None) -> tuple[JobColumn, ...]:
    """Share a width of 40 to 200 cells among the columns that fit, from left to right.

    On a narrow screen, the least important columns are dropped. Owners, modes, project names and errors first get a
    minimum, then a readable width. Then modes and names get their full width. The error gets the rest, up to a maximum.
    The widths do not depend on whether a job is stuck, so that one such job moves no column.
    """
    gap = 1 if width < _NARROW else 2
    least = _least_widths(content)
    widths: dict[ColumnName, int] = {}
    left = width - GUTTER + gap
    for name in _wanted(width, content, sort):
        cells = least[name] + gap
        # Next to a project column, readable names are more important than a further column.
        reserved = _reserved(content, least, name) if ColumnName.PROJECT in widths else 0
        if left < cells + reserved:
            break
        widths[name] = least[name]
        left -= cells
    project, owner = content.project or 0, content.owner or 0
    for name, wanted_width in (
        (ColumnName.OWNER, min(owner, _SOME_TEXT)),
        (ColumnName.MODE, min(content.mode, _SHORT_TEXT)),
        (ColumnName.ERROR, _SHORT_ERROR),
        (ColumnName.PROJECT, min(project, _SHORT_TEXT)),
        (ColumnName.MODE, min(content.mode, _SOME_TEXT)),
        (ColumnName.PROJECT, min(project, _SOME_TEXT)),
        (ColumnName.ERROR, _SOME_ERROR),
        (ColumnName.MODE, min(content.mode, _ENOUGH_TEXT)),
        (ColumnName.PROJECT, min(project, _ENOUGH_TEXT)),
        (ColumnName.OWNER, min(owner, _ENOUGH_TEXT)),
        (ColumnName.ERROR, _ENOUGH_ERROR),
        (ColumnName.MODE, content.mode),
        (ColumnName.PROJECT, project),
        (ColumnName.OWNER, owner),
        (ColumnName.STATUS, len(_STUCK_LABEL)),
    ):
        missing = max(wanted_width - widths.get(name, 0), 0)
        if name in widths:
            more = min(missing, left)
            widths[name] += more
            left -= more
    if ColumnName.ERROR in widths:
        widths[ColumnName.ERROR] = min(widths[ColumnName.ERROR] + left, _MOST_ERROR)
    return _place(widths, gap)


def _reserved(content: ContentWidths, least: Mapping[ColumnName, int], name: ColumnName) -> int:
    """Return the cells that more important columns need before this one is added."""
    texts = {ColumnName.MODE: content.mode, ColumnName.PROJECT: content.project, ColumnName.OWNER: content.owner}
    missing = {one: max(min(cells or 0, _SOME_TEXT) - least[one], 0) for one, cells in texts.items()}
    has_owner = content.owner is not None
    match name:
        case ColumnName.ERROR:
            return missing[ColumnName.OWNER] if has_owner else sum(missing.values())
        case ColumnName.TOTAL | ColumnName.CREATED if has_owner:
            short_mode = max(min(content.mode, _SHORT_TEXT) - least[ColumnName.MODE], 0)
            return missing[ColumnName.OWNER] + short_mode + _SHORT_ERROR - least[ColumnName.ERROR]
        case ColumnName.ID:
            return sum(missing.values()) + _SOME_ERROR - least[ColumnName.ERROR]
        case _:
            return 0


_TIMES = {OrderColumn.UPDATED: ColumnName.UPDATED, OrderColumn.TOTAL: ColumnName.TOTAL}


def _wanted(width: int, content: ContentWidths, sort: ListOrder | None) -> list[ColumnName]:
    """Return the columns, most important first. The time column follows the order of the list."""
    sorted_by = sort.column if sort else OrderColumn.CREATED
    time = _TIMES.get(sorted_by, ColumnName.CREATED)
    wanted = [
        *([ColumnName.LENS] if content.with_visibility else []),
        ColumnName.STATUS,
        ColumnName.MODE,
        ColumnName.COST,
        time,
    ]
    further = ColumnName.CREATED if time is ColumnName.TOTAL else ColumnName.TOTAL
    if content.project is None:
        wanted += [ColumnName.ERROR, further]
    elif content.owner is None:
        wanted += [ColumnName.PROJECT, further, ColumnName.ERROR]
    else:
        wanted += [ColumnName.PROJECT, ColumnName.OWNER, ColumnName.ERROR, further]
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
        ColumnName.PROJECT: 10 if content.owner is None else 8,
        ColumnName.OWNER: 8,
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
    """Return the column under a cell. The gap to its right belongs to it. Return None in the gutter."""
    starts = [column for column in columns if column.start <= x]
    return starts[-1].name if starts else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """Clean text at its place in a line."""

    start: int
    """Cells from the left."""
    text: str
    style: str = ""
    """A component class of the table. Empty for the style of the line."""


def header_cells(columns: Iterable[JobColumn], sort: ListOrder | None) -> tuple[Cell, ...]:
    """Return the titles. The arrow of the sorted column points down if the largest or newest value is at the top."""
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
    notes: RowNotes = NO_NOTES,
) -> tuple[Cell, ...]:
    """Return the cells of a job. Without a name, the id is shown. A hidden job is dimmed and marked."""
    pending = notes.pending.get(job.id)
    is_stuck = notes.is_stuck(job) and pending is None
    return tuple(
        Cell(
            start=column.start,
            text=_fit_cell(
                pending
                if pending is not None and column.name is ColumnName.STATUS
                else _stuck_text(job, column, now)
                if is_stuck and column.name is ColumnName.STATUS
                else _marked(
                    job,
                    column.name,
                    _cell_text(
                        job,
                        column.name,
                        now,
                        project_names or _NO_NAMES,
                        notes.owners or _NO_NAMES,
                        is_hidden=is_hidden,
                    ),
                ),
                column,
            ),
            style=_hidden_style(column.name) if is_hidden else _cell_style(job, column.name, is_stuck=is_stuck),
        )
        for column in columns
    )


def times(job: GenerationJob, columns: Iterable[JobColumn], *, now: datetime) -> tuple[str, ...]:
    """Return the texts of a row that change with time."""
    return tuple(
        _marked(job, column.name, _cell_text(job, column.name, now))
        for column in columns
        if column.name in _CHANGING_BY_TIME
    )


def stuck_time(job: GenerationJob, now: datetime) -> str:
    """Return how long a stuck job was not updated."""
    return coarse_duration((now - job.updated_at).total_seconds())


def _stuck_text(job: GenerationJob, column: JobColumn, now: datetime) -> str:
    time = stuck_time(job, now)
    wordings = (f"! stuck {time}", f"! stuck {time.replace(' min', 'm')}", f"! {time}")
    return next((words for words in wordings if len(words) <= column.width), wordings[-1])


_FIELDS = {
    ColumnName.MODE: "mode",
    ColumnName.CREATED: "created_at",
    ColumnName.UPDATED: "updated_at",
    ColumnName.OWNER: "user_id",
    ColumnName.ERROR: "error",
}
"""The fields that an earlier moment may not have, by the column that shows them."""


def _marked(job: GenerationJob, name: ColumnName, text: str) -> str:
    """Mark a value that was not recorded."""
    if not isinstance(job, PastJob) or (not text and name is ColumnName.TOTAL):
        return text
    if not (is_duration_unrecorded(job) if name is ColumnName.TOTAL else is_unrecorded(job, _FIELDS.get(name, ""))):
        return text
    if name in _CHANGING_BY_TIME:
        return UNRECORDED + text.removesuffix(" ago")  # The column has no room for more.
    return f"{UNRECORDED} {text}".rstrip()


_NO_NAMES: Mapping[UUID, str] = MappingProxyType({})
_RIGHT_ALIGNED = frozenset((ColumnName.COST, ColumnName.TOTAL))
_CHANGING_BY_TIME = frozenset((ColumnName.CREATED, ColumnName.UPDATED, ColumnName.TOTAL))


def _fit_cell(text: str, column: JobColumn) -> str:
    return pad(clean_cell(text, column.width), column.width, right=column.name in _RIGHT_ALIGNED)


def _cell_text(
    job: GenerationJob,
    name: ColumnName,
    now: datetime,
    project_names: Mapping[UUID, str] = _NO_NAMES,
    owners: Mapping[UUID, str] = _NO_NAMES,
    *,
    is_hidden: bool = False,
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
        case ColumnName.OWNER:
            return owners.get(job.user_id, short_id(job.user_id))
        case ColumnName.ID:
            return short_id(job.id)
        case ColumnName.ERROR:
            return error_summary(job.error, is_cut=isinstance(job, ListedJob) and job.is_error_cut)
        case _:
            assert_never(name)


def _hidden_style(name: ColumnName) -> str:
    return "job-table--hidden" if name is ColumnName.LENS else "job-table--quiet"


def _total(job: GenerationJob, now: datetime) -> str:
    """Return the time from creation to the end. A running job counts up to now."""
    end = job.ended_at if job.status.is_final else now
    if job.status is JobStatus.QUEUED or is_far(job.created_at) or is_far(end):
        return ""
    if isinstance(job.status, UnknownStatus):
        return ""  # An unknown status does not show whether the job has ended.
    return duration((end - job.created_at).total_seconds())


def _cell_style(job: GenerationJob, name: ColumnName, *, is_stuck: bool) -> str:
    match name:
        case ColumnName.STATUS if is_stuck:
            return "job-table--stuck"
        case ColumnName.STATUS:
            return "job-table--quiet" if isinstance(job.status, UnknownStatus) else f"job-table--{job.status}"
        case ColumnName.ERROR:
            return "job-table--error"
        case ColumnName.CREATED | ColumnName.UPDATED | ColumnName.TOTAL | ColumnName.ID:
            return "job-table--quiet"
        case _:
            return ""
