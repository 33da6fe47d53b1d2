"""`gjobs metrics`: the statistics as monitoring systems read them, printed once or served."""

from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

from store.monitoring.model import DAY
from tui.cli.arguments import age, port
from tui.cli.command import Command, Eyes
from tui.cli.errors import UsageError
from tui.cli.exit_codes import ExitCode
from tui.cli.output import Output, put, say
from tui.cli.parser import add_command
from tui.cli.sessions import in_session

if TYPE_CHECKING:
    from prometheus_client import Metric

    from store.store import Store
    from tui.cli.parser import Commands
    from tui.session import Session

LOOPBACK = "127.0.0.1"
PORT = 9108


def add_metrics(commands: "Commands") -> None:
    parser = add_command(
        commands,
        "metrics",
        Command(run=print_metrics, eyes=Eyes.OPERATOR_UNLESS_ASKED, has_json=False),
        help="print statistics for a monitoring system, or serve them",
        example="gjobs metrics --serve",
    )
    add = parser.add_argument
    add(
        "--window",
        type=age,
        metavar="SPAN",
        default=DAY,
        help="times and failures of the last 30m, 24h (this if not said), 7d",
    )
    add(
        "--serve",
        type=port,
        nargs="?",
        const=PORT,
        metavar="PORT",
        help=f"answer on http://{LOOPBACK}:{PORT}/metrics, for this machine only, until stopped",
    )


@in_session
async def print_metrics(session: "Session", output: Output, *, window: timedelta, serve: int | None) -> ExitCode:
    if serve is not None:
        return await _serve(session.store, window, serve)
    from prometheus_client.openmetrics.exposition import generate_latest

    from tui.cli.scrapes import registry_of

    metrics = await _collect(session.store, window)
    text = generate_latest(registry_of(lambda: metrics)).decode()  # type: ignore[no-untyped-call]
    if output.is_terminal:
        from tui.words.text import clean_block

        text = clean_block(text)
    put(text)
    return ExitCode.DONE


async def _collect(store: "Store", window: timedelta) -> "list[Metric]":
    from tui.cli.openmetrics import families

    return list(families(await store.get_job_statistics(), await store.get_monitoring(window=window)))


async def _serve(store: "Store", window: timedelta, port: int) -> ExitCode:
    """Until it is stopped. Raises UsageError where the port is taken."""
    import asyncio

    from prometheus_client import start_http_server

    from tui.cli.scrapes import Scrapes, registry_of

    scrapes = Scrapes(partial(_collect, store, window))
    registry = registry_of(scrapes.from_another_thread(asyncio.get_running_loop()))
    try:
        server, thread = start_http_server(port, addr=LOOPBACK, registry=registry)
    except OSError as error:
        raise UsageError(
            f"Port {port} cannot be listened on: {error.strerror}.",
            hint="Name another one: gjobs metrics --serve PORT.",
        ) from error
    say(f"Answering on http://{LOOPBACK}:{server.server_port}/metrics. Ctrl+C stops it.")
    try:
        await asyncio.Event().wait()
    finally:
        await asyncio.to_thread(server.shutdown)
        server.server_close()
        await asyncio.to_thread(thread.join)
    return ExitCode.DONE
