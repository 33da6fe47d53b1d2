"""Filter to SQL conditions with bound values."""

import re
from collections.abc import Mapping, Sequence, Set
from datetime import datetime, timedelta
from operator import eq, ge, gt, le, lt
from typing import Any, assert_never

import sqlalchemy as sa
from sqlalchemy.sql.elements import Grouping

from gjobs.store import tables
from gjobs.store.database.query import NamedIds
from gjobs.store.error_groups.error_group_sql import Fingerprint, GroupId, StoredGroupId
from gjobs.store.filters.filter_terms import ANY, NONE, Age, Between, Compared, Comparison, JobFilter, Key, Term, Value
from gjobs.store.jobs import job_sql
from gjobs.store.jobs.job import FINAL_STATUSES, STUCK_AFTER, JobStatus
from gjobs.store.values.data_classes import by_member
from gjobs.store.values.formats import id_range

_jobs, _projects, _users = tables.jobs, tables.projects, tables.users

NAMED = frozenset({Key.PROJECT, Key.USER})
"""The keys whose values may be names from another table. Ids need no such table."""

_OPERATORS: Mapping[Comparison, Any] = by_member(
    Comparison,
    {
        Comparison.AT_LEAST: ge,
        Comparison.AT_MOST: le,
        Comparison.MORE: gt,
        Comparison.LESS: lt,
        Comparison.EQUAL: eq,
    },
)
_TIME = sa.DateTime(timezone=True)
_LAST_TIME: sa.ColumnElement[Any] = sa.literal_column("timestamptz '294276-12-31 23:59:59.999999+00'", _TIME)
"""The last time that Postgres can store. A sum beyond it would overflow, so infinity replaces the sum."""
_INFINITY: sa.ColumnElement[Any] = sa.literal_column("timestamptz 'infinity'", _TIME)
_IS_FINISHED = sa.or_(*(_jobs.c.status == status.value for status in FINAL_STATUSES))
_IDS = (_jobs.c.id, _jobs.c.project_id, _jobs.c.user_id, _jobs.c.input_asset_id)
_IDS_OF_NAME = {
    name: sa.select(name.table.c.id).where(sa.func.lower(name) == sa.func.lower(sa.bindparam("name", type_=sa.Text)))
    for name in (_projects.c.name, _users.c.email)
}
"""The actor's own query finds the ids, so row level security applies to the names."""
_SPECIAL, _ESCAPED = re.compile(r"[\\%_]"), r"\\\g<0>"
"""The characters with a meaning in a pattern of LIKE. They match literally."""


def needs_names(job_filter: JobFilter) -> frozenset[Key]:
    """Return the keys with at least one value that is a name in another table, not an id."""
    return frozenset(
        term.key
        for term in job_filter.terms
        if term.key in NAMED and any(id_range(str(value)) is None for value in term.values)
    )


def conditions(job_filter: JobFilter, *, readable: Set[Key]) -> list[sa.ColumnElement[bool]]:
    """Return a condition for each term. `readable` are the keys of NAMED whose names may be read.

    If names are unreadable, a value that looks like an id is compared as an id. Key.IS in `readable` means that the
    usual duration is known, Key.ERROR that an index finds words, and Key.ERROR_GROUP that groups are stored.
    """
    # Postgres keeps this order where the conditions are part of an expression, so slow ones come last.
    return [_term(term, readable) for term in sorted(job_filter.terms, key=lambda term: term.key is Key.ERROR_GROUP)]


def _term(term: Term, readable: Set[Key]) -> sa.ColumnElement[bool]:
    if term.key is Key.ERROR_GROUP:
        found = _in_error_groups(term.values, readable)
    else:
        found = sa.or_(*(_condition(term.key, value, readable) for value in term.values))
    return sa.not_(found) if term.is_negated else found


def _in_error_groups(groups: Sequence[Value], readable: Set[Key]) -> sa.ColumnElement[bool]:
    """Find the stored group of each failed job, or compute it, once for any number of groups. Other jobs are excluded,
    because their error is from an earlier attempt.
    """
    error = _jobs.c.error
    group = StoredGroupId(error) if Key.ERROR_GROUP in readable else GroupId(Fingerprint(error))
    is_in_one = group.in_([sa.literal(one, sa.Text()) for one in groups])
    return sa.and_(_jobs.c.status == JobStatus.FAILED.value, is_in_one)


