"""Filter to SQL conditions with bound parameters."""

import re
from collections.abc import Iterator, Mapping, Sequence, Set
from datetime import datetime, timedelta
from enum import StrEnum
from operator import eq, ge, gt, le, lt
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    BindParameter,
    ColumnElement,
    DateTime,
    Integer,
    Interval,
    Select,
    Table,
    Text,
    Uuid,
    and_,
    any_,
    bindparam,
    case,
    func,
    literal_column,
    not_,
    or_,
    select,
)
from sqlalchemy.sql.elements import Grouping
from sqlalchemy.types import TypeEngine

from gjobs.store import tables
from gjobs.store.database.query import NamedIds
from gjobs.store.error_groups.error_group_sql import Fingerprint, GroupId
from gjobs.store.filters.filter_terms import ANY, NONE, STUCK, Age, Between, Compared, Comparison, Key, Term, Value
from gjobs.store.filters.job_filter import JobFilter
from gjobs.store.formats import id_range
from gjobs.store.jobs import history_sql
from gjobs.store.jobs.job import FINAL_STATUSES, STUCK_AFTER, JobStatus
from gjobs.store.value_class import dataclass

_jobs, _projects, _users = tables.generation_jobs, tables.projects, tables.users

NAMED = frozenset({Key.PROJECT, Key.USER})
"""The keys whose values may be names from another table. Ids need no such table."""


class Form(StrEnum):
    """How a value is compared."""

    TEXT = "text"
    ID = "id"
    TEXT_OR_ID = "text or id"
    TIME = "time"
    AGE = "age"
    BETWEEN = "between"
    AT_LEAST = Comparison.AT_LEAST
    AT_MOST = Comparison.AT_MOST
    MORE = Comparison.MORE
    LESS = Comparison.LESS
    EQUAL = Comparison.EQUAL
    NONE = NONE
    ANY = ANY
    STUCK = STUCK
    STUCK_BY_USUAL_DURATION = "stuck as learned"


@dataclass(frozen=True, slots=True, kw_only=True)
class TermShape:
    key: Key | None
    forms: tuple[Form, ...]
    is_negated: bool
    is_indexed: bool = False
    """Whether an index finds the term's words."""


Shape = tuple[TermShape, ...]
"""The parts of a filter that determine its SQL. They are the cache key of statements."""


def needs_names(job_filter: JobFilter) -> frozenset[Key]:
    """Return the keys with at least one value that is a name in another table, not an id."""
    return frozenset(
        term.key
        for term in job_filter.terms
        if term.key in NAMED and any(id_range(str(value)) is None for value in term.values)
    )


def shape_of(job_filter: JobFilter, *, readable: Set[Key]) -> Shape:
    """Return the filter's shape. `readable` are the keys of NAMED whose names may be read.

    If names are unreadable, a value that looks like an id is compared as an id. Key.IS in `readable` means that the
    usual duration is known, and Key.ERROR that an index finds words.
    """
    return tuple(
        TermShape(
            key=term.key,
            forms=tuple(_form(term.key, value, readable) for value in term.values),
            is_negated=term.is_negated,
            is_indexed=term.key in (None, Key.ERROR) and Key.ERROR in readable,
        )
        for term in job_filter.terms
    )


def _form(key: Key | None, value: Value, readable: Set[Key]) -> Form:
    match value:
        case datetime():
            return Form.TIME
        case Age():
            return Form.AGE
        case Between():
            return Form.BETWEEN
        case Compared(comparison=comparison):
            return Form(comparison)
    if key is Key.ASSET and value in (NONE, ANY):
        return Form(value)
    if key is Key.IS:
        return Form.STUCK_BY_USUAL_DURATION if key in readable else Form.STUCK
    if key in (Key.ASSET, Key.ID):
        return Form.ID
    if key in (None, Key.PROJECT, Key.USER) and id_range(value):
        # No e-mail looks like an id.
        return Form.TEXT_OR_ID if key is None or (key is Key.PROJECT and key in readable) else Form.ID
    return Form.TEXT


