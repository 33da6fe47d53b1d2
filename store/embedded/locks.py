"""Locks between processes that the kernel drops however their holder dies."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from store.embedded.report import Report, Ticker, ignore

_FIRST_PAUSE, _LONGEST_PAUSE = 0.005, 0.05  # seconds


def try_lock(path: Path) -> int | None:
    """Lock the file exclusively, and answer its descriptor; closing it drops the lock. None while another has it.

    No child inherits the descriptor unless it is passed on.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def is_free(path: Path) -> bool:
    """Whether nobody holds the lock at this moment."""
    descriptor = try_lock(path)
    if descriptor is None:
        return False
    os.close(descriptor)
    return True


@contextmanager
def exclusive(path: Path, report: Report = ignore) -> Iterator[None]:
    """Hold the lock inside the block. Waits for it as long as it takes, and reports each second of that."""
    ticker = Ticker(report)
    pause = _FIRST_PAUSE
    while (descriptor := try_lock(path)) is None:
        ticker.tick("Waiting for another process that prepares the database")
        time.sleep(pause)
        pause = min(pause * 2, _LONGEST_PAUSE)
    try:
        yield
    finally:
        os.close(descriptor)
