"""Notifications about jobs that end while the user is away."""

from typing import Any

import pytest
from textual import events

from store.configuration.configuration import Notifications
from store.configuration.saved_views import View
from tests.conftest import Conninfo
from tests.tui.dashboard.dashboard_driver import Driver, WatchedApp, opener_of
from tests.tui.jobs_database import JobsDatabase
from tui.dashboard import notifications
from tui.dashboard.setup import DashboardSetup

QUICK = 0.05


class NoticedApp(WatchedApp):
    bells = 0

    def bell(self) -> None:
        self.bells += 1


@pytest.fixture
def app(database: Conninfo, notifications: Notifications | None) -> NoticedApp:
    failures = View(name="failures", text="status:failed")
    setup = DashboardSetup(notifications=notifications, views={failures.name: failures})
    return NoticedApp(opener_of(database), interval=QUICK, setup=setup)


async def look_twice(driver: Driver) -> None:
    """From here on nothing is missed."""
    assert driver.app._notices is not None
    looks = driver.app.looks
    await driver.until(lambda: driver.app.looks > looks + 2)


async def go_away(driver: Driver) -> None:
    await look_twice(driver)
    driver.app.post_message(events.AppBlur())
    await driver.settle()


async def come_back(driver: Driver) -> None:
    driver.app.post_message(events.AppFocus())
    await driver.settle()


def configured(**fields: Any) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("notifications", [Notifications(**fields)], ids=[""])


@configured(bell=True)
async def test_jobs_that_ended_while_unfocused_are_reported_on_return(
    dashboard: Driver, app: NoticedApp, jobs_db: JobsDatabase
) -> None:
    await go_away(dashboard)
    jobs_db.set_status(1, "running")
    jobs_db.set_status(1, "succeeded")
    await dashboard.until(lambda: app.bells)
    assert dashboard.toasts == []
    bells = app.bells
    jobs_db.set_status(2, "failed")
    await dashboard.until(lambda: app.bells > bells)
    await come_back(dashboard)
    await dashboard.shows_toast("While you were away: 1 failed and 1 succeeded")


@configured(bell=True)
async def test_jobs_that_end_while_focused_are_not_notified(
    dashboard: Driver, app: NoticedApp, jobs_db: JobsDatabase
) -> None:
    await dashboard.show_project("Autumn catalog")
    await look_twice(dashboard)
    jobs_db.set_status(1, "succeeded")
    await dashboard.until(lambda: "succeeded" in dashboard.row(1))
    await look_twice(dashboard)
    assert (dashboard.toasts, app.bells) == ([], 0)


@configured(view="failures", bell=True)
async def test_configured_view_limits_the_notifications(
    dashboard: Driver, app: NoticedApp, jobs_db: JobsDatabase
) -> None:
    await go_away(dashboard)
    jobs_db.set_status(1, "succeeded")
    jobs_db.set_status(2, "failed")
    await dashboard.until(lambda: app.bells)
    await come_back(dashboard)
    await dashboard.until(lambda: dashboard.toasts)
    assert [toast.partition(" ")[0] for toast in dashboard.toasts] == ["While"]
    assert "succeeded" not in dashboard.toasts[0]


@configured(desktop=True, terminal="kitty")
async def test_supported_terminal_shows_a_desktop_notification(
    dashboard: Driver, jobs_db: JobsDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, str]] = []

    def sequence(_: object, title: str, body: str, *, named: str | None) -> str:
        assert named == "kitty"
        if body:
            asked.append((title, body))
        return ""

    monkeypatch.setattr(notifications, "sequence", sequence)
    await go_away(dashboard)
    jobs_db.set_status(2, "failed")
    await dashboard.until(lambda: asked)
    ((title, body),) = asked
    assert title.startswith("gjobs testbase")
    assert " failed" in body


@pytest.fixture
def plain_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("TMUX", "STY", "TERM_PROGRAM"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")


@configured(desktop=True)
async def test_unsupported_terminal_is_reported_once(plain_terminal: None, dashboard: Driver) -> None:
    await dashboard.shows_toast("This terminal is not known to show desktop notifications")
    await look_twice(dashboard)
    assert len(dashboard.toasts) == 1


@pytest.mark.parametrize("notifications", [None])
async def test_nothing_is_watched_without_configured_notifications(dashboard: Driver) -> None:
    assert dashboard.app._notices is None
    dashboard.app.post_message(events.AppBlur())
    await come_back(dashboard)
    assert dashboard.toasts == []
