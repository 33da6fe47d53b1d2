"""gjobs demo and gjobs snapshot, and gjobs serve, which listens for browsers and prints links."""

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from gjobs.store.configuration.settings import Settings, WriteMode
from gjobs.store.errors import Unreachable
from gjobs.tui.cli.arguments import FORCE, Size, length, number_in, port, size, whole_number
from gjobs.tui.cli.command import Command, option, switch
from gjobs.tui.cli.commands.dashboard import check, require_screen
from gjobs.tui.cli.output import (
    STDOUT,
    BadArgument,
    ExitCode,
    Output,
    UsageError,
    is_terminal,
    not_empty,
    print_message,
)
from gjobs.tui.cli.sessions import destination, name_app_database, waking_on_signals, with_session

if TYPE_CHECKING:
    import socket

    from gjobs.tui.browser.tab_server import ServerLimits

SLOWEST, FASTEST, USUAL_SPEED = 0.5, 10.0, 2.0
"""Simulated seconds per real second."""


def _speed(text: str) -> float:
    """Parse a speed: the number of simulated seconds in a real one."""
    with suppress(ValueError):
        if SLOWEST <= (speed := float(text.removesuffix("x").removesuffix("×"))) <= FASTEST:
            return speed
    raise BadArgument(f"{text!r} is not a speed. Use a number from {SLOWEST:g} to {FASTEST:g}")


@Command(name="demo", example="gjobs demo --speed 5", embedded_only=True, has_json=False)
def open_demo(
    settings: Settings,
    output: Output,  # noqa: ARG001
    *,
    speed: float = option(
        _speed,
        "N",
        f"simulate N seconds in each second, from {SLOWEST:g} to {FASTEST:g} (default: {USUAL_SPEED:g})",
        default=USUAL_SPEED,
    ),
    seed: int = option(whole_number, "N", "simulate other jobs; the same N gives the same jobs", default=0),
    script: str | None = option(
        not_empty, "NAME|FILE", "play a scenario: lifecycle, bad-day, two-customers or a TOML file"
    ),
) -> ExitCode:
    """Open the dashboard with simulated jobs and workers."""
    if settings.act_as_given or settings.write_rule is WriteMode.CLOSED or settings.write_reason is not None:
        raise UsageError(
            "The demo chooses its own user, and its workers must be able to write.",
            hint="Leave --as, --read-only and --write out. In the demo, press u to act as another user.",
        )
    from gjobs.tui.demo.demo_activity import DemoControl
    from gjobs.tui.demo.scenario_steps import load_scenario

    control = DemoControl(speed=speed, seed=seed, scenario=load_scenario(script) if script else None)
    require_screen()
    from gjobs.tui.dashboard.frame.run import run_demo

    return ExitCode(run_demo(settings, control))


@Command(
    name="snapshot", example="gjobs snapshot --size 120x36 --svg dashboard.svg", has_json=False, shows_moments=True
)
def print_snapshot(
    settings: Settings,
    output: Output,
    *,
    size: Size = option(size, "COLUMNSxROWS", "size in cells (default: 120x36)", default=(120, 36)),
    svg: str | None = option(not_empty, "FILE", "write an SVG picture to this file; - means stdout"),
    force: bool = FORCE,
) -> None:
    """Print one frame of the dashboard; needs no terminal."""
    check(settings, command="gjobs snapshot", instead="A snapshot writes nothing.")
    from gjobs.tui.dashboard.frame.run import print_frame

    if svg is None:
        output.text(print_frame(settings, size, svg=False))
        return
    with destination(svg, overwrites=force) as put:
        put(print_frame(settings, size, svg=True))
    if svg != STDOUT:
        print_message(f"Wrote {svg}.")


PORT = 8787
_HOST = "127.0.0.1"
_BACKLOG = 128
TABS, MOST_TABS = 8, 64
IDLE = timedelta(minutes=30)
TABS_ARE_READ_ONLY = ("Tabs are read-only.", "Start 'gjobs serve' with --allow-write.")


_tabs = number_in(range(1, MOST_TABS + 1), f"is not a number of tabs. Use a number from 1 to {MOST_TABS}")


@Command(name="serve", example="gjobs serve --profile production", has_json=False)
def serve(
    settings: Settings,
    output: Output,  # noqa: ARG001
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
    sentences = [f"Serving {_served_name(settings)}. {rule}"]
    if settings.act_as_given:
        sentences.append("--as does not confine visitors: they can act as any user.")
    return sentences


def _served_name(settings: Settings) -> str:
    """Return the name of the database, with its address."""
    from gjobs.store.database.connection_url import label, parameters

    if settings.is_embedded:
        return "the sample database" if settings.is_fallback else "the embedded database"
    name, address = settings.profile.label or settings.profile.origin, label(parameters(settings.profile))
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

    with waking_on_signals(), _links_on_request(print_link, reads_terminal=reads):
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
