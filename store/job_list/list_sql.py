"""SQL of ordered lists: pages, windows, lengths."""

import operator
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from datetime import datetime
from enum import Enum, auto
from functools import lru_cache
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    CTE,
    ColumnElement,
    DateTime,
    Integer,
    Interval,
    Select,
    Text,
    Uuid,
    any_,
    bindparam,
    func,
    literal_column,
    or_,
    select,
    tuple_,
    union_all,
)
from sqlalchemy.types import TypeEngine

from gjobs.store import tables
from gjobs.store.capabilities.capabilities import Capabilities
from gjobs.store.database import timestamps
from gjobs.store.database.query import Query, RowMaker, make_number
from gjobs.store.far_times import EXTREMES, FarTime
from gjobs.store.filters import filter_sql
from gjobs.store.filters.filter_sql import Shape
from gjobs.store.filters.filter_terms import Key
from gjobs.store.job_list.index_advice import is_in_order
from gjobs.store.job_list.list_query import Anchor, End, ListQuery, OrderColumn, RowKey, RowWindowQuery
from gjobs.store.job_list.listing import RowWindow
from gjobs.store.jobs.job import AnyStatus, GenerationJob, JobStatus, ListedJob
from gjobs.store.jobs.job_results import Page, PageKey
from gjobs.store.jobs.job_sql import (
    ALL_COLUMNS,
    APP_COLUMNS,
    COLUMNS_WITH_START,
    LOOK_UP_START,
    JobColumns,
    listed_error,
    make_job,
    make_listed,
    readable_columns,
)
from gjobs.store.users.actor import OPERATOR, Actor
from gjobs.store.value_class import dataclass

T = TypeVar("T")

_jobs = tables.generation_jobs

_ORDERS: Mapping[OrderColumn, tuple[ColumnElement[Any], TypeEngine[Any]]] = {
    OrderColumn.CREATED: (_jobs.c.created_at, DateTime(timezone=True)),
    OrderColumn.UPDATED: (_jobs.c.updated_at, DateTime(timezone=True)),
    OrderColumn.COST: (_jobs.c.cost_cents, Integer()),
    OrderColumn.TOTAL: (tables.total, Interval()),
}

_listed_error = listed_error(_jobs.c.error)

