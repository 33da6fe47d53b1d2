"""`gjobs users`."""

from typing import TYPE_CHECKING

from store.capabilities import Feature
from tui.cli import jsonable
from tui.cli.command import Command, Eyes
from tui.cli.exit_codes import ExitCode
from tui.cli.lookup import MOST_ROWS
from tui.cli.output import Output, complain, say
from tui.cli.parser import add_command
from tui.cli.sessions import in_session

if TYPE_CHECKING:
    from tui.cli.parser import Commands
    from tui.session import Session


def add_users(commands: "Commands") -> None:
    parser = add_command(
        commands,
        "users",
        Command(run=list_users, eyes=Eyes.OPERATOR_UNLESS_ASKED),
        help="list the users, as the operator sees them",
        example="gjobs users ana@",
    )
    parser.add_argument(
        "search", nargs="?", default="", metavar="SEARCH", help="some letters of the e-mail, or the beginning of the id"
    )


@in_session
async def list_users(session: "Session", output: Output, *, search: str) -> ExitCode:
    users = await session.store.get_users(search=search, limit=MOST_ROWS)
    if session.capabilities and (off := session.capabilities.off(Feature.USERS, session.store.actor)):
        complain(f"Only owners of rows are listed, without e-mails. {off.reason}", hint=off.hint)
    if output.json:
        output.document(jsonable.rows(users))
        return ExitCode.DONE
    from tui.cli.tables import Column
    from tui.words.format import count, local_time

    columns = (
        Column(title="ID"),
        Column(title="JOBS", right=True),
        Column(title="LAST JOB"),
        Column(title="EMAIL", narrowest=10),
    )
    output.table(
        columns,
        [
            [
                str(user.id),
                count(user.job_count),
                local_time(user.last_job_at) if user.last_job_at else "-",
                user.email if user.email is not None else "-",
            ]
            for user in users
        ],
    )
    if not users:
        say("No users.")
    return ExitCode.DONE
