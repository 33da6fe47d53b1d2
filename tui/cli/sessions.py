"""Runs a command inside an open session."""

import logging
import os
import sys
import threading
from collections.abc import Callable, Coroutine
from functools import update_wrapper
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

from gjobs.store.configuration.app_folder import locate_app
from gjobs.store.configuration.settings import APP_VARIABLE, Settings, UrlTarget
from gjobs.store.errors import MAY_BE_MADE, OutcomeUnknown, RowMissing, StoreError, Unreachable
from gjobs.tui import latency
from gjobs.tui.cli.exit_codes import ExitCode
from gjobs.tui.cli.output import Output, is_terminal, print_message
from gjobs.tui.early_session import start_connecting

if TYPE_CHECKING:
    from gjobs.tui.session import Expected, Session

_LONGEST_COMMAND = 24 * 3600.0
"""Seconds. The write permit of a command ends with its session."""

_RESOLVE_AFTER = (0.0, 0.2, 0.5, 1.0)
"""Seconds before each attempt."""

P = ParamSpec("P")
T = TypeVar("T")


class StartupProgress:
    """Prints each step while the server starts. After `stop`, the next call raises an error that ends the wait."""

    def __init__(self) -> None:
        self._stopped = threading.Event()

    def __call__(self, sentence: str) -> None:
        if self._stopped.is_set():
            raise InterruptedError
        print_message(sentence)

    def stop(self) -> None:
        self._stopped.set()


def with_session(
    settings: Settings, work: Callable[["Session"], Coroutine[Any, Any, T]], *, expected: "Expected | None" = None
) -> T:
    """Open the database, run the work and close it. The embedded server is started if needed. Raises StoreError.

    `expected` returns the first queries of the work, if it runs as operator.
    """
    _print_origin(settings)
    connections = start_connecting(settings)
    import asyncio

    from gjobs.store.async_tools import abandon_lookups
    from gjobs.tui.cli.interruption import interrupts_heard
    from gjobs.tui.session import open_session

    progress = StartupProgress()

    async def run() -> T:
        try:
            abandon_lookups()
            with interrupts_heard():
                async with open_session(settings, progress, connections=connections, expected=expected) as session:
                    latency.resume_gc()
                    _print_claims_caution(session)
                    if settings.write_reason is not None:
                        session.access.open_permit(settings.write_reason, _LONGEST_COMMAND)
                    return await _with_better_errors(work, session)
        except asyncio.CancelledError:
            progress.stop()
            raise

    return asyncio.run(run())


async def _with_better_errors(work: Callable[["Session"], Coroutine[Any, Any, T]], session: "Session") -> T:
    """Run the work and complete its errors: whether a missing row is gone or hidden, and whether an unconfirmed change
    was made.
    """
    try:
        return await work(session)
    except RowMissing as error:
        from gjobs.tui.error_help import hidden_or_gone

        raise await hidden_or_gone(session.store, session.operator, error) from error
    except OutcomeUnknown as error:
        raise await _resolved(session, error) from error.__cause__


async def _resolved(session: "Session", error: OutcomeUnknown) -> OutcomeUnknown:
    """Return the same error. If the database answers soon, add the outcome and what to do."""
    import asyncio

    from gjobs.store.journal.write_record import WriteOutcome
    from gjobs.tui.text.write_text import resolved_write_words

    for wait in _RESOLVE_AFTER:
        await asyncio.sleep(wait)
        try:
            found = await session.store.resolve_write(error.write)
        except StoreError:
            continue
        if found is not None:
            reason = error.message.removesuffix(MAY_BE_MADE)
            message = f"{reason}. {resolved_write_words(error.write.written, found)}"
            match found.outcome:
                case WriteOutcome.DONE:
                    return OutcomeUnknown(message, error.write, advice="Don't repeat it.")
                case WriteOutcome.NOT_DONE:
                    return OutcomeUnknown(message, error.write, advice="You can repeat it.")
                case WriteOutcome.UNKNOWN:
                    return OutcomeUnknown(message, error.write)
    return error


def name_app_database(settings: Settings) -> None:
    """If the sample data may surprise a person in the folder of an app, name the app's database."""
    if settings.is_fallback and is_terminal(sys.stderr) and locate_app():
        from gjobs.store.configuration.app_databases import find_app_databases

        if found := find_app_databases(os.environ).databases:
            print_message(f"This is the sample database. --profile {found[0].name} opens {found[0].description}.")
            if len(found) > 1:
                print_message(f"'gjobs profiles' lists all {len(found)} databases of the app.")


def _print_origin(settings: Settings) -> None:
    """Before connecting, name the app's database and, if the address comes from `DATABASE_URL`, that address."""
    name_app_database(settings)
    if isinstance(settings.target, UrlTarget) and settings.target.origin == APP_VARIABLE:
        from gjobs.store.database.connection_url import label, parameters

        read_only = ", read-only" if settings.write_reason is None else ""
        print_message(f"Using {APP_VARIABLE}: {label(parameters(settings.target))}{read_only}.")


def _print_claims_caution(session: "Session") -> None:
    """Print the caution first, because the output may go on until it is interrupted."""
    capabilities = session.store.capability_cache.latest
    if capabilities and (words := capabilities.claims_caution(session.store.actor)):
        print_message(words)


def print_caution(session: "Session") -> None:
    """Say that the output is incomplete if the database hides rows from this login or user."""
    capabilities = session.store.capability_cache.latest
    if capabilities and (words := capabilities.rows_caution(session.store.actor)):
        print_message(words)


def print_moment(session: "Session") -> None:
    """Name the earlier moment that the output shows, if it shows one."""
    if session.moment is not None:
        from gjobs.tui.text.moment_text import moment_words

        print_message(f"As of {moment_words(session.moment, None)}.")


def in_session(
    command: Callable[Concatenate["Session", Output, P], Coroutine[Any, Any, ExitCode]],
) -> Callable[Concatenate[Settings, Output, P], ExitCode]:
    """Convert a coroutine that needs one session to a command."""

    def run(settings: Settings, output: Output, /, *args: P.args, **options: P.kwargs) -> ExitCode:
        async def work(session: "Session") -> ExitCode:
            code = await command(session, output, *args, **options)
            print_caution(session)
            return code

        return with_session(settings, work)

    return update_wrapper(run, command)


log = logging.getLogger(__name__)


class ServerRestarts:
    """Restarts the embedded server. `revive` is None for other databases. It blocks and returns whether the server had
    died.
    """

    def __init__(self, revive: Callable[[], bool] | None) -> None:
        import asyncio

        self._revive = revive
        self._task: asyncio.Task[None] | None = None

    def after(self, error: StoreError) -> None:
        """Restart in the background if the error may come from a dead server. Only one restart runs at a time."""
        import asyncio

        if self._revive is None or not isinstance(error, (Unreachable, OutcomeUnknown)):
            return
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run(self._revive))

    async def _run(self, revive: Callable[[], bool]) -> None:
        import asyncio

        try:
            await asyncio.to_thread(revive)
        except StoreError as error:
            log.warning("Can't restart the server that died: %s", error)
