"""Budgets as text and bars."""

from collections.abc import Sequence
from datetime import datetime, tzinfo
from uuid import UUID

from rich.cells import cell_len

from gjobs.store.budgets.budget import Budget, BudgetState, Period, used_up_at
from gjobs.store.values.data_classes import by_member
from gjobs.store.values.formats import UnknownText, money
from gjobs.tui.text.clean_text import clean, clean_cell, pad, shorten
from gjobs.tui.text.error_text import Message, warning
from gjobs.tui.text.format import MUTED, Column, Span, clock_time, local_day, percent

STATE_WORDS = by_member(
    BudgetState, {BudgetState.OK: "ok", BudgetState.WARNING: "warning", BudgetState.USED_UP: "run out"}
)
NO_PACE = "-"
_LONGEST_OWNER = 24
PERIOD_WORDS = by_member(Period, {Period.DAY: "a day", Period.MONTH: "a month", Period.ALL: "total"})


def period_words(period: Period | UnknownText) -> str:
    """Return text that follows an amount. A period that only a newer gjobs knows is quoted."""
    return f"per {clean(period.value, limit=20)!r}" if isinstance(period, UnknownText) else PERIOD_WORDS[period]


def owner_words(budget: Budget, *, limit: int = 60) -> str:
    """Return `Autumn catalog` or `ana@example.com`; the first digits of the id if neither may be read."""
    if budget.name:
        return clean(budget.name, limit=limit)
    return f"{_owner_title(budget)} {str(budget.project_id or budget.user_id)[:8]}"


def budget_words(budget: Budget) -> str:
    """Return `$100.00 a month for project Autumn catalog`."""
    name = clean(budget.name or str(budget.project_id or budget.user_id), limit=60)
    return f"{money(budget.limit_cents)} {period_words(budget.period)} for {_owner_title(budget)} {name}"


def _owner_title(budget: Budget) -> str:
    return "project" if budget.project_id else "user"


def left_words(budget: Budget) -> str:
    if budget.left_cents < 0:
        return f"{money(-budget.left_cents)} over"
    return f"{money(budget.left_cents)} left" if budget.left_cents else "nothing left"


def cost_note(cost_cents: int, budgets: Sequence[Budget] | None) -> Span:
    """Return the cost of a new job, and what its tightest budget has left after it. None means not read."""
    cost = money(cost_cents)
    if budgets is None:
        return f"{cost} · budgets not read", "$text-warning"
    if not budgets:
        return cost, ""
    budget = min(budgets, key=lambda one: one.left_cents)
    if budget.left_cents > 0 and cost_cents <= budget.left_cents:
        return f"{cost} · leaves {money(budget.left_cents - cost_cents)} of {budget_words(budget)}", ""
    return f"{cost} is over budget: {money(max(budget.left_cents, 0))} left of {budget_words(budget)}", "$text-error"


def pace_words(budget: Budget, now: datetime, zone: tzinfo | None = None) -> str:
    """Return `runs out 2026-11-28`, or a time of today; a dash if it does not run out at this pace."""
    if budget.state is BudgetState.USED_UP:
        return "has run out"
    moment = used_up_at(budget, now)
    if moment is None:
        return NO_PACE
    return (
        f"runs out at {clock_time(moment, zone)}"
        if budget.period is Period.DAY
        else f"runs out {local_day(moment, zone)}"
    )


ALREADY_USED_UP = "It has already run out. Until there is room again, no job can be queued and no cost can be raised."


def spent_words(budget: Budget) -> str:
    return f"{money(budget.spent_cents)} of {money(budget.limit_cents)}"


def limit_message(budget: Budget) -> Message:
    """Report the budget and what is left."""
    text = f"Set the budget of {budget_words(budget)}: {left_words(budget)}."
    if budget.state is BudgetState.OK:
        return Message(text=text)
    more = ALREADY_USED_UP if budget.state is BudgetState.USED_UP else f"{share_words(budget)} is already spent."
    return warning(f"{text} {more}")


def forgotten_words(budget: Budget) -> str:
    """Return what is lost with a budget."""
    return f"The record of {money(budget.spent_cents)} spent is removed, too. This amount includes deleted jobs."


def change_words(budget: Budget) -> str:
    """Describe what an existing budget would become with the typed limit."""
    spent = f"{money(budget.spent_cents)} is spent"
    if budget.state is BudgetState.USED_UP:
        return f"{spent}. {ALREADY_USED_UP}"
    warns = f". It warns from {percent(budget.warn_share)} of the limit" if budget.state is BudgetState.WARNING else ""
    return f"{spent}, {left_words(budget)}{warns}."


def share_words(budget: Budget) -> str:
    return percent(budget.share)


def worse_words(budget: Budget) -> str:
    """Report a budget that began to warn or has run out."""
    name = f"The budget of {budget_words(budget)}"
    if budget.state is BudgetState.USED_UP:
        return f"{name} has run out. No more jobs can be queued."
    return f"{name} is {share_words(budget)} spent, {left_words(budget)}."


