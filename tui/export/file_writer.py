"""Writes a file completely or not at all."""

import errno
import os
import stat
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, ClassVar

from gjobs.store.errors import StoreError

Write = Callable[[str | bytes], bool]
"""Writes the next part of the content, as text or as bytes. Returns true."""


_LONGEST_SHOWN = 200
"""Characters of a name in an error."""


_LONGEST_NAME = 255
"""The maximum length of a file name, in bytes."""


class UnusableFile(StoreError):
    """No file can be created under this name."""


class FileIsThere(UnusableFile):
    """A file with this name exists and may not be replaced."""

    hint = "Use another name."


class FileNotWritten(StoreError):
    """The file could not be written to its end, for example because the disk is full. It was removed."""

    hint = "The partial file was removed. Use a file elsewhere."


class _Delivery:
    deliver: ClassVar[Callable[[str, BinaryIO], object] | None] = None


def deliver_files(deliver: Callable[[str, BinaryIO], object]) -> None:
    """From now on, write no file in this process. Instead, call `deliver` with the name and the content of each file.

    It may be called in another thread, and it closes the file.
    """
    _Delivery.deliver = deliver


def are_files_delivered() -> bool:
    return _Delivery.deliver is not None


@contextmanager
def new_file(name: str, *, overwrites: bool) -> Iterator[Write]:
    """Open a file. It appears only if the block succeeds, and only its owner may read it.

    Raises UnusableFile if it can't be created, and FileIsThere if it exists, unless `overwrites`. Raises FileNotWritten
    if a write fails.
    """
    target = check_file(name, overwrites=overwrites)
    if _Delivery.deliver is not None:
        with _content_for(target.name, _Delivery.deliver) as write_content:
            yield write_content
        return
    with _usable(name):
        descriptor, made = tempfile.mkstemp(prefix=".gjobs-export-", suffix=".part", dir=target.parent)
    unfinished = Path(made)

    def write(part: str | bytes) -> bool:
        rest = part.encode() if isinstance(part, str) else part
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
        with _writable(name):
            _finish(unfinished, target, overwrites=overwrites)
    finally:
        with suppress(OSError):
            unfinished.unlink()


@contextmanager
def _content_for(name: str, deliver: Callable[[str, BinaryIO], object]) -> Iterator[Write]:
    """Keep the content in a file without a name, and deliver it at the end."""
    with ExitStack() as stack:
        with _usable(name):
            file = stack.enter_context(tempfile.TemporaryFile())

        def write(part: str | bytes) -> bool:
            with _writable(name):
                file.write(part.encode() if isinstance(part, str) else part)
            return True

        yield write
        with _writable(name):
            file.seek(0)
        stack.pop_all()
    deliver(name, file)


def check_file(name: str, *, overwrites: bool) -> Path:
    """Return the whole path. Raises UnusableFile or FileIsThere if `new_file` would refuse the name."""
    if are_files_delivered():
        base = Path(name).name
        if base in ("", "..") or not base.isprintable() or len(base.encode()) > _LONGEST_NAME:
            raise UnusableFile("This is not a valid file name.", hint="Use another name.")
        return Path(base)
    with _usable(name):
        # A link stays. The file that it points to is replaced.
        target = Path(os.path.realpath(name))
        _check_directory(target.parent)
        try:
            found = target.stat()
        except FileNotFoundError:
            return target
    if not stat.S_ISREG(found.st_mode):
        raise UnusableFile(f"{target} is not a file.", hint="Use a file name.")
    if not overwrites:
        raise _is_there(target)
    return target


def _check_directory(directory: Path) -> None:
    """Raise an OSError if no file can be created in the directory. Even overwriting requires creating a file, because
    each file is first written under another name.
    """
    if not stat.S_ISDIR(directory.stat().st_mode):
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
    # Only a real file shows this: some file systems refuse what the permissions allow.
    tempfile.TemporaryFile(dir=directory).close()


@contextmanager
def _usable(name: str) -> Iterator[None]:
    shown = name if len(name) <= _LONGEST_SHOWN else f"{name[:_LONGEST_SHOWN]}…"
    try:
        yield
    except ValueError as error:
        raise UnusableFile(f"{shown} is not a valid file name.", hint="Use another name.") from error
    except OSError as error:
        hint = "Use a shorter name." if error.errno == errno.ENAMETOOLONG else "Use a file in a directory of your own."
        raise UnusableFile(f"{shown} cannot be written: {error.strerror}.", hint=hint) from error


@contextmanager
def _writable(name: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise FileNotWritten(f"{name} cannot be written: {error.strerror}.") from error


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
            check_file(str(target), overwrites=False)
        else:
            return
    unfinished.replace(target)
