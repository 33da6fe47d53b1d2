"""Budgets as they are printed."""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from store.budgets.model import Budget
from tui.cli.output import Output

if TYPE_CHECKING:
    from tui.cli.tables import Column


def show_budgets(output: Output, budgets: Sequence[Budget], now: datetime) -> None:
    from tui.words.budget_words import STATE_WORDS, owner_words, pace_words, share_words
    from tui.words.format import money

    output.table(
        _columns(),
        [
            [
                "project" if budget.project_id else "user",
                owner_words(budget),
                budget.period.value,
                money(budget.spent_cents),
                money(budget.limit_cents),
                money(budget.left_cents),
                share_words(budget),
                STATE_WORDS[budget.state],
                pace_words(budget, now),
            ]
            for budget in budgets
        ],
    )


def _columns() -> "Sequence[Column]":
    from tui.cli.tables import BUDGET_COLOURS, Column

    return (
        Column(title="OF"),
        Column(title="NAME", narrowest=12),
        Column(title="PERIOD"),
        Column(title="SPENT", right=True),
        Column(title="LIMIT", right=True),
        Column(title="LEFT", right=True),
        Column(title="USED", right=True),
        Column(title="STATE", colours=BUDGET_COLOURS),
        Column(title="AT THIS PACE"),
    )
