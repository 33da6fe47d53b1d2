"""Which index a list lacks, judged from existing ones."""

import re
from collections.abc import Iterable, Set
from dataclasses import dataclass

from store.capabilities.capability import MissingCapability
from store.filters.filter_terms import Key
from store.job_list.list_query import ListOrder, ListQuery, OrderColumn
from store.jobs.job import FINAL_STATUSES, sql_literals
from store.users.actor import ActingUser, Actor

_NEWEST = "created_at DESC, id DESC"
_OF_ALL = frozenset(f"{narrowed}{_NEWEST}" for narrowed in ("", "project_id, ", "user_id, ", "status, "))
"""By these every list without a filter is read in the order of creation, whoever looks."""

TOTAL = (
    f"( CASE WHEN ((status = ANY (ARRAY[{sql_literals(FINAL_STATUSES, cast='::text')}]))"
    " AND (LEAST(created_at, updated_at) > to_timestamp(('-62135596800'::bigint)::double precision))"
    " AND (GREATEST(created_at, updated_at) < to_timestamp(('253402300799'::bigint)::double precision)))"
    " THEN (updated_at - created_at) ELSE NULL::interval END) DESC NULLS LAST"
)
_ORDER_INDEXES = {
    OrderColumn.UPDATED: ("gjobs_updated", "updated_at DESC"),
    OrderColumn.COST: ("gjobs_costs", "cost_cents DESC"),
    OrderColumn.TOTAL: ("gjobs_total", TOTAL),
}

MOST_SORTED = 20_000
"""Jobs that are sorted for each page without much ado: about a tenth of a second."""


def is_in_order(listed: ListQuery, indexes: Set[str]) -> bool:
    """Whether the list is read by an index alone, and never sorted.

    The planner does not see it where row level security narrows the list: it takes every user for one with a few jobs,
    and would read and sort all those of a user who has very many.
    """
    return listed.order.column is OrderColumn.CREATED and not listed.job_filter.terms and indexes >= _OF_ALL


def lacks_order(listed: ListQuery, indexes: Set[str]) -> MissingCapability | None:
    """Where no index has the jobs in the list's order, so that all of it is read and sorted for any page; and the SQL.

    Every app's table has an index for the order of creation.
    """
    known = _ORDER_INDEXES.get(listed.order.column)
    if known is None:
        return None
    name, key = known
    columns = f"{key}, id DESC"
    if (name if listed.order.column is OrderColumn.TOTAL else columns) in indexes:
        return None
    return MissingCapability(
        reason=f"No index has the jobs by {listed.order.column}: each page would read and sort all of them.",
        sql=f"CREATE INDEX CONCURRENTLY {name} ON public.generation_jobs ({columns});",
    )


def is_kept_from_index(listed: ListQuery) -> bool:
    """Whether row level security keeps a user's list from the index of its order: see `AccessPath.through_policies`."""
    return listed.order.column is OrderColumn.TOTAL


def too_long_to_sort() -> MissingCapability:
    """A user's list of more than MOST_SORTED jobs, which no index reads in its order."""
    return MissingCapability(
        reason="Row level security keeps the index by total from being used with a user's eyes: each page would read"
        f" and sort all of their jobs, which are more than {MOST_SORTED:,}.",
        advice="List fewer: those of a project or a status.",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexAdvice:
    """An index that would read the list in its order, as a migration would make it."""

    columns: str
    """As they stand in the statement, in their order."""
    sql: str
    """Blocks no writer while it runs."""


_TABLE = "public.generation_jobs"


@dataclass(frozen=True, slots=True)
class _Narrowed:
    expression: str
    name: str
    """Of the index, after what it orders by."""


_PROJECT = _Narrowed("project_id", "_of_project")
_USER = _Narrowed("user_id", "_of_user")
MODE = "lower(mode)"
_MODE = _Narrowed(MODE, "_of_mode")
_STATUS = _Narrowed("status", "_of_status")
_NOTHING = _Narrowed("", "")

_ORDERS = {
    OrderColumn.CREATED: ("created_at", "gjobs_newest"),
    OrderColumn.UPDATED: ("updated_at", "gjobs_updated"),
    OrderColumn.COST: ("cost_cents", "gjobs_costs"),
}
_HAVE_FEW_TIES = frozenset({OrderColumn.CREATED, OrderColumn.UPDATED})
"""There an index without the id is good enough: equal ones are put in order as they are read."""
_UNHELPED = frozenset({None, Key.ERROR, Key.TOOK})
"""A text within another one, and two columns beside each other: no plain index finds them."""
_DEFINITION = re.compile(r"^btree \((?P<columns>.*?)\)(?: INCLUDE \(.*\))?$")


def advice(listed: ListQuery, indexes: Iterable[str], *, actor: Actor) -> IndexAdvice | None:
    """None where an index is there, and where none would help.

    `indexes` are those of the jobs that are valid, as `pg_get_indexdef` ends after USING.
    """
    order = _ORDERS.get(listed.order.column)
    if order is None:
        return None
    narrowed = next(iter(_narrowing(listed, actor)), _NOTHING)
    keys = _keys(narrowed, order[0], descending=True)
    if any(_serves(definition, narrowed, listed.order) for definition in indexes):
        return None
    columns = ", ".join(keys)
    name = f"{order[1]}{narrowed.name}"
    return IndexAdvice(columns=columns, sql=f"CREATE INDEX CONCURRENTLY {name} ON {_TABLE} ({columns});")


def finds_by_reading(listed: ListQuery) -> bool:
    """Whether some of its filter is found by reading jobs only, however many that takes."""
    return any(term.key in _UNHELPED for term in listed.job_filter.terms)


def is_guessed(listed: ListQuery) -> bool:
    """Whether the planner has no statistics of what the filter compares, so that its number of rows means nothing."""
    return finds_by_reading(listed) or any(term.key is Key.MODE for term in listed.job_filter.terms)


def _narrowing(listed: ListQuery, actor: Actor) -> list[_Narrowed]:
    """The narrowest first, as far as that can be known without counting."""
    of_one = {term.key for term in listed.job_filter.terms if len(term.values) == 1 and not term.is_negated}
    there = {
        _PROJECT: listed.project_id is not None,
        # By policy: a user's jobs are their own.
        _USER: isinstance(actor, ActingUser),
        _MODE: Key.MODE in of_one,
        _STATUS: listed.status is not None or Key.STATUS in of_one,
    }
    return [narrowed for narrowed, holds in there.items() if holds]


def _keys(narrowed: _Narrowed, column: str, *, descending: bool) -> list[str]:
    direction = " DESC" if descending else ""
    keys = [f"{column}{direction}", f"id{direction}"]
    return [narrowed.expression, *keys] if narrowed.expression else keys


def _serves(definition: str, narrowed: _Narrowed, order: ListOrder) -> bool:
    """An index is read in both directions, and those that go on after the list's own keys are as good."""
    found = _DEFINITION.match(definition)
    if found is None:
        return False
    there = _split(found["columns"])
    column = _ORDERS[order.column][0]
    needed = None if order.column not in _HAVE_FEW_TIES else -1
    wanted = [_keys(narrowed, column, descending=descending)[:needed] for descending in (True, False)]
    return any(there[: len(keys)] == keys for keys in wanted)


def _split(columns: str) -> list[str]:
    """At the commas outside parentheses."""
    return re.split(r", (?![^(]*\))", columns)
