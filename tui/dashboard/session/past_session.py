"""Which moment the dashboard shows: its store, and whether writes are off. Which screens follow the time zone."""

from datetime import datetime
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from gjobs.store.moments.moment import WRITES_OFF
from gjobs.tui.dashboard.bindings import APP_BINDINGS, DASHBOARD_BINDINGS, key_of
from gjobs.tui.dashboard.widgets.message_board import drop_message

if TYPE_CHECKING:
    from gjobs.store.configuration.settings import WriteAccess
    from gjobs.store.store import Store
    from gjobs.tui.dashboard.widgets.message_board import MessageApp
    from gjobs.tui.text.format import ShownZone


ONLY_PRESENT = "This shows only the present."
"""Why an action is refused while an earlier moment is shown."""

_OWNER = "moment"


@runtime_checkable
class ShowsTimes(Protocol):
    """A screen with times."""

    def show_zone(self, zone: "ShownZone") -> None:
        """Show all times in another zone."""


class Moments:
    def __init__(self, app: "MessageApp[int]", first: datetime | None) -> None:
        """`first` is the moment to show once the database is open."""
        self._app = app
        self._first = first
        self._is_past = False

    def take_first(self) -> datetime | None:
        """Return the first moment, once."""
        first, self._first = self._first, None
        return first

    def suspend_writes(self, access: "WriteAccess", moment: datetime | None, *, is_filtered: bool) -> None:
        """Refuse writes of the whole session while an earlier moment is shown. Without a moment, allow them again and
        remove the messages of refused keys.
        """
        self._is_past = moment is not None
        if moment is None:
            access.resume()
            self._app.messages.unpin(_OWNER)
            for refusal in (WRITES_OFF, ONLY_PRESENT):
                drop_message(self._app, refusal)
            return
        access.suspend(WRITES_OFF, hint=f"Press {self._leave_key} to return.")
        self.show_keys(is_filtered=is_filtered)

    def show_keys(self, *, is_filtered: bool) -> None:
        """Show the keys that step through time. If a filter is set, the key that returns to the present clears the
        filter first.
        """
        if self._is_past:
            leaving = f"{self._leave_key}: {'clear the filter' if is_filtered else 'present'}"
            self._app.messages.pin(self._caption(), owner=_OWNER, keys=leaving)

    @property
    def _leave_key(self) -> str:
        return key_of(self._app, DASHBOARD_BINDINGS, "list.clear")

    def _caption(self) -> str:
        """Return the keys that step through time."""
        steps = ((f"app.{way}_{unit}" for way in ("earlier", "later")) for unit in ("event", "minute", "hour"))
        pairs = [" ".join(key_of(self._app, APP_BINDINGS, one) for one in pair) for pair in steps]
        event, minute, hour = pairs
        time, zone = (key_of(self._app, APP_BINDINGS, one) for one in ("app.moment", "app.zone"))
        return f"{event} event · {minute} minute · {hour} hour · {time} time · {zone} zone"

    def store_for(self, store: "Store", moment: datetime | None) -> "Store":
        """Return a store that shows the moment to the same actor, or the store itself for the present."""
        if moment is None:
            return store
        from gjobs.store.moments.past_store import past_store

        return past_store(store, moment)
