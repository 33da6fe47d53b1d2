"""`gjobs worker`: runs handlers on the jobs that are queued."""

from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

from store.settings import Settings
from tui.cli import arguments
from tui.cli.command import Command, Eyes
from tui.cli.errors import UsageError
from tui.cli.exit_codes import ExitCode
from tui.cli.output import Output, say
from tui.cli.parser import add_command
from tui.cli.sessions import in_session
from tui.cli.typed import not_empty

if TYPE_CHECKING:
    from store.worker import Registry
    from store.worker.happenings import Happening
    from tui.cli.parser import Commands
    from tui.session import Session

CONCURRENCY = 10
LEASE = timedelta(minutes=1)


def add_worker(commands: "Commands") -> None:
    parser = add_command(
        commands,
        "worker",
        Command(run=run_worker, eyes=Eyes.OPERATOR_UNLESS_ASKED, ignores_app_variable=True, has_json=False),
        help="run handlers on queued jobs",
        example="gjobs worker handlers:registry --mode lifestyle --concurrency 4",
    )
    add = parser.add_argument
    add("registry", nargs="?", metavar="MODULE:REGISTRY", help="where the handlers are: a module, and a name in it")
    add(
        "--mode", dest="modes", type=not_empty, action="append", metavar="MODE", help="only of this; may be given again"
    )
    add(
        "--concurrency",
        type=arguments.whole_number,
        default=CONCURRENCY,
        metavar="N",
        help=f"how many jobs at a time ({CONCURRENCY})",
    )
    add(
        "--lease",
        type=arguments.length,
        default=LEASE,
        metavar="TIME",
        help="after so long without a sign of it others take over what it held (1m)",
    )
    add("--retention", action="store_true", help="apply the retention policies, too, whenever they are due")
    add("--once", action="store_true", help="end when nothing is queued any more")
    add("--simulate", action="store_true", help="without a registry: only look busy, with plausible costs and failures")


def run_worker(
    settings: Settings,
    output: Output,
    *,
    registry: str | None,
    modes: Sequence[str] | None,
    concurrency: int,
    lease: timedelta,
    retention: bool,
    once: bool,
    simulate: bool,
) -> ExitCode:
    """SIGINT and SIGTERM end it when what is at work is done; the second of them hands that back at once."""
    if simulate == (registry is not None):
        raise UsageError("Give MODULE:REGISTRY, or --simulate.", hint="'gjobs worker --help' has an example.")
    handlers = _simulated() if registry is None else _imported(registry)
    chosen = handlers.only(modes) if modes else handlers
    return _work(
        settings, output, handlers=chosen, concurrency=concurrency, lease=lease, retention=retention, once=once
    )


@in_session
async def _work(
    session: "Session",
    _output: Output,
    *,
    handlers: "Registry",
    concurrency: int,
    lease: timedelta,
    retention: bool,
    once: bool,
) -> ExitCode:
    import asyncio
    import signal

    from store.worker import Worker

    worker = Worker(
        session.store,
        handlers,
        concurrency=concurrency,
        lease_seconds=lease.total_seconds(),
        tidies=retention,
        report=_tell,
    )
    loop = asyncio.get_running_loop()
    signals = (signal.SIGINT, signal.SIGTERM)
    for number in signals:
        loop.add_signal_handler(number, worker.stop)
    try:
        say(f"Worker {worker.id}: {', '.join(handlers.modes) if handlers.modes else 'all modes'}.")
        await worker.run(once=once)
    finally:
        for number in signals:
            loop.remove_signal_handler(number)
    return ExitCode.DONE


def _tell(happening: "Happening") -> None:
    from tui.words.worker_words import worker_words

    if words := worker_words(happening):
        say(words)


def _simulated() -> "Registry":
    from random import Random

    from store.worker.simulated import simulated

    return simulated(Random())  # noqa: S311


def _imported(name: str) -> "Registry":
    """The working directory comes last on the path: a folder of it may be named as one of ours."""
    import importlib
    import sys
    from pathlib import Path

    from store.worker import Registry

    module_name, _, attribute = name.partition(":")
    if not module_name or not attribute:
        raise UsageError(f"{name!r} is not MODULE:REGISTRY.", hint="As in: gjobs worker handlers:registry")
    if (directory := str(Path.cwd())) not in sys.path:
        sys.path.append(directory)
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        raise UsageError(
            f"There is no module {error.name!r}.", hint="It is looked for here, and where Python does."
        ) from error
    found = getattr(module, attribute, None)
    if not isinstance(found, Registry):
        raise UsageError(f"{module_name} has no registry {attribute!r}.", hint="It is a store.worker.Registry.")
    return found
