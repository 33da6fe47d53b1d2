"""gjobs budgets: list, set, remove, check."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from uuid import UUID

from gjobs.store.budgets.budget import Budget, Budgets, BudgetState, CheckedBudget, Period
from gjobs.store.configuration.settings import Settings
from gjobs.store.errors import RowMissing, command
from gjobs.store.values.page_sizes import MAX_LIMIT
from gjobs.tui.cli import json_documents
from gjobs.tui.cli.arguments import add_cost, amount, find_project, share
from gjobs.tui.cli.command import ActorRule, Command
from gjobs.tui.cli.output import ExitCode, Output, UsageError, not_empty, print_message, require_terminal, require_yes
from gjobs.tui.cli.parser import Parser, add_command, add_commands
from gjobs.tui.cli.sessions import in_session, with_session
from gjobs.tui.export import export_files

if TYPE_CHECKING:
    from gjobs.store.store import Store
    from gjobs.tui.cli.parser import Commands
    from gjobs.tui.cli.text_tables import TableColumn
    from gjobs.tui.session import Session

_STATE_COLOURS: Mapping[str, str] = {"warning": "\x1b[33m", "run out": "\x1b[31m"}


def show_budgets(output: Output, budgets: Sequence[Budget], now: datetime) -> None:
    from gjobs.store.values.formats import money
    from gjobs.tui.text.budget_text import STATE_WORDS, owner_words, pace_words, share_words

    output.table(
        _columns(),
        [
            [
                "project" if budget.project_id else "user",
                owner_words(budget),
                budget.period.value,
                money(budget.spent_cents),
                money(budget.limit_cents),
                money(budget.left_cents),
                share_words(budget),
                STATE_WORDS[budget.state],
                pace_words(budget, now),
            ]
            for budget in budgets
        ],
    )


def _columns() -> "Sequence[TableColumn]":
    from gjobs.tui.cli.text_tables import TableColumn

    return (
        TableColumn(title="OF"),
        TableColumn(title="NAME", narrowest=12),
        TableColumn(title="PERIOD"),
        TableColumn(title="SPENT", right=True),
        TableColumn(title="LIMIT", right=True),
        TableColumn(title="LEFT", right=True),
        TableColumn(title="USED", right=True),
        TableColumn(title="STATE", colours=_STATE_COLOURS),
        TableColumn(title="FORECAST"),
    )


@in_session
async def list_budgets(session: "Session", output: Output, *, project: str | None) -> ExitCode:
    project_id = None if project is None else (await find_project(session.store, project, takes_prefix=True)).id
    found = await session.store.get_budgets(project_id, limit=MAX_LIMIT)
    if output.json:
        output.document([export_files.budget(budget, found.taken_at) for budget in found])
        return ExitCode.DONE
    show_budgets(output, found.budgets, found.taken_at)
    if not found:
        print_message(f"No budgets. {command('budgets set')} creates one.")
    return ExitCode.DONE


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """The owner of a budget. Exactly one of the fields is set."""

    user_id: UUID | None = None
    project_id: UUID | None = None


async def find_subject(store: "Store", *, user: str | None, project: str | None) -> Subject:
    """Find the user or the project. Raises as `find_actor` and `find_project` do."""
    if user is not None:
        return Subject(user_id=(await store.find_actor(user)).id)
    if project is not None:
        return Subject(project_id=(await find_project(store, project)).id)
    raise AssertionError("The parser requires a user or a project.")


async def find_budget(store: "Store", subject: Subject, period: Period, typed: str) -> Budget:
    """Return the subject's budget for this period. Raises RowMissing if there is none. `typed` names the subject in the
    error.
    """
    for budget in await store.get_budgets(subject.project_id, user_id=subject.user_id):
        if (budget.user_id, budget.project_id, budget.period) == (subject.user_id, subject.project_id, period):
            return budget
    raise RowMissing(
        f"{typed!r} has no budget for the period {period}.", hint=f"{command('budgets')} lists the budgets."
    )


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
        from gjobs.tui.text.budget_text import ALREADY_USED_UP

        print_message(ALREADY_USED_UP)
    return ExitCode.DONE


def remove_budget(
    settings: Settings, output: Output, *, user: str | None, project: str | None, period: str, yes: bool
) -> ExitCode:
    """Remove a budget. No connection is open while the person is asked."""
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
    from gjobs.tui.text.budget_text import budget_words, forgotten_words
    from gjobs.tui.text.write_text import where

    return "\n".join([f"Remove the budget of {budget_words(budget)}?", where(database), forgotten_words(budget)])


def _show(output: Output, budget: Budget) -> None:
    now = datetime.now(UTC)
    if output.json:
        output.document(export_files.budget(budget, now))
    else:
        show_budgets(output, [budget], now)


@in_session
async def check_budgets(session: "Session", output: Output, *, project: str | None, cost_cents: int | None) -> ExitCode:
    if cost_cents is not None and project is None:
        raise UsageError("--cost and --cost-cents need --project.", hint="Add --project.")
    project_id = None if project is None else (await find_project(session.store, project, takes_prefix=True)).id
    found = await session.store.get_budgets(project_id, limit=MAX_LIMIT)
    if project_id is None or cost_cents is None:
        return _print_warnings(output, found)
    checked = await session.store.check_budget(project_id, cost_cents)
    return _print_remaining(output, found, checked, cost_cents)


def _print_warnings(output: Output, found: Budgets) -> ExitCode:
    warned = [budget for budget in found if budget.state is not BudgetState.OK]
    if output.json:
        output.document(
            {"ok": not warned, "budgets": [export_files.budget(budget, found.taken_at) for budget in warned]}
        )
    elif warned:
        show_budgets(output, warned, found.taken_at)
    else:
        print_message("No budget is near its limit." if found else "There are no budgets.")
    return ExitCode.FOUND if warned else ExitCode.DONE


def _print_remaining(output: Output, found: Budgets, checked: Sequence[CheckedBudget], cost_cents: int) -> ExitCode:
    from gjobs.store.values.formats import money
    from gjobs.tui.text.budget_text import budget_words, left_words

    full = {one.budget_id for one in checked if not one.is_allowed}
    if output.json:
        output.document({"allowed": not full, "budgets": [json_documents.checked_budget(one) for one in checked]})
    elif full:
        narrow = "; ".join(f"{budget_words(one)}: {left_words(one)}" for one in found if one.id in full)
        print_message(f"A job for {money(cost_cents)} cannot be queued. {narrow}")
    else:
        print_message(f"A job for {money(cost_cents)} can be queued.")
    return ExitCode.FOUND if full else ExitCode.DONE


_PERIODS = ", ".join(Period)


def add_budgets(commands: "Commands") -> None:
    group = add_command(
        commands, "budgets", None, help="limit the cost of jobs, and see what is left", example="gjobs budgets --json"
    )
    budgets = add_commands(group, usual="list")
    _add_list(budgets)
    _add_set(budgets)
    _add_remove(budgets)
    _add_check(budgets)


def _command(run: Callable[..., ExitCode]) -> Command:
    return Command(run=run, actor_rule=ActorRule.OPERATOR_UNLESS_ASKED)


def _add_list(budgets: "Commands") -> None:
    parser = add_command(
        budgets,
        "list",
        _command(list_budgets),
        help="list the budgets, least left first",
        example="gjobs budgets list --project 'Autumn catalog'",
    )
    parser.add_argument("--project", metavar="ID|NAME", help="only budgets that this project's jobs are charged to")


def _add_set(budgets: "Commands") -> None:
    parser = add_command(
        budgets,
        "set",
        _command(set_budget),
        help="set or change the budget of a user or project",
        example="gjobs budgets set --project Autumn --period month --limit 100.00",
    )
    _add_subject(parser)
    add = parser.add_argument
    add("--limit", type=amount, metavar="AMOUNT", required=True, help="cents (1250) or dollars (12.50)")
    add(
        "--warn",
        type=share,
        metavar="SHARE",
        help="share of the limit at which the budget warns (default: 80%%; an existing budget keeps its share)",
    )


def _add_remove(budgets: "Commands") -> None:
    parser = add_command(
        budgets,
        "remove",
        _command(remove_budget),
        help="remove a budget and the record of its spending",
        example="gjobs budgets remove --user ana@example.com --period day --yes",
    )
    _add_subject(parser)
    parser.add_argument("--yes", action="store_true", help="do not ask")


def _add_check(budgets: "Commands") -> None:
    parser = add_command(
        budgets,
        "check",
        _command(check_budgets),
        help="exit with 8 if a budget warns, has run out, or has no room for a job",
        example="gjobs budgets check --project 'Autumn catalog' --cost-cents 250",
    )
    add = parser.add_argument
    add("--project", metavar="ID|NAME", help="only budgets that this project's jobs are charged to")
    add_cost(parser, default=None, meaning="check whether a job of the project may cost this much")


def _add_subject(parser: Parser) -> None:
    whose = parser.add_mutually_exclusive_group(required=True)
    whose.add_argument("--user", type=not_empty, metavar="EMAIL|ID", help="the user whose jobs are limited")
    whose.add_argument("--project", type=not_empty, metavar="ID|NAME", help="the project whose jobs are limited")
    parser.add_argument("--period", choices=[*Period], required=True, help=f"{_PERIODS}; days and months in UTC")
