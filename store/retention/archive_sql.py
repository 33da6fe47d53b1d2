"""SQL that archives, lists, counts and restores jobs."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    Column,
    ColumnElement,
    DateTime,
    Integer,
    Select,
    TableClause,
    Text,
    Uuid,
    any_,
    bindparam,
    cast,
    column,
    func,
    select,
    text,
    tuple_,
    union_all,
)
from sqlalchemy.types import BigInteger

from gjobs.store import tables
from gjobs.store.database.query import Query, Row, make_id, make_number
from gjobs.store.formats import column_names
from gjobs.store.jobs.job import GenerationJob, parse_status
from gjobs.store.jobs.job_results import Page, PageKey
from gjobs.store.jobs.job_sql import listed_error, make_job, make_listed
from gjobs.store.retention.batches import CURSOR, cursor_parameters
from gjobs.store.retention.retention import ArchivedJob, ArchiveQuery, StatusCount
from gjobs.store.statistics.statistics import JobStatistic, JobSummary
from gjobs.store.statistics.statistics_sql import make_statistic, make_summary


def make_count(row: Row) -> StatusCount:
    status, number, cents, oldest_at = row
    return StatusCount(status=parse_status(status), count=number, total_cost_cents=int(cents), oldest_at=oldest_at)


def make_key(row: Row) -> PageKey:
    created_at: datetime = row[0]
    identifier: UUID = row[1]
    return PageKey(created_at=created_at, id=identifier)


_archived = tables.archived_jobs


def archived_column(kept: Column[Any]) -> ColumnElement[Any]:
    """Return the archive's value of a job column. Columns that the archive lacks are stored in `further`."""
    if kept.name in _archived.c:
        return _archived.c[kept.name]
    return cast(_archived.c.further[kept.name].astext, kept.type).label(kept.name)


_COLUMNS = [archived_column(tables.generation_jobs.c[name]) for name in column_names(GenerationJob)]
_LIGHT_COLUMNS = [listed_error(_archived.c.error) if column.name == "error" else column for column in _COLUMNS]
_IDS = bindparam("ids", type_=ARRAY(Uuid))
_KEY = tuple_(_archived.c.created_at, _archived.c.id)
_MOST = bindparam("rows", type_=Integer)


def _calling(function: Callable[[Any], Any]) -> Select[Any]:
    called = function(_IDS).table_valued(column("id", Uuid), name="moved").render_derived()
    return select(called.c.id)


_ARCHIVE, _RESTORE = _calling(func.gjobs.archive_jobs), _calling(func.gjobs.restore_jobs)


def move_to_archive(job_ids: Sequence[UUID]) -> Query[UUID]:
    """Return a query for the jobs that were moved."""
    return Query(_ARCHIVE, make_id, {"ids": list(job_ids)})


def restore(job_ids: Sequence[UUID]) -> Query[UUID]:
    """Return a query for the restored jobs. If any id is taken, it fails and restores none."""
    return Query(_RESTORE, make_id, {"ids": list(job_ids)})


_IS_SHOWN_WHOLE = text("select gjobs.rollups_agree()")


def is_shown_whole() -> Query[bool]:
    """Return a query for whether the reader sees every archived job that the app's policies would allow."""
    return Query(_IS_SHOWN_WHOLE, _make_truth)


def _make_truth(row: Row) -> bool:
    return bool(row[0])


_DROPPED_COLUMNS = text("""
select distinct f.key
  from gjobs.archived_jobs a cross join lateral jsonb_each(a.further) f
 where a.id = any(:ids) and f.value <> 'null' and f.key not in (select name from gjobs.further_columns())
 order by 1
""").bindparams(_IDS)


def dropped_columns(job_ids: Sequence[UUID]) -> Query[str]:
    """Return a query for columns that have values in these archived jobs and that the app has dropped since."""
    return Query(_DROPPED_COLUMNS, _make_name, {"ids": list(job_ids)})


def _make_name(row: Row) -> str:
    return str(row[0])


@dataclass(frozen=True, slots=True, kw_only=True)
class _Form:
    """All that the SQL depends on."""

    of_project: bool
    of_status: bool
    since: bool
    has_cursor: bool

    def conditions(self) -> list[ColumnElement[bool]]:
        conditions: list[ColumnElement[bool]] = []
        if self.of_project:
            conditions.append(_archived.c.project_id == bindparam("project_id", type_=Uuid))
        if self.of_status:
            conditions.append(_archived.c.status == bindparam("status", type_=Text))
        if self.since:
            conditions.append(_archived.c.archived_at >= bindparam("since", type_=DateTime(timezone=True)))
        return conditions


def _form(query: ArchiveQuery, after: PageKey | None = None) -> _Form:
    return _Form(
        of_project=query.project_id is not None,
        of_status=query.status is not None,
        since=query.archived_since is not None,
        has_cursor=after is not None,
    )


def _parameters(query: ArchiveQuery, after: PageKey | None = None) -> dict[str, object]:
    parameters: dict[str, object] = {}
    if query.project_id is not None:
        parameters["project_id"] = query.project_id
    if query.status is not None:
        parameters["status"] = query.status.value
    if query.archived_since is not None:
        parameters["since"] = query.archived_since
    return parameters | cursor_parameters(after)


