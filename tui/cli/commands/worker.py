"""`gjobs worker`: runs handlers on the jobs that are queued."""

from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING
from uuid import UUID

from store.settings import Settings
from tui.cli import arguments
from tui.cli.command import Command, Eyes
from tui.cli.errors import UsageError
from tui.cli.exit_codes import ExitCode
from tui.cli.failures import show_where
from tui.cli.handlers import find_registry
from tui.cli.output import Output, say
from tui.cli.parser import add_command
from tui.cli.sessions import in_session
from tui.cli.typed import not_empty

if TYPE_CHECKING:
    from store.worker import Registry
    from store.worker.happenings import Happening
    from tui.cli.parser import Commands
    from tui.cli.reviving import Reviving
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
    handlers = _simulated() if registry is None else find_registry(registry)
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
    from tui.cli.reviving import Reviving
    from tui.words.worker_words import postponed_words, stopping_words

    postponed: set[UUID] = set()
    worker = Worker(
        session.store,
        handlers,
        concurrency=concurrency,
        lease_seconds=lease.total_seconds(),
        tidies=retention,
        report=partial(_tell, postponed, Reviving(session.revive)),
    )

    def stop() -> None:
        say(stopping_words(worker.grace, again=worker.is_stopping))
        worker.stop()

    loop = asyncio.get_running_loop()
    signals = (signal.SIGINT, signal.SIGTERM)
    for number in signals:
        loop.add_signal_handler(number, stop)
    try:
        await worker.run(once=once)
    finally:
        for number in signals:
            loop.remove_signal_handler(number)
    if postponed:
        say(postponed_words(len(postponed)))
    return ExitCode.DONE


def _tell(postponed: set[UUID], reviving: "Reviving", happening: "Happening") -> None:
    """`postponed` holds the jobs that this worker has left for a later attempt, its own or another's."""
    from store.worker.happenings import Ended, HandlerRaised, Started, Trouble
    from store.worker.model import Postponed
    from tui.words.worker_words import worker_words

    match happening:
        case Ended(claimed=claimed, ending=Postponed()):
            postponed.add(claimed.job.id)
        case HandlerRaised(error=error):
            show_where(error)
        case Trouble(error=trouble):
            reviving.after(trouble)
        case Ended(claimed=claimed) | Started(claimed=claimed):
            postponed.discard(claimed.job.id)
    if words := worker_words(happening):
        say(words)


def _simulated() -> "Registry":
    from random import Random

    from store.worker.simulated import simulated

    return simulated(Random())  # noqa: S311
