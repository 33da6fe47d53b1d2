"""A list that took too long, with what would help in place of a general word."""

from typing import TYPE_CHECKING

from store.errors import Locked, StoreError, TimedOut
from tui.words.would_help import would_help

if TYPE_CHECKING:
    from store.listing.query import ListQuery
    from store.store import Store


async def advised(store: "Store", listed: "ListQuery", error: TimedOut) -> TimedOut:
    """The same error; its hint is about this list. One that waited for a lock, or for the link, is left as it is."""
    if isinstance(error, Locked) or error.sqlstate is None:
        return error
    try:
        cost = await store.get_list_cost(listed)
    except StoreError:  # Whoever cannot plan it can still say how to narrow it.
        cost = None
    hint = would_help(listed, cost.advice if cost else None)
    return TimedOut(error.message, hint=hint, sqlstate=error.sqlstate)
