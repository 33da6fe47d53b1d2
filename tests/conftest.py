"""What every test may use: a server of its own for each process of the run."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from store.embedded import ServerLease, open_server

GIGABYTE = 2**30


def quick_directory() -> Path:
    """In memory where there is room, for a disk makes databases ten times slower."""
    memory = Path("/dev/shm")
    roomy = memory.is_dir() and shutil.disk_usage(memory).free >= GIGABYTE
    return memory if roomy else Path(tempfile.gettempdir())


@pytest.fixture(scope="session")
def server() -> Iterator[ServerLease]:
    """An embedded server that trades safety for speed. The watchdog removes it with its directory."""
    data_dir = Path(tempfile.mkdtemp(prefix="gjobs-test-", dir=quick_directory()))
    data_dir.rmdir()
    with open_server(data_dir, settings={"fsync": "off"}, grace=1.0, remove_after=True) as lease:
        yield lease