_TERMINAL_COLORS = {STATE_WORDS[BudgetState.WARNING]: "\x1b[33m", STATE_WORDS[BudgetState.USED_UP]: "\x1b[31m"}


def budget_columns(now: datetime) -> Sequence[Column[Budget]]:
    """Return the columns of a printed table."""
    return (
        Column("OF", _owner_title),
        Column("NAME", owner_words, least=12),
        Column("PERIOD", lambda budget: budget.period.value),
        Column("SPENT", lambda budget: money(budget.spent_cents), right=True),
        Column("LIMIT", lambda budget: money(budget.limit_cents), right=True),
        Column("LEFT", lambda budget: money(budget.left_cents), right=True),
        Column("USED", share_words, right=True),
        Column("STATE", lambda budget: STATE_WORDS[budget.state], colors=_TERMINAL_COLORS),
        Column("FORECAST", lambda budget: pace_words(budget, now)),
    )


STATE_STYLES = by_member(
    BudgetState,
    {
        BudgetState.OK: "$text-success",
        BudgetState.WARNING: "$text-warning",
        BudgetState.USED_UP: "$text-error",
    },
)
_FULL, _FREE = "█", "░"


def budget_lines(
    budgets: Sequence[Budget], now: datetime, *, width: int, height: int, zone: tzinfo | None = None
) -> list[list[Span]]:
    """Return as many whole budgets as fit into `height`, and the number of the others. Empty if none fits.

    The limit is left out if there is no room for it.
    """
    blocks = [_block(budget, now, width, zone) for budget in budgets]
    shown: list[list[Span]] = []
    for place, block in enumerate(blocks):
        rest = len(blocks) - place - 1
        if len(shown) + len(block) + (1 if rest else 0) > height:
            more = len(blocks) - place
            return [*shown, [(f"and {more} more", MUTED)]] if shown else []
        shown += block
    return shown


def _block(budget: Budget, now: datetime, width: int, zone: tzinfo | None) -> list[list[Span]]:
    style = STATE_STYLES[budget.state]
    period, share = period_words(budget.period), share_words(budget)
    name = clean_cell(owner_words(budget), width - len(period) - 1)
    of_limit = f" of {money(budget.limit_cents)}"
    left = (left_words(budget), style if budget.state is not BudgetState.OK else "")
    lines: list[list[Span]] = [
        [(pad(name, width - len(period) - 1), "bold"), (f" {period}", MUTED)],
        [*_bar(budget.share, width - len(share) - 1, style), (f" {share}", style)],
        [left, (of_limit if len(left[0]) + len(of_limit) <= width else "", MUTED)],
    ]
    pace = pace_words(budget, now, zone)
    if budget.state is not BudgetState.USED_UP and pace != NO_PACE:
        lines.append([(pace, MUTED)])
    return lines


_LISTED_BAR, _SHARE = 20, 7
"""Cells."""


def listed_lines(budget: Budget, now: datetime, *, width: int, zone: tzinfo | None = None) -> list[list[Span]]:
    """Return two lines for a full list: owner and spending, then a bar, the amount left and the forecast."""
    style = STATE_STYLES[budget.state]
    period, spent = f" {period_words(budget.period)}", spent_words(budget)
    room = width - len(period) - len(spent) - 1
    name = shorten(clean_cell(owner_words(budget), room), room)
    gap = " " * max(width - cell_len(name) - len(period) - len(spent), 1)
    pace = pace_words(budget, now, zone)
    until = f"  {pace}" if budget.state is not BudgetState.USED_UP and pace != NO_PACE else ""
    return [
        [(name, "bold"), (period, MUTED), (gap, ""), (spent, "")],
        [
            *_bar(budget.share, _LISTED_BAR, style),
            (pad(share_words(budget), _SHARE, right=True), style),
            (f"  {left_words(budget)}", style if budget.state is not BudgetState.OK else ""),
            (until, MUTED),
        ],
    ]


def _bar(share: float, width: int, style: str) -> list[Span]:
    """Return a bar. Only 0 % looks empty, and only 100 % looks full."""
    full = min(max(round(share * width), 1 if share > 0 else 0), width if share >= 1 else width - 1)
    return [(_FULL * full, style), (_FREE * (width - full), MUTED)]


def budget_note(budgets: Sequence[Budget], *, project_id: UUID | None) -> Span:
    """Return a short note on the budget with the least left. It names the owner, unless it is this project."""
    budget = budgets[0]
    is_of_project = project_id is not None and budget.project_id == project_id
    owner = "" if is_of_project else f"{owner_words(budget, limit=_LONGEST_OWNER)}: "
    of_limit = f"of {money(budget.limit_cents)} {period_words(budget.period)}"
    return f"{owner}{left_words(budget)} {of_limit}", STATE_STYLES[budget.state]
