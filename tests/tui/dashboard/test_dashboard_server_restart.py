"""Our own server may die under the dashboard, which then starts it again; one that was stopped stays so."""

import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from store.configuration.settings import resolve
from store.embedded.control import server_status, stop_server
from tests.conftest import quick_directory
from tests.tui.dashboard.dashboard_driver import Driver, WatchedApp, drive_dashboard
from tui.session import open_session


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


async def until_it_is_missed(driver: Driver) -> None:
    """By what is counted: where it is back at once, nobody may see the banner."""
    await driver.until(lambda: driver.app.failures)


async def test_dashboard_restarts_an_embedded_server_that_died(data_dir: Path, embedded: WatchedApp) -> None:
    async with drive_dashboard(embedded) as driver:
        await driver.shows("Costs · Autumn catalog")
        died = server_pid(data_dir)

        os.kill(died, signal.SIGKILL)
        await until_it_is_missed(driver)
        await driver.until(lambda: not driver.banner)

        assert server_pid(data_dir) != died
        await driver.shows("Jobs · 121")


async def test_dashboard_does_not_restart_an_embedded_server_that_was_stopped(
    data_dir: Path, embedded: WatchedApp
) -> None:
    async with drive_dashboard(embedded) as driver:
        await driver.shows("Costs · Autumn catalog")

        stop_server(data_dir)
        await until_it_is_missed(driver)
        failures = embedded.failures
        await driver.until(lambda: embedded.failures > failures + 2)

        assert not server_status(data_dir).running
        await driver.shows("Jobs · 121", "no connection")


async def test_banner_of_a_dead_embedded_server_says_what_gjobs_does_about_it(
    data_dir: Path, embedded: WatchedApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where there is neither an address nor a network to check."""
    async with drive_dashboard(embedded) as driver:
        await driver.shows("Costs · Autumn catalog")
        assert embedded.poller.session is not None
        monkeypatch.setattr(embedded.poller, "_restart_server", never)
        os.kill(server_pid(data_dir), signal.SIGKILL)
        await driver.until(lambda: "The embedded server is not running" in driver.banner)
        assert "Check the address" not in driver.banner


async def never() -> bool:
    return False
