"""The journal's files, one for each UTC day, which no other account can read, replace or lead elsewhere."""

import fcntl
import os
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import date
from pathlib import Path

PATIENCE_SECONDS = 2.0
"""With another process that writes."""

_PAUSE_SECONDS = 0.002
_SUFFIX = ".jsonl"


class JournalDirectory:
    """Every method may raise an OSError, whose `strerror` reads after "cannot be written: "."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def append(self, day: date, line: str, *, durably: bool) -> None:
        """A whole line or nothing, whoever else appends; `durably` waits until the disk has it."""
        with self._opened(writing=True) as directory, _file(directory, day, writing=True) as file:
            _lock(file)
            end = os.fstat(file).st_size
            data = line.encode()
            if end and os.pread(file, 1, end - 1) != b"\n":
                data = b"\n" + data
            try:
                _write_all(file, data)
                if durably:
                    os.fsync(file)
            except OSError:
                os.ftruncate(file, end)
                raise

    def remove_before(self, day: date) -> None:
        """Removes the files of all earlier days."""
        with self._opened(writing=False) as directory:
            for old in _days(directory):
                if old < day:
                    # Another process may be about the same.
                    with suppress(FileNotFoundError):
                        os.unlink(_name(old), dir_fd=directory)

    def days(self) -> list[date]:
        """The latest first; none where there is no directory yet."""
        try:
            with self._opened(writing=False) as directory:
                return sorted(_days(directory), reverse=True)
        except FileNotFoundError:
            return []

    def lines(self, day: date) -> list[str]:
        """Whatever stands there, bytes that are no text among it; none where another process removed it meanwhile."""
        try:
            with (
                self._opened(writing=False) as directory,
                _file(directory, day, writing=False) as file,
                open(file, encoding="utf-8", errors="replace", closefd=False) as stream,
            ):
                return stream.readlines()
        except FileNotFoundError:
            return []

    @contextmanager
    def _opened(self, *, writing: bool) -> Iterator[int]:
        """The directory's descriptor, by which its files are reached: what it was checked for stays true."""
        if writing:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with suppress(FileExistsError):
                self.path.mkdir(mode=0o700)
        directory = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            _require_own(directory, mode=0o700 if writing else None)
            yield directory
        finally:
            os.close(directory)


@contextmanager
def _file(directory: int, day: date, *, writing: bool) -> Iterator[int]:
    flags = os.O_RDWR | os.O_APPEND | os.O_CREAT if writing else os.O_RDONLY
    # Never waits: a pipe of that name is refused below.
    flags |= os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    file = os.open(_name(day), flags, 0o600, dir_fd=directory)
    try:
        if not stat.S_ISREG(os.fstat(file).st_mode):
            raise OSError(None, f"{_name(day)} is no file")
        _require_own(file, mode=0o600 if writing else None)
        yield file
    finally:
        os.close(file)


def _lock(file: int) -> None:
    """Against our own writers in other processes; the kernel ends it with the process. One that stands still is given
    up: a transaction is open meanwhile.
    """
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise OSError(None, "another process keeps it locked") from None
            time.sleep(_PAUSE_SECONDS)
        else:
            return


def _write_all(file: int, data: bytes) -> None:
    if os.write(file, data) < len(data):
        raise OSError(None, "the disk is full")


def _require_own(descriptor: int, *, mode: int | None) -> None:
    """Refuses what another account owns; gives it this mode unless it is None."""
    found = os.fstat(descriptor)
    if found.st_uid != os.geteuid():
        raise OSError(None, f"it belongs to the account number {found.st_uid}")
    if mode is not None and stat.S_IMODE(found.st_mode) != mode:
        os.fchmod(descriptor, mode)


def _days(directory: int) -> Iterator[date]:
    for name in os.listdir(directory):
        with suppress(ValueError):
            day = date.fromisoformat(name.removesuffix(_SUFFIX))
            if name == _name(day):
                yield day


def _name(day: date) -> str:
    return f"{day.isoformat()}{_SUFFIX}"
