"""A file or stdout as the destination of a command."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from gjobs.tui.cli.exit_codes import Declined, UsageError
from gjobs.tui.cli.output import STDOUT, put
from gjobs.tui.export.file_writer import FileIsThere, FileNotWritten, UnusableFile, new_file

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
