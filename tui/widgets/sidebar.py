"""What stands beside the costs and the jobs: projects, and what is left of their budgets."""

from textual.app import ComposeResult
from textual.containers import Vertical

from tui.widgets.budgets_panel import BudgetsPanel
from tui.widgets.project_list import ProjectList

_LEAST_WIDTH, _MOST_WIDTH = 26, 44
_ENOUGH_FOR_JOBS = 120
"""Cells of a screen: of further ones the sidebar gets one in so many."""
_SHARE = 4
_EDGES = 4
"""Cells of a panel's border and padding."""


class Sidebar(Vertical):
    def __init__(self, *, id: str | None = None, screen_width: int) -> None:  # noqa: A002
        super().__init__(id=id)
        self._width = 0
        self.fit(screen_width)

    def compose(self) -> ComposeResult:
        yield ProjectList(id="projects")
        yield BudgetsPanel(id="budgets")

    def fit(self, screen_width: int) -> None:
        """Wider where the jobs have room enough, whatever is to be shown: nothing moves when names come."""
        further = max(0, screen_width - _ENOUGH_FOR_JOBS)
        self._width = min(_LEAST_WIDTH + further // _SHARE, _MOST_WIDTH)
        self.styles.width = self._width

    @property
    def room(self) -> int:
        """Cells of a line of a panel."""
        return self._width - _EDGES
