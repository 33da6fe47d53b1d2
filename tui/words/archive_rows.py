"""A line for each archived job, and all that is known of one. Pure; styles are theme variables."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import assert_never
from uuid import UUID

from store.events.model import History
from store.retention.model import ArchivedJob
from tui.words.costs import Span
from tui.words.format import age, error_pretty, money, short_id, utc_time
from tui.words.job_facts import fact_lines
from tui.words.status import STATUS_STYLES, status_label
from tui.words.text import clean_block, clean_cell, pad
from tui.words.timeline import timeline_lines

_MUTED = "$foreground-muted"
_LONGEST_ERROR = 20_000
_GAP = "  "
_FACTS_WIDTH = 69
"""Cells that a dialog has for them on the narrowest screen."""


class ArchiveColumn(StrEnum):
    """By their titles, those first that are needed most."""

    STATUS = "status"
    MODE = "mode"
    COST = "cost"
    CREATED = "created"
    ID = "id"
    ARCHIVED = "archived"
    PROJECT = "project"


_CELLS: Mapping[ArchiveColumn, int] = {
    ArchiveColumn.STATUS: 11,
    ArchiveColumn.MODE: 15,
    ArchiveColumn.COST: 9,
    ArchiveColumn.CREATED: 10,
    ArchiveColumn.ID: 8,
    ArchiveColumn.ARCHIVED: 10,
    ArchiveColumn.PROJECT: 22,
}


def archive_columns(width: int, *, with_project: bool) -> Sequence[ArchiveColumn]:
    """As many as there is room for in so many cells."""
    columns: list[ArchiveColumn] = []
    for column, cells in _CELLS.items():
        width -= cells + len(_GAP)
        if width >= -len(_GAP) and (with_project or column is not ArchiveColumn.PROJECT):
            columns.append(column)
    return columns


def archived_titles(columns: Sequence[ArchiveColumn]) -> str:
    return _GAP.join(_fit(column, column) for column in columns)


def archived_line(
    archived: ArchivedJob, columns: Sequence[ArchiveColumn], *, project_names: Mapping[UUID, str], now: datetime
) -> list[Span]:
    spans: list[Span] = []
    for column in columns:
        value = _value(archived, column, project_names, now)
        spans += [(_fit(value, column), _style(archived, column)), (_GAP, "")]
    return spans[:-1]


def _fit(text: str, column: ArchiveColumn) -> str:
    return pad(clean_cell(text, _CELLS[column]), _CELLS[column], right=column is ArchiveColumn.COST)


def _value(archived: ArchivedJob, column: ArchiveColumn, project_names: Mapping[UUID, str], now: datetime) -> str:
    job = archived.job
    match column:
        case ArchiveColumn.STATUS:
            return status_label(job.status)
        case ArchiveColumn.MODE:
            return job.mode
        case ArchiveColumn.COST:
            return money(job.cost_cents)
        case ArchiveColumn.CREATED:
            return age(job.created_at, now)
        case ArchiveColumn.ID:
            return short_id(job.id)
        case ArchiveColumn.ARCHIVED:
            return age(archived.archived_at, now)
        case ArchiveColumn.PROJECT:
            return project_names.get(job.project_id, short_id(job.project_id))
    assert_never(column)


def _style(archived: ArchivedJob, column: ArchiveColumn) -> str:
    if column is ArchiveColumn.STATUS:
        return STATUS_STYLES[archived.job.status]
    return _MUTED if column in (ArchiveColumn.CREATED, ArchiveColumn.ARCHIVED, ArchiveColumn.ID) else ""


def archived_sentence(archived: ArchivedJob, *, now: datetime) -> str:
    return f"Archived {age(archived.archived_at, now)}, {utc_time(archived.archived_at)}."


def archived_facts(archived: ArchivedJob, history: History | None, *, project: str, now: datetime) -> Sequence[str]:
    """Clean lines. `history` is None where none was kept."""
    job = archived.job
    facts = [_text(line) for line in fact_lines(job, project=project, now=now, width=_FACTS_WIDTH)]
    if job.error:
        facts += ["", "Error", clean_block(error_pretty(job.error), limit=_LONGEST_ERROR)]
    happened = [_text(line) for line in timeline_lines(history, now=now, width=_FACTS_WIDTH)] if history else []
    return [*facts, *(["", "What happened", *happened] if happened else [])]


def _text(line: Sequence[Span]) -> str:
    return "".join(text for text, _ in line)
