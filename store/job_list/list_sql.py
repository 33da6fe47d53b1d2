"""SQL of ordered lists: pages, windows, lengths."""

from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from dataclasses import replace
from datetime import datetime
from enum import Enum, auto
from functools import lru_cache
from operator import ge, gt, le, lt
from types import NoneType
from typing import Any, TypeVar
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.types import TypeEngine

from gjobs.store import tables
from gjobs.store.actor_database import ActorDatabase
from gjobs.store.database.query import Query, RowMaker, make_number
from gjobs.store.filters import filter_sql
from gjobs.store.filters.filter_terms import Key
from gjobs.store.job_list.list_query import (
    Anchor,
    End,
    ListQuery,
    OrderColumn,
    RowKey,
    RowWindow,
    RowWindowQuery,
    is_in_order,
)
from gjobs.store.jobs.job import AnyStatus, GenerationJob, JobStatus, ListedJob
from gjobs.store.jobs.job_results import Page, PageKey
from gjobs.store.jobs.job_sql import (
    APP_COLUMNS,
    LOOK_UPS,
    JobColumns,
    listed_error,
    make_job,
    make_listed,
    of_table,
    readable_columns,
)
from gjobs.store.values.data_classes import by_member, dataclass
from gjobs.store.values.formats import EXTREMES, far_text

T = TypeVar("T")

_jobs = tables.jobs

_ORDERS: Mapping[OrderColumn, tuple[sa.ColumnElement[Any], TypeEngine[Any]]] = by_member(
    OrderColumn,
    {
        OrderColumn.CREATED: (_jobs.c.created_at, sa.DateTime(timezone=True)),
        OrderColumn.UPDATED: (_jobs.c.updated_at, sa.DateTime(timezone=True)),
        OrderColumn.COST: (_jobs.c.cost_cents, sa.Integer()),
        OrderColumn.TOTAL: (tables.total, sa.Interval()),
    },
)

_listed_error = listed_error(_jobs.c.error)

