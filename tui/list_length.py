"""How long the list is that is looked at, as far as the numbers tell. Pure."""

from typing import TYPE_CHECKING

from store.numbers.certainty import Certainty, Counted
from store.numbers.query import NumbersQuery

if TYPE_CHECKING:
    from store.listing.model import Listing
    from store.numbers.model import Numbers


def list_length(listing: "Listing", numbers: "Numbers | None") -> Counted | None:
    """None where nobody counted it, or what was counted is another list."""
    if listing.lens is not None:
        everything = listing.lens.everything
        certainty = Certainty.CAPPED if everything.is_more else Certainty.EXACT
        return Counted(number=everything.number, certainty=certainty)
    listed = listing.query.window.listed
    if numbers is None or numbers.query.project_id != listed.project_id:
        return None
    if listed.job_filter:
        return numbers.matching if numbers.query == NumbersQuery.of_list(listed) else None
    return numbers.count(listed.status)
