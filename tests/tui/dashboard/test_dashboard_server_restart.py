"""The dashboard restarts an embedded server that died, but not one that was stopped."""

import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from gjobs.store.configuration.settings import resolve
from gjobs.store.embedded.server import server_status, stop_server
from gjobs.tui.session import Session, open_session
from tests.conftest import quick_directory
from tests.tui.dashboard.dashboard_driver import WatchedApp, drive_dashboard


@pytest.fixture
def data_dir() -> Iterator[Path]:
    directory = Path(tempfile.mkdtemp(prefix="gjobs-", dir=quick_directory())).resolve()
    directory.chmod(0o755)
    yield directory / "data"
    stop_server(directory / "data")
    shutil.rmtree(directory)


@pytest.fixture
def embedded(data_dir: Path) -> WatchedApp:
    settings = resolve(database_url=None, act_as=None, read_only=False, data_dir=data_dir, environment={})
    return WatchedApp(lambda report: open_session(settings, report), interval=0.2)


def server_pid(data_dir: Path) -> int:
    pid = server_status(data_dir).pid
    assert pid is not None
    return pid


async def test_embedded_server_is_restarted_after_it_died_but_not_after_it_was_stopped(
    data_dir: Path, embedded: WatchedApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with drive_dashboard(embedded) as driver:
        await driver.shows("Costs · Autumn catalog")
        dead = server_pid(data_dir)
        with monkeypatch.context() as patched:
            patched.setattr(Session, "restart_if_dead", never)
            os.kill(dead, signal.SIGKILL)
            await driver.until(lambda: "The embedded server is not running" in driver.banner)
            assert "Check the address" not in driver.banner, "there is no address to check"
        await driver.until(lambda: not driver.banner)
        assert server_pid(data_dir) != dead
        await driver.shows("Jobs · 121")

        failures = embedded.failures
        stop_server(data_dir)
        await driver.until(lambda: embedded.failures > failures + 2)
        assert not server_status(data_dir).running
        await driver.shows("Jobs · 121", "no connection")


async def never(_: Session) -> bool:
    return False
