"""Writes stdout and stderr, asks for confirmation, reports errors with their exit codes."""

import json
import os
import re
import shutil
import sys
import traceback
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from enum import IntEnum
from typing import TYPE_CHECKING, Self, TextIO, TypeVar

from gjobs.store import errors
from gjobs.store.filters.filter_terms import FilterError
from gjobs.store.values.formats import plain_time

if TYPE_CHECKING:
    from socket import socket

    from gjobs.tui.text.format import Column


class CommandError(Exception):
    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.hint = hint


class UsageError(CommandError):
    """The command line is wrong, or the command can't run here."""


class Declined(CommandError):
    """The person answered no, or the request can't be carried out. Nothing was changed."""


class PartlyDeclined(Declined):
    """A part of the work, or all of it, could not be done. `problems` has a sentence for each case."""

    def __init__(self, problems: Sequence[str], *, hint: str | None = None) -> None:
        super().__init__("\n".join(problems), hint=hint)
        self.problems = tuple(problems)


class Interrupted(CommandError):
    """An interrupt stopped the command after a part of its work. The message says what was done.

    The command reports this before the signal takes effect, because the signal may end the process.
    """


class OutputFailed(CommandError):
    """Standard output has a reader, but could not be written. Changes that the command made stay."""


class ExitCode(IntEnum):
    """The codes, each with its meaning for the manual."""

    meaning: str

    def __new__(cls, number: int, meaning: str = "") -> Self:
        if not meaning:
            raise TypeError(f"The exit code {number} has no meaning.")
        code = int.__new__(cls, number)
        code._value_, code.meaning = number, meaning
        return code

    DONE = 0, "done"
    REFUSED = 1, "refused, or nothing changed: a transition that is not allowed, no such job, no budget left"
    USAGE = 2, "wrong usage: an unknown option, a bad value, or the dashboard without a terminal"
    UNREACHABLE = 3, "no database: it is unreachable, refuses the sign-in, or its server fails"
    TIMED_OUT = 4, "timed out"
    SCHEMA = 5, "the schema is missing or does not match"
    NOT_PERMITTED = 6, "not permitted: a privilege is missing, or the session is read-only"
    OUTCOME_UNKNOWN = 7, "outcome unknown: the connection was lost before a change was confirmed"
    FOUND = 8, "a check found a problem, or a condition of 'gjobs watch' is met"
    OUR_FAULT = 70, "an error of gjobs itself; GJOBS_DEBUG=1 shows the traceback"
    OUTPUT_FAILED = 74, "the output could not be written; a message shows whether the change was made"
    INTERRUPTED = 130, "interrupted"


_CODES: Mapping[tuple[type[BaseException], ...], ExitCode] = {
    (Declined,): ExitCode.REFUSED,
    (UsageError, errors.InvalidValue, errors.BadConfiguration): ExitCode.USAGE,
    (errors.Unreachable, errors.SignInRefused, errors.ServerFailure): ExitCode.UNREACHABLE,
    (errors.TimedOut,): ExitCode.TIMED_OUT,
    (errors.SchemaMissing,): ExitCode.SCHEMA,
    (errors.NoPrivilege, errors.ReadOnly): ExitCode.NOT_PERMITTED,
    (errors.OutcomeUnknown,): ExitCode.OUTCOME_UNKNOWN,
    (errors.UnexpectedError,): ExitCode.OUR_FAULT,
    # All other errors that are raised on purpose say why nothing was done.
    (errors.StoreError,): ExitCode.REFUSED,
    (OutputFailed,): ExitCode.OUTPUT_FAILED,
    (KeyboardInterrupt, Interrupted): ExitCode.INTERRUPTED,
}
"""The code of each error. The first kind that fits applies."""


def exit_code(error: BaseException) -> ExitCode:
    return next((code for kinds, code in _CODES.items() if isinstance(error, kinds)), ExitCode.OUR_FAULT)


_INSIDE_NAME = re.compile(r"(?<=[a-z])(?=[A-Z])")


def error_kind(error: BaseException) -> str:
    """Return the name by which scripts distinguish errors: `row_missing` for RowMissing."""
    match error:
        case KeyboardInterrupt():
            return "interrupted"
        case errors.StoreError() | CommandError():
            return _INSIDE_NAME.sub("_", type(error).__name__).lower()
        case _:
            return "internal_error"


class BadArgument(Exception):
    """An invalid value. The message says what is accepted, and is printed after the option's name."""


def not_empty(text: str) -> str:
    """Refuse an empty text. It usually comes from an unset shell variable, so using the default would be wrong."""
    if not text.strip():
        raise BadArgument("the value is empty")
    return text


HIDDEN = "***"

_IN_URL = re.compile(r"(://[^:\n]*:).*@")
"""A password in a URL: from the first colon to the last @ of the line. It may match too much, because a password
without percent-encoding may contain any character.
"""

_AS_PARAMETER = re.compile(r"((?:password|passwd)\s*=\s*)(?:'(?:[^'\\]|\\.)*'|(?:\\.|[^\s&\"])+)", re.IGNORECASE)


