"""The two streams: stdout carries data and nothing else, stderr carries words."""

import os
import shutil
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, TextIO

from tui.cli.passwords import without_passwords

if TYPE_CHECKING:
    from tui.cli.jsonable import Json
    from tui.cli.tables import Column


STDOUT = "-"
"""What names it in place of a file."""


def is_terminal(stream: TextIO | None) -> bool:
    """A stream is None where its descriptor was closed before the start."""
    return stream is not None and not stream.closed and stream.isatty()


def can_draw() -> bool:
    """Whether a full-screen program can run here: it reads stdin and draws on the terminal."""
    streams = (sys.stdin, sys.stdout, sys.stderr)
    return os.environ.get("TERM") != "dumb" and all(is_terminal(stream) for stream in streams)


def say(sentence: str) -> None:
    """One line on stderr, harmless whatever it quotes, and without a password."""
    from tui.words.text import clean

    say_block(clean(sentence))


def complain(message: str, *, hint: str | None) -> None:
    """What went wrong, and what to do about it: a line each."""
    say(message)
    if hint:
        say(hint)


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
    """A part of the data on stdout; false where the reader has left."""
    try:
        _put(sys.stdout, text)
    except BrokenPipeError:
        _silence(sys.stdout)
        return False
    except OSError:
        _silence(sys.stdout)
        raise
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

    def table(self, columns: Sequence["Column"], rows: Sequence[Sequence[str]]) -> None:
        """Cut to the terminal's width; never cut where stdout is none."""
        from tui.cli.tables import table

        width = shutil.get_terminal_size().columns if self.is_terminal else None
        write("\n".join(table(columns, rows, width=width, colour=self.has_colour)))

    def text(self, text: str) -> None:
        """Text that is clean already."""
        write(text)

    @property
    def has_colour(self) -> bool:
        return self.is_terminal and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
