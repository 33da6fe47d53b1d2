"""The statements on `generation_jobs`: each guard is in the statement itself, so that no concurrent call passes it."""

from collections.abc import Collection, Mapping
from dataclasses import fields
from datetime import datetime
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Insert,
    Integer,
    Select,
    Text,
    Update,
    Uuid,
    any_,
    bindparam,
    delete,
    exists,
    func,
    literal,
    null,
    or_,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import insert

from store import tables
from store.connecting import timestamps
from store.database import Query
from store.finding.id_prefix import IdRange
from store.model import GenerationJob, JobStatus
from store.statements.job_rows import make_job
from store.statements.rows import Row, job_status
from store.transitions import sources

_jobs = tables.generation_jobs
COLUMNS = [_jobs.c[field.name] for field in fields(GenerationJob)]

_ID = bindparam("id", type_=Uuid)


_ONE = select(*COLUMNS).where(_jobs.c.id == _ID)


def one(job_id: UUID) -> Query[GenerationJob]:
    return Query(_ONE, make_job, {"id": job_id})


_IN_RANGE = (
    select(*COLUMNS)
    .where(_jobs.c.id.between(bindparam("low", type_=Uuid), bindparam("high", type_=Uuid)))
    .order_by(_jobs.c.id)
    .limit(bindparam("rows", type_=Integer))
)


def in_range(ids: IdRange, *, limit: int) -> Query[GenerationJob]:
    return Query(_IN_RANGE, make_job, {"low": ids.low, "high": ids.high, "rows": limit})


_THESE = select(*COLUMNS).where(_jobs.c.id == any_(bindparam("ids", type_=ARRAY(Uuid))))


def these(job_ids: Collection[UUID]) -> Query[GenerationJob]:
    """Those of the jobs that are there, in any order."""
    return Query(_THESE, make_job, {"ids": list(job_ids)})


_PRESENT = select(_jobs.c.id, _jobs.c.status).where(_jobs.c.id == any_(bindparam("ids", type_=ARRAY(Uuid))))


def statuses(job_ids: Collection[UUID]) -> Query[tuple[UUID, JobStatus]]:
    """Which of the jobs are there, and what they are."""
    return Query(_PRESENT, lambda row: (row[0], job_status(row[1])), {"ids": list(job_ids)})


def _owner(*, with_asset: bool) -> Select[*tuple[object, ...]]:
    """The new job's values: the owner is the project's; nothing where the asset is not the project's."""
    asset_id = bindparam("input_asset_id", type_=Uuid)
    statement = select(
        tables.projects.c.user_id,
        tables.projects.c.id,
        literal(JobStatus.QUEUED.value),
        bindparam("mode", type_=Text),
        bindparam("cost_cents", type_=Integer),
        asset_id,
    ).where(tables.projects.c.id == bindparam("project_id", type_=Uuid))
    if not with_asset:
        return statement
    return statement.where(
        exists().where(tables.assets.c.id == asset_id, tables.assets.c.project_id == tables.projects.c.id)
    )


@cache
def _create(*, with_asset: bool) -> Insert:
    """Without an asset none is looked for: there may be no table of them, or no right to read it."""
    return (
        insert(_jobs)
        .from_select(
            ["user_id", "project_id", "status", "mode", "cost_cents", "input_asset_id"],
            _owner(with_asset=with_asset),
            include_defaults=False,
        )
        .returning(*COLUMNS)
    )


def create(*, project_id: UUID, mode: str, cost_cents: int, input_asset_id: UUID | None) -> Query[GenerationJob]:
    """No row where the actor does not see the project, or the asset is none of the project's."""
    return Query(
        _create(with_asset=input_asset_id is not None),
        make_job,
        {
            "project_id": project_id,
            "mode": mode,
            "cost_cents": cost_cents,
            "input_asset_id": input_asset_id,
        },
    )


Rewritten = tuple[GenerationJob, GenerationJob]
"""A job as it was, and as it is since."""


def _make_rewritten(row: Row) -> Rewritten:
    return make_job(row[: len(COLUMNS)]), make_job(row[len(COLUMNS) :])


