"""Who uses the server: each user holds the lock of a file of its own, for as long as it lives or wants.

One file each rather than one lock that they share, so that they can be counted.
"""

import fcntl
import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Seat:
    path: Path
    descriptor: int

    def leave(self) -> None:
        self.path.unlink(missing_ok=True)
        os.close(self.descriptor)


def take(directory: Path) -> Seat:
    """Under the start lock, so that nobody counts the file before it is locked."""
    path = directory / f"{os.getpid()}-{os.urandom(4).hex()}"
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    return Seat(path=path, descriptor=descriptor)


def processes(directory: Path) -> frozenset[int]:
    """The process ids of the users. Removes what dead ones left. Under the start lock."""
    using = set()
    for path in directory.glob("[0-9]*"):
        if _is_held(path):
            using.add(int(path.name.partition("-")[0]))
        else:
            path.unlink(missing_ok=True)
    return frozenset(using)


def wait_until_free(directory: Path) -> None:
    """Block until there is a moment at which each seat has been left. New users may come meanwhile."""
    while held := [path for path in directory.glob("[0-9]*") if _is_held(path)]:
        for path in held:
            _wait_for(path)


def last_change(directory: Path) -> int:
    """A number that differs after any user has come, and after any has left in good order."""
    return directory.stat().st_mtime_ns


def _is_held(path: Path) -> bool:
    return not _shared(path, fcntl.LOCK_SH | fcntl.LOCK_NB)


def _wait_for(path: Path) -> None:
    _shared(path, fcntl.LOCK_SH)


def _shared(path: Path, operation: int) -> bool:
    """Whether the lock could be had; it is dropped at once."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return True
    try:
        fcntl.flock(descriptor, operation)
    except BlockingIOError:
        return False
    finally:
        os.close(descriptor)
    return True