_COMPARISONS: Mapping[tuple[bool, bool], Any] = {
    (False, False): operator.gt,
    (False, True): operator.ge,
    (True, False): operator.lt,
    (True, True): operator.le,
}
"""The operator for each pair: whether the order descends, and whether the position is included."""
_MOST = bindparam("rows", type_=Integer)
_NO_TIME: ColumnElement[Any] = literal_column("interval '0'", Interval)
"""Added to a column, it keeps Postgres from using the column's index."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanStart:
    """Where reading a list starts, and in which direction."""

    position: Anchor
    includes_position: bool = False
    """Whether a row exactly at the position is included."""
    is_backwards: bool = False
    """Whether rows are read and returned against the list's order."""
    is_read_by_id: bool = False
    """Whether the position's value may be inexact, because its time is out of range. The row's own value is used if
    the row still exists.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessPath:
    """How the database can read a list, as far as the statement depends on it."""

    columns: JobColumns = APP_COLUMNS
    """The columns of the jobs table."""
    is_in_order: bool = False
    """Whether an index has exactly these rows in this order."""
    through_policies: bool = False
    """Whether row level security filters the rows. A position in an order by total is then not found in an index: a
    subtraction might reveal hidden rows. The actor's rows are sorted instead.
    """


PLAIN = AccessPath()


def access_path(listed: ListQuery, capabilities: Capabilities, actor: Actor) -> AccessPath:
    columns = readable_columns(capabilities, actor)
    if actor == OPERATOR:
        return AccessPath(columns=columns)
    in_order = is_in_order(listed, capabilities.facts.job_indexes)
    return AccessPath(columns=columns, is_in_order=in_order, through_policies=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class UserScope:
    """The jobs that concern a user: their own, and those in their projects."""

    user_id: UUID
    project_ids: tuple[UUID, ...]

    @property
    def parameters(self) -> dict[str, object]:
        return {"concerned_id": self.user_id, "concerned_project_ids": list(self.project_ids)}


_concerns = or_(
    _jobs.c.user_id == bindparam("concerned_id", type_=Uuid),
    _jobs.c.project_id == any_(bindparam("concerned_project_ids", type_=ARRAY(Uuid))),
)


def read_from(
    listed: ListQuery,
    scan_start: ScanStart,
    make: RowMaker[T],
    *,
    rows: int,
    is_whole: bool,
    readable: Set[Key],
    chosen_path: AccessPath = PLAIN,
    concern: UserScope | None = None,
) -> Query[T]:
    """Return a query for rows from a start. `readable` are the names that may be read.

    Unless `is_whole`, each error is cut as `listed_error` cuts it.
    """
    parameters, column = _parameters(listed, concern, rows=rows), listed.order.column
    is_start_valued, is_start_running = None, False
    if not isinstance(scan_start.position, End):
        value = scan_start.position.value
        is_start_valued = value is not None
        is_start_running = column is OrderColumn.TOTAL and isinstance(value, datetime)
        parameters["place_id"] = scan_start.position.id
        parameters["place_value"] = timestamps.as_text(value) if isinstance(value, datetime) else value
    with_starts = chosen_path.columns is COLUMNS_WITH_START
    statement = _statement(
        _Form(
            is_whole=is_whole,
            columns=ALL_COLUMNS if with_starts else chosen_path.columns,
            narrowing=_narrowing(listed, concern, readable=readable),
            column=column,
            descends=listed.order.descending is not scan_start.is_backwards,
            is_backwards=scan_start.is_backwards,
            is_start_valued=is_start_valued,
            is_start_running=is_start_running,
            includes_position=scan_start.includes_position,
            is_read_by_id=scan_start.is_read_by_id,
            timed=_timed_parts(listed.status),
            through_policies=chosen_path.through_policies,
        )
    )
    may_sort, look_up = not chosen_path.is_in_order, LOOK_UP_START if with_starts else ""
    return Query(statement, make, parameters, may_sort=may_sort, look_up=look_up)


def length(listed: ListQuery, *, most: int, readable: Set[Key], concern: UserScope | None = None) -> Query[int]:
    """Return a query for the number of jobs in a list, counted up to `most` plus one."""
    statement = _length(_narrowing(listed, concern, readable=readable))
    return Query(statement, make_number, _parameters(listed, concern, rows=most + 1))


def _parameters(listed: ListQuery, concern: UserScope | None, *, rows: int) -> dict[str, object]:
    parameters: dict[str, object] = {"rows": rows, **filter_sql.parameters(listed.job_filter)}
    if listed.project_id is not None:
        parameters["project_id"] = listed.project_id
    if listed.status is not None:
        parameters["status"] = listed.status.value
    if concern is not None:
        parameters |= concern.parameters
    return parameters


@dataclass(frozen=True, slots=True, kw_only=True)
class _Narrowing:
    """The conditions of a list, as far as the SQL depends on them."""

    of_project: bool
    of_status: bool
    of_concern: bool
    matching: Shape

    def conditions(self) -> list[ColumnElement[bool]]:
        conditions = filter_sql.conditions(self.matching)
        if self.of_project:
            conditions.append(_jobs.c.project_id == bindparam("project_id", type_=Uuid))
        if self.of_status:
            conditions.append(_jobs.c.status == bindparam("status", type_=Text))
        if self.of_concern:
            conditions.append(_concerns)
        return conditions


def _narrowing(listed: ListQuery, concern: UserScope | None, *, readable: Set[Key]) -> _Narrowing:
    return _Narrowing(
        of_project=listed.project_id is not None,
        of_status=listed.status is not None,
        of_concern=concern is not None,
        matching=filter_sql.shape_of(listed.job_filter, readable=readable),
    )


@lru_cache(maxsize=128)
def _length(narrowing: _Narrowing) -> Select[Any]:
    some = select(_jobs.c.id).where(*narrowing.conditions()).limit(_MOST)
    return select(func.count()).select_from(some.subquery("some"))


class _Part(Enum):
    """The parts of a list ordered by total. Jobs that have not begun have no value and come last in both directions.

    Each part is read separately: an index has the totals of ended jobs, while those of running jobs grow.
    """

    ENDED = auto()
    RUNNING = auto()
    REST = auto()


_TIMES: Mapping[_Part, ColumnElement[Any]] = {_Part.ENDED: tables.total, _Part.RUNNING: tables.time_so_far}
"""In an order by total, the value of each part except REST."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Form:
    """All that the SQL depends on. Statements are cached by it."""

    is_whole: bool
    columns: JobColumns
    narrowing: _Narrowing
    column: OrderColumn
    descends: bool
    """In the direction of reading."""
    is_backwards: bool
    is_start_valued: bool | None
    """Whether the row at the start has a value; None for an end of the list."""
    is_start_running: bool
    """Whether the list is ordered by total and its start row is a running job, whose total grows."""
    includes_position: bool
    is_read_by_id: bool
    timed: frozenset[_Part]
    """In an order by total, the parts that have a value and may have rows."""
    through_policies: bool


