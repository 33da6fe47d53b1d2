"""What ends while the person looks elsewhere is told, where the configuration asks for it."""

import pytest
from textual import events

from store.configuration.configuration import Notifications
from store.configuration.saved_views import View
from tests.conftest import Conninfo
from tests.tui.driving import Driver, WatchedApp, drive_dashboard, opener_of
from tests.tui.world import JobsDatabase
from tui.dashboard import notifications
from tui.dashboard.setup import DashboardSetup

QUICK = 0.05


class NoticedApp(WatchedApp):
    """Counts the bells, and keeps what the terminal was asked to show."""

    def __init__(self, conninfo: Conninfo, notifications: Notifications | None) -> None:
        failures = View(name="failures", text="status:failed")
        setup = DashboardSetup(notifications=notifications, views={failures.name: failures})
        super().__init__(opener_of(conninfo), interval=QUICK, setup=setup)
        self.bells = 0

    def bell(self) -> None:
        self.bells += 1


async def watches(driver: Driver) -> None:
    """From here on nothing is missed."""
    assert driver.app._notices is not None
    looks = driver.app.looks
    await driver.until(lambda: driver.app.looks > looks + 2)


async def go_away(driver: Driver) -> None:
    driver.app.post_message(events.AppBlur())
    await driver.settle()


async def come_back(driver: Driver) -> None:
    driver.app.post_message(events.AppFocus())
    await driver.settle()


async def test_jobs_that_ended_while_unfocused_are_reported_on_return(
    jobs_db: JobsDatabase, database: Conninfo
) -> None:
    app = NoticedApp(database, Notifications(bell=True))
    async with drive_dashboard(app) as driver:
        await watches(driver)
        await go_away(driver)
        jobs_db.set_status(1, "running")
        jobs_db.set_status(1, "succeeded")
        await driver.until(lambda: app.bells)
        assert driver.toasts == []
        bells = app.bells
        jobs_db.set_status(2, "failed")
        await driver.until(lambda: app.bells > bells)
        await come_back(driver)
        await driver.shows_toast("Meanwhile: 1 failed and 1 succeeded")


async def test_jobs_that_end_while_focused_are_not_notified(jobs_db: JobsDatabase, database: Conninfo) -> None:
    app = NoticedApp(database, Notifications(bell=True))
    async with drive_dashboard(app) as driver:
        await driver.show_project("Autumn catalog")
        await watches(driver)
        jobs_db.set_status(1, "succeeded")
        await driver.until(lambda: "succeeded" in driver.row(1))
        await watches(driver)
        assert (driver.toasts, app.bells) == ([], 0)


async def test_configured_view_limits_the_notifications(jobs_db: JobsDatabase, database: Conninfo) -> None:
    app = NoticedApp(database, Notifications(view="failures", bell=True))
    async with drive_dashboard(app) as driver:
        await watches(driver)
        await go_away(driver)
        jobs_db.set_status(1, "succeeded")
        jobs_db.set_status(2, "failed")
        await driver.until(lambda: app.bells)
        await come_back(driver)
        await driver.until(lambda: driver.toasts)
        assert [toast.partition(" ")[0] for toast in driver.toasts] == ["Meanwhile:"]
        assert "succeeded" not in driver.toasts[0]


async def test_supported_terminal_shows_a_desktop_notification(
    jobs_db: JobsDatabase, database: Conninfo, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, str]] = []

    def sequence(_: object, title: str, body: str, *, named: str | None) -> str:
        assert named == "kitty"
        if body:
            asked.append((title, body))
        return ""

    monkeypatch.setattr(notifications, "sequence", sequence)
    async with drive_dashboard(NoticedApp(database, Notifications(desktop=True, terminal="kitty"))) as driver:
        await watches(driver)
        await go_away(driver)
        jobs_db.set_status(2, "failed")
        await driver.until(lambda: asked)
        ((title, body),) = asked
        assert title.startswith("gjobs testbase")
        assert " failed" in body


async def test_unsupported_terminal_is_reported_once(
    jobs_db: JobsDatabase, database: Conninfo, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("TMUX", "STY", "TERM_PROGRAM"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    async with drive_dashboard(NoticedApp(database, Notifications(desktop=True))) as driver:
        await driver.shows_toast("This terminal is not known to show notifications on the desktop")
        await watches(driver)
        assert len(driver.toasts) == 1


async def test_nothing_is_watched_without_configured_notifications(database: Conninfo, jobs_db: JobsDatabase) -> None:
    async with drive_dashboard(NoticedApp(database, None)) as driver:
        assert driver.app._notices is None
        await go_away(driver)
        await come_back(driver)
        assert driver.toasts == []
