"""What each column says of a job, as cleaned text with the name of a style. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import assert_never
from uuid import UUID

from store.listing.query import ListOrder
from store.model import GenerationJob, JobStatus
from store.transitions import is_final
from tui.words.format import age, duration, elapsed, error_summary, is_infinite, money, short_id
from tui.words.job_columns import HIDDEN, SORTED_BY, Column, ColumnName
from tui.words.status import status_label
from tui.words.text import clean_cell, pad


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """Cleaned text at its place in a line."""

    start: int
    """In cells from the left."""
    text: str
    style: str = ""
    """A component class of the table; empty for the line's own style."""


def header_cells(columns: Iterable[Column], sort: ListOrder | None) -> tuple[Cell, ...]:
    """The titles; the sorted one points down when the largest or newest is on top."""
    cells: list[Cell] = []
    for column in columns:
        is_sorted = sort is not None and SORTED_BY.get(column.name) is sort.column
        arrow = "" if sort is None or not is_sorted else " ▾" if sort.descending else " ▴"
        cells.append(Cell(start=column.start, text=_fit(column.name + arrow, column)))
    return tuple(cells)


def row_cells(
    job: GenerationJob,
    columns: Iterable[Column],
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


def times(job: GenerationJob, columns: Iterable[Column], *, now: datetime) -> tuple[str, ...]:
    """All that `row_cells` says of a job and that changes by itself."""
    return tuple(_value(job, column.name, now, {}, False) for column in columns if column.name in _TIMES)


_TIMES = frozenset((ColumnName.CREATED, ColumnName.UPDATED, ColumnName.TOTAL))


def _fit(text: str, column: Column) -> str:
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
            return error_summary(job.error)
        case _:
            assert_never(name)


def _hidden_style(name: ColumnName) -> str:
    return "job-table--hidden" if name is ColumnName.LENS else "job-table--quiet"


def _total(job: GenerationJob, now: datetime) -> str:
    """From the creation to the end, or up to now while the job runs."""
    if job.status is JobStatus.QUEUED or is_infinite(job.created_at) or is_infinite(job.updated_at):
        return ""
    if is_final(job.status):
        return duration((job.updated_at - job.created_at).total_seconds())
    return elapsed((now - job.created_at).total_seconds())


def _style(job: GenerationJob, name: ColumnName) -> str:
    match name:
        case ColumnName.STATUS:
            return f"job-table--{job.status}"
        case ColumnName.ERROR:
            return "job-table--error"
        case ColumnName.CREATED | ColumnName.UPDATED | ColumnName.TOTAL | ColumnName.ID:
            return "job-table--quiet"
        case _:
            return ""
