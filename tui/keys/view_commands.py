"""Views in the command palette: each by its name, and what makes and removes them."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, cast

from textual.command import DiscoveryHit, Hit, Hits, Provider
from textual.content import Content

from tui.actions.views import read_views, remove_view, save_view, show_view
from tui.keys.commands import explained, highlighted
from tui.words.text import clean

if TYPE_CHECKING:
    from tui.app import GjobsApp


@dataclass(frozen=True, slots=True, kw_only=True)
class _Offer:
    title: str
    about: str
    run: Callable[[], None]
    is_first_choice: bool = True
    """Whether it is listed before anything is typed."""


class ViewCommands(Provider):
    async def startup(self) -> None:
        read_views(self._app)

    async def discover(self) -> Hits:
        for offer in self._offers():
            if offer.is_first_choice:
                yield DiscoveryHit(explained(Content(offer.title), offer.about), offer.run, text=offer.title)

    async def search(self, query: str) -> Hits:
        matcher = self.matcher(query)
        for offer in self._offers():
            score = max(matcher.match(offer.title), matcher.match(offer.about))
            if score > 0:
                yield Hit(score, explained(highlighted(matcher, offer.title), offer.about), offer.run)

    @property
    def _app(self) -> "GjobsApp":
        return cast("GjobsApp", self.app)

    def _offers(self) -> Iterator[_Offer]:
        app = self._app
        if self.screen is not app.dashboard:
            return
        for view in app.views.known.values():
            about = clean(view.text, limit=60)
            yield _Offer(title=f"View {clean(view.name)}", about=about, run=partial(show_view, app, view))
        text = app.dashboard.jobs.filter_text
        if text:
            about = clean(text, limit=60)
            yield _Offer(title="Save this view as …", about=about, run=lambda: app.errands.ask(save_view(app)))
        for name in sorted(app.views.removable):
            view = app.views.known[name]
            yield _Offer(
                title=f"Remove the view {clean(name)}",
                about=clean(view.text, limit=60),
                run=partial(_remove, app, name),
                is_first_choice=False,
            )


def _remove(app: "GjobsApp", name: str) -> None:
    app.errands.ask(remove_view(app, app.views.known[name]))
