"""Listens for browsers, and prints links."""

import asyncio
import os
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from gjobs.store.configuration.settings import Settings, UrlTarget, WriteMode
from gjobs.store.database.connection_url import label, parameters
from gjobs.tui.browser.tab_server import ServerLimits, TabServer
from gjobs.tui.cli.output import UsageError, is_terminal, print_message
from gjobs.tui.cli.sessions import interrupts_heard

_HOST = "127.0.0.1"
_BACKLOG = 128


def serve_tabs(settings: Settings, limits: ServerLimits, port: int) -> None:
    """Serve until interrupted. Raises UsageError if gjobs can't listen on the port."""
    with _listen(port) as listener:
        for sentence in introduction(settings):
            print_message(sentence)
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
    profile, target = settings.profile, settings.target
    if not isinstance(target, UrlTarget):
        return "the sample database" if settings.is_fallback else "the embedded database"
    name, address = profile.label if profile else target.origin, label(parameters(target))
    return address if name == "--database-url" else f"{name} ({address})"


@contextmanager
def _listen(port: int) -> Iterator[socket.socket]:
    """Listen on the loopback address. Raise UsageError if that is impossible."""
    try:
        listener = socket.create_server((_HOST, port), backlog=_BACKLOG)
    except OSError as error:
        # Python's own message includes the address.
        why = os.strerror(error.errno) if error.errno is not None else str(error)
        raise UsageError(f"Can't listen on {_HOST}, port {port}: {why}.", hint="Use another --port.") from error
    with listener:
        yield listener


async def _serve(settings: Settings, listener: socket.socket, limits: ServerLimits) -> None:
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
