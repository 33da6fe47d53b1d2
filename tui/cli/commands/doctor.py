"""`gjobs doctor`: what this database is, what is wrong with it, and what mends it. It changes nothing."""

import shutil
from typing import TYPE_CHECKING

from tui.cli import jsonable
from tui.cli.command import Command, Eyes
from tui.cli.exit_codes import ExitCode
from tui.cli.output import Output
from tui.cli.parser import add_command
from tui.cli.sessions import in_session

if TYPE_CHECKING:
    from tui.cli.parser import Commands
    from tui.session import Session

_WIDEST = 100
"""Longer lines are hard to read."""


def add_doctor(commands: "Commands") -> None:
    add_command(
        commands,
        "doctor",
        Command(run=examine_database, eyes=Eyes.OPERATOR_ONLY),
        help="examine the database: login, schema, leaks, and the SQL that mends",
        example="gjobs doctor --json",
    )


@in_session
async def examine_database(session: "Session", output: Output) -> ExitCode:
    from store.doctor import examine

    report = await examine(session.operator.database, label=session.address or session.label)
    if output.json:
        output.document(jsonable.report(report, database=session.full_name))
    else:
        from tui.cli.findings import WIDTH, report_text

        width = min(shutil.get_terminal_size((WIDTH, 24)).columns, _WIDEST) if output.is_terminal else WIDTH
        output.text(report_text(report, colour=output.has_colour, width=width))
    return ExitCode.DONE if report.is_well else ExitCode.FOUND
