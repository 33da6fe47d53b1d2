"""What the jobs cost: by status, in all, a success rate and a bar a day."""

from collections.abc import Sequence

from textual.content import Content

from store.model import DayCost, JobStatistics
from tui.widgets.steady_text import SteadyText
from tui.words.costs import cost_lines
from tui.words.text import clean

_LINES = ((30, 4), (20, 3), (13, 2))
"""So many lines for screens of at least so many: a low one keeps them for jobs."""


class CostsPanel(SteadyText):
    DEFAULT_CSS = """
    CostsPanel {
        height: auto;
        border: round $primary-muted;
        border-title-color: $text-primary;
        border-title-style: bold;
        padding: 0 1;
        text-wrap: nowrap;
    }
    """

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._title = ""
        self._numbers: tuple[JobStatistics, tuple[DayCost, ...]] | None = None
        self._height = 4

    def show(self, statistics: JobStatistics, days: Sequence[DayCost], *, of_what: str) -> None:
        self._entitle(f"Costs · {clean(of_what, limit=80)}")
        self._numbers = (statistics, tuple(days))
        self._draw()

    def explain(self, why: str, *, of_what: str) -> None:
        """A sentence in place of numbers, where there are none and zeros would lie."""
        self._entitle(f"Costs · {clean(of_what, limit=80)}")
        self._numbers = None
        self.say(Content(why))

    def forget(self) -> None:
        """Shows nothing, until there are numbers for the present eyes."""
        self._entitle("Costs")
        self._numbers = None
        self.say(Content(""))

    def fit(self, screen_height: int) -> None:
        self._height = next((lines for least, lines in _LINES if screen_height >= least), 0)
        self.display = self._height > 0
        self._draw()

    def on_mount(self) -> None:
        self.forget()

    def on_resize(self) -> None:
        self._draw()

    def _entitle(self, title: str) -> None:
        if title != self._title:
            self._title = title
            self.border_title = Content(title)

    def _draw(self) -> None:
        if self._numbers is not None:
            lines = cost_lines(*self._numbers, width=self.size.width, height=self._height)
            self.say(Content("\n").join(Content.assemble(*line) for line in lines))
