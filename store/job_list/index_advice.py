"""Finds the index that a list lacks, given the existing ones."""

import re
from collections.abc import Iterable, Set

from gjobs.store.capabilities.capability import MissingCapability
from gjobs.store.filters.filter_terms import Key
from gjobs.store.job_list.list_query import ListQuery, OrderColumn
from gjobs.store.jobs.job import FINAL_STATUSES, sql_literals
from gjobs.store.users.actor import ActingUser, Actor
from gjobs.store.values.data_classes import by_member, dataclass

_NEWEST = "created_at DESC, id DESC"
_OF_ALL = frozenset(f"{narrowed}{_NEWEST}" for narrowed in ("", "project_id, ", "user_id, ", "status, "))
"""With these indexes, every unfiltered list is read in creation order, for any actor."""

TOTAL = (
    f"( CASE WHEN ((status = ANY (ARRAY[{sql_literals(FINAL_STATUSES, cast='::text')}]))"
    " AND (LEAST(created_at, updated_at) > to_timestamp(('-62135596800'::bigint)::double precision))"
    " AND (GREATEST(created_at, updated_at) < to_timestamp(('253402300799'::bigint)::double precision)))"
    " THEN (updated_at - created_at) ELSE NULL::interval END) DESC NULLS LAST"
)
_INDEXES = by_member(
    OrderColumn,
    {
        OrderColumn.CREATED: ("gjobs_newest", "created_at"),
        OrderColumn.UPDATED: ("gjobs_updated", "updated_at"),
        OrderColumn.COST: ("gjobs_costs", "cost_cents"),
        OrderColumn.TOTAL: ("gjobs_total", TOTAL),
    },
)
"""The name and the key of each order's index. A total is computed, so its key is an expression with a direction."""

MOST_SORTED = 20_000
"""The most jobs that may be sorted for each page. Sorting them takes about 0.1 seconds."""


def is_in_order(listed: ListQuery, indexes: Set[str]) -> bool:
    """Return whether the list is read from an index alone and never sorted.

    The planner can't know this under row level security. It expects each user to have few jobs. For a user with many
    jobs, it would read and sort all of them.
    """
    return listed.order.column is OrderColumn.CREATED and not listed.job_filter.terms and indexes >= _OF_ALL


def lacks_order(listed: ListQuery, indexes: Set[str]) -> MissingCapability | None:
    """Return the missing index if every page must read and sort the whole list."""
    if listed.order.column is OrderColumn.CREATED:
        return None  # Every app's table has an index for the creation order.
    name, key = _INDEXES[listed.order.column]
    is_total = listed.order.column is OrderColumn.TOTAL
    columns = f"{key}{'' if is_total else ' DESC'}, id DESC"
    if (name if is_total else columns) in indexes:
        return None
    return MissingCapability(
        reason=f"No index orders the jobs by {listed.order.column}. Each page would read and sort all jobs.",
        sql=f"CREATE INDEX CONCURRENTLY {name} ON public.generation_jobs ({columns});",
    )


TOO_LONG_TO_SORT = MissingCapability(
    reason="For users, row level security blocks the index on the total. Each page would read"
    f" and sort all of the user's jobs, more than {MOST_SORTED:,}.",
    advice="Choose a project or a status to list fewer jobs.",
)
"""Why a user's list is refused its order: over MOST_SORTED jobs, and no usable index. See
`AccessPath.through_policies`.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexAdvice:
    """An index that would read the list in its order, and the SQL that creates it."""

    columns: str
    """The columns as in the statement, in order."""
    sql: str
    """The statement does not block writers while it runs."""


_TABLE = "public.generation_jobs"


MODE = "lower(mode)"
_SUFFIXES = {"project_id": "_of_project", "user_id": "_of_user", MODE: "_of_mode", "status": "_of_status", "": ""}
"""The suffix of the index's name, by the column that comes before the order's."""

_HAVE_FEW_TIES = frozenset({OrderColumn.CREATED, OrderColumn.UPDATED})
"""For these columns an index without the id is enough, because few rows are equal."""
_UNHELPED = frozenset({None, Key.ERROR, Key.ERROR_GROUP, Key.TOOK})
"""No plain index finds a part of a text, computes an error group, or compares two columns."""
_WORDS = frozenset({None, Key.ERROR})
_DEFINITION = re.compile(r"^btree \((?P<columns>.*?)\)(?: INCLUDE \(.*\))?$")


def advice(listed: ListQuery, indexes: Iterable[str], *, actor: Actor) -> IndexAdvice | None:
    """Return the advice, or None if an index exists or none would help.

    `indexes` are the valid indexes on jobs, as the part of `pg_get_indexdef` after USING.
    """
    if listed.order.column is OrderColumn.TOTAL:
        return None  # No index of a list orders by a computed value.
    name, column = _INDEXES[listed.order.column]
    narrowed = next(iter(_narrowing(listed, actor)), "")
    if any(_serves(definition, narrowed, listed.order.column, column) for definition in indexes):
        return None
    columns = ", ".join(_keys(narrowed, column, descending=True))
    sql = f"CREATE INDEX CONCURRENTLY {name}{_SUFFIXES[narrowed]} ON {_TABLE} ({columns});"
    return IndexAdvice(columns=columns, sql=sql)


def finds_by_reading(listed: ListQuery, *, has_word_index: bool = False) -> bool:
    """Return whether part of the filter can only be checked by reading the jobs."""
    unhelped = _UNHELPED - _WORDS if has_word_index else _UNHELPED
    return any(term.key in unhelped for term in listed.job_filter.terms)


def find_words(indexes: Iterable[str]) -> bool:
    """Return whether one of the indexes finds words. The planner then knows how rare a word is."""
    return any(definition.startswith("gin (lower(mode) ") and ", lower(error) " in definition for definition in indexes)


def is_guessed(listed: ListQuery) -> bool:
    """Return whether the planner lacks statistics on the filter's columns, so that its row estimate means nothing."""
    return finds_by_reading(listed) or any(term.key is Key.MODE for term in listed.job_filter.terms)


def _narrowing(listed: ListQuery, actor: Actor) -> list[str]:
    """Return what limits the list (project, user, mode, status), in the probable order of fewest jobs first."""
    of_one = {term.key for term in listed.job_filter.terms if len(term.values) == 1 and not term.is_negated}
    there = {
        "project_id": listed.project_id is not None,
        # By policy, a user's jobs are their own.
        "user_id": isinstance(actor, ActingUser),
        MODE: Key.MODE in of_one,
        "status": listed.status is not None or Key.STATUS in of_one,
    }
    return [narrowed for narrowed, holds in there.items() if holds]


def _keys(narrowed: str, column: str, *, descending: bool) -> list[str]:
    direction = " DESC" if descending else ""
    keys = [f"{column}{direction}", f"id{direction}"]
    return [narrowed, *keys] if narrowed else keys


def _serves(definition: str, narrowed: str, order: OrderColumn, column: str) -> bool:
    """Return whether the index serves the list. Indexes can be read backwards, and may have more columns."""
    found = _DEFINITION.match(definition)
    if found is None:
        return False
    there = re.split(r", (?![^(]*\))", found["columns"])  # Commas outside parentheses.
    needed = None if order not in _HAVE_FEW_TIES else -1
    wanted = [_keys(narrowed, column, descending=descending)[:needed] for descending in (True, False)]
    return any(there[: len(keys)] == keys for keys in wanted)
