"""What became of the budgets since they were last seen: only what got worse is news."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any
from uuid import UUID

from tui.say import say

if TYPE_CHECKING:
    from textual.app import App

    from store.budgets.model import Budget, BudgetState


class BudgetNews:
    """With the present eyes. A budget that is seen for the first time is no news, however it stands."""

    def __init__(self) -> None:
        self._states: dict[UUID, BudgetState] = {}

    def learn(self, budgets: "Iterable[Budget]") -> "list[Budget]":
        """Those that have come to warn, or are used up since."""
        worse = []
        for budget in budgets:
            known = self._states.get(budget.id)
            if known is not None and budget.state.is_worse_than(known):
                worse.append(budget)
            self._states[budget.id] = budget.state
        return worse

    def tell(self, app: "App[Any]", budgets: "Iterable[Budget]") -> None:
        for budget in self.learn(budgets):
            from tui.words.budget_words import worse_toast

            say(app, worse_toast(budget))