def without_passwords(text: str) -> str:
    """Hide the passwords of database addresses, in URIs and in `name=value` pairs."""
    # The options of advised commands hold no password, but `_IN_URL` would match from one URL to the next.
    known = errors.database_options()
    parts = text.split(known) if known else [text]
    return known.join(_AS_PARAMETER.sub(rf"\1{HIDDEN}", _IN_URL.sub(rf"\1{HIDDEN}@", part)) for part in parts)


STDOUT = "-"
"""The file name that means stdout."""


def is_terminal(stream: TextIO | None) -> bool:
    """Return whether the stream is a terminal. It is None if its descriptor was closed before the start."""
    return stream is not None and not stream.closed and stream.isatty()


def can_draw() -> bool:
    """Return whether a full-screen program can run here. It reads stdin and draws on the terminal."""
    streams = (sys.stdin, sys.stdout, sys.stderr)
    return os.environ.get("TERM") != "dumb" and all(is_terminal(stream) for stream in streams)


def print_message(*sentences: str | None) -> None:
    """Print a line for each sentence on stderr, but nothing for None or an empty one.

    Unsafe characters are replaced and passwords are hidden.
    """
    for sentence in filter(None, sentences):
        from gjobs.tui.text.clean_text import clean

        say_block(clean(sentence))


def text_width() -> int:
    """Return the width for text on a terminal, in cells. Longer lines are hard to read."""
    return min(shutil.get_terminal_size().columns, 100)


def wrapped(text: str, width: int, *, first: str = "", rest: str = "") -> list[str]:
    """Return lines that break between words, and never inside a command. `first` and `rest` are their indents."""
    import textwrap

    from gjobs.tui.text.clean_text import clean

    # Clean text has no NUL. In place of the spaces of a command, it keeps the command on one line.
    whole = errors.COMMAND.sub(lambda found: found[0].replace(" ", "\0"), clean(text))
    lines = textwrap.wrap(
        whole, width, initial_indent=first, subsequent_indent=rest, break_on_hyphens=False, break_long_words=False
    )
    return [line.replace("\0", " ") for line in lines]


def print_paragraphs(*sentences: str) -> None:
    """Print sentences on stderr like `print_message`. On a terminal, break their lines between words."""
    if not is_terminal(sys.stderr):
        print_message(*sentences)
        return
    for sentence in sentences:
        say_block("\n".join(wrapped(without_passwords(sentence), text_width())))


def say_block(text: str, *, end: str = "\n") -> None:
    """Print lines on stderr. The text must be clean."""
    try:
        _put(sys.stderr, without_passwords(text) + end)
    except OSError:
        # Nobody reads stderr any more.
        _silence(sys.stderr)


def write(text: str) -> None:
    """Write data to stdout. A reader that left early is not an error: the command's result stands."""
    put(text + "\n")


def put(text: str) -> bool:
    """Write a part of the data to stdout. Return false if the reader has left. Raises OutputFailed."""
    try:
        _put(sys.stdout, text)
    except BrokenPipeError:
        _silence(sys.stdout)
        return False
    except OSError as error:
        _silence(sys.stdout)
        raise OutputFailed(f"Could not write the output: {error.strerror}.") from error
    return True


def _put(stream: TextIO | None, text: str) -> None:
    if stream is not None:
        stream.write(text)
        stream.flush()