def parameters(job_filter: JobFilter) -> dict[str, object]:
    """Return the values by their parameter names. There may be more than the statement needs."""
    return {
        f"{_name(place, number)}_{name}": parameter
        for place, term in enumerate(job_filter.terms)
        for number, value in enumerate(term.values)
        for name, parameter in _parameters(term, value)
    }


def _name(place: int, number: int) -> str:
    return f"filter_{place}_{number}"


def _parameters(term: Term, value: Value) -> Iterator[tuple[str, object]]:
    amount = _duration if term.key is Key.TOOK else int
    match value:
        case datetime():
            yield "time", value
        case Age(seconds=seconds):
            yield "age", _duration(seconds)
        case Between(low=low, high=high):
            yield "low", amount(low)
            yield "high", amount(high)
        case Compared(amount=number):
            yield "amount", amount(number)
        case str() if term.key is Key.IS:
            yield "limit", STUCK_AFTER
        case str():
            yield "text", value
            yield "pattern", f"%{_SPECIAL.sub(_ESCAPED, value)}%"
            if term.key in _IDS_OF_NAME:
                yield "ids", NamedIds(_IDS_OF_NAME[term.key], value)
            if ids := id_range(value):
                yield "first", ids.low
                yield "last", ids.high


def _ids_of_name(table: Table, name: ColumnElement[str]) -> Select[tuple[UUID]]:
    return select(table.c.id).where(func.lower(name) == func.lower(bindparam("name", type_=Text)))


_IDS_OF_NAME = {
    Key.PROJECT: _ids_of_name(_projects, _projects.c.name),
    Key.USER: _ids_of_name(_users, _users.c.email),
}
"""The actor's own query finds the ids, so row level security applies to the names."""
_SPECIAL, _ESCAPED = re.compile(r"[\\%_]"), r"\\\g<0>"
"""The characters with a meaning in a pattern of LIKE. They match literally."""


def _duration(seconds: int) -> timedelta:
    return timedelta(seconds=seconds)


def conditions(shape: Shape) -> list[ColumnElement[bool]]:
    return [_term(term, place) for place, term in enumerate(shape)]


def _term(term: TermShape, place: int) -> ColumnElement[bool]:
    compared = [_Condition(form, _name(place, number), term.is_indexed) for number, form in enumerate(term.forms)]
    if term.key is Key.ERROR_GROUP:
        found = _in_error_groups([one.text for one in compared])
    else:
        found = or_(*(one.of(term.key) for one in compared))
    return not_(found) if term.is_negated else found


def _in_error_groups(groups: Sequence[BindParameter[str]]) -> ColumnElement[bool]:
    """Compute the group of each failed job once, for any number of groups. Other jobs are excluded, because their
    error is from an earlier attempt.
    """
    return and_(_jobs.c.status == JobStatus.FAILED.value, GroupId(Fingerprint(_jobs.c.error)).in_(groups))


_OPERATORS: Mapping[Form, Any] = {
    Form.AT_LEAST: ge,
    Form.AT_MOST: le,
    Form.MORE: gt,
    Form.LESS: lt,
    Form.EQUAL: eq,
}
_TIME = DateTime(timezone=True)
_LAST_TIME: ColumnElement[Any] = literal_column("timestamptz '294276-12-31 23:59:59.999999+00'", _TIME)
"""The last time that Postgres can store. A sum beyond it would overflow, so infinity replaces the sum."""
_INFINITY: ColumnElement[Any] = literal_column("timestamptz 'infinity'", _TIME)
_IS_FINISHED = or_(*(_jobs.c.status == status.value for status in FINAL_STATUSES))
_IDS = (_jobs.c.id, _jobs.c.project_id, _jobs.c.user_id, _jobs.c.input_asset_id)


