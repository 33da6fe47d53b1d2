"""stdout and stderr, confirmation prompts, failures told."""

import os
import re
import shutil
import sys
import traceback
from collections.abc import Sequence
from typing import TYPE_CHECKING, TextIO

from store.errors import BadConfiguration, StoreError
from store.filters.job_filter import FilterError
from tui.cli.exit_codes import (
    CommandError,
    Declined,
    ExitCode,
    OutputFailed,
    PartlyDeclined,
    UsageError,
    error_kind,
    exit_code,
)

if TYPE_CHECKING:
    from tui.cli.json_documents import Json
    from tui.cli.text_tables import TableColumn

HIDDEN = "***"

_IN_URL = re.compile(r"(://[^:\n]*:).*@")
"""From the first colon to the last @ of the line: what was not percent-encoded may hold anything. Rather too much."""

_AS_PARAMETER = re.compile(r"((?:password|passwd)\s*=\s*)(?:'(?:[^'\\]|\\.)*'|[^\s&'\"]+)", re.IGNORECASE)


def without_passwords(text: str) -> str:
    """The text with the passwords of database addresses in it hidden, be they URIs or `name=value` pairs."""
    return _AS_PARAMETER.sub(rf"\1{HIDDEN}", _IN_URL.sub(rf"\1{HIDDEN}@", text))


STDOUT = "-"
"""What names it in place of a file."""


def is_terminal(stream: TextIO | None) -> bool:
    """A stream is None where its descriptor was closed before the start."""
    return stream is not None and not stream.closed and stream.isatty()


def can_draw() -> bool:
    """Whether a full-screen program can run here: it reads stdin and draws on the terminal."""
    streams = (sys.stdin, sys.stdout, sys.stderr)
    return os.environ.get("TERM") != "dumb" and all(is_terminal(stream) for stream in streams)


def print_message(sentence: str) -> None:
    """One line on stderr, harmless whatever it quotes, and without a password."""
    from tui.text.clean_text import clean

    say_block(clean(sentence))


def say_block(text: str, *, end: str = "\n") -> None:
    """Any lines on stderr, of text that is clean already."""
    try:
        _put(sys.stderr, without_passwords(text) + end)
    except OSError:
        # Nobody is left to tell.
        _silence(sys.stderr)


def write(text: str) -> None:
    """Data on stdout. A reader that left early is no error: the command's result stands."""
    put(text + "\n")


def put(text: str) -> bool:
    """A part of the data on stdout; false where the reader has left. Raises OutputFailed."""
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
    """What is left in the buffer must not fail again when the interpreter ends."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, stream.fileno())
    os.close(null)


class Output:
    """Where a command puts its data: as one JSON document, or as text for people."""

    def __init__(self, *, json: bool) -> None:
        self.json = json
        self.is_terminal = is_terminal(sys.stdout)
        """Whether a person looks at stdout."""

    def document(self, value: "Json") -> None:
        """ASCII only, so that no terminal and no encoding changes what a text holds; indented for a person."""
        import json

        write(json.dumps(value, indent=2 if self.is_terminal else None))

    def table(
        self, columns: Sequence["TableColumn"], rows: Sequence[Sequence[str]], *, keeps_ids: bool = False
    ) -> None:
        """Cut to the terminal's width, if stdout is one. `keeps_ids` is for ids that the next command needs whole."""
        from tui.cli.text_tables import aligned_table

        width = shutil.get_terminal_size().columns if self.is_terminal else None
        lines = aligned_table(columns, rows, width=width, colour=self.has_colour, keeps_ids=keeps_ids)
        write("\n".join(lines))

    def text(self, text: str) -> None:
        """Text that is clean already."""
        write(text)

    @property
    def has_colour(self) -> bool:
        return self.is_terminal and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


_PROMPT = "Type y for yes, anything else for no: "


def require_terminal() -> None:
    """Raises UsageError where nobody can be asked."""
    if not (is_terminal(sys.stdin) and is_terminal(sys.stderr)):
        raise UsageError("This needs a yes, and there is no terminal to ask on.", hint="Give --yes to answer it now.")


def require_yes(question: str, *, unchanged: str) -> None:
    """Returns where the person types y or yes. The question may have several lines, and is clean already.

    Raises Declined with the sentence `unchanged` on any other answer, and UsageError where nobody can be asked.
    """
    import termios

    require_terminal()
    # What was typed before the question was seen is no answer to it.
    termios.tcflush(sys.stdin, termios.TCIFLUSH)
    say_block(question)
    say_block(_PROMPT, end="")
    if _read_answer().strip().lower() not in ("y", "yes"):
        raise Declined(unchanged)


def _read_answer() -> str:
    """One line of the terminal; any signal ends the wait, so that its handler runs.

    A bare read would miss a signal that comes just before it, and one that another thread takes.
    """
    import select
    import signal
    import socket

    woken, waking = socket.socketpair()
    with woken, waking:
        waking.setblocking(False)
        previous = signal.set_wakeup_fd(waking.fileno(), warn_on_full_buffer=False)
        try:
            while sys.stdin not in select.select([sys.stdin, woken], [], [])[0]:
                woken.recv(4096)
        finally:
            signal.set_wakeup_fd(previous)
    return sys.stdin.readline()


_DEBUG_HINT = "Set GJOBS_DEBUG=1 for the details, and report it."


def show_where(error: BaseException) -> None:
    """Its traceback, to whoever sets GJOBS_DEBUG to 1."""
    if os.environ.get("GJOBS_DEBUG") == "1":
        from tui.text.clean_text import clean_block

        say_block(clean_block("".join(traceback.format_exception(error)).rstrip()))


def report_failure(error: BaseException, *, json: bool) -> ExitCode:
    """Without a traceback, which shows what nobody asked for, unless GJOBS_DEBUG is 1."""
    show_where(error)
    code = exit_code(error)
    problems, hint = _words(error)
    if json:
        _print_failure(error_kind(error), " ".join(problems), hint, code)
        return code
    if isinstance(error, FilterError):
        from tui.text.error_text import marked

        say_block(marked(error))
    for sentence in problems:
        print_message(sentence)
    if hint:
        print_message(hint)
    return code


def _words(error: BaseException) -> tuple[Sequence[str], str | None]:
    """Sentences on what went wrong, and what to do about it."""
    match error:
        case BadConfiguration() | PartlyDeclined():
            return error.problems, error.hint
        case StoreError() | CommandError():
            return [str(error)], error.hint
        case KeyboardInterrupt():
            return ["Interrupted."], None
        case OSError() if error.strerror:
            return [f"gjobs failed: {error.strerror}."], _DEBUG_HINT
        case _:
            # What the error says may hold what was typed; its name never does.
            return [f"gjobs failed with an error of its own: {type(error).__name__}."], _DEBUG_HINT


def _print_failure(kind: str, message: str, hint: str | None, code: ExitCode) -> None:
    """One line, the last of stderr. Passwords are hidden before they are quoted, which would disguise them."""
    import json

    words = {"message": without_passwords(message), "hint": without_passwords(hint) if hint else None}
    line = json.dumps({"error": {"kind": kind, **words, "exit_code": int(code)}})
    try:
        _put(sys.stderr, f"{line}\n")
    except OSError:
        _silence(sys.stderr)
