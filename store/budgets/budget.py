"""Budgets: state, pace and name, and the values of a refusal."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from uuid import UUID

from gjobs.store.users.actor import ActingUser, Actor
from gjobs.store.values.data_classes import by_member, dataclass
from gjobs.store.values.formats import UnknownText


class Period(StrEnum):
    """The period to which a limit applies."""

    DAY = "day"
    MONTH = "month"
    ALL = "all"


class BudgetState(StrEnum):
    OK = "ok"
    WARNING = "warning"
    """The spending has reached the share at which a person wants a warning."""
    USED_UP = "used_up"
    """No further job can be queued."""

    def is_worse_than(self, other: "BudgetState") -> bool:
        order = list(BudgetState)
        return order.index(self) > order.index(other)


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """The budget of a user or of a project. The other one is None."""

    id: UUID
    user_id: UUID | None
    project_id: UUID | None
    name: str | None
    """The project's name or the user's e-mail. None if it is unreadable."""
    period: Period | UnknownText
    limit_cents: int
    warn_share: float
    """A share of the limit, from 0 to 1."""
    created_at: datetime
    period_start: date | None
    """The start of the current period. None for a total budget."""
    spent_cents: int
    """Spent in the current period. A job that ran stays spent after its deletion. The sum may exceed the limit, because
    finishing a job is never refused.
    """
    recent_cents: int | None
    """The cost of the jobs of the last `recent_days` days, including today. None if the period has an end."""
    recent_days: int | None
    """The number of days from the first day with jobs in the last 30 days, including today. None if there is none, or
    if the period has an end.
    """

    @property
    def left_cents(self) -> int:
        """Negative if finished jobs exceeded the limit."""
        return self.limit_cents - self.spent_cents

    @property
    def share(self) -> float:
        """The spent share of the limit; 1 if the limit is 0."""
        return self.spent_cents / self.limit_cents if self.limit_cents else 1.0

    @property
    def state(self) -> BudgetState:
        if self.left_cents <= 0:
            return BudgetState.USED_UP
        return BudgetState.WARNING if self.share >= self.warn_share else BudgetState.OK


def named_for(actor: Actor, budgets: Iterable[Budget]) -> tuple[Budget, ...]:
    """Name budgets for the actor. Users know their own e-mail, though they may not read users."""
    if not isinstance(actor, ActingUser):
        return tuple(budgets)
    return tuple(replace(one, name=actor.email) if one.user_id == actor.id else one for one in budgets)


@dataclass(frozen=True, slots=True, kw_only=True)
class Budgets:
    """Budgets as of one moment, least left first. Iterating yields the budgets."""

    budgets: tuple[Budget, ...]
    taken_at: datetime
    """The server's time."""

    def __iter__(self) -> Iterator[Budget]:
        return iter(self.budgets)

    def __len__(self) -> int:
        return len(self.budgets)


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedBudget:
    """Whether a budget has room for a job that costs `asked_cents`."""

    budget_id: UUID
    period: Period | UnknownText
    limit_cents: int
    spent_cents: int
    asked_cents: int
    is_allowed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """What the database reports about a refused write."""

    budget_id: UUID
    user_id: UUID | None
    project_id: UUID | None
    period: Period | UnknownText
    limit_cents: int
    spent_cents: int
    """Without the refused amount."""
    asked_cents: int
    other_period: str | None
    """The refused day or month, such as `2026-01`. None for the current one."""


FARTHEST = timedelta(days=3_650)
"""The pace of the last 30 days can't predict a date further ahead."""


def used_up_at(budget: Budget, now: datetime) -> datetime | None:
    """Return when the budget runs out at its current pace.

    None if it has run out, nothing is spent, it lasts for its whole period, or it lasts more than ten years. A daily or
    monthly budget's pace is the amount spent since the period began. A total budget's pace is that of the last 30 days.
    """
    if budget.state is BudgetState.USED_UP:
        return None
    if budget.period_start is None:
        end = now + FARTHEST
        spent, passed = budget.recent_cents or 0, timedelta(days=budget.recent_days or 0)
    else:
        following = _next_start(budget.period, budget.period_start)
        if following is None:
            return None
        end = _midnight(following)
        spent, passed = budget.spent_cents, now - _midnight(budget.period_start)
    if spent <= 0 or passed <= timedelta():
        return None
    seconds = budget.left_cents * passed.total_seconds() / spent
    left = (end - now).total_seconds()
    return now + timedelta(seconds=seconds) if seconds < left else None


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def _next_start(period: Period | UnknownText, start: date) -> date | None:
    match period:
        case Period.DAY:
            return start + timedelta(days=1)
        case Period.MONTH:
            return date(start.year + start.month // 12, start.month % 12 + 1, 1)
        case Period.ALL | UnknownText():
            return None


_KINDS: Mapping[str, str] = by_member(Period, {Period.DAY: "daily", Period.MONTH: "monthly", Period.ALL: "total"})
STARTS_AGAIN: Mapping[str, str] = by_member(
    Period,
    {
        Period.DAY: "The budget starts again at 00:00 UTC. ",
        Period.MONTH: "The budget starts again on the first day of the next month, at 00:00 UTC. ",
        Period.ALL: "",
    },
)
"""When a used-up budget allows jobs again: a sentence with a blank after it, or nothing."""


def budget_name(budget: Budget | Refusal, name: str | None) -> str:
    """Return a name such as `the monthly budget of project 'Autumn'`. An unknown name is replaced with the id."""
    whose = "project" if budget.project_id else "user"
    called = (repr(name) if budget.project_id else name) if name else budget.project_id or budget.user_id
    return f"the {_KINDS.get(budget.period, budget.period)} budget of {whose} {called}"
