"""What only the operator may read, for the completion of filters: the users' e-mails."""

from contextlib import suppress
from typing import TYPE_CHECKING

from store.actor import Operator
from store.errors import StoreError

if TYPE_CHECKING:
    from tui.app import GjobsApp


async def tell_users(app: "GjobsApp") -> None:
    """The most recently active ones. A user's eyes see no others, and their filter may name none."""
    store = app.connection.store
    if store is None or not isinstance(store.actor, Operator):
        return
    with suppress(StoreError):  # Then none are offered.
        users = await store.find_users("")
        if store is app.connection.store:
            app.dashboard.jobs.know_users(tuple(user.email for user in users if user.email))
