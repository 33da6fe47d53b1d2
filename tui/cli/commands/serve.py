"""gjobs serve: its options, and the loop that listens for browsers and prints links."""

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from gjobs.store.configuration.settings import Settings, UrlTarget, WriteMode
from gjobs.store.errors import Unreachable
from gjobs.tui.cli.arguments import length, port, whole_number
from gjobs.tui.cli.command import Command
from gjobs.tui.cli.commands.dashboard import check
from gjobs.tui.cli.options import option, switch
from gjobs.tui.cli.output import BadArgument, Output, UsageError, is_terminal, print_message
from gjobs.tui.cli.sessions import interrupts_heard, name_app_database, orderly_termination, with_session

if TYPE_CHECKING:
    import socket

    from gjobs.tui.browser.tab_server import ServerLimits

PORT = 8787
_HOST = "127.0.0.1"
_BACKLOG = 128
TABS, MOST_TABS = 8, 64
IDLE = timedelta(minutes=30)
TABS_ARE_READ_ONLY = ("Tabs are read-only.", "Start 'gjobs serve' with --allow-write.")


def _tabs(text: str) -> int:
    """Parse a number of tabs."""
    number = whole_number(text)
    if not 1 <= number <= MOST_TABS:
        raise BadArgument(f"{text!r} is not a number of tabs. Use a number from 1 to {MOST_TABS}")
    return number


@Command(name="serve", example="gjobs serve --profile production", has_json=False)
def serve(
    settings: Settings,
    output: Output,
    *,
    port: int = option(port, "N", f"listen on this port (default: {PORT})", default=PORT),
    allow_write: bool = switch("allow writes, by the rules of the profile"),
    max_tabs: int = option(_tabs, "N", f"open at most N tabs at a time (default: {TABS})", default=TABS),
    idle: timedelta = option(length, "SPAN", "close a tab after 10m or 2h without input (30m)", default=IDLE),
) -> None:
    """Show the dashboard in a browser, on this machine only."""
    instead = "With --allow-write, press W in the dashboard to enter a reason."
    check(settings, command="gjobs serve", instead=instead)
    if allow_write and settings.write_rule is WriteMode.CLOSED:
        raise UsageError("--read-only and --allow-write contradict each other.", hint="Leave one of them out.")
    import asyncio

    from gjobs.tui.browser.tab_server import ServerLimits
    from gjobs.tui.text.format import coarse_duration

    if not allow_write:
        settings = replace(settings, write_rule=WriteMode.CLOSED, closed_by=TABS_ARE_READ_ONLY)
    seconds = idle.total_seconds()
    limits = ServerLimits(tabs=max_tabs, idle=seconds, idle_words=coarse_duration(seconds))
    with orderly_termination(json=output.json):
        if settings.act_as_given:
            # Opening a session checks that the user exists. The database may answer later.
            with suppress(Unreachable):
                with_session(settings, lambda _: asyncio.sleep(0))
        else:
            name_app_database(settings)
        with _listen(port) as listener:
            print_message(*introduction(settings))
            asyncio.run(_serve(settings, listener, limits))


def introduction(settings: Settings) -> list[str]:
    """Return sentences on what visitors see, and what they may do."""
    if settings.closed_by is not None:
        rule = "Tabs are read-only. --allow-write changes that."
    elif settings.write_rule is WriteMode.OPEN:
        rule = "Tabs may write."
    else:
        rule = "Tabs are read-only until a visitor presses W and enters a reason."
    sentences = [f"Serving {_served(settings)}. {rule}"]
    if settings.act_as_given:
        sentences.append("--as does not confine visitors: they can act as any user.")
    return sentences


def _served(settings: Settings) -> str:
    """Return the name of the database, with its address."""
    from gjobs.store.database.connection_url import label, parameters

    profile, target = settings.profile, settings.target
    if not isinstance(target, UrlTarget):
        return "the sample database" if settings.is_fallback else "the embedded database"
    name, address = profile.label if profile else target.origin, label(parameters(target))
    return address if name == "--database-url" else f"{name} ({address})"


def _listen(port: int) -> "socket.socket":
    """Listen on the loopback address. Raise UsageError if that is impossible."""
    import socket

    try:
        return socket.create_server((_HOST, port), backlog=_BACKLOG)
    except OSError as error:
        # Python's own message includes the address.
        why = os.strerror(error.errno) if error.errno is not None else str(error)
        raise UsageError(f"Can't listen on {_HOST}, port {port}: {why}.", hint="Use another --port.") from error


async def _serve(settings: Settings, listener: "socket.socket", limits: "ServerLimits") -> None:
    from gjobs.tui.browser.tab_server import TabServer

    port = listener.getsockname()[1]
    reads = is_terminal(sys.stdin)
    server = TabServer(settings, limits, port=port, report=print_message, reads_terminal=reads)

    def print_link() -> None:
        print_message(f"http://{_HOST}:{port}/?token={server.sign_ins.new_link()}")

    with interrupts_heard(), _links_on_request(print_link, reads_terminal=reads):
        print_message("Open this link in a browser. It works once:")
        print_link()
        by_signal = f"Run 'kill -USR1 {os.getpid()}' for another link, or 'kill {os.getpid()}' to stop."
        print_message("Press Enter for another link, or Ctrl+C to stop." if reads else by_signal)
        await server.serve(listener)


@contextmanager
def _links_on_request(print_link: Callable[[], None], *, reads_terminal: bool) -> Iterator[None]:
    """Print another link when the person presses Enter, or when the process gets SIGUSR1."""
    import asyncio

    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGUSR1, print_link)

    def read_line() -> None:
        if sys.stdin.readline():
            print_link()
        else:
            loop.remove_reader(sys.stdin)

    if reads_terminal:
        loop.add_reader(sys.stdin, read_line)
    try:
        yield
    finally:
        if reads_terminal:
            loop.remove_reader(sys.stdin)
        loop.remove_signal_handler(signal.SIGUSR1)
