"""What the command palette offers: what the keys do, by name, and the projects."""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING, cast

from textual.command import DiscoveryHit, Hit, Hits, Provider

from store.model import Project
from tui.bound_actions import BoundAction, bound_actions
from tui.format import count
from tui.text import clean

if TYPE_CHECKING:
    from tui.app import GjobsApp


class DashboardCommands(Provider):
    async def discover(self) -> Hits:
        for action in bound_actions(self.screen):
            yield DiscoveryHit(_title(action), self._run(action), help=action.what)

    async def search(self, query: str) -> Hits:
        matcher = self.matcher(query)
        for action in bound_actions(self.screen):
            score = max(matcher.match(_title(action)), matcher.match(action.what))
            if score > 0:
                yield Hit(score, matcher.highlight(_title(action)), self._run(action), help=action.what)

    def _run(self, action: BoundAction) -> Callable[[], Awaitable[object]]:
        return partial(self.app.run_action, action.action, action.node)


class ProjectCommands(Provider):
    async def search(self, query: str) -> Hits:
        matcher = self.matcher(query)
        app = cast("GjobsApp", self.app)
        for project in app.dashboard.overview.projects if app.dashboard.overview else ():
            title = f"Show project {clean(project.name, limit=60)}"
            score = matcher.match(title)
            if score > 0:
                yield Hit(score, matcher.highlight(title), _show(app, project), help=f"{count(project.job_count)} jobs")


def _title(action: BoundAction) -> str:
    return f"{action.name.capitalize()} ({action.keys})"


def _show(app: "GjobsApp", project: Project) -> Callable[[], None]:
    return partial(app.dashboard.choose_project, project.id)
