"""Select all matching jobs, set the order, check filter costs, count exactly, list users."""

import asyncio
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from gjobs.store.errors import InvalidValue, NoPrivilege, StoreError
from gjobs.store.filters.job_filter import JobFilter
from gjobs.store.job_list.list_cost import CostLevel, ListCost
from gjobs.store.job_list.list_query import ListOrder, ListQuery, OrderColumn
from gjobs.store.page_limits import MAX_LIMIT
from gjobs.store.users.actor import OPERATOR, Operator
from gjobs.tui.dashboard.dialogs.dialog import ProgressDialog, await_showing_progress
from gjobs.tui.dashboard.job_list.filter_field import FilterField
from gjobs.tui.dashboard.keys.bindings import key_of
from gjobs.tui.dashboard.message_board import show_message, show_warning
from gjobs.tui.error_help import expensive_filter_words
from gjobs.tui.text.error_text import error_message
from gjobs.tui.text.format import jobs_count
from gjobs.tui.text.write_text import slow_order_words

if TYPE_CHECKING:
    from gjobs.store.store import Store
    from gjobs.tui.dashboard.action_context import ActionContext
    from gjobs.tui.dashboard.action_host import ActionHost


async def choose_all_matching(host: "ActionHost", context: "ActionContext") -> None:
    dashboard, store = host.dashboard, context.store
    query = dashboard.listing_query
    listed = query.window.listed
    if query.with_visibility:
        show_warning(host.app, "Leave the visibility view first. It shows jobs that the user does not see.")
        return
    try:
        page = await store.find_jobs(
            listed.job_filter, project_id=listed.project_id, status=listed.status, limit=MAX_LIMIT
        )
    except StoreError as error:
        show_message(host.app, error_message(error))
        return
    if host.poller.store is not store or dashboard.listing_query.window.listed != listed:
        return
    dashboard.jobs.select(page.items)
    if not page.items:
        show_warning(host.app, "No job matches.")
    elif page.next_key is not None:
        show_warning(host.app, f"More jobs match. Selected the newest {jobs_count(len(page))}, which is the maximum.")


_WHOLE = 100
"""Percent."""


async def count_exactly(host: "ActionHost", context: "ActionContext") -> None:
    """Count the shown list exactly."""
    query = host.dashboard.totals_query

    def report(done: int, pages: int) -> None:
        dialog.show_progress(_WHOLE * done // max(pages, 1))

    counting = asyncio.ensure_future(context.store.get_exact_totals(query, report))
    dialog = ProgressDialog(title="Counting exactly", total=_WHOLE, stop=counting.cancel, words=_percent)
    await await_showing_progress(host.app, counting, dialog)
    if counting.cancelled():
        show_message(host.app, "Stopped counting. The numbers have not changed.")
        return
    try:
        totals = counting.result()
    except StoreError as error:
        show_message(host.app, error_message(error))
        return
    if host.poller.store is context.store:
        host.dashboard.show_totals(totals)
        found = totals.matching or totals.count(None)
        how = "with partial claims" if totals.partial_claims else "exactly"
        show_message(host.app, f"Counted {how}: {jobs_count(found.number if found else 0)}.")


def _percent(done: int) -> str:
    return f"{done} % of the table read"


async def order_by(host: "ActionHost", order: ListOrder) -> None:
    """Sort the list. The order by creation needs no check, because it is the default of each list."""
    store, dashboard = host.poller.store, host.dashboard
    if store is not None and order.column is not OrderColumn.CREATED:
        try:
            missing = await store.slow_order_reason(replace(dashboard.listed, order=order))
        except StoreError as error:
            show_message(host.app, error_message(error))
            return
        if host.poller.store is not store:
            return
        if missing is not None:
            show_warning(host.app, slow_order_words(order, missing))
            return
    dashboard.ask(replace(dashboard.listed, order=order))


async def apply_filter(host: "ActionHost", job_filter: JobFilter) -> None:
    """Apply the filter if it is cheap or its cost is unknown. Otherwise the bar shows why not."""
    store, dashboard = host.poller.store, host.dashboard
    listed = replace(dashboard.listed, job_filter=job_filter)
    cost = None
    try:
        if store is not None:
            cost = await _proven_cost(store, listed)
    except (InvalidValue, NoPrivilege) as error:
        dashboard.jobs.explain_refusal(job_filter, error)
        return
    except StoreError:
        pass  # The list itself reports the error and retries.
    if store is not host.poller.store or not dashboard.jobs.is_wanted(job_filter):
        return
    if cost is not None and cost.verdict is CostLevel.EXPENSIVE:
        run = key_of(host.app, FilterField.BINDINGS, "find.keep")
        dashboard.jobs.warn(expensive_filter_words(cost, listed, run=run))
    else:
        dashboard.ask(replace(dashboard.listed, job_filter=job_filter))


async def _proven_cost(store: "Store", listed: ListQuery) -> ListCost | None:
    """Return the estimated cost. Return None if it is unknown, or if a test shows that the list is fast anyway."""
    cost = await store.get_list_cost(listed)
    is_doubtful = cost is not None and cost.verdict is CostLevel.EXPENSIVE and store.actor != OPERATOR
    return None if is_doubtful and await store.returns_quickly(listed) else cost


async def show_users(host: "ActionHost") -> None:
    """Offer the most recently active users. A user sees no other users, so they get none."""
    store = host.poller.store
    if store is None or not isinstance(store.actor, Operator):
        return
    with suppress(StoreError):  # If the users can't be read, none are offered.
        users = await store.find_users("")
        if store is host.poller.store:
            host.dashboard.jobs.know_users(tuple(user.email for user in users if user.email))
