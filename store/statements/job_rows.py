"""The columns of `generation_jobs`, and from its rows to jobs, thousands at a time: a long list is mostly this."""

from dataclasses import fields
from typing import Any

from sqlalchemy import Column

from store import tables
from store.listing.model import ERROR_CHARACTERS, ListedJob
from store.model import GenerationJob
from store.model.job import LATER_COLUMNS
from store.statements.rows import Row, job_status

JobColumns = tuple[Column[Any], ...]

ALL_COLUMNS: JobColumns = tuple(tables.generation_jobs.c[field.name] for field in fields(GenerationJob))
"""In the order in which jobs are made of them."""
APP_COLUMNS: JobColumns = tuple(column for column in ALL_COLUMNS if column.name not in LATER_COLUMNS)
"""Those of the app's own table, with which the others begin."""


def _draft_of(kind: type) -> Any:
    """A subclass whose values can still be written, and become values of `kind` when their class is set to it.

    A frozen dataclass writes each of its fields by a call, which takes six times as long.
    """
    writable = {"__slots__": (), "__init__": object.__init__}
    return type(f"{kind.__name__}Draft", (kind,), writable | {name: getattr(object, name) for name in _WRITING})


_WRITING = ("__setattr__", "__delattr__")
"""Both of them, for the interpreter keeps them in one place."""

_JobDraft, _ListedDraft = _draft_of(GenerationJob), _draft_of(ListedJob)


def make_job(row: Row) -> GenerationJob:
    draft = _JobDraft()
    _fill(draft, row)
    draft.__class__ = GenerationJob
    job: GenerationJob = draft
    return job


def make_listed(row: Row) -> ListedJob:
    """`row` has of a long error one character more than is kept."""
    draft = _ListedDraft()
    _fill(draft, row)
    draft.is_error_cut = draft.error is not None and len(draft.error) > ERROR_CHARACTERS
    if draft.is_error_cut:
        draft.error = draft.error[:ERROR_CHARACTERS]
    draft.__class__ = ListedJob
    job: ListedJob = draft
    return job


def _fill(draft: Any, row: Row) -> None:
    if len(row) == len(APP_COLUMNS):
        row = (*row, None, None)
    (
        draft.id,
        draft.user_id,
        draft.project_id,
        status,
        draft.mode,
        draft.input_asset_id,
        draft.error,
        draft.cost_cents,
        draft.created_at,
        draft.updated_at,
        draft.retry_count,
        draft.completed_at,
    ) = row
    draft.status = job_status(status)