def _condition(key: Key | None, value: Value, readable: Set[Key]) -> sa.ColumnElement[bool]:
    match key:
        case Key.COST:
            return _amount(_jobs.c.cost_cents, value)
        case Key.TOOK:
            return sa.and_(_IS_FINISHED, _amount(_jobs.c.updated_at, value, _jobs.c.created_at))
        case Key.SINCE:
            return _jobs.c.created_at >= _moment(value)
        case Key.UNTIL:
            return _jobs.c.created_at < _moment(value)
        case Key.IS:
            limit = sa.literal(STUCK_AFTER, sa.Interval())
            return job_sql.is_stuck(limit, knows_usual_durations=key in readable)
        case Key.ERROR_GROUP:
            return _in_error_groups([value], readable)
    if not isinstance(value, str):
        raise TypeError(f"{key} has the value {value!r}.")
    match key:
        case Key.ASSET if value == NONE:
            return _jobs.c.input_asset_id.is_(None)
        case Key.ASSET if value == ANY:
            return _jobs.c.input_asset_id.is_not(None)
        case Key.ASSET:
            return _begins_if_set(_jobs.c.input_asset_id, value)
        case Key.STATUS:
            return _jobs.c.status == sa.literal(value, sa.Text())
        case Key.MODE:
            return sa.func.lower(_jobs.c.mode) == sa.func.lower(sa.literal(value, sa.Text()))
        case Key.PROJECT:
            names = None if id_range(value) and key not in readable else _projects.c.name
            return _refers(_jobs.c.project_id, names, value)
        case Key.USER:
            # No e-mail looks like an id.
            return _refers(_jobs.c.user_id, None if id_range(value) else _users.c.email, value)
        case Key.ERROR:
            return _in_error(value, readable)
        case Key.ID:
            return _begins(_jobs.c.id, value)
        case None:
            ids = [_begins_if_set(column, value) for column in _IDS] if id_range(value) else []
            return sa.or_(_holds(_jobs.c.mode, value, readable), _in_error(value, readable), *ids)
    assert_never(key)


def _moment(value: Value) -> sa.ColumnElement[datetime]:
    if isinstance(value, Age):
        return tables.NOW - sa.literal(timedelta(seconds=value.seconds), sa.Interval())
    if not isinstance(value, datetime):
        raise TypeError(f"{value!r} is not a time.")
    return sa.literal(value, _TIME)


def _refers(column: sa.ColumnElement[Any], name: sa.Column[str] | None, value: str) -> sa.ColumnElement[bool]:
    """Compare with an id, or with the ids of a name. `name` is None if names don't count."""
    found = list[sa.ColumnElement[bool]]()
    if name is not None:
        ids: sa.ColumnElement[Any] = sa.literal(NamedIds(_IDS_OF_NAME[name], value), sa.ARRAY(sa.Uuid))
        # The planner knows the ids, so it keeps one branch. Only `=` can use the order of an index.
        found.append(sa.case((sa.func.cardinality(ids) == 1, column == Grouping(ids)[1]), else_=column == sa.any_(ids)))
    if id_range(value):
        found.append(_begins(column, value))
    return sa.or_(*found)


def _holds(column: sa.ColumnElement[str], value: str, readable: Set[Key]) -> sa.ColumnElement[bool]:
    """Compare with LIKE only if the index has statistics. Otherwise the planner would take any word for a rare one,
    and read all jobs instead of the newest. The index that the doctor offers has exactly these expressions.
    """
    if Key.ERROR in readable:
        return sa.func.lower(column).like(sa.func.lower(sa.literal(f"%{_SPECIAL.sub(_ESCAPED, value)}%", sa.Text())))
    return sa.func.strpos(sa.func.lower(column), sa.func.lower(sa.literal(value, sa.Text()))) > 0


def _in_error(value: str, readable: Set[Key]) -> sa.ColumnElement[bool]:
    return sa.and_(_jobs.c.error.is_not(None), _holds(_jobs.c.error, value, readable))


def _begins(column: sa.ColumnElement[Any], value: str) -> sa.ColumnElement[bool]:
    """Return a condition for ids with this beginning. The parser has checked that it is one."""
    if (ids := id_range(value)) is None:
        raise ValueError(f"{value!r} is not the start of an id.")
    return column.between(sa.literal(ids.low, sa.Uuid()), sa.literal(ids.high, sa.Uuid()))


def _begins_if_set(column: sa.ColumnElement[Any], value: str) -> sa.ColumnElement[bool]:
    return sa.and_(column.is_not(None), _begins(column, value))


def _amount(
    column: sa.ColumnElement[Any], value: Value, since: sa.ColumnElement[Any] | None = None
) -> sa.ColumnElement[bool]:
    """Compare the column, or its distance from `since`. The SQL adds the amount to `since`, because subtracting
    infinities fails.
    """

    def end(amount: int) -> sa.ColumnElement[Any]:
        if since is None:
            return sa.literal(amount, column.type)
        length = sa.literal(timedelta(seconds=amount), sa.Interval())
        return sa.case((since > _LAST_TIME - length, _INFINITY), else_=since + length)

    if isinstance(value, Between):
        return column.between(end(value.low), end(value.high))
    if not isinstance(value, Compared):
        raise TypeError(f"{value!r} is not an amount.")
    compared: sa.ColumnElement[bool] = _OPERATORS[value.comparison](column, end(value.amount))
    return compared
