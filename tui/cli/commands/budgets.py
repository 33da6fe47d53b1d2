"""gjobs budgets: list, set, remove, check."""

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING
from uuid import UUID

from gjobs.store.budgets.budget import Budget, Budgets, BudgetState, CheckedBudget, Period
from gjobs.store.configuration.settings import Settings
from gjobs.store.errors import RowMissing, command
from gjobs.store.values.formats import money
from gjobs.store.values.page_sizes import MAX_LIMIT
from gjobs.tui.cli.arguments import YES, amount, cost, find_project, find_project_id, one_of, share
from gjobs.tui.cli.command import ActorRule, Command, Group, either, option
from gjobs.tui.cli.output import ExitCode, Output, UsageError, not_empty, print_message
from gjobs.tui.cli.sessions import ask_then
from gjobs.tui.export import export_files
from gjobs.tui.export.export_files import Document

if TYPE_CHECKING:
    from gjobs.store.store import Store
    from gjobs.tui.session import Session


def show_budgets(output: Output, budgets: Sequence[Budget], now: datetime) -> None:
    from gjobs.tui.text.budget_text import budget_columns

    output.table(budget_columns(now), budgets)


_command = partial(Command, actor_rule=ActorRule.OPERATOR_UNLESS_ASKED)
_CHARGED = option(str, "ID|NAME", "only budgets that this project's jobs are charged to")


@_command(name="list", example="gjobs budgets list --project 'Autumn catalog'")
async def list_budgets(session: "Session", output: Output, *, project: str | None = _CHARGED) -> None:
    """List the budgets, least left first."""
    project_id = await find_project_id(session.store, project, takes_prefix=True)
    found = await session.store.get_budgets(project_id, limit=MAX_LIMIT)
    if output.document(map(export_files.budget(found.taken_at), found)):
        return
    show_budgets(output, found.budgets, found.taken_at)
    if not found:
        print_message(f"No budgets. {command('budgets set --help')} says how to create one.")


_Owner = tuple[str, str]
"""`user` or `project`, and which one was typed."""
_OWNER: _Owner = either(
    option(lambda text: ("user", not_empty(text)), "EMAIL|ID", "the user whose jobs are limited", flag="--user"),
    option(
        lambda text: ("project", not_empty(text)), "ID|NAME", "the project whose jobs are limited", flag="--project"
    ),
    required=True,
)
_PERIOD = option(one_of(Period), f"{{{','.join(Period)}}}", f"{', '.join(Period)}; times are UTC", required=True)


async def _owner_ids(store: "Store", owner: _Owner) -> tuple[UUID | None, UUID | None]:
    """Return the user's id or the project's id. Raises as `find_actor` and `find_project` do."""
    kind, name = owner
    if kind == "user":
        return (await store.find_actor(name)).id, None
    return None, (await find_project(store, name)).id


@_command(name="set", example="gjobs budgets set --project Autumn --period month --limit 100.00")
async def set_budget(
    session: "Session",
    output: Output,
    *,
    owner: _Owner = _OWNER,
    period: Period = _PERIOD,
    limit: int = option(amount, "AMOUNT", "cents (1250) or dollars (12.50)", required=True),
    warn: float | None = option(
        share,
        "SHARE",
        "share of the limit at which the budget warns (default: 80%%; an existing budget keeps its share)",
    ),
) -> None:
    """Set or change the budget of a user or project."""
    user_id, project_id = await _owner_ids(session.store, owner)
    budget = await session.store.set_budget(
        user_id=user_id, project_id=project_id, period=period, limit_cents=limit, warn_share=warn
    )
    _show_budget(output, budget)
    if budget.state is BudgetState.USED_UP:
        from gjobs.tui.text.budget_text import ALREADY_USED_UP

        print_message(ALREADY_USED_UP)


@_command(name="remove", example="gjobs budgets remove --user ana@example.com --period day --yes")
def remove_budget(
    settings: Settings, output: Output, *, owner: _Owner = _OWNER, period: Period = _PERIOD, yes: bool = YES
) -> None:
    """Remove a budget and the record of its spending."""

    async def prepare(session: "Session") -> tuple[Budget, str]:
        user_id, project_id = await _owner_ids(session.store, owner)
        for budget in await session.store.get_budgets(project_id, user_id=user_id):
            if (budget.user_id, budget.project_id, budget.period) == (user_id, project_id, period):
                return budget, _question(budget, session.full_name)
        raise RowMissing(
            f"{owner[1]!r} has no budget for the period {period}.",
            hint=f"{command('budgets')} lists the budgets.",
        )

    async def remove(session: "Session", budget: Budget) -> None:
        _show_budget(output, await session.store.remove_budget(budget.id))

    ask_then(settings, prepare, remove, yes=yes, unchanged="Nothing was removed.")


def _question(budget: Budget, database: str) -> str:
    from gjobs.tui.text.budget_text import budget_words, forgotten_words
    from gjobs.tui.text.write_text import where

    return "\n".join([f"Remove the budget of {budget_words(budget)}?", where(database), forgotten_words(budget)])


def _show_budget(output: Output, budget: Budget) -> None:
    now = datetime.now(UTC)
    if not output.document(export_files.budget(now)(budget)):
        show_budgets(output, [budget], now)


@_command(name="check", example="gjobs budgets check --project 'Autumn catalog' --cost-cents 250")
async def check_budgets(
    session: "Session",
    output: Output,
    *,
    project: str | None = _CHARGED,
    cost_cents: int | None = cost(default=None, meaning="check whether a job of the project may cost this much"),
) -> ExitCode:
    """Exit with 8 if a budget warns, has run out, or has no room for a job."""
    if cost_cents is not None and project is None:
        raise UsageError("--cost and --cost-cents need --project.", hint="Add --project.")
    project_id = await find_project_id(session.store, project, takes_prefix=True)
    found = await session.store.get_budgets(project_id, limit=MAX_LIMIT)
    if project_id is None or cost_cents is None:
        return _print_warnings(output, found)
    checked = await session.store.check_budget(project_id, cost_cents)
    return _print_remaining(output, found, checked, cost_cents)


def _print_warnings(output: Output, found: Budgets) -> ExitCode:
    warned = [budget for budget in found if budget.state is not BudgetState.OK]
    if output.json:
        output.document({"ok": not warned, "budgets": list(map(export_files.budget(found.taken_at), warned))})
    elif warned:
        show_budgets(output, warned, found.taken_at)
    else:
        print_message("No budget is near its limit." if found else "There are no budgets.")
    return ExitCode.FOUND if warned else ExitCode.DONE


_CHECKED = Document(CheckedBudget, "budget_id period limit_cents spent_cents asked_cents allowed=is_allowed")


def _print_remaining(output: Output, found: Budgets, checked: Sequence[CheckedBudget], cost_cents: int) -> ExitCode:
    from gjobs.tui.text.budget_text import budget_words, left_words

    full = {one.budget_id for one in checked if not one.is_allowed}
    if output.json:
        output.document({"allowed": not full, "budgets": list(map(_CHECKED, checked))})
    elif full:
        narrow = "; ".join(f"{budget_words(one)}: {left_words(one)}" for one in found if one.id in full)
        print_message(f"A job for {money(cost_cents)} cannot be queued. {narrow}")
    else:
        print_message(f"A job for {money(cost_cents)} can be queued.")
    return ExitCode.FOUND if full else ExitCode.DONE


BUDGETS = Group(
    name="budgets",
    help="limit the cost of jobs, and see what is left",
    example="gjobs budgets --json",
    default="list",
    commands=[list_budgets, set_budget, remove_budget, check_budgets],
)
