"""`gjobs budgets set` and `gjobs budgets remove`."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from store.budgets.model import Budget, BudgetState, Period
from store.settings import Settings
from tui.cli import jsonable
from tui.cli.commands.budgets.showing import show_budgets
from tui.cli.commands.budgets.subject import find_budget, find_subject
from tui.cli.confirm import require_terminal, require_yes
from tui.cli.exit_codes import ExitCode
from tui.cli.output import Output, say
from tui.cli.sessions import in_session, with_session

if TYPE_CHECKING:
    from tui.session import Session


@in_session
async def set_budget(
    session: "Session",
    output: Output,
    *,
    user: str | None,
    project: str | None,
    period: str,
    limit: int,
    warn: float | None,
) -> ExitCode:
    subject = await find_subject(session.store, user=user, project=project)
    budget = await session.store.set_budget(
        user_id=subject.user_id, project_id=subject.project_id, period=period, limit_cents=limit, warn_share=warn
    )
    _show(output, budget)
    if budget.state is BudgetState.USED_UP:
        from tui.words.budget_words import ALREADY_USED_UP

        say(ALREADY_USED_UP)
    return ExitCode.DONE


def remove_budget(
    settings: Settings, output: Output, *, user: str | None, project: str | None, period: str, yes: bool
) -> ExitCode:
    """Nothing is open while somebody is asked."""
    if not yes:
        require_terminal()

    async def look(session: "Session") -> tuple[Budget, str]:
        subject = await find_subject(session.store, user=user, project=project)
        budget = await find_budget(session.store, subject, Period(period), user or project or "")
        return budget, session.full_name

    budget, database = with_session(settings, look)
    if not yes:
        require_yes(_question(budget, database), unchanged="Nothing was removed.")
    removed = with_session(settings, lambda session: session.store.remove_budget(budget.id))
    _show(output, removed)
    return ExitCode.DONE


def _question(budget: Budget, database: str) -> str:
    from tui.words.budget_words import budget_words, forgotten_words
    from tui.words.confirmations import where

    return "\n".join([f"Remove the limit of {budget_words(budget)}?", where(database), forgotten_words(budget)])


def _show(output: Output, budget: Budget) -> None:
    now = datetime.now(UTC)
    if output.json:
        output.document(jsonable.budget(budget, now))
    else:
        show_budgets(output, [budget], now)
