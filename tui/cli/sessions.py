"""Runs a command inside an open session. SIGINT and SIGTERM end it, long work shows its progress."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterator
from contextlib import aclosing, contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import TYPE_CHECKING, Any, Concatenate, Generic, ParamSpec, TypeVar

from gjobs.store.configuration.app_folder import locate_app
from gjobs.store.configuration.settings import APP_VARIABLE, Settings
from gjobs.store.errors import MAY_BE_MADE, OutcomeUnknown, RowMissing, StoreError, Unreachable
from gjobs.store.validation import UNSET, Unset
from gjobs.tui import startup
from gjobs.tui.cli.output import (
    STDOUT,
    Declined,
    Output,
    UsageError,
    is_terminal,
    print_message,
    put,
    report_failure,
    require_terminal,
    require_yes,
    say_block,
    signals_received,
)
from gjobs.tui.export.export_files import FileIsThere, FileNotWritten, UnusableFile, new_file
from gjobs.tui.startup import start_connecting

if TYPE_CHECKING:
    import asyncio

    from gjobs.tui.session import Expected, Session


Put = Callable[[str], bool]
"""Writes the next part of the text. Returns false if nobody reads it any more."""


@contextmanager
def destination(name: str, *, overwrites: bool) -> Iterator[Put]:
    """Open a file, or stdout for `-`. The file appears only if the block succeeds, and only its owner may read it.

    Raises UsageError if it exists, unless `overwrites`, or if it can't be created. Raises Declined if a write fails,
    for example because the disk is full.
    """
    if name == STDOUT:
        yield put
        return
    with file_errors(), new_file(name, overwrites=overwrites) as write:
        yield write


@contextmanager
def file_errors() -> Iterator[None]:
    """Raise the errors of a new file as UsageError or Declined."""
    try:
        yield
    except FileIsThere as error:
        raise UsageError(error.message, hint="Use another name, or add --force to replace it.") from error
    except UnusableFile as error:
        raise UsageError(error.message, hint=error.hint) from error
    except FileNotWritten as error:
        raise Declined(error.message, hint=error.hint) from error


@contextmanager
def orderly_termination(*, json: bool) -> Iterator[None]:
    """Let SIGTERM or SIGHUP end the block like an interrupt, so that it can clean up. Then the signal takes effect.

    The signal may end the process, so the block's error is reported first.
    An ignored signal stays ignored, as SIGHUP under `nohup`. Outside the main thread, no signal is handled.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    received: int | None = None

    def interrupt(number: int, _frame: FrameType | None) -> None:
        nonlocal received
        former, received = received, number
        if former is not None and signal.SIGHUP in (former, number):
            # A closed terminal may send several signals. Only a repeated SIGTERM interrupts the cleanup.
            return
        if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
            # A shell starts background commands like this. They would ignore an interrupt.
            raise KeyboardInterrupt
        signal.raise_signal(signal.SIGINT)

    previous = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)}
    handled = [number for number, handler in previous.items() if handler is not signal.SIG_IGN]
    for number in handled:
        signal.signal(number, interrupt)
    try:
        yield
    except (Exception, KeyboardInterrupt) as error:
        # Nobody needs to read that a signal came, except a program that expects a JSON document.
        if received is not None and (json or not isinstance(error, KeyboardInterrupt)):
            report_failure(error, json=json)
        raise
    finally:
        for number in handled:
            signal.signal(number, previous[number])
        if received is not None:
            signal.raise_signal(received)


@contextmanager
def waking_on_signals() -> Iterator[None]:
    """Make each signal wake the running loop.

    `asyncio.run` handles an interrupt in a Python signal handler, which runs only when the main thread executes
    Python code. Without this, it would miss a signal just before the loop sleeps, or one that another thread
    received.
    """
    import asyncio

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    loop = asyncio.get_running_loop()
    with signals_received() as signals:
        loop.add_reader(signals, signals.recv, 4096)
        try:
            yield
        finally:
            loop.remove_reader(signals)


