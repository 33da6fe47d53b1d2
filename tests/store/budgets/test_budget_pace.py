"""The time at which a budget runs out at the current pace."""

from dataclasses import replace
from datetime import UTC, date, datetime
from uuid import UUID

import pytest

from gjobs.store.budgets.budget import Budget, BudgetState, Period, used_up_at

DAILY = Budget(
    id=UUID(int=1),
    user_id=UUID(int=2),
    project_id=None,
    name="ada@example.com",
    period=Period.DAY,
    limit_cents=1_000,
    warn_share=0.8,
    created_at=datetime(2026, 1, 1, tzinfo=UTC),
    period_start=date(2026, 1, 15),
    spent_cents=600,
    recent_cents=None,
    recent_days=None,
)

MONTHLY = replace(DAILY, period=Period.MONTH, period_start=date(2026, 1, 1))
TOTAL = replace(DAILY, period=Period.ALL, period_start=None, recent_cents=300, recent_days=3)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def test_run_out_time_follows_the_current_pace_or_is_unknown_without_one() -> None:
    for budget, now, expected in (
        # 50 cents an hour; 400 remain.
        (DAILY, "2026-01-15T12:00", "2026-01-15T20:00"),
        (DAILY, "2026-01-15T15:00", None),
        (MONTHLY, "2026-01-11", "2026-01-17T16:00"),
        (MONTHLY, "2026-01-25", None),
        (replace(MONTHLY, period_start=date(2025, 12, 1)), "2025-12-16", "2025-12-26"),
        (TOTAL, "2026-01-15", "2026-01-19"),
        (replace(TOTAL, recent_cents=300, recent_days=30), "2026-01-15", "2026-02-24"),
    ):
        assert used_up_at(budget, at(now)) == (expected and at(expected))

    for budget in (
        replace(DAILY, spent_cents=0),
        replace(DAILY, spent_cents=-5),
        replace(DAILY, spent_cents=1_000),
        replace(DAILY, limit_cents=0),
        replace(TOTAL, recent_cents=None, recent_days=None),
        replace(TOTAL, recent_cents=0, recent_days=1),
        replace(TOTAL, limit_cents=10**15, recent_cents=1, recent_days=30),
        replace(DAILY, period_start=date(2026, 1, 16)),
    ):
        assert used_up_at(budget, at("2026-01-15T12:00")) is None


@pytest.mark.parametrize(
    ("spent", "state", "left"),
    [(0, "ok", 1_000), (799, "ok", 201), (800, "warning", 200), (999, "warning", 1), (1_000, "used_up", 0),
     (1_300, "used_up", -300)],
)  # fmt: skip
def test_budget_state_and_remaining_cents_follow_the_spending(spent: int, state: str, left: int) -> None:
    budget = replace(DAILY, spent_cents=spent)
    assert (budget.state, budget.left_cents) == (BudgetState(state), left)
    assert replace(DAILY, limit_cents=0, spent_cents=spent).state is BudgetState.USED_UP
