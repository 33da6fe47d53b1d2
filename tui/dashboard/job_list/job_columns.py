"""Cells of the job list."""

from collections.abc import Iterable, Mapping
from dataclasses import field
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import assert_never
from uuid import UUID

from rich.cells import cell_len

from gjobs.store.formats import money
from gjobs.store.job_list.list_query import ListOrder
from gjobs.store.jobs.job import GenerationJob, JobStatus, ListedJob, UnknownStatus, job_times
from gjobs.store.member_table import by_member
from gjobs.store.moments.moment import TIME_FIELDS
from gjobs.store.value_class import dataclass
from gjobs.tui.dashboard.job_list.column_layout import (
    HIDDEN,
    MOST_TEXT,
    RIGHT_ALIGNED,
    SORTED_BY,
    ColumnName,
    ContentWidths,
    JobColumn,
)
from gjobs.tui.text.clean_text import clean_cell, pad
from gjobs.tui.text.format import UNKNOWN, age, coarse_duration, duration, error_summary, short_id
from gjobs.tui.text.moment_text import UNRECORDED, is_unrecorded
from gjobs.tui.text.status_text import status_label


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


def measure(
    jobs: Iterable[GenerationJob],
    project_names: Mapping[UUID, str] | None,
    *,
    with_visibility: bool = False,
    has_starts: bool = False,
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
        has_starts=has_starts,
    )


def _widest(texts: Iterable[str]) -> int:
    return max((min(cell_len(clean_cell(text, MOST_TEXT)), MOST_TEXT) for text in texts), default=0)


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
        is_sorted = sort is not None and SORTED_BY[column.name] is sort.column
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
    wordings = (f"running ! stuck {time}", f"! stuck {time}", "! stuck")
    return next((words for words in wordings if len(words) <= column.width), wordings[-1])


_FIELDS: Mapping[ColumnName, Iterable[str]] = by_member(
    ColumnName,
    {
        ColumnName.LENS: (),
        ColumnName.STATUS: (),
        ColumnName.MODE: ("mode",),
        ColumnName.COST: (),
        ColumnName.CREATED: ("created_at",),
        ColumnName.UPDATED: ("updated_at",),
        ColumnName.RUN: TIME_FIELDS["run"],
        ColumnName.TOTAL: TIME_FIELDS["total"],
        ColumnName.PROJECT: (),
        ColumnName.OWNER: ("user_id",),
        ColumnName.ID: (),
        ColumnName.ERROR: ("error",),
    },
)
"""The fields that an earlier moment may not have, by the column that shows them."""


def _marked(job: GenerationJob, name: ColumnName, text: str) -> str:
    """Mark a value that was not recorded."""
    if not is_unrecorded(job, *_FIELDS[name]) or (name in _DURATIONS and text in ("", UNKNOWN)):
        return text
    if name in _CHANGING_BY_TIME:
        return UNRECORDED + text.removesuffix(" ago")  # The column has no room for more.
    return f"{UNRECORDED} {text}".rstrip()


_NO_NAMES: Mapping[UUID, str] = MappingProxyType({})
_DURATIONS = frozenset((ColumnName.RUN, ColumnName.TOTAL))
_CHANGING_BY_TIME = _DURATIONS | {ColumnName.CREATED, ColumnName.UPDATED}


def _fit_cell(text: str, column: JobColumn) -> str:
    return pad(clean_cell(text, column.width), column.width, right=column.name in RIGHT_ALIGNED)


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
        case ColumnName.RUN:
            return _duration(job, job_times(job, now).run)
        case ColumnName.TOTAL:
            return _duration(job, job_times(job, now).total)
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


def _duration(job: GenerationJob, time: timedelta | None) -> str:
    """Return the time, or a dash if it is unknown. Empty if the job is queued or has an unknown status."""
    if job.status is JobStatus.QUEUED or isinstance(job.status, UnknownStatus):
        return ""
    return UNKNOWN if time is None else duration(time.total_seconds())


def _cell_style(job: GenerationJob, name: ColumnName, *, is_stuck: bool) -> str:
    match name:
        case ColumnName.STATUS if is_stuck:
            return "job-table--stuck"
        case ColumnName.STATUS:
            return "job-table--quiet" if isinstance(job.status, UnknownStatus) else f"job-table--{job.status}"
        case ColumnName.ERROR:
            return "job-table--error"
        case ColumnName.CREATED | ColumnName.UPDATED | ColumnName.RUN | ColumnName.TOTAL | ColumnName.ID:
            return "job-table--quiet"
        case ColumnName.LENS | ColumnName.MODE | ColumnName.COST | ColumnName.PROJECT | ColumnName.OWNER:
            return ""
    assert_never(name)
