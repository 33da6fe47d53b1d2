"""Budgets in words: whose, how much is left, and until when. Pure."""

from datetime import datetime

from store.budgets.model import Budget, BudgetState, Period
from store.budgets.pace import used_up_at
from tui.words.format import clock_time, local_day, money, percent
from tui.words.text import clean
from tui.words.toast import Toast

STATE_WORDS = {BudgetState.OK: "ok", BudgetState.WARNING: "warning", BudgetState.USED_UP: "used up"}
NO_PACE = "-"
PERIOD_WORDS = {Period.DAY: "a day", Period.MONTH: "a month", Period.ALL: "in all"}


def owner_words(budget: Budget, *, limit: int = 60) -> str:
    """`Autumn catalog` or `ana@example.com`; where neither may be read, the beginning of an id."""
    if budget.name:
        return clean(budget.name, limit=limit)
    return f"{_whose(budget)} {str(budget.project_id or budget.user_id)[:8]}"


def budget_words(budget: Budget) -> str:
    """`$100.00 a month of project Autumn catalog`."""
    name = clean(budget.name or str(budget.project_id or budget.user_id), limit=60)
    return f"{money(budget.limit_cents)} {PERIOD_WORDS[budget.period]} of {_whose(budget)} {name}"


def _whose(budget: Budget) -> str:
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
