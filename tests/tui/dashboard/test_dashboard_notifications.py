"""Notifications about jobs that end while the user is away."""

from typing import Any

import pytest
from textual import events

from gjobs.store.configuration.saved_views import View
from gjobs.store.configuration.settings import Configuration, Notifications
from gjobs.store.watch.watch import TransitionBatch
from gjobs.tui.dashboard.features.messages import Notices
from gjobs.tui.dashboard.session.setup import DashboardSetup
from tests.conftest import Conninfo
from tests.tui.dashboard.dashboard_driver import Driver, WatchedApp, opener_of
from tests.tui.jobs_database import JobsDatabase

QUICK = 0.05


class BellApp(WatchedApp):
    """A dashboard that counts its bells and the batches of its watch."""

    bells = batches = 0

    def bell(self) -> None:
        self.bells += 1


@pytest.fixture(autouse=True)
def no_wait_for_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Report a change before it is on disk, so that it never arrives after the terminal is left."""
    monkeypatch.setattr("gjobs.store.watch.watch.WRITTEN_WITHIN", 0.0)


@pytest.fixture(autouse=True)
def counted_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    take = Notices._take

    def counted(notices: Notices, batch: TransitionBatch) -> None:
        take(notices, batch)
        app = notices._host.app
        assert isinstance(app, BellApp)
        app.batches += 1

    monkeypatch.setattr(Notices, "_take", counted)


@pytest.fixture
def app(database: Conninfo, notifications: Notifications | None) -> BellApp:
    failures = View(name="failures", text="status:failed")
    configuration = Configuration(notifications=notifications, views={failures.name: failures})
    setup = DashboardSetup(configuration=configuration)
    return BellApp(opener_of(database), interval=QUICK, setup=setup)


async def until_jobs_are_watched(driver: Driver) -> None:
    """Wait until the watch has read all earlier changes. Its next read may have begun before the last change."""
    app = driver.app
    assert isinstance(app, BellApp)
    batches = app.batches
    await driver.until(lambda: app.batches >= batches + 2)


async def leave_terminal(driver: Driver) -> None:
    driver.app.post_message(events.AppBlur())
    await driver.settle()


async def return_to_terminal(driver: Driver) -> None:
    driver.app.post_message(events.AppFocus())
    await driver.settle()


def configured(**fields: Any) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("notifications", [Notifications(**fields)], ids=[""])


@configured(bell=True)
async def test_only_jobs_that_end_while_unfocused_are_notified_and_reported_on_return(
    dashboard: Driver, app: BellApp, jobs_db: JobsDatabase
) -> None:
    await until_jobs_are_watched(dashboard)
    jobs_db.set_status(1, "succeeded")
    await dashboard.until(lambda: "succeeded" in dashboard.row(1))
    await until_jobs_are_watched(dashboard)
    assert (dashboard.warnings, app.bells) == ([], 0)

    await leave_terminal(dashboard)
    jobs_db.set_status(5, "running")
    jobs_db.set_status(5, "succeeded")
    await dashboard.until(lambda: app.bells)
    assert dashboard.warnings == []
    bells = app.bells
    jobs_db.set_status(2, "failed")
    await dashboard.until(lambda: app.bells > bells)
    await return_to_terminal(dashboard)
    await dashboard.shows_message("While you were away: 1 failed and 1 succeeded")


@configured(view="failures", bell=True)
async def test_configured_view_limits_the_notifications(dashboard: Driver, app: BellApp, jobs_db: JobsDatabase) -> None:
    await until_jobs_are_watched(dashboard)
    await leave_terminal(dashboard)
    jobs_db.set_status(1, "succeeded")
    jobs_db.set_status(2, "failed")
    await dashboard.until(lambda: app.bells)
    await return_to_terminal(dashboard)
    await dashboard.until(lambda: dashboard.warnings)
    assert [message.partition(" ")[0] for message in dashboard.warnings] == ["While"]
    assert "succeeded" not in dashboard.warnings[0]


@configured(desktop=True, terminal="kitty")
async def test_supported_terminal_shows_a_desktop_notification(
    dashboard: Driver, jobs_db: JobsDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[tuple[str, str]] = []

    def sequence(_: object, title: str, body: str, *, named: str | None) -> str:
        assert named == "kitty"
        if body:
            shown.append((title, body))
        return ""

    monkeypatch.setattr("gjobs.tui.dashboard.features.messages.sequence", sequence)
    await until_jobs_are_watched(dashboard)
    await leave_terminal(dashboard)
    jobs_db.set_status(2, "failed")
    await dashboard.until(lambda: shown)
    ((title, body),) = shown
    assert title.startswith("gjobs testbase")
    assert " failed" in body


@pytest.fixture
def plain_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("TMUX", "STY", "TERM_PROGRAM"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")


@configured(desktop=True)
async def test_unsupported_terminal_is_reported_once(plain_terminal: None, dashboard: Driver) -> None:
    await dashboard.shows_message("gjobs sends no desktop notifications")
    await until_jobs_are_watched(dashboard)
    assert len(dashboard.app.messages.kept) == 1


@pytest.mark.parametrize("notifications", [None])
async def test_nothing_is_watched_without_configured_notifications(dashboard: Driver) -> None:
    assert dashboard.app._notices is None
    dashboard.app.post_message(events.AppBlur())
    await return_to_terminal(dashboard)
    assert dashboard.warnings == []
