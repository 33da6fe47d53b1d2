"""The statements on `generation_jobs`: each guard is in the statement itself, so that no concurrent call passes it."""

from collections.abc import Collection, Mapping
from datetime import datetime
from functools import cache, cached_property
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
from sqlalchemy.sql.dml import ReturningDelete

from store import tables
from store.connecting import timestamps
from store.database import Query
from store.finding.id_prefix import IdRange
from store.model import GenerationJob, JobStatus
from store.statements.job_rows import ALL_COLUMNS, APP_COLUMNS, JobColumns, make_job
from store.statements.rows import Row, job_status
from store.transitions import sources

_jobs = tables.generation_jobs

_ID = bindparam("id", type_=Uuid)

Rewritten = tuple[GenerationJob, GenerationJob]
"""A job as it was, and as it is since."""

_PRESENT = select(_jobs.c.id, _jobs.c.status).where(_jobs.c.id == any_(bindparam("ids", type_=ARRAY(Uuid))))
_EXPECTED = (
    func.unnest(bindparam("ids", type_=ARRAY(Uuid)), bindparam("expected", type_=ARRAY(Text)))
    .table_valued("id", "status", name="expected")
    .render_derived()
)


def statuses(job_ids: Collection[UUID]) -> Query[tuple[UUID, JobStatus]]:
    """Which of the jobs are there, and what they are."""
    return Query(_PRESENT, lambda row: (row[0], job_status(row[1])), {"ids": list(job_ids)})


class JobStatements:
    """Those that tell whole jobs, of a table with these columns. Made once: its statements are kept."""

    def __init__(self, columns: JobColumns) -> None:
        self._columns = columns

    def one(self, job_id: UUID) -> Query[GenerationJob]:
        return Query(self._one, make_job, {"id": job_id})

    @cached_property
    def _one(self) -> Select[Any]:
        return select(*self._columns).where(_jobs.c.id == _ID)

    def in_range(self, ids: IdRange, *, limit: int) -> Query[GenerationJob]:
        return Query(self._in_range, make_job, {"low": ids.low, "high": ids.high, "rows": limit})

    @cached_property
    def _in_range(self) -> Select[Any]:
        return (
            select(*self._columns)
            .where(_jobs.c.id.between(bindparam("low", type_=Uuid), bindparam("high", type_=Uuid)))
            .order_by(_jobs.c.id)
            .limit(bindparam("rows", type_=Integer))
        )

    def these(self, job_ids: Collection[UUID]) -> Query[GenerationJob]:
        """Those of the jobs that are there, in any order."""
        return Query(self._these, make_job, {"ids": list(job_ids)})

    @cached_property
    def _these(self) -> Select[Any]:
        return select(*self._columns).where(_jobs.c.id == any_(bindparam("ids", type_=ARRAY(Uuid))))

    def create(
        self, *, project_id: UUID, mode: str, cost_cents: int, input_asset_id: UUID | None
    ) -> Query[GenerationJob]:
        """No row where the actor does not see the project, or the asset is none of the project's."""
        return Query(
            self._create_with_asset if input_asset_id is not None else self._create,
            make_job,
            {
                "project_id": project_id,
                "mode": mode,
                "cost_cents": cost_cents,
                "input_asset_id": input_asset_id,
            },
        )

    @cached_property
    def _create(self) -> Insert:
        """Without an asset none is looked for: there may be no table of them, or no right to read it."""
        return _insert_queued(_owner()).returning(*self._columns)

    @cached_property
    def _create_with_asset(self) -> Insert:
        is_the_projects = exists().where(
            tables.assets.c.id == _ASSET_ID, tables.assets.c.project_id == tables.projects.c.id
        )
        return _insert_queued(_owner().where(is_the_projects)).returning(*self._columns)

    def change(self, job_id: UUID, changes: Mapping[str, object]) -> Query[Rewritten]:
        """No row where there is no such job, or the asset is none of its project's. `changes` has column names."""
        with_asset = changes.get("input_asset_id") is not None
        statement = _change(self._columns, tuple(sorted(changes)), with_asset=with_asset)
        return Query(statement, self._make_rewritten, {"id": job_id, **changes})

    def transition(self, job_ids: Collection[UUID], new_status: JobStatus, error: str | None) -> Query[Rewritten]:
        """Without those that are not there or are in no status from which they may become the new one."""
        return Query(
            self._transition,
            self._make_rewritten,
            {
                "ids": list(job_ids),
                "new_status": new_status.value,
                "new_error": error,
                "sources": [source.value for source in sources(new_status)],
            },
        )

    @cached_property
    def _transition(self) -> Update:
        return _rewrite(
            self._columns,
            {
                "status": bindparam("new_status", type_=Text),
                "error": func.coalesce(bindparam("new_error", type_=Text), _jobs.c.error),
            },
            _jobs.c.id == any_(bindparam("ids", type_=ARRAY(Uuid))),
            _jobs.c.status == any_(bindparam("sources", type_=ARRAY(Text))),
        )

    def _make_rewritten(self, row: Row) -> Rewritten:
        width = len(self._columns)
        return make_job(row[:width]), make_job(row[width:])

    def remove(self, expected: Mapping[UUID, JobStatus | None]) -> Query[GenerationJob]:
        """The jobs deleted: those in the status that is expected of them, None standing for any."""
        return Query(
            self._remove,
            make_job,
            {
                "ids": list(expected),
                "expected": [status.value if status else None for status in expected.values()],
            },
        )

    @cached_property
    def _remove(self) -> ReturningDelete[Any]:
        is_as_expected = or_(_EXPECTED.c.status.is_(null()), _jobs.c.status == _EXPECTED.c.status)
        return delete(_jobs).where(_jobs.c.id == _EXPECTED.c.id, is_as_expected).returning(*self._columns)

    def restore(self, deleted: Collection[GenerationJob]) -> Query[GenerationJob]:
        """The jobs made again with all that they held, without those whose id is taken."""
        values = {column.name: [_sent(getattr(job, column.name)) for job in deleted] for column in self._columns}
        return Query(self._restore, make_job, values)

    @cached_property
    def _restore(self) -> Insert:
        names = [column.name for column in self._columns]
        restored = (
            func.unnest(*(bindparam(column.name, type_=ARRAY(column.type)) for column in self._columns))
            .table_valued(*names, name="restored")
            .render_derived()
        )
        return (
            insert(_jobs)
            .from_select(names, select(*(restored.c[name] for name in names)), include_defaults=False)
            .on_conflict_do_nothing(index_elements=[_jobs.c.id])
            .returning(*self._columns)
        )