@contextmanager
def stop_requested() -> Iterator[asyncio.Event]:
    """Yield an event that an interrupt sets, so that the current step can finish. A second interrupt cancels it."""
    import asyncio

    loop, event, previous = asyncio.get_running_loop(), asyncio.Event(), signal.getsignal(signal.SIGINT)

    def interrupt() -> None:
        if event.is_set() and callable(previous):
            previous(signal.SIGINT, None)
        event.set()

    loop.add_signal_handler(signal.SIGINT, interrupt)
    try:
        yield event
    finally:
        loop.remove_signal_handler(signal.SIGINT)
        signal.signal(signal.SIGINT, previous)


_START_OF_LINE, _CLEAR_LINE = "\r", "\x1b[K"


@contextmanager
def progress_line(*, is_shown: bool = True) -> Iterator[Callable[[str], None]]:
    """Yield a function that replaces the line with a clean text. Without a terminal, it shows nothing."""
    is_shown = is_shown and is_terminal(sys.stderr) and os.environ.get("TERM") != "dumb"

    def show(text: str) -> None:
        if is_shown:
            say_block(f"{_START_OF_LINE}{_CLEAR_LINE}{text}", end="")

    try:
        yield show
    finally:
        show("")


T = TypeVar("T")


@dataclass(slots=True)
class WorkProgress(Generic[T]):
    """The progress of some work. It can still be read after an error."""

    last: T
    """The last step. Before the first step, a value that stands for no progress."""
    is_stopped: bool = False


async def work_through(steps: AsyncGenerator[T, None], work: WorkProgress[T], shown: Callable[[T], str]) -> None:
    """`shown` converts a step to clean text."""
    with stop_requested() as stop, progress_line() as show:
        async with aclosing(steps):
            async for step in steps:
                work.last = step
                show(shown(step))
                if stop.is_set():
                    work.is_stopped = True
                    return


_LONGEST_COMMAND = 24 * 3600.0
"""Seconds. The write permit of a command ends with its session."""

_RESOLVE_AFTER = (0.0, 0.2, 0.5, 1.0)
"""Seconds before each attempt."""

P = ParamSpec("P")


def with_session(
    settings: Settings, work: Callable[[Session], Coroutine[Any, Any, T]], *, expected: Expected | None = None
) -> T:
    """Open the database, run the work and close it. The embedded server is started if needed. Raises StoreError.

    `expected` returns the first queries of the work, if it runs as operator.
    """
    _print_origin(settings)
    connections = start_connecting(settings)
    import asyncio

    from gjobs.store.system.async_tools import abandon_lookups
    from gjobs.tui.session import open_session

    interrupted = threading.Event()

    def progress(sentence: str) -> None:
        """Print a step of the start. Once it is interrupted, raise an error that ends the wait."""
        if interrupted.is_set():
            raise InterruptedError
        print_message(sentence)

    async def run() -> T:
        try:
            abandon_lookups()
            with waking_on_signals():
                async with open_session(settings, progress, connections=connections, expected=expected) as session:
                    startup.resume_gc()
                    _print_claims_caution(session)
                    # Without write access, a command that only reads runs, too. A write is refused when it starts.
                    if settings.write_reason is not None and not session.access.is_closed:
                        session.access.open_permit(settings.write_reason, _LONGEST_COMMAND)
                    return await _with_better_errors(work, session)
        except asyncio.CancelledError:
            interrupted.set()
            raise

    return asyncio.run(run())


