"""Which index a list lacks, judged from those that are there. Pure.

Of what narrows a list an index holds what is compared for equality: the project, the owner, the status, the mode.
The order follows in it, so that the first rows are read and no others. One of these is enough: the first below.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from store.actor import ActingUser, Actor
from store.advising.model import Advice
from store.filters.keys import Key
from store.listing.query import ListOrder, ListQuery, OrderColumn

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


def advice(listed: ListQuery, indexes: Iterable[str], *, actor: Actor) -> Advice | None:
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
    return Advice(columns=columns, sql=f"CREATE INDEX CONCURRENTLY {name} ON {_TABLE} ({columns});")


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