@dataclass(frozen=True, slots=True)
class _Condition:
    """The condition of one value. `name` prefixes the names of its parameters."""

    form: Form
    name: str
    is_indexed: bool = False

    def of(self, key: Key | None) -> ColumnElement[bool]:
        match key:
            case None:
                return self._of_word()
            case Key.STATUS:
                return _jobs.c.status == self.text
            case Key.MODE:
                return func.lower(_jobs.c.mode) == func.lower(self.text)
            case Key.COST:
                return self._amount(_jobs.c.cost_cents, Integer())
            case Key.PROJECT:
                return self._refers(_jobs.c.project_id)
            case Key.USER:
                return self._refers(_jobs.c.user_id)
            case Key.ASSET:
                return self._asset()
            case Key.SINCE:
                return _jobs.c.created_at >= self._time()
            case Key.UNTIL:
                return _jobs.c.created_at < self._time()
            case Key.TOOK:
                return and_(_IS_FINISHED, self._amount(_jobs.c.updated_at, Interval(), _jobs.c.created_at))
            case Key.ERROR:
                return self._in_error()
            case Key.ERROR_GROUP:
                return _in_error_groups([self.text])
            case Key.ID:
                return self._begins(_jobs.c.id)
            case Key.IS:
                return self._is_stuck()

    @property
    def text(self) -> BindParameter[str]:
        return self._parameter("text", Text())

    def _of_word(self) -> ColumnElement[bool]:
        places = [self._holds(_jobs.c.mode), self._in_error()]
        if self.form is Form.TEXT_OR_ID:
            places += [and_(column.is_not(None), self._begins(column)) for column in _IDS]
        return or_(*places)

    def _asset(self) -> ColumnElement[bool]:
        column = _jobs.c.input_asset_id
        if self.form is Form.NONE:
            return column.is_(None)
        return column.is_not(None) if self.form is Form.ANY else and_(column.is_not(None), self._begins(column))

    def _time(self) -> ColumnElement[datetime]:
        if self.form is Form.AGE:
            return func.now() - self._parameter("age", Interval())
        return self._parameter("time", DateTime(timezone=True))

    def _is_stuck(self) -> ColumnElement[bool]:
        limit = self._parameter("limit", Interval())
        return (
            history_sql.by_usual_duration(limit)
            if self.form is Form.STUCK_BY_USUAL_DURATION
            else history_sql.by_time_alone(limit)
        )

    def _refers(self, column: ColumnElement[Any]) -> ColumnElement[bool]:
        """Compare with an id, or with the ids of a name."""
        if self.form is Form.ID:
            return self._begins(column)
        ids = self._parameter("ids", ARRAY(Uuid))
        # The planner knows the ids, so it keeps one branch. Only `=` can use the order of an index.
        named = case((func.cardinality(ids) == 1, column == Grouping(ids)[1]), else_=column == any_(ids))
        return or_(named, self._begins(column)) if self.form is Form.TEXT_OR_ID else named

    def _holds(self, column: ColumnElement[str]) -> ColumnElement[bool]:
        # The index that the doctor offers has exactly these expressions.
        """Compare with LIKE only if the index has statistics. Otherwise the planner would take any word for a rare one,
        and read all jobs instead of the newest.
        """
        if self.is_indexed:
            return func.lower(column).like(func.lower(self._parameter("pattern", Text())))
        return func.strpos(func.lower(column), func.lower(self.text)) > 0

    def _in_error(self) -> ColumnElement[bool]:
        return and_(_jobs.c.error.is_not(None), self._holds(_jobs.c.error))

    def _begins(self, column: ColumnElement[Any]) -> ColumnElement[bool]:
        return column.between(self._parameter("first", Uuid()), self._parameter("last", Uuid()))

    def _amount(
        self, column: ColumnElement[Any], kind: TypeEngine[Any], since: ColumnElement[Any] | None = None
    ) -> ColumnElement[bool]:
        """Compare the column, or its distance from `since`. The SQL adds the amount to `since`, because subtracting
        infinities fails.
        """

        def end(name: str) -> ColumnElement[Any]:
            amount = self._parameter(name, kind)
            return amount if since is None else case((since > _LAST_TIME - amount, _INFINITY), else_=since + amount)

        if self.form is Form.BETWEEN:
            return column.between(end("low"), end("high"))
        compared: ColumnElement[bool] = _OPERATORS[self.form](column, end("amount"))
        return compared

    def _parameter(self, name: str, kind: TypeEngine[Any]) -> BindParameter[Any]:
        return bindparam(f"{self.name}_{name}", type_=kind)
