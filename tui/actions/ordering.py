"""Another order of the list: where the database can read it so without reading all of it, else it is said why not."""

from dataclasses import replace
from typing import TYPE_CHECKING

from store.errors import StoreError
from store.listing.query import ListOrder, OrderColumn
from tui.say import say
from tui.words.outcomes import order_off_toast
from tui.words.toast import error_toast

if TYPE_CHECKING:
    from tui.app import GjobsApp


async def order_by(app: "GjobsApp", order: ListOrder) -> None:
    """By the creation it is always listed: a list has to begin somewhere."""
    store, dashboard = app.connection.store, app.dashboard
    if store is not None and order.column is not OrderColumn.CREATED:
        try:
            off = await store.get_order_off(replace(dashboard.listed, order=order))
        except StoreError as error:
            say(app, error_toast(error))
            return
        if app.connection.store is not store:
            return
        if off is not None:
            say(app, order_off_toast(order, off))
            return
    dashboard.ask(replace(dashboard.listed, order=order))