def _timed_parts(status: AnyStatus | None) -> frozenset[_Part]:
    if status is None:
        return frozenset(_TIMES)
    if status.is_final:
        return frozenset({_Part.ENDED})
    return frozenset({_Part.RUNNING} if status is JobStatus.RUNNING else ())


@lru_cache(maxsize=256)
def _statement(form: _Form) -> Select[Any]:
    if form.column is not OrderColumn.TOTAL:
        return _rows(form)
    valued, rest = [part for part in _TIMES if part in form.timed], [_Part.REST]
    if form.is_backwards:
        stages = [valued or rest] if form.is_start_valued else [rest, valued]
    else:
        stages = [rest] if form.is_start_valued is False else [valued, rest]
    read: list[CTE] = []
    for stage in stages:
        # The second stage reads nothing if the first one has enough rows.
        counts = [select(func.count()).select_from(part).scalar_subquery() for part in read]
        enough = [sum(counts, literal_column("0", Integer)) < _MOST] if counts else []
        read += [_timed_rows(form, part).where(*enough).cte(part.name.lower()) for part in stage]
    together = union_all(*(select(part) for part in read)).subquery("together")
    by_value = _ordered(together.c.value, descends=form.descends)
    by_value = by_value.nulls_first() if form.is_backwards else by_value.nulls_last()
    rows = select(*(together.c[column.name] for column in form.columns))
    return rows.order_by(by_value, _ordered(together.c.id, descends=form.descends)).limit(_MOST)


def _rows(form: _Form) -> Select[Any]:
    value, _ = _ORDERS[form.column]
    rows = select(*_selected(form)).where(*form.narrowing.conditions())
    if form.is_start_valued is not None:
        rows = rows.where(_beyond_position(form, value))
    by_value, by_id = (_ordered(column, descends=form.descends) for column in (value, _jobs.c.id))
    return rows.order_by(by_value, by_id).limit(_MOST)


def _timed_rows(form: _Form, part: _Part) -> Select[Any]:
    """Return the rows of one part with their value. Each part is read in index order, in either direction."""
    value = _TIMES.get(part)
    rows = select(*_selected(form), (tables.total if value is None else value).label("value"))
    rows = rows.where(*form.narrowing.conditions())
    is_beyond = [] if form.is_start_valued is not (value is not None) else [_beyond_position(form, value)]
    by_id = _ordered(_jobs.c.id, descends=form.descends)
    if part is _Part.RUNNING:
        rows = rows.where(_jobs.c.status == literal_column(f"'{JobStatus.RUNNING}'"), _TIMES[part].is_not(None))
        return (
            rows.where(*is_beyond)
            .order_by(_ordered(_jobs.c.created_at, descends=not form.descends), by_id)
            .limit(_MOST)
        )
    if part is _Part.ENDED:
        rows = rows.where(tables.total.is_not(None))
    else:
        rows = rows.where(*(time.is_(None) for time in _TIMES.values()))
    indexed: ColumnElement[Any] = tables.total
    if form.through_policies and form.is_start_valued is not None:
        indexed += _NO_TIME
    by_value = _ordered(indexed, descends=form.descends)
    by_value = by_value.nulls_last() if form.descends else by_value.nulls_first()
    return rows.where(*is_beyond).order_by(by_value, by_id).limit(_MOST)