_MOST = sa.bindparam("rows", type_=sa.Integer)
_NO_TIME: sa.ColumnElement[Any] = sa.literal_column("interval '0'", sa.Interval)
"""Added to a column, it keeps Postgres from using the column's index."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UserScope:
    """The jobs that concern a user: their own, and those in their projects."""

    user_id: UUID
    project_ids: tuple[UUID, ...]

    @property
    def condition(self) -> sa.ColumnElement[bool]:
        projects = sa.literal(list(self.project_ids), sa.ARRAY(sa.Uuid))
        return sa.or_(_jobs.c.user_id == self.user_id, _jobs.c.project_id == sa.any_(projects))


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessPath:
    """How the database can read a list, as far as the statement depends on it."""

    columns: JobColumns = APP_COLUMNS
    """The columns of the jobs table."""
    readable: frozenset[Key] = frozenset()
    """The names that the filter may use."""
    concern: UserScope | None = None
    """If set, only jobs that concern this user are listed."""
    is_in_order: bool = False
    """Whether an index has exactly these rows in this order."""
    through_policies: bool = False
    """Whether row level security filters the rows. A position in an order by total is then not found in an index: a
    subtraction might reveal hidden rows. The actor's rows are sorted instead.
    """


async def access_path(actor_database: ActorDatabase, listed: ListQuery) -> AccessPath:
    """Raise NoPrivilege if the filter needs a name that is unreadable."""
    readable = frozenset(await actor_database.readable_names(listed.job_filter))
    capabilities = await actor_database.capability_cache.get()
    return AccessPath(
        columns=readable_columns(capabilities, actor_database.actor),
        readable=readable,
        is_in_order=not actor_database.is_operators and is_in_order(listed, capabilities.facts.job_indexes),
        through_policies=not actor_database.is_operators,
    )


def conditions(
    listed: ListQuery, *, readable: Set[Key], concern: UserScope | None = None
) -> list[sa.ColumnElement[bool]]:
    """Return the conditions of a list."""
    found = list[sa.ColumnElement[bool]]()
    if listed.project_id is not None:
        found.append(_jobs.c.project_id == listed.project_id)
    if listed.status is not None:
        found.append(_jobs.c.status == listed.status.value)
    found += filter_sql.conditions(listed.job_filter, readable=readable)
    return found if concern is None else [*found, concern.condition]


@lru_cache(maxsize=64)
def _length(
    listed: ListQuery, readable: frozenset[Key], concern: UserScope | None, *, is_capped: bool
) -> sa.Select[Any]:
    some = sa.select(sa.literal(1, sa.Integer)).select_from(_jobs)
    some = some.where(*conditions(listed, readable=readable, concern=concern)).limit(_MOST if is_capped else None)
    return sa.select(sa.func.count()).select_from(some.subquery("some"))


def length(listed: ListQuery, *, limit: int | None, readable: Set[Key], concern: UserScope | None = None) -> Query[int]:
    """Return a query for the number of jobs in a list, at most `limit`. Without a limit, it may take long."""
    statement = _length(listed, frozenset(readable), concern, is_capped=limit is not None)
    return Query(statement, make_number, {} if limit is None else {"rows": limit})


class _Part(Enum):
    """The parts of a list ordered by total. Jobs that have not begun have no value and come last in both directions.

    Each part is read separately: an index has the totals of ended jobs, while those of running jobs grow.
    """

    ENDED = auto()
    RUNNING = auto()
    REST = auto()


_TIMES: Mapping[_Part, sa.ColumnElement[Any]] = {_Part.ENDED: tables.total, _Part.RUNNING: tables.time_so_far}
"""In an order by total, the value of each part except REST."""


def _timed_parts(status: AnyStatus | None) -> frozenset[_Part]:
    """Return the parts that have a value and may have rows."""
    if status is None:
        return frozenset(_TIMES)
    if status.is_final:
        return frozenset({_Part.ENDED})
    return frozenset({_Part.RUNNING} if status is JobStatus.RUNNING else ())


@dataclass(frozen=True, slots=True, kw_only=True)
class _Scan:
    """A read of a list from a start. Its position and its number of rows are parameters, because scrolling changes
    them.
    """

    listed: ListQuery
    chosen_path: AccessPath
    place: type | None = None
    """The type of the position's value. None for an end of the list."""
    includes_position: bool = False
    """Whether a row exactly at the position is included."""
    is_backwards: bool = False
    """Whether rows are read and returned against the list's order."""
    is_read_by_id: bool = False
    """Whether the position's value may be inexact, because its time is out of range. The row's own value is used if
    the row still exists.
    """
    is_whole: bool = False
    """Whether errors are read in full, and not as `listed_error` cuts them."""

    @property
    def columns(self) -> JobColumns:
        """The columns of the table. `Query.look_up` adds what the events record."""
        columns = self.chosen_path.columns
        return of_table(columns) if columns in LOOK_UPS else columns

    @property
    def descends(self) -> bool:
        """In the direction of reading."""
        return self.listed.order.descending is not self.is_backwards

    def statement(self) -> sa.Select[Any]:
        if self.listed.order.column is not OrderColumn.TOTAL:
            value, _ = _ORDERS[self.listed.order.column]
            beyond = [] if self.place is None else [self._beyond(value)]
            rows = sa.select(*self._selected()).where(*self._conditions(), *beyond)
            return rows.order_by(self._ordered(value), self._ordered(_jobs.c.id)).limit(_MOST)
        is_valued = None if self.place is None else self.place is not NoneType
        timed = _timed_parts(self.listed.status)
        valued, rest = [part for part in _TIMES if part in timed], [_Part.REST]
        if self.is_backwards:
            stages = [valued or rest] if is_valued else [rest, valued]
        else:
            stages = [rest] if is_valued is False else [valued, rest]
        read: list[sa.CTE] = []
        for stage in stages:
            # The second stage reads nothing if the first one has enough rows.
            counts = [sa.select(sa.func.count()).select_from(part).scalar_subquery() for part in read]
            enough = [sum(counts, sa.literal_column("0", sa.Integer)) < _MOST] if counts else []
            read += [self._timed_rows(part, is_valued).where(*enough).cte(part.name.lower()) for part in stage]
        together = sa.union_all(*(sa.select(part) for part in read)).subquery("together")
        by_value = self._ordered(together.c.value)
        by_value = by_value.nulls_first() if self.is_backwards else by_value.nulls_last()
        found = sa.select(*(together.c[column.name] for column in self.columns))
        return found.order_by(by_value, self._ordered(together.c.id)).limit(_MOST)

    def _timed_rows(self, part: _Part, is_valued: bool | None) -> sa.Select[Any]:
        """Return the rows of one part with their value. Each part is read in index order, in either direction."""
        value = None if part is _Part.REST else _TIMES[part]
        rows = sa.select(*self._selected(), (tables.total if value is None else value).label("value"))
        beyond = [] if is_valued is not (value is not None) else [self._beyond(value)]
        rows = rows.where(*self._conditions(), *beyond)
        by_id = self._ordered(_jobs.c.id)
        if part is _Part.RUNNING:
            rows = rows.where(_jobs.c.status == sa.literal_column(f"'{JobStatus.RUNNING}'"), _TIMES[part].is_not(None))
            by_start = _jobs.c.created_at.asc() if self.descends else _jobs.c.created_at.desc()
            return rows.order_by(by_start, by_id).limit(_MOST)
        if part is _Part.ENDED:
            rows = rows.where(tables.total.is_not(None))
        else:
            rows = rows.where(*(time.is_(None) for time in _TIMES.values()))
        indexed: sa.ColumnElement[Any] = tables.total
        if self.chosen_path.through_policies and is_valued is not None:
            indexed += _NO_TIME
        by_value = self._ordered(indexed)
        by_value = by_value.nulls_last() if self.descends else by_value.nulls_first()
        return rows.order_by(by_value, by_id).limit(_MOST)

    def _conditions(self) -> list[sa.ColumnElement[bool]]:
        return conditions(self.listed, readable=self.chosen_path.readable, concern=self.chosen_path.concern)

    def _selected(self) -> Iterator[sa.ColumnElement[Any]]:
        for column in self.columns:
            yield _listed_error if column is _jobs.c.error and not self.is_whole else column

    def _beyond(self, value: sa.ColumnElement[Any] | None) -> sa.ColumnElement[bool]:
        """Return the condition for rows beyond the place. If `value` is None, only ids are compared."""
        operators = (le, lt) if self.descends else (ge, gt)
        compared: Callable[[Any, Any], sa.ColumnElement[bool]] = operators[0 if self.includes_position else 1]
        place_id = sa.bindparam("place_id", type_=sa.Uuid)
        if value is None:
            return compared(_jobs.c.id, place_id)
        column = self.listed.order.column
        is_running = column is OrderColumn.TOTAL and self.place is datetime
        kind = sa.DateTime(timezone=True) if is_running else _ORDERS[column][1]
        place_value: sa.ColumnElement[Any] = sa.bindparam("place_value", type_=kind)
        if is_running:
            place_value = tables.NOW - place_value  # The total of a running job grows.
        if self.is_read_by_id:
            row = _jobs.alias("row")
            own = sa.select(row.c.created_at).where(row.c.id == place_id).scalar_subquery()
            place_value = sa.func.coalesce(own, place_value)
        return compared(sa.tuple_(value, _jobs.c.id), sa.tuple_(place_value, place_id))

    def _ordered(self, value: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
        return value.desc() if self.descends else value.asc()


@lru_cache(maxsize=64)
def _statement(scan: _Scan) -> sa.Select[Any]:
    return scan.statement()


def _read_from(scan: _Scan, position: Anchor, make: RowMaker[T], *, rows: int) -> Query[T]:
    parameters = dict[str, object](rows=rows)
    if not isinstance(position, End):
        value = position.value
        scan = replace(scan, place=datetime if isinstance(value, datetime) else type(value))
        parameters["place_id"] = position.id
        parameters["place_value"] = value.isoformat() if isinstance(value, datetime) else value
    look_up = LOOK_UPS.get(scan.chosen_path.columns, "")
    return Query(_statement(scan), make, parameters, may_sort=not scan.chosen_path.is_in_order, look_up=look_up)


def listing_queries(query: RowWindowQuery, chosen_path: AccessPath) -> tuple[Query[ListedJob], ...]:
    """Return the queries that `window` needs, all for one snapshot: one at an end of the list, else two."""
    scan = _Scan(listed=query.listed, chosen_path=chosen_path)
    found = list[Query[ListedJob]]()
    if query.anchor is not End.FIRST:
        backwards = replace(scan, is_backwards=True)
        found.append(_read_from(backwards, query.anchor, make_listed, rows=query.before + 1))
    if query.anchor is not End.LAST:
        onwards = replace(scan, includes_position=True)
        found.append(_read_from(onwards, query.anchor, make_listed, rows=query.after + 1))
    return tuple(found)


def window(query: RowWindowQuery, answers: Sequence[Sequence[ListedJob]], chosen_path: AccessPath) -> RowWindow:
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


def page(listed: ListQuery, chosen_path: AccessPath, *, after: PageKey | None, limit: int) -> Query[GenerationJob]:
    """Return a query for a page, with an extra row if there is a next page."""
    position = End.FIRST if after is None else RowKey(value=after.created_at, id=after.id)
    # A printed key shows only that a time is out of range, not its value.
    is_vague = after is not None and after.created_at in EXTREMES and not far_text(after.created_at)
    scan = _Scan(listed=listed, chosen_path=chosen_path, is_read_by_id=is_vague, is_whole=True)
    return _read_from(scan, position, make_job, rows=limit + 1)


def paged(rows: Sequence[GenerationJob], limit: int) -> Page[GenerationJob]:
    """Build a page. An extra row shows that there is a next page."""
    items = tuple(rows[:limit])
    last = items[-1] if len(rows) > limit else None
    return Page(items=items, next_key=PageKey(created_at=last.created_at, id=last.id) if last else None)
