"""What a database offers to whoever counts."""

from store.capabilities import Feature
from store.filters.keys import Key
from store.numbers.counting import Offered
from store.numbers.query import NumbersQuery
from store.reach import Reach


async def offered(reach: Reach, query: NumbersQuery) -> Offered:
    """Raises NoPrivilege where the query's filter takes a name that may not be read."""
    return Offered(
        has_projects=await reach.has(Feature.PROJECTS),
        has_sums=await reach.has(Feature.ROLLUPS),
        readable=await reach.readable_names(query.matching.job_filter) if query.matching else frozenset[Key](),
        may_estimate=reach.is_operators and (await reach.probed.get()).sees_less is None,
        budgets=await reach.readable_beside_budgets() if await reach.has(Feature.BUDGETS) else None,
    )
