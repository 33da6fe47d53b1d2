"""What is left of the budgets that are shown; nothing where there are none."""

from typing import TYPE_CHECKING

from textual.content import Content

from tui.widgets.steady_text import SteadyText

if TYPE_CHECKING:
    from store.numbers.model import Numbers

_SHARE_OF_SCREEN = 2
"""It takes one line in so many, at most: the rest is the projects'."""


class BudgetsPanel(SteadyText):
    DEFAULT_CSS = """
    BudgetsPanel {
        display: none;
        height: auto;
        border: round $primary-muted;
        border-title-color: $foreground-muted;
        border-title-style: bold;
        padding: 0 1;
        text-wrap: nowrap;
    }
    """
    BORDER_TITLE = "Budgets"

    def show(self, numbers: "Numbers", *, width: int, screen_height: int) -> None:
        """Those with the least left first, as they stood when the numbers were read; lines of so many cells."""
        if not numbers.budgets:
            self.forget()
            return
        from tui.words.budget_lines import budget_lines

        height = screen_height // _SHARE_OF_SCREEN - 2
        lines = budget_lines(numbers.budgets, numbers.taken_at, width=width, height=height)
        self.display = bool(lines)
        self.say(Content("\n").join(Content.assemble(*line) for line in lines))

    def forget(self) -> None:
        self.display = False
        self.say(Content(""))