@cache
def _newest(form: _Form, *, is_light: bool) -> Select[Any]:
    rows = select(*(_LIGHT_COLUMNS if is_light else _COLUMNS), _archived.c.archived_at).where(*form.conditions())
    if form.has_cursor:
        rows = rows.where(_KEY < CURSOR)
    return rows.order_by(_archived.c.created_at.desc(), _archived.c.id.desc()).limit(_MOST)


def page(query: ArchiveQuery, *, after: PageKey | None, limit: int, is_light: bool) -> Query[ArchivedJob]:
    """Return a query, newest first, with an extra row if there is a next page. Light rows cut long errors."""
    statement = _newest(_form(query, after), is_light=is_light)
    make = _make_listed if is_light else _make_archived
    return Query(statement, make, _parameters(query, after) | {"rows": limit + 1})


def paged(rows: Sequence[ArchivedJob], limit: int) -> Page[ArchivedJob]:
    items = tuple(rows[:limit])
    last = items[-1].job if len(rows) > limit else None
    return Page(items=items, next_key=PageKey(created_at=last.created_at, id=last.id) if last else None)


_THESE = select(*_COLUMNS, _archived.c.archived_at).where(_archived.c.id == any_(_IDS))


def archived_by_ids(job_ids: Sequence[UUID]) -> Query[ArchivedJob]:
    return Query(_THESE, _make_archived, {"ids": list(job_ids)})


def _make_archived(row: Row) -> ArchivedJob:
    archived_at: datetime = row[-1]
    return ArchivedJob(job=make_job(row[:-1]), archived_at=archived_at)


def _make_listed(row: Row) -> ArchivedJob:
    archived_at: datetime = row[-1]
    return ArchivedJob(job=make_listed(row[:-1]), archived_at=archived_at)


@cache
def _oldest(form: _Form) -> Select[Any]:
    rows = select(_archived.c.created_at, _archived.c.id).where(*form.conditions())
    if form.has_cursor:
        rows = rows.where(_KEY > CURSOR)
    return rows.order_by(_archived.c.created_at, _archived.c.id).limit(_MOST)


def oldest(query: ArchiveQuery, *, after: PageKey | None, rows: int) -> Query[PageKey]:
    return Query(_oldest(_form(query, after)), make_key, _parameters(query, after) | {"rows": rows})


@cache
def _counted(form: _Form) -> Select[Any]:
    sums = func.count(), func.sum(_archived.c.cost_cents), func.min(_archived.c.created_at)
    return select(_archived.c.status, *sums).where(*form.conditions()).group_by(_archived.c.status)


def count(query: ArchiveQuery) -> Query[StatusCount]:
    """Return a query for counts by status, unordered."""
    return Query(_counted(_form(query)), make_count, _parameters(query))


_SOME = select(_archived.c.id).limit(_MOST).subquery("some")
_NUMBER = select(func.count()).select_from(_SOME)


def capped_number(*, most: int) -> Query[int]:
    """Return a query for the number of archived jobs, counted up to `most` plus one."""
    return Query(_NUMBER, make_number, {"rows": most + 1})


@cache
def _by_status(form: _Form) -> Select[Any]:
    cents = _archived.c.cost_cents
    sums = func.count(), func.sum(cents), func.avg(cents)
    return select(_archived.c.status, *sums).where(*form.conditions()).group_by(_archived.c.status)


def by_status(project_id: UUID | None) -> Query[JobStatistic]:
    query = ArchiveQuery(project_id=project_id)
    return Query(_by_status(_form(query)), make_statistic, _parameters(query))


_sums = tables.generation_job_summary


def _from_rollups() -> Select[Any]:
    counted = _sums.c.job_count, _sums.c.total_cost_cents, _sums.c.first_job_at, _sums.c.last_job_at
    return select(_sums.c.user_id, _sums.c.project_id, _sums.c.status, *counted)


def _of_rows(source: TableClause) -> Select[Any]:
    key = source.c.user_id, source.c.project_id, source.c.status
    times = func.min(source.c.created_at).label("first_job_at"), func.max(source.c.created_at).label("last_job_at")
    counted = func.count().label("job_count"), func.sum(source.c.cost_cents).label("total_cost_cents"), *times
    return select(*key, *counted).group_by(*key)


@cache
def _summary(of_project: bool, has_rollups: bool) -> Select[Any]:
    present = _from_rollups() if has_rollups else _of_rows(tables.generation_jobs)
    both = union_all(present, _of_rows(tables.archived_jobs)).subquery("both")
    key = both.c.user_id, both.c.project_id, both.c.status
    number, cents = func.sum(both.c.job_count), func.sum(both.c.total_cost_cents)
    total = cast(cents, BigInteger)
    counted = cast(number, BigInteger), total, cents / number
    rows = select(*key, *counted, func.min(both.c.first_job_at), func.max(both.c.last_job_at)).group_by(*key)
    if of_project:
        rows = rows.where(both.c.project_id == bindparam("project_id", type_=Uuid))
    return rows.order_by(total.desc(), *key).limit(bindparam("rows", type_=Integer))


def summary(project_id: UUID | None, *, limit: int, has_rollups: bool) -> Query[JobSummary]:
    """Return the summary, most expensive first. With `has_rollups`, only archived jobs are counted."""
    parameters: dict[str, object] = {} if project_id is None else {"project_id": project_id}
    return Query(_summary(project_id is not None, has_rollups), make_summary, parameters | {"rows": limit})
