"""Where a file is written: whole, or not at all."""

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tui.cli.errors import Declined, UsageError
from tui.cli.output import STDOUT, put

Put = Callable[[str], bool]
"""Takes the next part of the text; false where nobody reads it any more."""


@contextmanager
def destination(name: str, *, overwrites: bool) -> Iterator[Put]:
    """A file, which others see once the block has ended well and which only its owner may read; or stdout for `-`.

    Raises UsageError where it is there already, unless `overwrites`, or cannot be made; Declined where it does not fit.
    """
    if name == STDOUT:
        yield put
        return
    # A link stays: what it leads to is replaced.
    target = Path(name).resolve()
    _check(target, overwrites=overwrites)
    try:
        descriptor, made = tempfile.mkstemp(prefix=".gjobs-export-", suffix=".part", dir=target.parent)
    except OSError as error:
        raise UsageError(
            f"{name} cannot be written: {error.strerror}.", hint="Name a file in a directory of yours."
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
        raise Declined(
            f"{name} cannot be written: {error.strerror}.", hint="Nothing of it was left. Name a file elsewhere."
        ) from error


def _check(target: Path, *, overwrites: bool) -> None:
    if target.exists() and not target.is_file():
        raise UsageError(f"{target} is no file.", hint=f"Name a file, or {STDOUT} for stdout.")
    if target.exists() and not overwrites:
        raise _is_there(target)


def _is_there(target: Path) -> UsageError:
    return UsageError(f"{target} is there already.", hint="Name another file, or add --force to replace it.")


def _finish(unfinished: Path, target: Path, *, overwrites: bool) -> None:
    """A link is made only where nothing is, whoever else makes a file there at the same moment."""
    if not overwrites:
        try:
            target.hardlink_to(unfinished)
        except FileExistsError:
            raise _is_there(target) from None
        except OSError:
            # A file system without links: looking first is the best that it lets us do.
            _check(target, overwrites=False)
        else:
            return
    unfinished.replace(target)
