"""What a list would cost, and whether it had better not be read in its order: asked before it is read."""

import logging

from store.advising import asking
from store.advising.model import ListCost, Verdict
from store.capabilities import Off
from store.database import Query
from store.errors import TimedOut, UnexpectedError
from store.listing.indexes import MOST_SORTED, is_kept_from_index, lacks_order, too_long_to_sort
from store.listing.model import ListedJob
from store.listing.query import ListQuery, WindowQuery
from store.reach import Reach
from store.statements import lists, windows

log = logging.getLogger(__name__)


async def list_cost(reach: Reach, query: ListQuery) -> ListCost | None:
    """By the planner, without reading a row; None where the database does not plan for us."""
    asked = asking.questions(await _first_rows(reach, query))
    try:
        answers = await reach.read_together(*asked, limits=asking.LIMITS)
        return asking.list_cost(query, answers, actor=reach.actor)
    except UnexpectedError as error:
        log.info("No plan for a list: %s", error)
        return None


async def comes_at_once(reach: Reach, query: ListQuery) -> bool:
    """Whether its first rows are there before it could be called dear."""
    first_rows = await _first_rows(reach, query)
    try:
        await reach.read(first_rows, limits=asking.TRIAL)
    except TimedOut:
        return False
    return True


async def order_off(reach: Reach, query: ListQuery) -> Off | None:
    """None where an index has the order, and where sorting all of the list is cheap."""
    off = lacks_order(query, (await reach.probed.get()).facts.job_indexes)
    if off is None:
        return await _too_long_to_sort(reach, query)
    cost = await list_cost(reach, query)
    return None if cost is not None and cost.verdict is Verdict.CHEAP else off


async def _too_long_to_sort(reach: Reach, query: ListQuery) -> Off | None:
    if reach.is_operators or not is_kept_from_index(query):
        return None
    readable = await reach.readable_names(query.job_filter)
    (length,) = await reach.read(lists.length(query, most=MOST_SORTED, readable=readable))
    return too_long_to_sort() if length > MOST_SORTED else None


async def _first_rows(reach: Reach, query: ListQuery) -> Query[ListedJob]:
    readable, means = await reach.readable_names(query.job_filter), await reach.means(query)
    return windows.questions(WindowQuery(listed=query), readable=readable, means=means)[0]
