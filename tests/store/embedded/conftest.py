"""Embedded servers for one test each. Their processes and files are removed afterwards."""

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from gjobs.store.embedded.server import stop_server
from tests.conftest import quick_directory
from tests.store.embedded.embedded_servers import Workbench


@pytest.fixture
def work_dir() -> Iterator[Path]:
    """An empty directory on a fast file system that every account may enter."""
    directory = Path(tempfile.mkdtemp(prefix="gjobs-embedded-", dir=quick_directory())).resolve()
    directory.chmod(0o755)
    yield directory
    shutil.rmtree(directory)


@pytest.fixture(scope="session")
def cluster() -> Iterator[Path]:
    """A complete cluster without a server. Copying it takes a tenth of the time of creating one."""
    with (
        tempfile.TemporaryDirectory(prefix="gjobs-cluster-", dir=quick_directory()) as directory,
        ExitStack() as cleanup,
    ):
        bench = Workbench(Path(directory) / "data", cleanup)
        bench.open().release()
        stop_server(bench.data_dir)
        yield bench.layout.cluster


@pytest.fixture
def make_bench(work_dir: Path) -> Iterator[Callable[[str], Workbench]]:
    """Create a workbench by the name of its directory, which does not exist yet."""
    with ExitStack() as cleanup:
        yield lambda name: Workbench(work_dir / name, cleanup)


@pytest.fixture
def empty_bench(make_bench: Callable[[str], Workbench]) -> Workbench:
    """A workbench whose directory does not exist."""
    return make_bench("data")


@pytest.fixture
def bench(empty_bench: Workbench, cluster: Path) -> Workbench:
    """A workbench with a cluster, but without a server."""
    empty_bench.copy_cluster(cluster)
    return empty_bench
