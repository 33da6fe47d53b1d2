"""The values. Money is integer cents; days and months are UTC's, and a job counts to those in which it was created."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

from store.actor import ActingUser, Actor


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
    period: Period
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
    period: Period
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
    period: Period
    limit_cents: int
    spent_cents: int
    """Without what was asked."""
    asked_cents: int