OF_THE_APP, OF_EVENTS = JobStatements(APP_COLUMNS), JobStatements(ALL_COLUMNS)
"""For the app's own table, and for that of revision 0005 and later."""

_ASSET_ID = bindparam("input_asset_id", type_=Uuid)


def _owner() -> Select[*tuple[object, ...]]:
    """The new job's values: the owner is the project's."""
    return select(
        tables.projects.c.user_id,
        tables.projects.c.id,
        literal(JobStatus.QUEUED.value),
        bindparam("mode", type_=Text),
        bindparam("cost_cents", type_=Integer),
        _ASSET_ID,
    ).where(tables.projects.c.id == bindparam("project_id", type_=Uuid))


def _insert_queued(owner: Select[*tuple[object, ...]]) -> Insert:
    names = ["user_id", "project_id", "status", "mode", "cost_cents", "input_asset_id"]
    return insert(_jobs).from_select(names, owner, include_defaults=False)


@cache
def _change(columns: JobColumns, names: tuple[str, ...], *, with_asset: bool) -> Update:
    values = {name: bindparam(name, type_=_jobs.c[name].type) for name in names}
    guards: list[ColumnElement[bool]] = [_jobs.c.id == _ID]
    if with_asset:
        asset_id = values["input_asset_id"]
        guards.append(exists().where(tables.assets.c.id == asset_id, tables.assets.c.project_id == _jobs.c.project_id))
    return _rewrite(columns, values, *guards)


def _rewrite(columns: JobColumns, values: Mapping[str, ColumnElement[Any]], *guards: ColumnElement[bool]) -> Update:
    """One statement that locks the jobs that pass the guards, in the order of their ids, and changes them.

    The guards hold for the lock and once more for the change, so that none passes them that has moved meanwhile.
    """
    locked = select(*columns).where(*guards).order_by(_jobs.c.id).with_for_update(key_share=True).subquery("locked")
    statement = update(_jobs).values(values).where(_jobs.c.id == locked.c.id, *guards)
    return statement.returning(*locked.c, *columns)


def _sent(value: object) -> object:
    return timestamps.as_text(value) if isinstance(value, datetime) else str(value) if isinstance(value, str) else value
