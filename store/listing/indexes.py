"""What the indexes that there are mean for a list. Pure.

They are told as `Facts.job_indexes` has them.
"""

from collections.abc import Set

from store.capabilities.off import Off
from store.listing.query import ListQuery, OrderColumn

_NEWEST = "created_at DESC, id DESC"
_OF_ALL = frozenset(f"{narrowed}{_NEWEST}" for narrowed in ("", "project_id, ", "user_id, ", "status, "))
"""By these every list without a filter is read in the order of creation, whoever looks."""

TOTAL = (
    "( CASE WHEN ((status = ANY (ARRAY['succeeded'::text, 'failed'::text]))"
    " AND (LEAST(created_at, updated_at) > to_timestamp(('-62135596800'::bigint)::double precision))"
    " AND (GREATEST(created_at, updated_at) < to_timestamp(('253402300799'::bigint)::double precision)))"
    " THEN (updated_at - created_at) ELSE NULL::interval END) DESC NULLS LAST"
)
_ORDERS = {
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


def lacks_order(listed: ListQuery, indexes: Set[str]) -> Off | None:
    """Where no index has the jobs in the list's order, so that all of it is read and sorted for any page; and the SQL.

    Every app's table has an index for the order of creation.
    """
    known = _ORDERS.get(listed.order.column)
    if known is None:
        return None
    name, key = known
    columns = f"{key}, id DESC"
    if (name if listed.order.column is OrderColumn.TOTAL else columns) in indexes:
        return None
    return Off(
        reason=f"No index has the jobs by {listed.order.column}: each page would read and sort all of them.",
        sql=f"CREATE INDEX CONCURRENTLY {name} ON public.generation_jobs ({columns});",
    )


def is_kept_from_index(listed: ListQuery) -> bool:
    """Whether row level security keeps a user's list from the index of its order: see `Means.through_policies`."""
    return listed.order.column is OrderColumn.TOTAL


def too_long_to_sort() -> Off:
    """A user's list of more than MOST_SORTED jobs, which no index reads in its order."""
    return Off(
        reason="Row level security keeps the index by total from being used with a user's eyes: each page would read"
        f" and sort all of their jobs, which are more than {MOST_SORTED:,}.",
        advice="List fewer: those of a project or a status.",
    )
