"""What becomes of old jobs, in the command palette."""

from collections.abc import Iterator
from functools import partial

from tui.keys.offers import Offer, OfferCommands


class RetentionCommands(OfferCommands):
    def offers(self) -> Iterator[Offer]:
        want = self.dashboard_app.dashboard.action_want
        yield Offer(title="Archived jobs", about="look at them, and bring them back", run=partial(want, "archive"))
        yield Offer(title="Clean up", about="old jobs go to the archive, or for good", run=partial(want, "clean_up"))
