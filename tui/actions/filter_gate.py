"""A filter is weighed before the dashboard lists by it again and again: what is dear runs only for who insists."""

from dataclasses import replace
from typing import TYPE_CHECKING

from store.actor import OPERATOR
from store.advising.model import ListCost, Verdict
from store.errors import InvalidValue, NoPrivilege, StoreError
from store.filters.model import JobFilter
from store.listing.query import ListQuery
from tui.keys.moved_keys import key_of
from tui.widgets.filter_field import FilterField
from tui.words.would_help import dear_words

if TYPE_CHECKING:
    from store.store import Store
    from tui.app import GjobsApp


async def weigh(app: "GjobsApp", job_filter: JobFilter) -> None:
    """Lists by it where it is cheap, or where nobody can tell; what it refuses for is said in the bar."""
    store, dashboard = app.connection.store, app.dashboard
    listed = replace(dashboard.listed, job_filter=job_filter)
    cost = None
    try:
        if store is not None:
            cost = await _proven_cost(store, listed)
    except (InvalidValue, NoPrivilege) as error:
        dashboard.jobs.explain_refusal(job_filter, error)
        return
    except StoreError:
        pass  # The list itself will tell, above all, and go on trying.
    if store is not app.connection.store or not dashboard.jobs.is_wanted(job_filter):
        return
    if cost is not None and cost.verdict is Verdict.DEAR:
        run = key_of(app, FilterField.BINDINGS, "find.keep")
        dashboard.jobs.warn(dear_words(cost, listed, run=run))
    else:
        dashboard.ask(replace(dashboard.listed, job_filter=job_filter))


async def _proven_cost(store: "Store", listed: ListQuery) -> ListCost | None:
    """None where it is not dear after all, or nobody can tell."""
    cost = await store.get_list_cost(listed)
    is_doubtful = cost is not None and cost.verdict is Verdict.DEAR and store.actor != OPERATOR
    return None if is_doubtful and await store.comes_at_once(listed) else cost
