"""From what was typed to whose budget it is."""

from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

from store.budgets.model import Budget, Period
from store.errors import RowMissing
from tui.cli.lookup import find_project

if TYPE_CHECKING:
    from store.store import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """One of both."""

    user_id: UUID | None = None
    project_id: UUID | None = None


async def find_subject(store: "Store", *, user: str | None, project: str | None) -> Subject:
    """Raises as `find_actor` and `find_project` do."""
    if user is not None:
        return Subject(user_id=(await store.find_actor(user)).id)
    if project is not None:
        return Subject(project_id=(await find_project(store, project)).id)
    raise AssertionError("The parser lets nothing pass that names neither.")


async def find_budget(store: "Store", subject: Subject, period: Period, typed: str) -> Budget:
    """Raises RowMissing where the subject has none of that period; `typed` is what it was called by."""
    for budget in await store.get_budgets(subject.project_id, user_id=subject.user_id):
        if (budget.user_id, budget.project_id, budget.period) == (subject.user_id, subject.project_id, period):
            return budget
    raise RowMissing(f"{typed!r} has no budget of the period {period}.", hint="'gjobs budgets' lists them.")
