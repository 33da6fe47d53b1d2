"""What the command palette offers beside the keys: a title, a few words about it, and what it does."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from textual.command import DiscoveryHit, Hit, Hits, Provider
from textual.content import Content

from tui.keys.commands import explained, highlighted

if TYPE_CHECKING:
    from tui.app import GjobsApp


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    title: str
    about: str
    run: Callable[[], None]
    is_first_choice: bool = True
    """Whether it is listed before anything is typed."""


class OfferCommands(Provider):
    """Of the dashboard: above a dialog nothing is offered."""

    def offers(self) -> Iterator[Offer]:
        """Clean texts."""
        raise NotImplementedError

    async def discover(self) -> Hits:
        for offer in self._present():
            if offer.is_first_choice:
                yield DiscoveryHit(explained(Content(offer.title), offer.about), offer.run, text=offer.title)

    async def search(self, query: str) -> Hits:
        matcher = self.matcher(query)
        for offer in self._present():
            score = max(matcher.match(offer.title), matcher.match(offer.about))
            if score > 0:
                yield Hit(score, explained(highlighted(matcher, offer.title), offer.about), offer.run)

    @property
    def dashboard_app(self) -> "GjobsApp":
        return cast("GjobsApp", self.app)

    def _present(self) -> Iterator[Offer]:
        return self.offers() if self.screen is self.dashboard_app.dashboard else iter(())
