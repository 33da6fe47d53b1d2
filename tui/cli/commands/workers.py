"""gjobs worker and gjobs workers."""

import gc
import importlib
import os
import sys
import traceback
from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING
from uuid import UUID

from gjobs.store.configuration.settings import Settings
from gjobs.store.errors import command
from gjobs.store.leases.lease import LeasedJob, WorkerStatus
from gjobs.store.users.actor import OPERATOR, Actor, actor_name
from gjobs.store.values.page_sizes import MAX_LIMIT
from gjobs.tui.cli.arguments import length, whole_number
from gjobs.tui.cli.command import ActorRule, Command, argument, option, repeated, switch
from gjobs.tui.cli.output import ExitCode, Output, UsageError, not_empty, print_message, show_where
from gjobs.tui.cli.sessions import ServerRestarts, in_session
from gjobs.tui.export.export_files import Document

if TYPE_CHECKING:
    from gjobs.store.leases.lease import WorkersOverview
    from gjobs.store.worker.handlers import Registry
    from gjobs.store.worker.worker_events import WorkerEvent
    from gjobs.tui.session import Session


def find_registry(name: str) -> "Registry":
    """Import a registry. The working directory comes last on the path, because its folders may be named like modules of
    gjobs.

    Raises UsageError for any error of the module, because the module is the user's own.
    """
    from gjobs.store.worker.handlers import Registry

    module_name, _, attribute = name.partition(":")
    if not module_name or not attribute:
        raise UsageError(
            f"{name!r} is not MODULE:REGISTRY.", hint=f"For example: {command('worker handlers:registry')}."
        )
    if (directory := str(Path.cwd())) not in sys.path:
        sys.path.append(directory)
    found = getattr(_import_module(module_name), attribute, None)
    if not isinstance(found, Registry):
        raise UsageError(
            f"{module_name} has no registry {attribute!r}.",
            hint="Name a variable of this module that holds a gjobs.store.worker.Registry.",
        )
    return found


