"""gjobs serve."""

from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from gjobs.store.configuration.settings import Settings, WriteMode
from gjobs.store.errors import Unreachable
from gjobs.tui.cli.arguments import length, port, whole_number
from gjobs.tui.cli.command import Command
from gjobs.tui.cli.commands.dashboard import check
from gjobs.tui.cli.output import BadArgument, ExitCode, Output, UsageError
from gjobs.tui.cli.parser import add_command
from gjobs.tui.cli.sessions import name_app_database, orderly_termination, with_session

if TYPE_CHECKING:
    from gjobs.tui.cli.parser import Commands
    from gjobs.tui.session import Session

PORT = 8787
TABS, MOST_TABS = 8, 64
IDLE = timedelta(minutes=30)
TABS_ARE_READ_ONLY = ("Tabs are read-only.", "Start 'gjobs serve' with --allow-write.")


def tabs(text: str) -> int:
    """Parse a number of tabs."""
    number = whole_number(text)
    if not 1 <= number <= MOST_TABS:
        raise BadArgument(f"{text!r} is not a number of tabs. Use a number from 1 to {MOST_TABS}")
    return number


def add_serve(commands: "Commands") -> None:
    parser = add_command(
        commands,
        "serve",
        Command(run=serve, has_json=False),
        help="show the dashboard in a browser, on this machine only",
        example="gjobs serve --profile production",
    )
    add = parser.add_argument
    add("--port", type=port, metavar="N", default=PORT, help=f"listen on this port (default: {PORT})")
    add("--allow-write", action="store_true", help="allow writes, by the rules of the profile")
    add("--max-tabs", type=tabs, metavar="N", default=TABS, help=f"open at most N tabs at a time (default: {TABS})")
    add("--idle", type=length, metavar="SPAN", default=IDLE, help="close a tab after 10m or 2h without input (30m)")


def serve(
    settings: Settings,
    output: Output,
    *,
    port: int,
    allow_write: bool,
    max_tabs: int,
    idle: timedelta,
) -> ExitCode:
    """Serve until interrupted."""
    instead = "With --allow-write, press W in the dashboard to enter a reason."
    check(settings, command="gjobs serve", instead=instead)
    if allow_write and settings.write_rule is WriteMode.CLOSED:
        raise UsageError("--read-only and --allow-write contradict each other.", hint="Leave one of them out.")
    from gjobs.tui.browser.tab_server import ServerLimits
    from gjobs.tui.cli.commands.serve_loop import serve_tabs
    from gjobs.tui.text.format import coarse_duration

    if not allow_write:
        settings = replace(settings, write_rule=WriteMode.CLOSED, closed_by=TABS_ARE_READ_ONLY)
    seconds = idle.total_seconds()
    limits = ServerLimits(tabs=max_tabs, idle=seconds, idle_words=coarse_duration(seconds))
    with orderly_termination(json=output.json):
        if settings.act_as_given:
            _check_actor(settings)
        else:
            name_app_database(settings)
        serve_tabs(settings, limits, port)
    return ExitCode.DONE


def _check_actor(settings: Settings) -> None:
    """Raise RowMissing if the user to act as does not exist. If the database does not answer yet, raise nothing."""

    async def found(_session: "Session") -> None:
        """Do nothing: opening the session has already checked that the user exists."""

    with suppress(Unreachable):
        with_session(settings, found)
