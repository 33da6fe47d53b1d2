"""Budget, its state, pace and name; a refusal's values."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from uuid import UUID

from store.formats import UnknownText
from store.users.actor import ActingUser, Actor


class Period(StrEnum):
    """In which a limit is spent."""

    DAY = "day"
    MONTH = "month"
    ALL = "all"


class BudgetState(StrEnum):
    OK = "ok"
    WARNING = "warning"
    """The share has been reached from which a person wanted to be warned."""
    USED_UP = "used_up"
    """No job is queued any more."""

    def is_worse_than(self, other: "BudgetState") -> bool:
        order = list(BudgetState)
        return order.index(self) > order.index(other)


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """Of a user or of a project: the other one is None."""

    id: UUID
    user_id: UUID | None
    project_id: UUID | None
    name: str | None
    """The project's name or the user's e-mail; None where it may not be read."""
    period: Period | UnknownText
    limit_cents: int
    warn_share: float
    """From 0 to 1, of the limit."""
    created_at: datetime
    period_start: date | None
    """Of the present period; None where it is all."""
    spent_cents: int
    """In it. What ran is spent even when its job is deleted. It may be beyond the limit, for no finish is refused."""
    recent_cents: int | None
    """What the jobs of the last `recent_days` days cost, today among them; None where the period has an end."""
    recent_days: int | None
    """Since the first of the last 30 days that have jobs; None without any, and where the period has an end."""

    @property
    def left_cents(self) -> int:
        """Below zero where finishes went beyond the limit."""
        return self.limit_cents - self.spent_cents

    @property
    def share(self) -> float:
        """What is spent of the limit; of a limit of nothing, all."""
        return self.spent_cents / self.limit_cents if self.limit_cents else 1.0

    @property
    def state(self) -> BudgetState:
        if self.left_cents <= 0:
            return BudgetState.USED_UP
        return BudgetState.WARNING if self.share >= self.warn_share else BudgetState.OK


def named_for(actor: Actor, budgets: Iterable[Budget]) -> tuple[Budget, ...]:
    """A user knows their own e-mail, though they may read no users."""
    if not isinstance(actor, ActingUser):
        return tuple(budgets)
    return tuple(replace(one, name=actor.email) if one.user_id == actor.id else one for one in budgets)


@dataclass(frozen=True, slots=True, kw_only=True)
class Budgets:
    """As of one moment, those with the least left first. Iterates over its budgets."""

    budgets: tuple[Budget, ...]
    taken_at: datetime
    """By the server's clock."""

    def __iter__(self) -> Iterator[Budget]:
        return iter(self.budgets)

    def __len__(self) -> int:
        return len(self.budgets)


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedBudget:
    """Whether a budget has room for a job that is to cost `asked_cents`."""

    budget_id: UUID
    period: Period | UnknownText
    limit_cents: int
    spent_cents: int
    asked_cents: int
    is_allowed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """What the database tells of a write that it refused."""

    budget_id: UUID
    user_id: UUID | None
    project_id: UUID | None
    period: Period | UnknownText
    limit_cents: int
    spent_cents: int
    """Without what was asked."""
    asked_cents: int


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


def _next_start(period: Period | UnknownText, start: date) -> date:
    if period is Period.DAY:
        return start + timedelta(days=1)
    return date(start.year + start.month // 12, start.month % 12 + 1, 1)


_KINDS: Mapping[str, str] = {Period.DAY: "daily", Period.MONTH: "monthly", Period.ALL: "total"}


def budget_name(budget: Budget | Refusal, name: str | None) -> str:
    """`the monthly budget of project 'Autumn'`; by its id where nothing tells the name."""
    whose = "project" if budget.project_id else "user"
    called = (repr(name) if budget.project_id else name) if name else budget.project_id or budget.user_id
    return f"the {_KINDS.get(budget.period, budget.period)} budget of {whose} {called}"
