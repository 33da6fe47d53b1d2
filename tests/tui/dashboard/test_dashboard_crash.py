"""An exception in gjobs ends the dashboard with one sentence. Only the log has its traceback."""

import asyncio
import errno
import logging

import pytest
from textual.messages import ExitApp

from gjobs.tui.dashboard.panels.project_list import ProjectList
from gjobs.tui.dashboard.panels.screen import DashboardScreen
from gjobs.tui.dashboard.terminal.terminal_input import GuardedDriver
from tests.conftest import Conninfo
from tests.tui.dashboard.dashboard_driver import Drive, Gate, WatchedApp, drive_dashboard, list_polled, opener_of
from tests.tui.jobs_database import JobsDatabase


def _break(*_: object, **__: object) -> None:
    password = "hunter2"
    raise RuntimeError(f"a mistake of ours, {len(password)}")


@pytest.mark.parametrize("part", ["screen", "background worker"])
async def test_exception_ends_the_dashboard_and_prints_no_traceback(
    jobs_db: JobsDatabase,
    database: Conninfo,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
    part: str,
) -> None:
    broken = Gate("get_listing", lambda *_: part == "background worker", fails=RuntimeError("a mistake of ours"))
    broken.open()
    if part == "screen":
        monkeypatch.setattr(DashboardScreen, "show", _break)
    app = WatchedApp(opener_of(database, make=broken.store))
    with caplog.at_level(logging.CRITICAL):
        await app.run_async(headless=True, size=(80, 24))

    assert "a mistake of ours" in str(app.mistake)
    assert app.settled.is_set()
    assert "a mistake of ours" in caplog.text
    shown = capsys.readouterr()
    assert not any(word in shown.out + shown.err for word in ("Traceback", "hunter2"))


async def test_answers_that_arrive_while_the_app_closes_are_dropped(jobs_db: JobsDatabase, drive: Drive) -> None:
    async with drive() as driver:
        app, dashboard = driver.app, driver.app.dashboard
        store, listing = app.poller.store, dashboard.listing
        assert store
        assert listing
        await dashboard.query_one(ProjectList).remove()
        app._exit = True
        app.post_message(list_polled(store, listing, dashboard.now))
        await driver.settle()
        assert app.mistake is None


async def test_dashboard_that_ends_while_it_starts_reports_no_error(
    database: Conninfo, caplog: pytest.LogCaptureFixture
) -> None:
    app = WatchedApp(opener_of(database))
    asyncio.get_running_loop().call_soon(app.post_message, ExitApp())
    with caplog.at_level(logging.WARNING):
        await app.run_async(headless=True, size=(80, 24))
    assert (app.mistake, caplog.records) == (None, [])


async def test_panic_of_textual_becomes_an_exception_of_the_dashboard(
    jobs_db: JobsDatabase, app: WatchedApp, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(RuntimeError, match="Textual ended the dashboard"):
        async with drive_dashboard(app):
            app.panic("hunter2")
    assert isinstance(app.mistake, RuntimeError)
    shown = capsys.readouterr()
    assert "hunter2" not in shown.out + shown.err


async def test_exception_in_the_input_thread_ends_the_dashboard(
    jobs_db: JobsDatabase, app: WatchedApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(GuardedDriver, "run_input_thread", _break)
    assert app.driver_class is GuardedDriver

    async def fail() -> None:
        async with drive_dashboard(app) as driver:
            await asyncio.to_thread(GuardedDriver(app)._run_input_thread)
            await driver.until(lambda: app.mistake)

    with pytest.raises(RuntimeError, match="a mistake of ours"):
        await fail()
    assert "a mistake of ours" in str(app.mistake)


@pytest.mark.parametrize(("number", "is_closed"), [(errno.EIO, True), (errno.EBADF, True), (errno.ENOMEM, False)])
async def test_closed_terminal_ends_the_dashboard_with_an_exit_code_and_a_line_in_the_log(
    database: Conninfo,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    number: int,
    is_closed: bool,
) -> None:
    def close(_: object) -> None:
        raise OSError(number, "a number of ours")

    monkeypatch.setattr(GuardedDriver, "run_input_thread", close)
    app = WatchedApp(opener_of(database))
    asyncio.get_running_loop().call_soon(lambda: GuardedDriver(app)._run_input_thread())
    with caplog.at_level(logging.WARNING):
        await app.run_async(headless=True, size=(80, 24))
    assert (app.mistake is None, app.return_code) == (is_closed, 1)
    assert "a number of ours" in caplog.text
    assert ("The terminal is closed" in caplog.text) is is_closed