def _import_module(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        raise UsageError(
            f"There is no module {error.name!r}.", hint="Python searches its own path and this directory."
        ) from error
    except (Exception, SystemExit) as error:
        raise UsageError(
            f"{name} cannot be imported: {type(error).__name__}: {error}{_place(error)}",
            hint="Set GJOBS_DEBUG=1 for the traceback.",
        ) from error


def _place(error: BaseException) -> str:
    """Return where the error was raised. Empty for a syntax error, which names its own location."""
    if isinstance(error, SyntaxError):
        return ""
    last = traceback.extract_tb(error.__traceback__)[-1]
    return f" ({Path(last.filename).name}, line {last.lineno})"


CONCURRENCY = 10
LEASE = timedelta(minutes=1)


@Command(
    name="worker",
    example="gjobs worker handlers:registry --mode lifestyle --concurrency 4",
    actor_rule=ActorRule.OPERATOR_ONLY,
    ignores_app_variable=True,
    has_json=False,
)
def run_worker(
    settings: Settings,
    output: Output,
    *,
    registry: str | None = argument(
        str, "MODULE:REGISTRY", "the registry of handlers: a module, and a name in it", nargs="?", default=None
    ),
    modes: Sequence[str] = repeated(not_empty, "MODE", "only jobs of this mode; may be repeated", flag="--mode"),
    concurrency: int = option(whole_number, "N", f"jobs at a time (default: {CONCURRENCY})", default=CONCURRENCY),
    lease: timedelta = option(
        length,
        "TIME",
        "time after which other workers take over the jobs of a lost worker (default: 1m)",
        default=LEASE,
    ),
    cleanup: bool = switch("also apply the retention policies when they are due"),
    once: bool = switch("exit when no job is queued any more"),
    simulate: bool = switch("without a registry: simulate work, with plausible costs and failures"),
) -> None:
    """Run handlers on queued jobs.

    SIGINT, SIGTERM or SIGHUP ends the worker after the running jobs.
    A second signal, except a repeated SIGHUP, releases them at once.
    """
    if simulate == (registry is not None):
        raise UsageError(
            "A worker needs either MODULE:REGISTRY or --simulate.", hint="'gjobs worker --help' has an example."
        )
    handlers = _simulated_registry() if registry is None else find_registry(registry)
    chosen = handlers.only(modes) if modes else handlers

    @in_session
    async def work(session: "Session", _output: Output) -> None:
        import asyncio
        import signal

        from gjobs.store.worker.worker import Worker
        from gjobs.tui.text.worker_text import postponed_words, stopping_words

        print_message(f"Database: {session.full_name}.")
        postponed: set[UUID] = set()
        worker = Worker(
            session.store,
            chosen,
            concurrency=concurrency,
            lease_seconds=lease.total_seconds(),
            pooler=session.profile.pooler,
            applies_retention=cleanup,
            report=partial(_print_summary, postponed, ServerRestarts(session.restart_if_dead)),
        )

        def stop() -> None:
            print_message(stopping_words(worker.grace, again=worker.is_stopping))
            output.discard_if_closed()
            worker.stop()

        loop = asyncio.get_running_loop()
        signals = (signal.SIGINT, signal.SIGTERM)
        for number in signals:
            loop.add_signal_handler(number, stop)
        gc.freeze()  # Scanning the modules of gjobs and of the handlers would pause all jobs.
        try:
            await worker.run(once=once)
        finally:
            for number in signals:
                loop.remove_signal_handler(number)
        if postponed:
            print_message(postponed_words(len(postponed)))

    work(settings, output)
    _end_despite_abandoned_handlers()


def _end_despite_abandoned_handlers() -> None:
    """End the process although an abandoned coroutine keeps Python running. All results have been saved."""
    from gjobs.store.worker.attempt import has_abandoned

    if has_abandoned():
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(ExitCode.DONE)


def _print_summary(postponed: set[UUID], reviving: ServerRestarts, worker_event: "WorkerEvent") -> None:
    """`postponed` holds the jobs that wait for another attempt, by this worker or another one."""
    from gjobs.store.leases.lease import Rescheduled
    from gjobs.store.worker.worker_events import AttemptEnded, AttemptStarted, DatabaseUnavailable, HandlerRaised
    from gjobs.tui.text.worker_text import worker_words

    match worker_event:
        case AttemptEnded(claimed=claimed, ending=Rescheduled()):
            postponed.add(claimed.job.id)
        case HandlerRaised(error=error):
            show_where(error)
        case DatabaseUnavailable(error=trouble):
            reviving.after(trouble)
        case AttemptEnded(claimed=claimed) | AttemptStarted(claimed=claimed):
            postponed.discard(claimed.job.id)
    print_message(worker_words(worker_event))


def _simulated_registry() -> "Registry":
    from secrets import randbits

    from gjobs.store.sample.simulation import SimulatedClock, Simulation

    return Simulation(SimulatedClock(), seed=randbits(32)).handlers()


@Command(name="workers", example="gjobs workers --json", actor_rule=ActorRule.OPERATOR_UNLESS_ASKED)
async def list_workers(session: "Session", output: Output) -> None:
    """List the workers and the jobs that they hold."""
    overview = await session.store.get_workers_overview(limit=MAX_LIMIT)
    if not output.document(
        {**_WORKER(worker), "jobs": [_HELD(job) for job in overview.held if job.owner == worker.id]}
        for worker in overview.workers
    ):
        from gjobs.tui.text.format import Column, count, duration, local_time

        def held_for(worker: WorkerStatus) -> str:
            return duration((worker.taken_at - worker.held_since).total_seconds()) if worker.held_since else "-"

        columns: Sequence[Column[WorkerStatus]] = (
            Column("NAME", lambda worker: worker.name, least=10),
            Column("STATE", _state),
            Column("HOLDS", lambda worker: f"{count(worker.held_jobs)} of {count(worker.concurrency)}", right=True),
            Column("FOR", held_for, right=True),
            Column("LAST SEEN", lambda worker: local_time(worker.seen_at)),
            Column("MODES", lambda worker: "all" if worker.modes is None else ", ".join(worker.modes), least=10),
        )
        output.table(columns, overview.workers)
    actor = session.store.actor
    # The JSON itself shows that there are no workers. It can't show that some may be hidden.
    if (words := _remark(overview, actor=actor)) and not (output.json and actor == OPERATOR):
        print_message(words)


def _remark(overview: "WorkersOverview", *, actor: Actor) -> str:
    """Return what the list does not show. Users see no workers, but all leases of their jobs."""
    if actor == OPERATOR:
        return "" if overview.workers else "No worker has run here in the last week."
    from gjobs.tui.text.clean_text import clean
    from gjobs.tui.text.format import jobs_count

    name = clean(actor_name(actor), limit=60)
    held = sum(job.owner is not None for job in overview.held)
    jobs = f"{jobs_count(held)}{' or more' if overview.is_cut else ''}"
    verb = "is" if held == 1 else "are"
    return f"{jobs} of {name} {verb} held by workers. Only the operator sees the workers."


def _state(worker: WorkerStatus) -> str:
    if worker.stopped_at is not None:
        return "stopped"
    return "alive" if worker.is_alive else "silent"


_WORKER = Document(
    WorkerStatus,
    "id name host process modes concurrency",
    ("state", _state),
    "held_jobs held_since started_at seen_at stopped_at",
)
_HELD = Document(LeasedJob, "id=job_id mode project_id attempt claimed_at=acquired_at expires_at note")
