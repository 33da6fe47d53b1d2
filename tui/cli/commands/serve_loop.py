"""Listens for browsers, and prints links."""

import asyncio
import os
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ipaddress import ip_address

from store.configuration.settings import Settings, UrlTarget
from store.database.connection_url import label, parameters
from store.database.write_access import WriteMode
from tui.browser.access import LOOPBACK_NAMES, AccessRules
from tui.browser.tab_server import ServerLimits, TabServer
from tui.cli.exit_codes import UsageError
from tui.cli.interruption import interrupts_heard
from tui.cli.output import is_terminal, print_message

_LOOPBACK_OF = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104
"""Maps a wildcard address to the loopback address to show in links."""
_BACKLOG = 128


def serve_tabs(
    settings: Settings,
    limits: ServerLimits,
    *,
    host: str,
    port: int,
    public_origin: str | None,
    user_header: str | None,
) -> None:
    """Serve until interrupted. Raises UsageError if gjobs can't listen on the address."""
    with _listen(host, port) as listener:
        is_local = ip_address(listener.getsockname()[0]).is_loopback
        rules = AccessRules(
            names=LOOPBACK_NAMES | {host.lower()},
            accepts_addresses=not is_local,
            public_origin=public_origin,
            user_header=user_header,
        )
        if not is_local:
            print_message(
                f"Caution: other machines can reach {host}. The connection is not encrypted: use a proxy with https."
            )
        for sentence in introduction(settings):
            print_message(sentence)
        asyncio.run(_serve(settings, listener, rules, limits, host=host))


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
    profile, target = settings.profile, settings.target
    if not isinstance(target, UrlTarget):
        return "the sample database" if settings.is_fallback else "the embedded database"
    name, address = profile.label if profile else target.origin, label(parameters(target))
    return address if name == "--database-url" else f"{name} ({address})"


@contextmanager
def _listen(host: str, port: int) -> Iterator[socket.socket]:
    """Listen on one address. Raise UsageError if that is impossible."""
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.create_server(address[:2], family=family, backlog=_BACKLOG)
    except OSError as error:
        raise UsageError(
            f"Can't listen on {host}, port {port}: {_why(error)}.", hint="Use another --port or --host."
        ) from error
    with listener:
        yield listener


def _why(error: OSError) -> str:
    """Return the system's own words. Avoid Python's message, because it may include the address."""
    if error.errno is None or isinstance(error, socket.gaierror):
        return str(error.strerror)
    return os.strerror(error.errno)


async def _serve(
    settings: Settings, listener: socket.socket, rules: AccessRules, limits: ServerLimits, *, host: str
) -> None:
    port = listener.getsockname()[1]
    reads = is_terminal(sys.stdin)
    server = TabServer(settings, rules, limits, port=port, report=print_message, reads_terminal=reads)
    origin = rules.public_origin or _origin(host, port)

    def print_link() -> None:
        print_message(f"{origin}/?token={server.sign_ins.new_link()}")

    with interrupts_heard(), _links_on_request(print_link, reads_terminal=reads):
        print_message("Open this link in a browser. It works once:")
        print_link()
        by_signal = f"Run 'kill -USR1 {os.getpid()}' for another link, or 'kill {os.getpid()}' to stop."
        print_message("Press Enter for another link, or Ctrl+C to stop." if reads else by_signal)
        await server.serve(listener)


def _origin(host: str, port: int) -> str:
    shown = _LOOPBACK_OF.get(host, host)
    return f"http://[{shown}]:{port}" if ":" in shown else f"http://{shown}:{port}"


@contextmanager
def _links_on_request(print_link: Callable[[], None], *, reads_terminal: bool) -> Iterator[None]:
    """Print another link when the person presses Enter, or when the process gets SIGUSR1."""
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
