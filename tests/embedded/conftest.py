"""Servers of a test's own. All that belongs to one is ended and removed after the test."""

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.conftest import quick_directory
from tests.embedded.support import Workbench


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
        yield lambda name: Workbench(room / name, cleanup)


@pytest.fixture
def bench(make_bench: Callable[[str], Workbench]) -> Workbench:
    return make_bench("data")
