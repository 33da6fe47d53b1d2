"""How `gjobs budgets …` is typed."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from store.budgets.model import Period
from tui.cli.arguments import amount, share, whole_number
from tui.cli.command import Command, Eyes
from tui.cli.commands.budgets.checking import check_budgets
from tui.cli.commands.budgets.reading import list_all_budgets, list_budgets
from tui.cli.commands.budgets.writing import remove_budget, set_budget
from tui.cli.exit_codes import ExitCode
from tui.cli.parser import Parser, add_command, add_commands
from tui.cli.typed import not_empty

if TYPE_CHECKING:
    from tui.cli.parser import Commands

_PERIODS = ", ".join(Period)


def add_budgets(commands: "Commands") -> None:
    group = add_command(
        commands,
        "budgets",
        _command(list_all_budgets),
        help="limit what jobs may cost, and see what is left",
        example="gjobs budgets --json",
    )
    budgets = add_commands(group, required=False)
    _add_list(budgets)
    _add_set(budgets)
    _add_remove(budgets)
    _add_check(budgets)


def _command(run: Callable[..., ExitCode]) -> Command:
    return Command(run=run, eyes=Eyes.OPERATOR_UNLESS_ASKED)


def _add_list(budgets: "Commands") -> None:
    parser = add_command(
        budgets,
        "list",
        _command(list_budgets),
        help="list the budgets, those with the least left first",
        example="gjobs budgets list --project 'Autumn catalog'",
    )
    parser.add_argument("--project", metavar="ID|NAME", help="those that a job of this project is charged to")


def _add_set(budgets: "Commands") -> None:
    parser = add_command(
        budgets,
        "set",
        _command(set_budget),
        help="set the limit of a user or of a project, or change it",
        example="gjobs budgets set --project Autumn --period month --limit 100.00",
    )
    _add_subject(parser)
    add = parser.add_argument
    add("--limit", type=amount, metavar="AMOUNT", required=True, help="1250 is cents, 12.50 dollars")
    add("--warn", type=share, metavar="SHARE", help="of the limit, from where on to warn (80%%, or as it is)")


def _add_remove(budgets: "Commands") -> None:
    parser = add_command(
        budgets,
        "remove",
        _command(remove_budget),
        help="remove a limit, and the record of what was spent of it",
        example="gjobs budgets remove --user ana@example.com --period day --yes",
    )
    _add_subject(parser)
    parser.add_argument("--yes", action="store_true", help="do not ask")


def _add_check(budgets: "Commands") -> None:
    parser = add_command(
        budgets,
        "check",
        _command(check_budgets),
        help="exit with 8 where a budget warns or is used up, or has no room for a job",
        example="gjobs budgets check --project 'Autumn catalog' --cost-cents 250",
    )
    add = parser.add_argument
    add("--project", metavar="ID|NAME", help="only those that a job of this project is charged to")
    add("--cost-cents", type=whole_number, metavar="N", help="whether a job of the project may cost so much")


def _add_subject(parser: Parser) -> None:
    whose = parser.add_mutually_exclusive_group(required=True)
    whose.add_argument("--user", type=not_empty, metavar="EMAIL|ID", help="whose jobs are limited")
    whose.add_argument("--project", type=not_empty, metavar="ID|NAME", help="the project whose jobs are limited")
    parser.add_argument("--period", choices=[*Period], required=True, help=f"{_PERIODS}; days and months are UTC's")
