"""What the command palette offers: what the keys do, by name, the projects, and the databases."""

from collections.abc import Awaitable, Callable, Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, cast
from uuid import UUID

from textual.command import DiscoveryHit, Hit, Hits, Provider
from textual.content import Content
from textual.fuzzy import Matcher

from store.numbers.model import ProjectSums
from tui.actions.switching import full_name
from tui.keys.bound_actions import BoundAction, bound_actions
from tui.words.job_names import jobs_count
from tui.words.text import clean

if TYPE_CHECKING:
    from tui.app import GjobsApp

_KEYS_ONLY = ("up", "down", "page_up", "page_down", "first", "last", "mark", "next_pane", "other", "quit_anywhere")
"""Second parts of ids: moving about means nothing from a palette."""


class DashboardCommands(Provider):
    async def discover(self) -> Hits:
        for action in self._actions():
            yield DiscoveryHit(Content(_title(action)), self._run(action), text=_title(action), help=action.what)

    async def search(self, query: str) -> Hits:
        matcher = self.matcher(query)
        for action in self._actions():
            score = max(matcher.match(_title(action)), matcher.match(action.what))
            if score > 0:
                yield Hit(score, highlighted(matcher, _title(action)), self._run(action), help=action.what)

    def _actions(self) -> Iterator[BoundAction]:
        for action in bound_actions(self.screen):
            if action.binding_id.partition(".")[2] not in _KEYS_ONLY:
                yield action

    def _run(self, action: BoundAction) -> Callable[[], Awaitable[object]]:
        return partial(self.app.run_action, action.action, action.node)


class ProjectCommands(Provider):
    async def search(self, query: str) -> Hits:
        matcher = self.matcher(query)
        dashboard = cast("GjobsApp", self.app).dashboard
        if self.screen is not dashboard or dashboard.listing is None:
            return
        for project in dashboard.listing.projects:
            title = f"Show project {clean(project.name, limit=60)}"
            score = matcher.match(title)
            if score > 0:
                show = partial(dashboard.choose_project, project.id)
                yield Hit(score, highlighted(matcher, title), show, help=_jobs_of(dashboard.sums, project.id))


class DatabaseCommands(Provider):
    async def search(self, query: str) -> Hits:
        matcher = self.matcher(query)
        app = cast("GjobsApp", self.app)
        if self.screen is not app.dashboard:
            return
        for destination in app.destinations:
            title = f"Look at database {clean(full_name(destination), limit=60)}"
            score = matcher.match(title)
            if score > 0 and destination is not app.destination:
                go = partial(app.switch_to, destination)
                yield Hit(score, explained(highlighted(matcher, title), clean(destination.detail, limit=60)), go)


def _jobs_of(sums: Mapping[UUID, ProjectSums], project_id: UUID) -> str | None:
    return jobs_count(sums[project_id].job_count) if project_id in sums else None


def highlighted(matcher: Matcher, title: str) -> Content:
    """The matcher's own reads the title as markup."""
    _, offsets = matcher.fuzzy_search.match(matcher.query, title)
    content = Content(title)
    for offset in offsets:
        content = content.stylize(matcher.match_style, offset, offset + 1)
    return content


def explained(title: Content, about: str) -> Content:
    """With what a hit's own help would read as markup: such as a host's address, or a filter."""
    return Content.assemble(title, (f"  {about}", "$foreground-muted"))


def _title(action: BoundAction) -> str:
    return f"{action.name[:1].upper()}{action.name[1:]} ({action.keys})"
