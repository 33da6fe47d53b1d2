"""Views in the command palette: each by its name, and what makes and removes them."""

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING

from tui.actions.views import read_views, remove_view, save_view, show_view
from tui.keys.offers import Offer, OfferCommands
from tui.words.text import clean

if TYPE_CHECKING:
    from tui.app import GjobsApp


class ViewCommands(OfferCommands):
    async def startup(self) -> None:
        read_views(self.dashboard_app)

    def offers(self) -> Iterator[Offer]:
        app = self.dashboard_app
        for view in app.views.known.values():
            about = clean(view.text, limit=60)
            yield Offer(title=f"View {clean(view.name)}", about=about, run=partial(show_view, app, view))
        text = app.dashboard.jobs.filter_text
        if text:
            about = clean(text, limit=60)
            yield Offer(title="Save this view as …", about=about, run=lambda: app.errands.ask(save_view(app)))
        for name in sorted(app.views.removable):
            view = app.views.known[name]
            yield Offer(
                title=f"Remove the view {clean(name)}",
                about=clean(view.text, limit=60),
                run=partial(_remove, app, name),
                is_first_choice=False,
            )


def _remove(app: "GjobsApp", name: str) -> None:
    app.errands.ask(remove_view(app, app.views.known[name]))
