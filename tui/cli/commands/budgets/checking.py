"""`gjobs budgets check`: whether a budget warns, or has room for a job."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from store.budgets.model import Budgets, BudgetState, CheckedBudget
from tui.cli import jsonable
from tui.cli.commands.budgets.showing import show_budgets
from tui.cli.errors import UsageError
from tui.cli.exit_codes import ExitCode
from tui.cli.lookup import MOST_ROWS, find_project
from tui.cli.output import Output, say
from tui.cli.sessions import in_session

if TYPE_CHECKING:
    from tui.session import Session


@in_session
async def check_budgets(session: "Session", output: Output, *, project: str | None, cost_cents: int | None) -> ExitCode:
    if cost_cents is not None and project is None:
        raise UsageError("A job belongs to a project, and none was given.", hint="Give --project with --cost-cents.")
    project_id = None if project is None else (await find_project(session.store, project)).id
    found = await session.store.get_budgets(project_id, limit=MOST_ROWS)
    if project_id is None or cost_cents is None:
        return _tell_warnings(output, found)
    checked = await session.store.check_budget(project_id, cost_cents)
    return _tell_room(output, found, checked, cost_cents)


def _tell_warnings(output: Output, found: Budgets) -> ExitCode:
    warned = [budget for budget in found if budget.state is not BudgetState.OK]
    if output.json:
        output.document({"ok": not warned, "budgets": [jsonable.budget(budget, found.taken_at) for budget in warned]})
    elif warned:
        show_budgets(output, warned, found.taken_at)
    else:
        say("No budget warns." if found else "There are no budgets.")
    return ExitCode.FOUND if warned else ExitCode.DONE


def _tell_room(output: Output, found: Budgets, checked: Sequence[CheckedBudget], cost_cents: int) -> ExitCode:
    from tui.words.budget_words import budget_words, left_words
    from tui.words.format import money

    full = {one.budget_id for one in checked if not one.is_allowed}
    if output.json:
        output.document({"allowed": not full, "budgets": [jsonable.checked_budget(one) for one in checked]})
    elif full:
        narrow = "; ".join(f"{budget_words(one)}: {left_words(one)}" for one in found if one.id in full)
        say(f"A job for {money(cost_cents)} cannot be queued. {narrow}")
    else:
        say(f"A job for {money(cost_cents)} can be queued.")
    return ExitCode.FOUND if full else ExitCode.DONE
