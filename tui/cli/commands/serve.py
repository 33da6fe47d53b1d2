"""gjobs serve."""

import asyncio
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from ipaddress import ip_address
from typing import TYPE_CHECKING

from store.configuration.settings import Settings
from store.database.write_access import WriteMode
from tui.cli.arguments import length, port, whole_number
from tui.cli.command import Command
from tui.cli.commands.dashboard import check
from tui.cli.exit_codes import BadArgument, ExitCode, UsageError, not_empty
from tui.cli.interruption import interrupts_heard, orderly_termination
from tui.cli.output import Output, is_terminal, print_message
from tui.cli.parser import add_command

if TYPE_CHECKING:
    from tui.browser.access import AccessRules
    from tui.browser.tab_server import ServerLimits
    from tui.cli.parser import Commands

PORT = 8787
HOST = "127.0.0.1"
TABS, MOST_TABS = 8, 64
IDLE = timedelta(minutes=30)
_WILDCARDS = ("0.0.0.0", "::")  # noqa: S104
_BACKLOG = 128


def tabs(text: str) -> int:
    """Parse a number of tabs."""
    number = whole_number(text)
    if not 1 <= number <= MOST_TABS:
        raise BadArgument(f"{text!r} is not a number of tabs. Use a number from 1 to {MOST_TABS}")
    return number


def public_url(text: str) -> str:
    """Parse the address of a proxy and return its origin."""
    from tui.browser.access import origin_of

    origin = origin_of(text)
    if origin is None:
        raise BadArgument(f"{text!r} is not an address such as https://jobs.example.com, without a path")
    return origin


def user_header(text: str) -> str:
    """Parse the name of a header."""
    from tui.browser.access import is_header_name

    if not is_header_name(text):
        raise BadArgument(f"{text!r} cannot name a user. Use a header that the proxy sets, such as X-Forwarded-User")
    return text


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
    add("--host", type=not_empty, metavar="ADDRESS", default=HOST, help="listen on this address, for other machines")
    add("--allow-write", action="store_true", help="allow writes, by the rules of the profile")
    add("--max-tabs", type=tabs, metavar="N", default=TABS, help=f"open at most N tabs at a time (default: {TABS})")
    add("--idle", type=length, metavar="SPAN", default=IDLE, help="close a tab after 10m or 2h without input (30m)")
    add("--public-url", type=public_url, metavar="URL", help="the address of a proxy in front of gjobs")
    add(
        "--user-header",
        type=user_header,
        metavar="NAME",
        help="the header in which a proxy sends the signed-in user, for the journal",
    )


def serve(
    settings: Settings,
    output: Output,
    *,
    port: int,
    host: str,
    allow_write: bool,
    max_tabs: int,
    idle: timedelta,
    public_url: str | None,
    user_header: str | None,
) -> ExitCode:
    """Serve until interrupted."""
    check(settings, instead="With --allow-write, press W in the dashboard to enter a reason.")
    if allow_write and settings.write_rule is WriteMode.CLOSED:
        raise UsageError("--read-only and --allow-write contradict each other.", hint="Leave one of them out.")
    from tui.browser.access import AccessRules
    from tui.browser.tab_server import ServerLimits
    from tui.text.format import coarse_duration

    if not allow_write:
        settings = replace(settings, write_rule=WriteMode.CLOSED)
    limits = ServerLimits(tabs=max_tabs, idle=idle.total_seconds(), idle_words=coarse_duration(idle.total_seconds()))
    with orderly_termination(json=output.json), _listen(host, port) as listener:
        is_local = ip_address(listener.getsockname()[0]).is_loopback
        rules = AccessRules(
            names=AccessRules().names | {host.lower()},
            accepts_addresses=not is_local,
            public_origin=public_url,
            user_header=user_header,
        )
        if not is_local:
            print_message(
                f"Caution: other machines can reach {host}. The connection is not encrypted: use a proxy with https."
            )
        asyncio.run(_serve(settings, listener, rules, limits, host=host))
    return ExitCode.DONE


@contextmanager
def _listen(host: str, port: int) -> Iterator[socket.socket]:
    """Listen on one address. Raise UsageError if that is impossible."""
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.create_server(address[:2], family=family, backlog=_BACKLOG)
    except OSError as error:
        raise UsageError(
            f"Can't listen on {host}, port {port}: {error.strerror}.", hint="Use another --port or --host."
        ) from error
    with listener:
        yield listener


async def _serve(
    settings: Settings, listener: socket.socket, rules: "AccessRules", limits: "ServerLimits", *, host: str
) -> None:
    from tui.browser.tab_server import TabServer

    port = listener.getsockname()[1]
    server = TabServer(settings, rules, limits, port=port, report=print_message)
    origin = rules.public_origin or _origin(host, port)

    def print_link() -> None:
        print_message(f"{origin}/?token={server.sign_ins.new_link()}")

    with interrupts_heard(), _links_on_request(print_link):
        print_message("Open this link in a browser. It works once:")
        print_link()
        more = "Press Enter for another link, or Ctrl+C to stop." if is_terminal(sys.stdin) else "Press Ctrl+C to stop."
        print_message(more)
        await server.serve(listener)


def _origin(host: str, port: int) -> str:
    shown = HOST if host in _WILDCARDS else host
    return f"http://[{shown}]:{port}" if ":" in shown else f"http://{shown}:{port}"


@contextmanager
def _links_on_request(print_link: Callable[[], None]) -> Iterator[None]:
    """Print another link when the person presses Enter, or when the process gets SIGUSR1."""
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGUSR1, print_link)
    reads = is_terminal(sys.stdin)

    def read_line() -> None:
        if sys.stdin.readline():
            print_link()
        else:
            loop.remove_reader(sys.stdin)

    if reads:
        loop.add_reader(sys.stdin, read_line)
    try:
        yield
    finally:
        if reads:
            loop.remove_reader(sys.stdin)
        loop.remove_signal_handler(signal.SIGUSR1)
