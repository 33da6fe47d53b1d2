"""Servers of a test's own. All that belongs to one is ended and removed after the test."""

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from store.embedded import stop_server
from tests.conftest import quick_directory
from tests.embedded.support import Workbench, family, kill_all, wait_for


@pytest.fixture
def room() -> Iterator[Path]:
    """An empty directory on a quick file system that every account may enter."""
    directory = Path(tempfile.mkdtemp(prefix="gjobs-embedded-", dir=quick_directory())).resolve()
    directory.chmod(0o755)
    yield directory
    shutil.rmtree(directory)


@pytest.fixture
def make_bench(room: Path) -> Iterator[Callable[[str], Workbench]]:
    """Makes workbenches by the names of their directories."""
    with ExitStack() as cleanup:

        def make(name: str) -> Workbench:
            data_dir = room / name
            cleanup.callback(lambda: wait_for("an end", lambda: not family(data_dir)))
            cleanup.callback(lambda: kill_all(family(data_dir)))
            # In good order first: a killed server leaves shared memory behind.
            cleanup.callback(lambda: stop_server(data_dir))
            return Workbench(data_dir, cleanup)

        yield make


@pytest.fixture
def bench(make_bench: Callable[[str], Workbench]) -> Workbench:
    return make_bench("data")
