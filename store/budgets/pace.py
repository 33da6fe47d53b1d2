"""When a budget is used up if it goes on like this. Pure."""

from datetime import UTC, date, datetime, time, timedelta

from store.budgets.model import Budget, BudgetState, Period

FARTHEST = timedelta(days=3_650)
"""What lies beyond is told by no pace of a month."""


def used_up_at(budget: Budget, now: datetime) -> datetime | None:
    """None where it is used up, nothing is spent, it lasts as long as its period, or longer than ten years.

    A day's and a month's pace is what is spent in the time that has passed of it; where all is one period, that of the
    last 30 days.
    """
    if budget.state is BudgetState.USED_UP:
        return None
    if budget.period_start is None:
        end = now + FARTHEST
        spent, passed = budget.recent_cents or 0, timedelta(days=budget.recent_days or 0)
    else:
        start = _midnight(budget.period_start)
        end = _midnight(_next_start(budget.period, budget.period_start))
        spent, passed = budget.spent_cents, now - start
    if spent <= 0 or passed <= timedelta():
        return None
    seconds = budget.left_cents * passed.total_seconds() / spent
    left = (end - now).total_seconds()
    return now + timedelta(seconds=seconds) if seconds < left else None


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def _next_start(period: Period, start: date) -> date:
    if period is Period.DAY:
        return start + timedelta(days=1)
    return date(start.year + start.month // 12, start.month % 12 + 1, 1)
