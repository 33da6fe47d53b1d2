"""A demo on a test's database: its simulation stands still unless the test runs it."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from gjobs.store.jobs.job import GenerationJob
from gjobs.store.sample.sample_data import make_id
from gjobs.store.users.actor import ActingUser
from gjobs.tui.dashboard.frame.demo_app import DemoApp
from gjobs.tui.dashboard.session.session_poller import Opener
from gjobs.tui.demo.demo_activity import DemoActivity, DemoControl
from gjobs.tui.session import Report, Session
from tests.conftest import Conninfo
from tests.tui.dashboard.dashboard_driver import AS_ADA, SIZE, Driver, WatchedApp, drive_dashboard, opener_of

ADA = ActingUser(id=make_id("user", "ada"), email="ada@example.com")
"""A user of the sample."""


class WatchedDemo(DemoApp, WatchedApp):
    """A demo that counts its polls."""


Activity = Callable[[Conninfo, DemoControl], DemoActivity]


def nobody(conninfo: Conninfo, control: DemoControl) -> DemoActivity:
    return DemoActivity(conninfo, control.clock, seed=control.seed, workers=(), has_customers=False)


def opener_with(conninfo: Conninfo, control: DemoControl, activity: Activity, **opening: Any) -> Opener:
    open_session = opener_of(conninfo, **{"actor": AS_ADA, "label": "demo", **opening})

    @asynccontextmanager
    async def opener(report: Report) -> AsyncIterator[Session]:
        async with open_session(report) as session, activity(conninfo, control) as control.activity:
            yield session

    return opener


def steps(*each: str) -> str:
    """Return steps of a scenario, each given by its lines."""
    return "".join(f"[[step]]\n{lines}\n" for lines in each)


def cursor_job(driver: Driver) -> GenerationJob:
    job = driver.table.cursor_job
    assert job is not None
    return job


@asynccontextmanager
async def demo_on(
    conninfo: Conninfo,
    control: DemoControl,
    *,
    activity: Activity = nobody,
    size: tuple[int, int] = SIZE,
    interval: float = 60.0,
    **opening: Any,
) -> AsyncIterator[tuple[Driver, WatchedDemo]]:
    opener = opener_with(conninfo, control, activity, **opening)
    app = WatchedDemo(control, opener, interval=interval)
    async with drive_dashboard(app, size=size) as driver:
        yield driver, app
