"""A mistake of our own ends the dashboard in a sentence: its traceback goes to the log alone."""

import logging

import pytest

from tests.conftest import Conninfo
from tests.tui.driving import Gate, WatchedApp, opener_of
from tests.tui.world import JobsDatabase
from tui.dashboard.screen import DashboardScreen


def _break(*_: object) -> None:
    password = "hunter2"
    raise RuntimeError(f"a mistake of ours, {len(password)}")


async def test_exception_in_a_screen_ends_the_dashboard_and_prints_no_traceback(
    jobs_db: JobsDatabase,
    app: WatchedApp,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(DashboardScreen, "show", _break)
    with caplog.at_level(logging.CRITICAL):
        await app.run_async(headless=True, size=(80, 24))

    assert isinstance(app.mistake, RuntimeError)
    assert app.settled.is_set()
    assert "a mistake of ours" in caplog.text
    shown = capsys.readouterr()
    assert not any(word in shown.out + shown.err for word in ("Traceback", "hunter2"))


async def test_exception_in_a_background_worker_ends_the_dashboard(database: Conninfo, jobs_db: JobsDatabase) -> None:
    broken = Gate("get_listing", fails=RuntimeError("a mistake of ours"))
    broken.open()
    app = WatchedApp(opener_of(database, make=broken.store))
    await app.run_async(headless=True, size=(80, 24))
    assert app.mistake is not None
