"""Writes a file completely or not at all."""

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from store.errors import StoreError

Write = Callable[[str], bool]
"""Writes the next part of the text. Returns true."""


class UnusableFile(StoreError):
    """No file can be created under this name."""


class FileIsThere(UnusableFile):
    """A file with this name exists and may not be replaced."""

    hint = "Use another name."


class FileNotWritten(StoreError):
    """The file could not be written to its end, for example because the disk is full. It was removed."""

    hint = "The partial file was removed. Use a file elsewhere."


@contextmanager
def new_file(name: str, *, overwrites: bool) -> Iterator[Write]:
    """Open a file. It appears only if the block succeeds, and only its owner may read it.

    Raises UnusableFile if it can't be created, and FileIsThere if it exists, unless `overwrites`. Raises FileNotWritten
    if a write fails.
    """
    # A link stays. The file that it points to is replaced.
    target = Path(name).resolve()
    _check(target, overwrites=overwrites)
    try:
        descriptor, made = tempfile.mkstemp(prefix=".gjobs-export-", suffix=".part", dir=target.parent)
    except OSError as error:
        raise UnusableFile(
            f"{name} cannot be written: {error.strerror}.", hint="Use a file in a directory of your own."
        ) from error
    unfinished = Path(made)

    def write(text: str) -> bool:
        rest = text.encode()
        with _writable(name):
            while rest:
                rest = rest[os.write(descriptor, rest) :]
        return True

    try:
        try:
            yield write
            with _writable(name):
                os.fsync(descriptor)
        finally:
            os.close(descriptor)
        _finish(unfinished, target, overwrites=overwrites)
    finally:
        with suppress(FileNotFoundError):
            unfinished.unlink()


@contextmanager
def _writable(name: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise FileNotWritten(f"{name} cannot be written: {error.strerror}.") from error


def _check(target: Path, *, overwrites: bool) -> None:
    if target.exists() and not target.is_file():
        raise UnusableFile(f"{target} is not a file.", hint="Use a file name.")
    if target.exists() and not overwrites:
        raise _is_there(target)


def _is_there(target: Path) -> FileIsThere:
    return FileIsThere(f"{target} already exists.")


def _finish(unfinished: Path, target: Path, *, overwrites: bool) -> None:
    """Move the file to its place. Without `overwrites`, a hard link fails if anyone else created a file there in the
    meantime.
    """
    if not overwrites:
        try:
            target.hardlink_to(unfinished)
        except FileExistsError:
            raise _is_there(target) from None
        except OSError:
            # On a file system without hard links, gjobs can only check for the file just before the move.
            _check(target, overwrites=False)
        else:
            return
    unfinished.replace(target)
