"""What ends while the person looks elsewhere is told, where the configuration asks for it."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from textual import events

from store.configuration.configuration import Notifications
from store.configuration.saved_views import View
from tests.conftest import Conninfo
from tests.tui.driving import Driver, WatchedApp, driving, opener_of
from tests.tui.world import World
from tui.dashboard import notifications
from tui.dashboard.setup import DashboardSetup

QUICK = 0.05


class NoticedApp(WatchedApp):
    bells = 0

    def bell(self) -> None:
        self.bells += 1


class Watcher:
    """A person who looks at the dashboard, or elsewhere."""

    def __init__(self, app: NoticedApp, driver: Driver) -> None:
        self.app, self.driver = app, driver

    async def looks_twice(self) -> None:
        """From here on nothing is missed."""
        assert self.app._notices is not None
        looks = self.app.looks
        await self.driver.until(lambda: self.app.looks > looks + 2)

    async def goes_away(self) -> None:
        await self.looks_twice()
        self.app.post_message(events.AppBlur())
        await self.driver.settle()

    async def comes_back(self) -> None:
        self.app.post_message(events.AppFocus())
        await self.driver.settle()


@pytest.fixture
async def watcher(world: World, database: Conninfo, notifications: Notifications | None) -> AsyncIterator[Watcher]:
    failures = View(name="failures", text="status:failed")
    setup = DashboardSetup(notifications=notifications, views={failures.name: failures})
    app = NoticedApp(opener_of(database), interval=QUICK, setup=setup)
    async with driving(app) as driver:
        yield Watcher(app, driver)


def configured(**fields: Any) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("notifications", [Notifications(**fields)], ids=[""])


@configured(bell=True)
async def test_jobs_that_ended_while_unfocused_are_reported_on_return(watcher: Watcher, world: World) -> None:
    await watcher.goes_away()
    world.set_status(1, "running")
    world.set_status(1, "succeeded")
    await watcher.driver.until(lambda: watcher.app.bells)
    assert watcher.driver.toasts == []
    bells = watcher.app.bells
    world.set_status(2, "failed")
    await watcher.driver.until(lambda: watcher.app.bells > bells)
    await watcher.comes_back()
    await watcher.driver.is_told("Meanwhile: 1 failed and 1 succeeded")


@configured(bell=True)
async def test_jobs_that_end_while_focused_are_not_notified(watcher: Watcher, world: World) -> None:
    await watcher.driver.show_project("Autumn catalog")
    await watcher.looks_twice()
    world.set_status(1, "succeeded")
    await watcher.driver.until(lambda: "succeeded" in watcher.driver.row(1))
    await watcher.looks_twice()
    assert (watcher.driver.toasts, watcher.app.bells) == ([], 0)


@configured(view="failures", bell=True)
async def test_configured_view_limits_the_notifications(watcher: Watcher, world: World) -> None:
    await watcher.goes_away()
    world.set_status(1, "succeeded")
    world.set_status(2, "failed")
    await watcher.driver.until(lambda: watcher.app.bells)
    await watcher.comes_back()
    await watcher.driver.until(lambda: watcher.driver.toasts)
    assert [toast.partition(" ")[0] for toast in watcher.driver.toasts] == ["Meanwhile:"]
    assert "succeeded" not in watcher.driver.toasts[0]


@configured(desktop=True, terminal="kitty")
async def test_supported_terminal_shows_a_desktop_notification(
    watcher: Watcher, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, str]] = []

    def sequence(_: object, title: str, body: str, *, named: str | None) -> str:
        assert named == "kitty"
        if body:
            asked.append((title, body))
        return ""

    monkeypatch.setattr(notifications, "sequence", sequence)
    await watcher.goes_away()
    world.set_status(2, "failed")
    await watcher.driver.until(lambda: asked)
    ((title, body),) = asked
    assert title.startswith("gjobs testbase")
    assert " failed" in body


@pytest.fixture
def plain_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("TMUX", "STY", "TERM_PROGRAM"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")


@configured(desktop=True)
async def test_unsupported_terminal_is_reported_once(plain_terminal: None, watcher: Watcher) -> None:
    await watcher.driver.is_told("This terminal is not known to show notifications on the desktop")
    await watcher.looks_twice()
    assert len(watcher.driver.toasts) == 1


async def test_nothing_is_watched_without_configured_notifications(dashboard: Driver) -> None:
    assert dashboard.app._notices is None
    for event in (events.AppBlur(), events.AppFocus()):
        dashboard.app.post_message(event)
        await dashboard.settle()
    assert dashboard.toasts == []