def _selected(form: _Form) -> Iterator[ColumnElement[Any]]:
    for column in form.columns:
        yield _listed_error if column is _jobs.c.error and not form.is_whole else column


def _beyond_position(form: _Form, value: ColumnElement[Any] | None) -> ColumnElement[bool]:
    """Return the condition for rows beyond the position. If `value` is None, only ids are compared."""
    compared: Callable[[Any, Any], ColumnElement[bool]] = _COMPARISONS[form.descends, form.includes_position]
    place_id = bindparam("place_id", type_=Uuid)
    if value is None:
        return compared(_jobs.c.id, place_id)
    _, kind = _ORDERS[form.column]
    place_value: ColumnElement[Any] = bindparam(
        "place_value", type_=DateTime(timezone=True) if form.is_start_running else kind
    )
    if form.is_start_running:
        place_value = func.now() - place_value
    if form.is_read_by_id:
        row = _jobs.alias("row")
        place_value = func.coalesce(select(row.c.created_at).where(row.c.id == place_id).scalar_subquery(), place_value)
    return compared(tuple_(value, _jobs.c.id), tuple_(place_value, place_id))


def _ordered(value: ColumnElement[Any], *, descends: bool) -> ColumnElement[Any]:
    return value.desc() if descends else value.asc()


def listing_queries(
    query: RowWindowQuery, *, readable: Set[Key], chosen_path: AccessPath = PLAIN, concern: UserScope | None = None
) -> tuple[Query[ListedJob], ...]:
    """Return the queries that `window` needs, all for one snapshot: one at an end of the list, else two.

    `readable` are the names that may be read.
    """
    scan_starts: list[tuple[ScanStart, int]] = []
    if query.anchor is not End.FIRST:
        scan_starts.append((ScanStart(position=query.anchor, is_backwards=True), query.before))
    if query.anchor is not End.LAST:
        scan_starts.append((ScanStart(position=query.anchor, includes_position=True), query.after))
    return tuple(
        read_from(
            query.listed,
            scan_start,
            make_listed,
            rows=rows + 1,
            is_whole=False,
            readable=readable,
            chosen_path=chosen_path,
            concern=concern,
        )
        for scan_start, rows in scan_starts
    )


def window(query: RowWindowQuery, answers: Sequence[Sequence[ListedJob]], *, chosen_path: AccessPath) -> RowWindow:
    """Build the window. An extra row in an answer shows that there are more rows."""
    before: Sequence[ListedJob] = () if query.anchor is End.FIRST else answers[0]
    after: Sequence[ListedJob] = () if query.anchor is End.LAST else answers[-1]
    return RowWindow(
        query=query,
        jobs=(*reversed(before[: query.before]), *after[: query.after]),
        has_before=len(before) > query.before,
        has_after=len(after) > query.after,
        has_starts=any(column.name == "started_at" for column in chosen_path.columns),
    )


def page(
    listed: ListQuery,
    *,
    after: PageKey | None,
    limit: int,
    readable: Set[Key] = filter_sql.NAMED,
    chosen_path: AccessPath = PLAIN,
) -> Query[GenerationJob]:
    """Return a query for a page, with an extra row if there is a next page. `readable` are the names that
    may be read.
    """
    return read_from(
        listed, _scan_start(after), make_job, rows=limit + 1, is_whole=True, readable=readable, chosen_path=chosen_path
    )


def _scan_start(after: PageKey | None) -> ScanStart:
    if after is None:
        return ScanStart(position=End.FIRST)
    # A printed key shows only that a time is out of range, not its value.
    is_vague = after.created_at in EXTREMES and not isinstance(after.created_at, FarTime)
    return ScanStart(position=RowKey(value=after.created_at, id=after.id), is_read_by_id=is_vague)


def paged(rows: Sequence[GenerationJob], limit: int) -> Page[GenerationJob]:
    """Build a page. An extra row shows that there is a next page."""
    items = tuple(rows[:limit])
    last = items[-1] if len(rows) > limit else None
    return Page(items=items, next_key=PageKey(created_at=last.created_at, id=last.id) if last else None)
