"""How `gjobs migrate …` is typed."""

from typing import TYPE_CHECKING

from migrations import REVISIONS
from tui.cli.command import Command, Eyes
from tui.cli.commands.migrate.running import BASE, down, print_sql, repair_rollups, show_status, up
from tui.cli.commands.migrate.verifying import verify
from tui.cli.parser import add_command, add_commands

if TYPE_CHECKING:
    from collections.abc import Callable

    from tui.cli.exit_codes import ExitCode
    from tui.cli.parser import Commands


def add_migrate(commands: "Commands") -> None:
    group = add_command(
        commands, "migrate", None, help="see or change which revision the schema is at", example="gjobs migrate status"
    )
    migrate = add_commands(group, required=True)
    add_command(
        migrate,
        "status",
        _command(show_status),
        help="show the schema's revision, and what is pending",
        example="gjobs migrate status --json",
    )
    verify_parser = add_command(
        migrate,
        "verify",
        _command(verify),
        help="compare the schema with what its revision promises, object by object",
        example="gjobs migrate verify --all",
    )
    verify_parser.add_argument(
        "--all", action="store_true", dest="all_objects", help="show each object, those that are as promised as well"
    )
    verify_parser.add_argument(
        "--rollups",
        action="store_true",
        help="compare the sums that are kept beside the jobs with counting, instead; reads all jobs, in one snapshot",
    )
    repair_parser = add_command(
        migrate,
        "repair-rollups",
        _command(repair_rollups),
        help="count the sums beside the jobs anew, while others write; asks",
        example="gjobs migrate repair-rollups --write 'ticket 4711'",
    )
    repair_parser.add_argument("--yes", action="store_true", help="do not ask")
    up_parser = add_command(
        migrate,
        "up",
        _command(up),
        help="run what is pending; asks unless the database is embedded",
        example="gjobs migrate up --profile production --write 'ticket 4711'",
    )
    up_parser.add_argument("--yes", action="store_true", help="do not show the SQL, and do not ask")
    down_parser = add_command(
        migrate,
        "down",
        _command(down),
        help="undo what came after a revision; asks; an app's own tables stay",
        example="gjobs migrate down 0001",
    )
    targets = [BASE, *REVISIONS[:-1]]
    down_parser.add_argument("revision", choices=targets, metavar="REVISION", help=f"one of {', '.join(targets)}")
    down_parser.add_argument("--yes", action="store_true", help="do not ask")
    add_command(
        migrate,
        "sql",
        _command(print_sql),
        help="print what 'up' would run, for psql",
        example="gjobs migrate sql > pending.sql",
    )


def _command(run: "Callable[..., ExitCode]") -> Command:
    return Command(run=run, eyes=Eyes.OPERATOR_ONLY, ignores_app_variable=True)
