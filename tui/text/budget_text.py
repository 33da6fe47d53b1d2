"""Budgets in words and bars."""

from collections.abc import Sequence
from datetime import datetime

from rich.cells import cell_len

from store.budgets.budget import Budget, BudgetState, Period, used_up_at
from store.formats import UnknownText, money
from tui.text.clean_text import clean, clean_cell, pad, shorten
from tui.text.error_text import Toast
from tui.text.format import Span, clock_time, local_day, percent

STATE_WORDS = {BudgetState.OK: "ok", BudgetState.WARNING: "warning", BudgetState.USED_UP: "used up"}
NO_PACE = "-"
PERIOD_WORDS = {Period.DAY: "a day", Period.MONTH: "a month", Period.ALL: "in all"}


def period_words(period: Period | UnknownText) -> str:
    """After an amount; one that only a newer gjobs knows is quoted."""
    return f"per {clean(period.value, limit=20)!r}" if isinstance(period, UnknownText) else PERIOD_WORDS[period]


def owner_words(budget: Budget, *, limit: int = 60) -> str:
    """`Autumn catalog` or `ana@example.com`; where neither may be read, the beginning of an id."""
    if budget.name:
        return clean(budget.name, limit=limit)
    return f"{_owner_title(budget)} {str(budget.project_id or budget.user_id)[:8]}"


def budget_words(budget: Budget) -> str:
    """`$100.00 a month of project Autumn catalog`."""
    name = clean(budget.name or str(budget.project_id or budget.user_id), limit=60)
    return f"{money(budget.limit_cents)} {period_words(budget.period)} of {_owner_title(budget)} {name}"


def _owner_title(budget: Budget) -> str:
    return "project" if budget.project_id else "user"


def left_words(budget: Budget) -> str:
    if budget.left_cents < 0:
        return f"{money(-budget.left_cents)} over"
    return f"{money(budget.left_cents)} left" if budget.left_cents else "nothing left"


def pace_words(budget: Budget, now: datetime) -> str:
    """`used up on 2026-11-28`, or at a time of today; a dash where the present pace tells of no end."""
    if budget.state is BudgetState.USED_UP:
        return "used up"
    moment = used_up_at(budget, now)
    if moment is None:
        return NO_PACE
    return f"used up at {clock_time(moment)}" if budget.period is Period.DAY else f"used up on {local_day(moment)}"


ALREADY_USED_UP = "It is used up already: no job is queued, and no cost grows, while that is so."


def spent_words(budget: Budget) -> str:
    return f"{money(budget.spent_cents)} of {money(budget.limit_cents)}"


def set_toast(budget: Budget) -> Toast:
    """How it stands from now on."""
    text = f"Set the budget of {budget_words(budget)}: {left_words(budget)}."
    if budget.state is BudgetState.OK:
        return Toast(text=text)
    more = ALREADY_USED_UP if budget.state is BudgetState.USED_UP else f"{share_words(budget)} are spent already."
    return Toast(text=f"{text} {more}", severity="warning")


def removed_toast(budget: Budget) -> Toast:
    return Toast(text=f"Removed the budget of {budget_words(budget)}.")


def forgotten_words(budget: Budget) -> str:
    """What goes with a budget."""
    return f"{money(budget.spent_cents)} are spent. What deleted jobs have spent is forgotten with it."


def change_words(budget: Budget) -> str:
    """Of one that is there, with a limit that it does not have yet."""
    spent = f"{money(budget.spent_cents)} are spent"
    if budget.state is BudgetState.USED_UP:
        return f"{spent}. {ALREADY_USED_UP}"
    warns = f", and it warns from {percent(budget.warn_share)} on" if budget.state is BudgetState.WARNING else ""
    return f"{spent}, {left_words(budget)}{warns}."


def share_words(budget: Budget) -> str:
    return percent(budget.share)


def worse_toast(budget: Budget) -> Toast:
    """Of one that has come to warn, or is used up."""
    name = f"The budget of {budget_words(budget)}"
    if budget.state is BudgetState.USED_UP:
        return Toast(text=f"{name} is used up: no job is queued any more.", severity="warning")
    return Toast(text=f"{name} has {left_words(budget)}: {share_words(budget)} are spent.", severity="warning")


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
    period, share = period_words(budget.period), share_words(budget)
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
    period, spent = f" {period_words(budget.period)}", spent_words(budget)
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
    of_limit = f"of {money(budget.limit_cents)} {period_words(budget.period)}"
    return f"{left_words(budget)} {of_limit}", STATE_STYLES[budget.state]