def _silence(stream: TextIO) -> None:
    """Discard the buffer, so that it does not fail again when the interpreter ends."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, stream.fileno())
    os.close(null)


T = TypeVar("T")


class Output:
    """Where a command writes its data: as one JSON document, or as text."""

    def __init__(self, *, json: bool) -> None:
        self.json = json
        self.is_terminal = is_terminal(sys.stdout)
        """Whether a person sees stdout."""

    def document(self, value: object) -> bool:
        """With --json, write the document and return true. Without --json, an iterator is not read.

        Values that JSON does not have are written as by `plain`. Write ASCII only, so that no terminal or encoding
        changes a text. Indented on a terminal.
        """
        if self.json:
            from gjobs.tui.export.export_files import plain

            write(json.dumps(value, indent=2 if self.is_terminal else None, default=plain))
        return self.json

    def table(
        self,
        columns: "Sequence[Column[T]]",
        values: Iterable[T],
        *,
        total: Sequence[str] | None = None,
        keeps_ids: bool = False,
        widest: int | None = None,
    ) -> None:
        """Print a table with a row for each value, and the cells of `total` at last. On a terminal it is cut to the
        width. `keeps_ids` keeps ids whole for the next command. `widest` is the maximum width without a terminal. With
        None, only extremely wide cells are cut there.
        """
        from gjobs.tui.cli.text_tables import aligned_table

        rows = [*([column.cell(value) for column in columns] for value in values), *([total] if total else [])]
        width = shutil.get_terminal_size().columns if self.is_terminal else widest
        lines = aligned_table(columns, rows, width=width, color=self.has_color, keeps_ids=keeps_ids)
        write("\n".join(lines))

    def time(self, time: datetime, now: datetime) -> str:
        """Return an age for a terminal, otherwise a local time."""
        from gjobs.tui.text.format import age, local_time

        return age(time, now) if self.is_terminal else local_time(time)

    def text(self, text: str) -> None:
        """Print text that is clean already."""
        write(text)

    def discard_if_closed(self) -> None:
        """If stdout was a terminal that is now closed, discard further text. Else a handler that prints would fail."""
        if self.is_terminal and not is_terminal(sys.stdout):
            _silence(sys.stdout)

    @property
    def has_color(self) -> bool:
        return self.is_terminal and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


_PROMPT = "Type y for yes, anything else for no: "


def require_terminal() -> None:
    """Raise UsageError if nobody can be asked."""
    if not (is_terminal(sys.stdin) and is_terminal(sys.stderr)):
        raise UsageError("This command asks for confirmation, but there is no terminal.", hint="Add --yes to confirm.")


def require_yes(question: str, *, unchanged: str) -> None:
    """Ask, and return only if the person types y or yes. The question may have several lines and must be clean.

    Raises Declined with the sentence `unchanged` on any other answer, and UsageError if nobody can be asked.
    """
    import termios

    require_terminal()
    # Text that was typed before the question appeared must not answer it.
    termios.tcflush(sys.stdin, termios.TCIFLUSH)
    say_block(question)
    say_block(_PROMPT, end="")
    answer = ""
    try:
        answer = _read_answer()
    finally:
        # After an interrupt or the end of input, what follows must not stand on the line of the prompt.
        if not answer.endswith("\n"):
            say_block("")
    if answer.strip().lower() not in ("y", "yes"):
        raise Declined(unchanged)


def _read_answer() -> str:
    """Read one line from the terminal. Any signal ends the wait, so that its handler runs.

    A plain read would miss a signal just before it, or one that another thread received.
    """
    import select

    with signals_received() as signals:
        while sys.stdin not in select.select([sys.stdin, signals], [], [])[0]:
            signals.recv(4096)
    return sys.stdin.readline()


@contextmanager
def signals_received() -> "Iterator[socket]":
    """Yield a socket that can be read after each signal. Only the main thread may call this."""
    import signal
    from socket import socketpair

    receiving, sending = socketpair()
    with receiving, sending:
        for end in (receiving, sending):
            end.setblocking(False)
        previous = signal.set_wakeup_fd(sending.fileno(), warn_on_full_buffer=False)
        try:
            yield receiving
        finally:
            signal.set_wakeup_fd(previous)


_DEBUG_HINT = "Set GJOBS_DEBUG=1 for details, and report the error."


def show_where(error: BaseException) -> None:
    """Print the traceback if GJOBS_DEBUG is 1."""
    if os.environ.get("GJOBS_DEBUG") == "1":
        from gjobs.tui.text.clean_text import clean_block

        say_block(clean_block("".join(traceback.format_exception(error)).rstrip()))


def report_failure(error: BaseException, *, json: bool) -> ExitCode:
    """Report an error, with a traceback only if GJOBS_DEBUG is 1."""
    show_where(error)
    code = exit_code(error)
    problems, hint = _words(error)
    if json:
        further: dict[str, str] = {}
        if isinstance(error, errors.BeforeLog):
            further = {"log_begins_at": plain_time(error.log_begins_at)}
        _print_failure(error_kind(error), " ".join(problems), hint, code, further)
        return code
    if isinstance(error, FilterError):
        from gjobs.tui.text.error_text import mark_mistake

        say_block(mark_mistake(error))
    print_message(*problems, hint)
    return code


def _words(error: BaseException) -> tuple[Sequence[str], str | None]:
    """Return sentences on what went wrong, and what to do about it."""
    match error:
        case errors.BadConfiguration() | PartlyDeclined():
            return error.problems, error.hint
        case errors.StoreError() if error.changed_nothing:
            from gjobs.store.journal.journal import Journal

            return [str(error), *([] if Journal.writes_done else ["Nothing was changed."])], error.hint
        case errors.StoreError() | CommandError():
            return [str(error)], error.hint
        case KeyboardInterrupt():
            return ["Interrupted."], None
        case OSError() if error.strerror:
            return [f"gjobs failed: {error.strerror}."], _DEBUG_HINT
        case _:
            # The error's text may quote what was typed. Its name never does.
            return [f"gjobs failed with an internal error: {type(error).__name__}."], _DEBUG_HINT


def _print_failure(
    kind: str, message: str, hint: str | None, code: ExitCode, further: Mapping[str, str | None]
) -> None:
    """Print one JSON line, the last on stderr. Hide passwords before quoting, because quoting can change them."""
    words = {"message": without_passwords(message), "hint": without_passwords(hint) if hint else None}
    line = json.dumps({"error": {"kind": kind, **words, "exit_code": int(code), **further}})
    try:
        _put(sys.stderr, f"{line}\n")
    except OSError:
        _silence(sys.stderr)
