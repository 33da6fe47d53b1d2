"""The lines of budgets: a bar for each, what is left, and until when. Pure; styles are theme variables."""

from collections.abc import Sequence
from datetime import datetime

from rich.cells import cell_len

from store.budgets.model import Budget, BudgetState
from tui.words.budget_words import (
    NO_PACE,
    PERIOD_WORDS,
    left_words,
    owner_words,
    pace_words,
    share_words,
    spent_words,
)
from tui.words.costs import Span
from tui.words.format import money
from tui.words.text import clean_cell, pad, shorten

STATE_STYLES = {
    BudgetState.OK: "$text-success",
    BudgetState.WARNING: "$text-warning",
    BudgetState.USED_UP: "$text-error",
}
_MUTED = "$foreground-muted"
_FULL, _FREE = "█", "░"


def budget_lines(budgets: Sequence[Budget], now: datetime, *, width: int, height: int) -> list[list[Span]]:
    """As many whole budgets as fit into `height`, and how many more there are; none where not one fits.

    The limit itself is left out where there is no room for it.
    """
    blocks = [_block(budget, now, width) for budget in budgets]
    shown: list[list[Span]] = []
    for place, block in enumerate(blocks):
        rest = len(blocks) - place - 1
        if len(shown) + len(block) + (1 if rest else 0) > height:
            more = len(blocks) - place
            return [*shown, [(f"and {more} more", _MUTED)]] if shown else []
        shown += block
    return shown


def _block(budget: Budget, now: datetime, width: int) -> list[list[Span]]:
    style = STATE_STYLES[budget.state]
    period, share = PERIOD_WORDS[budget.period], share_words(budget)
    name = clean_cell(owner_words(budget), width - len(period) - 1)
    of_limit = f" of {money(budget.limit_cents)}"
    left = (left_words(budget), style if budget.state is not BudgetState.OK else "")
    lines: list[list[Span]] = [
        [(pad(name, width - len(period) - 1), "bold"), (f" {period}", _MUTED)],
        [*_bar(budget.share, width - len(share) - 1, style), (f" {share}", style)],
        [left, (of_limit if len(left[0]) + len(of_limit) <= width else "", _MUTED)],
    ]
    pace = pace_words(budget, now)
    if budget.state is not BudgetState.USED_UP and pace != NO_PACE:
        lines.append([(pace, _MUTED)])
    return lines


_LISTED_BAR, _SHARE = 20, 7
"""Cells."""


def listed_lines(budget: Budget, now: datetime, *, width: int) -> list[list[Span]]:
    """Two of them, for where all is listed: whose, and what is spent; a bar, what is left, and until when."""
    style = STATE_STYLES[budget.state]
    period, spent = f" {PERIOD_WORDS[budget.period]}", spent_words(budget)
    room = width - len(period) - len(spent) - 1
    name = shorten(clean_cell(owner_words(budget), room), room)
    gap = " " * max(width - cell_len(name) - len(period) - len(spent), 1)
    pace = pace_words(budget, now)
    until = f"  {pace}" if budget.state is not BudgetState.USED_UP and pace != NO_PACE else ""
    return [
        [(name, "bold"), (period, _MUTED), (gap, ""), (spent, "")],
        [
            *_bar(budget.share, _LISTED_BAR, style),
            (pad(share_words(budget), _SHARE, right=True), style),
            (f"  {left_words(budget)}", style if budget.state is not BudgetState.OK else ""),
            (until, _MUTED),
        ],
    ]


def _bar(share: float, width: int, style: str) -> list[Span]:
    """Only what is nothing, or all, looks like it."""
    full = min(max(round(share * width), 1 if share > 0 else 0), width if share >= 1 else width - 1)
    return [(_FULL * full, style), (_FREE * (width - full), _MUTED)]


def budget_note(budgets: Sequence[Budget]) -> Span:
    """In a few words of a line, the one with the least left."""
    budget = budgets[0]
    of_limit = f"of {money(budget.limit_cents)} {PERIOD_WORDS[budget.period]}"
    return f"{left_words(budget)} {of_limit}", STATE_STYLES[budget.state]