def ask_then(
    settings: Settings,
    prepare: Callable[[Session], Coroutine[Any, Any, tuple[T, str | None] | None]],
    act: Callable[[Session, T], Coroutine[Any, Any, None]],
    *,
    yes: bool,
    unchanged: str,
    unseen: T | Unset = UNSET,
    always_asks: bool = True,
) -> None:
    """Prepare, ask the person, and act on what `prepare` found.

    `prepare` returns None if there is nothing to do. Its question is None if nobody must be asked. With `yes`, nobody
    is asked, and `unseen`, if given, replaces what `prepare` would find. While the person is asked, the command has no
    connection and no locks. Raises as `require_yes` does: before `prepare` if the command always asks. Raises ReadOnly
    before a question in a session that may not write.
    """

    async def prepare_if_writable(session: Session) -> tuple[T, str | None] | None:
        prepared = await prepare(session)
        if prepared is not None and prepared[1] is not None and not yes:
            session.access.require()
        return prepared

    if always_asks and not yes:
        require_terminal()
    if yes and unseen is not UNSET:
        found = unseen
    else:
        prepared = with_session(settings, prepare_if_writable)
        if prepared is None:
            return
        found, question = prepared
        if question is not None and not yes:
            require_yes(question, unchanged=unchanged)
    with_session(settings, lambda session: act(session, found))


async def _with_better_errors(work: Callable[[Session], Coroutine[Any, Any, T]], session: Session) -> T:
    """Run the work and complete its errors: whether a missing row is gone or hidden, and whether an unconfirmed change
    was made.
    """
    try:
        return await work(session)
    except RowMissing as error:
        from gjobs.tui.text.error_text import hidden_or_gone

        raise await hidden_or_gone(session.store, session.operator, error) from error
    except OutcomeUnknown as error:
        raise await _resolved(session, error) from error.__cause__


async def _resolved(session: Session, error: OutcomeUnknown) -> OutcomeUnknown:
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
            print_message(
                f"This is the sample database. --profile {found[0].profile.name} opens {found[0].description}."
            )
            if len(found) > 1:
                print_message(f"'gjobs profiles' lists all {len(found)} databases of the app.")


def _print_origin(settings: Settings) -> None:
    """Before connecting, name the app's database and, if the address comes from `DATABASE_URL`, that address."""
    name_app_database(settings)
    if settings.profile.variable == APP_VARIABLE:
        from gjobs.store.database.connection_url import label, parameters

        read_only = ", read-only" if settings.write_reason is None else ""
        print_message(f"Using {APP_VARIABLE}: {label(parameters(settings.profile))}{read_only}.")


def _print_claims_caution(session: Session) -> None:
    """Print the caution first, because the output may go on until it is interrupted."""
    capabilities = session.store.capability_cache.latest
    if capabilities:
        print_message(capabilities.claims_caution(session.store.actor))


def print_caution(session: Session) -> None:
    """Say that the output is incomplete if the database hides rows from this login or user."""
    capabilities = session.store.capability_cache.latest
    if capabilities:
        print_message(capabilities.rows_caution(session.store.actor))


def print_moment(session: Session) -> None:
    """Name the earlier moment that the output shows, if it shows one."""
    if session.moment is not None:
        from gjobs.tui.text.format import moment_words

        print_message(f"As of {moment_words(session.moment, None)}.")


def in_session(
    command: Callable[Concatenate[Session, Output, P], Coroutine[Any, Any, T]],
) -> Callable[Concatenate[Settings, Output, P], T]:
    """Convert a coroutine that needs one session to a command."""

    def run(settings: Settings, output: Output, /, *args: P.args, **options: P.kwargs) -> T:
        async def work(session: Session) -> T:
            code = await command(session, output, *args, **options)
            print_caution(session)
            return code

        return with_session(settings, work)

    return run


class ServerRestarts:
    """Restarts the embedded server in the background. Only one restart runs at a time."""

    def __init__(self, restart_if_dead: Callable[[], Coroutine[Any, Any, bool]]) -> None:
        self._restart_if_dead = restart_if_dead
        self._task: asyncio.Task[bool] | None = None

    def after(self, error: StoreError) -> None:
        """Restart the server if the error may mean that it has died."""
        import asyncio

        if isinstance(error, (Unreachable, OutcomeUnknown)) and (self._task is None or self._task.done()):
            self._task = asyncio.create_task(self._restart_if_dead())
