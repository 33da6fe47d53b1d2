"""Budget bars in the sidebar; a message when a budget's state gets worse."""

from typing import TYPE_CHECKING, NamedTuple
from uuid import UUID

from textual.content import Content

from gjobs.tui.dashboard.message_board import show_warning
from gjobs.tui.dashboard.widgets import SteadyText

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import tzinfo
    from typing import Any

    from textual.app import App

    from gjobs.store.budgets.budget import Budget, BudgetState
    from gjobs.store.statistics.totals import Totals

_SHARE_OF_SCREEN = 2
"""The panel takes at most 1 / _SHARE_OF_SCREEN of the lines. The rest is for the projects."""


class BudgetsPanel(SteadyText):
    DEFAULT_CSS = """
    BudgetsPanel {
        display: none;
        height: auto;
        border: round $primary-muted;
        border-title-color: $foreground-muted;
        border-title-style: bold;
        border-subtitle-color: $text-warning;
        padding: 0 1;
        text-wrap: nowrap;
    }
    """
    BORDER_TITLE = "Budgets"

    def show(self, totals: "Totals", *, width: int, screen_height: int, zone: "tzinfo | None" = None) -> None:
        """Show the budgets in lines of `width` cells, starting with the one that has the least left."""
        if not totals.budgets:
            self.forget()
            return
        from gjobs.tui.text.budget_text import budget_lines

        height = screen_height // _SHARE_OF_SCREEN - 2
        lines = budget_lines(totals.budgets, totals.taken_at, width=width, height=height, zone=zone)
        self.display = bool(lines)
        self.say(Content("\n").join(Content.assemble(*line) for line in lines))

    def forget(self) -> None:
        self.display = False
        self.say(Content(""))


_MOST_LATE_ANSWERS = 3


class _OwnChange(NamedTuple):
    limit_cents: int
    late_answers: int


class BudgetNews:
    """Detects budgets that get worse for the present user. A budget that is seen for the first time is not reported."""

    def __init__(self) -> None:
        self._states: dict[UUID, BudgetState] = {}
        self._own: dict[UUID, _OwnChange] = {}

    def learn_own(self, budget: "Budget") -> None:
        """Learn a budget that this session has set. Late answers that still have the old limit are ignored."""
        self._states[budget.id] = budget.state
        self._own[budget.id] = _OwnChange(budget.limit_cents, _MOST_LATE_ANSWERS)

    def _is_late(self, budget: "Budget") -> bool:
        limit, left = self._own.get(budget.id, _OwnChange(budget.limit_cents, 0))
        if budget.limit_cents == limit or not left:
            self._own.pop(budget.id, None)
            return False
        self._own[budget.id] = _OwnChange(limit, left - 1)
        return True

    def learn(self, budgets: "Iterable[Budget]") -> "list[Budget]":
        """Return the budgets that have started to warn or have run out since the last call."""
        worse = []
        for budget in budgets:
            if self._is_late(budget):
                continue
            known = self._states.get(budget.id)
            if known is not None and budget.state.is_worse_than(known):
                worse.append(budget)
            self._states[budget.id] = budget.state
        return worse

    def tell(self, app: "App[Any]", budgets: "Iterable[Budget]") -> None:
        for budget in self.learn(budgets):
            from gjobs.tui.text.budget_text import worse_words

            show_warning(app, worse_words(budget))