def _rewrite(values: Mapping[str, ColumnElement[Any]], *guards: ColumnElement[bool]) -> Update:
    """One statement that locks the jobs that pass the guards, in the order of their ids, and changes them.

    The guards hold for the lock and once more for the change, so that none passes them that has moved meanwhile.
    """
    locked = select(*COLUMNS).where(*guards).order_by(_jobs.c.id).with_for_update(key_share=True).subquery("locked")
    statement = update(_jobs).values(values).where(_jobs.c.id == locked.c.id, *guards)
    return statement.returning(*locked.c, *COLUMNS)


def change(job_id: UUID, changes: Mapping[str, object]) -> Query[Rewritten]:
    """No row where there is no such job, or the asset is none of its project's. `changes` has column names."""
    statement = _change(tuple(sorted(changes)), with_asset=changes.get("input_asset_id") is not None)
    return Query(statement, _make_rewritten, {"id": job_id, **changes})


@cache
def _change(names: tuple[str, ...], *, with_asset: bool) -> Update:
    values = {name: bindparam(name, type_=_jobs.c[name].type) for name in names}
    guards: list[ColumnElement[bool]] = [_jobs.c.id == _ID]
    if with_asset:
        asset_id = values["input_asset_id"]
        guards.append(exists().where(tables.assets.c.id == asset_id, tables.assets.c.project_id == _jobs.c.project_id))
    return _rewrite(values, *guards)


_TRANSITION = _rewrite(
    {
        "status": bindparam("new_status", type_=Text),
        "error": func.coalesce(bindparam("new_error", type_=Text), _jobs.c.error),
    },
    _jobs.c.id == any_(bindparam("ids", type_=ARRAY(Uuid))),
    _jobs.c.status == any_(bindparam("sources", type_=ARRAY(Text))),
)


def transition(job_ids: Collection[UUID], new_status: JobStatus, error: str | None) -> Query[Rewritten]:
    """Without those that are not there or are in no status from which they may become the new one."""
    return Query(
        _TRANSITION,
        _make_rewritten,
        {
            "ids": list(job_ids),
            "new_status": new_status.value,
            "new_error": error,
            "sources": [source.value for source in sources(new_status)],
        },
    )


_EXPECTED = (
    func.unnest(bindparam("ids", type_=ARRAY(Uuid)), bindparam("expected", type_=ARRAY(Text)))
    .table_valued("id", "status", name="expected")
    .render_derived()
)
_DELETE = (
    delete(_jobs)
    .where(
        _jobs.c.id == _EXPECTED.c.id,
        or_(_EXPECTED.c.status.is_(null()), _jobs.c.status == _EXPECTED.c.status),
    )
    .returning(*COLUMNS)
)


def remove(expected: Mapping[UUID, JobStatus | None]) -> Query[GenerationJob]:
    """The jobs deleted: those in the status that is expected of them, None standing for any."""
    return Query(
        _DELETE,
        make_job,
        {
            "ids": list(expected),
            "expected": [status.value if status else None for status in expected.values()],
        },
    )


_RESTORED = (
    func.unnest(*(bindparam(column.name, type_=ARRAY(column.type)) for column in COLUMNS))
    .table_valued(*(column.name for column in COLUMNS), name="restored")
    .render_derived()
)
_RESTORE = (
    insert(_jobs)
    .from_select(
        [column.name for column in COLUMNS],
        select(*(_RESTORED.c[column.name] for column in COLUMNS)),
        include_defaults=False,
    )
    .on_conflict_do_nothing(index_elements=[_jobs.c.id])
    .returning(*COLUMNS)
)


def restore(deleted: Collection[GenerationJob]) -> Query[GenerationJob]:
    """The jobs made again with all that they held, without those whose id is taken."""
    columns = {column.name: [_sent(getattr(job, column.name)) for job in deleted] for column in COLUMNS}
    return Query(_RESTORE, make_job, columns)


def _sent(value: object) -> object:
    return timestamps.as_text(value) if isinstance(value, datetime) else str(value) if isinstance(value, str) else value
