"""What the jobs cost: by status, in all, a success rate and a bar a day."""

from collections.abc import Sequence

from textual.content import Content
from textual.widgets import Static

from store.model import DayCost, JobStatistics
from tui.costs import cost_lines
from tui.text import clean

_LOW_SCREEN = 30
"""Lines of a screen that has room for the averages."""


class CostsPanel(Static):
    DEFAULT_CSS = """
    CostsPanel {
        height: auto;
        border: round $primary-muted;
        border-title-color: $text-primary;
        border-title-style: bold;
        padding: 0 1;
    }
    """

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id, markup=False)
        self._shown: tuple[JobStatistics, tuple[DayCost, ...]] | None = None
        self._averages = True
        self.entitle("all projects")

    def entitle(self, of_what: str) -> None:
        self.border_title = Content(f"Costs · {clean(of_what, limit=80)}")

    def show(self, statistics: JobStatistics, days: Sequence[DayCost]) -> None:
        shown = (statistics, tuple(days))
        if shown != self._shown:
            self._shown = shown
            self._draw()

    def forget(self) -> None:
        """Shows nothing, until there are numbers for the present eyes."""
        self._shown = None
        self.update(Content(""))

    def fit(self, screen_height: int) -> None:
        """A low screen keeps its lines for jobs."""
        self._averages = screen_height >= _LOW_SCREEN
        self._draw()

    def on_resize(self) -> None:
        self._draw()

    def _draw(self) -> None:
        if self._shown is None:
            return
        statistics, days = self._shown
        lines = cost_lines(statistics, days, width=self.size.width, averages=self._averages)
        self.update(Content("\n").join(Content.assemble(*line) for line in lines))
