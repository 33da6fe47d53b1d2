"""What the dashboard has seen happen to jobs whose database keeps no events, while it looked with the same eyes."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from store.events.observed import ObservedEvents
    from store.listing.model import Listing
    from store.store import Store


class Observations:
    def __init__(self) -> None:
        self._store: Store | None = None
        self._events: ObservedEvents | None = None

    def look(self, store: "Store", listing: "Listing") -> None:
        from store.capabilities import Feature

        latest = store.probed.latest
        if latest is not None and latest.off(Feature.EVENTS, store.actor) is not None:
            self.of(store).look(listing.window.jobs, at=listing.taken_at)

    def of(self, store: "Store") -> "ObservedEvents":
        """What was seen with other eyes is not told to these."""
        if self._events is None or store is not self._store:
            from store.events.observed import ObservedEvents

            self._store, self._events = store, ObservedEvents()
        return self._events
