"""A limit as it is typed, and which budget it would change. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from store.budgets.model import Budget, Period


@dataclass(frozen=True, slots=True, kw_only=True)
class Whose:
    """Of a project or of a user; of neither where a person is typed."""

    label: str
    user_id: UUID | None = None
    project_id: UUID | None = None

    @property
    def is_typed(self) -> bool:
        return self.user_id is None and self.project_id is None


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedBudget:
    whose: Whose
    person: str
    """An e-mail or an id, as it was typed; empty where it is known whose it is."""
    period: Period
    limit_cents: int
    warn_share: float | None
    """None: as it is, or the usual one."""
    as_known: Budget | None = None
    """The one that it is to replace, as whoever typed it was shown it; None: whatever there is."""


def present_one(known: Sequence[Budget], whose: Whose, person: str, period: Period) -> Budget | None:
    """The budget of theirs that is there, as far as it is known."""
    typed = person.casefold()

    def is_theirs(budget: Budget) -> bool:
        if whose.is_typed:
            return budget.user_id is not None and typed in (str(budget.user_id), (budget.name or "").casefold())
        return (budget.user_id, budget.project_id) == (whose.user_id, whose.project_id)

    return next((budget for budget in known if budget.period is period and is_theirs(budget)), None)
