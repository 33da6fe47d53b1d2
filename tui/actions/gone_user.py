"""A user who was deleted sees nothing, as one does who has nothing: the operator can tell them apart."""

from contextlib import suppress
from typing import TYPE_CHECKING

from store.actor import OPERATOR, ActingUser
from store.capabilities import USERS, Feature
from store.errors import RowMissing, StoreError
from store.listing.model import Listing
from store.listing.query import ListQuery
from tui.keys.app_bindings import APP_BINDINGS
from tui.keys.moved_keys import key_of
from tui.say import say
from tui.words.eyes import eyes_name
from tui.words.toast import Toast

if TYPE_CHECKING:
    from store.store import Store
    from tui.app import GjobsApp


class GoneUser:
    """Asks once when the eyes see nothing, and once more where that comes again."""

    def __init__(self, app: "GjobsApp") -> None:
        self._app = app
        self._asked_for: Store | None = None

    def seen(self, store: "Store", listing: Listing) -> None:
        is_of_all = listing.query.window.listed == ListQuery()
        sees_nothing = is_of_all and not (listing.projects or listing.window.jobs)
        if not sees_nothing or not isinstance(store.actor, ActingUser):
            self._asked_for = None
        elif self._asked_for is not store:
            self._asked_for = store
            self._app.run_worker(self._tell(store, store.actor), group="gone user")

    async def _tell(self, store: "Store", user: ActingUser) -> None:
        session = self._app.connection.session
        if session is None:
            return
        operator = session.operator
        with suppress(StoreError):
            capabilities = await operator.probed.get()
            if capabilities.off(Feature.USERS, OPERATOR) is not None or capabilities.facts.may_hide(USERS):
                return  # Nobody can tell: users are known by what belongs to them, or are not all to be seen.
            try:
                await operator.find_actor(str(user.id))
            except RowMissing:
                if store is not self._app.connection.store:
                    return  # Somebody looks with other eyes by now.
                key = key_of(self._app, APP_BINDINGS, "app.user")
                text = f"{eyes_name(user)} sees nothing: there is no such user any more. {key} looks with other eyes."
                say(self._app, Toast(text=text, severity="warning"))
