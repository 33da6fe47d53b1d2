"""A table of jobs to press keys in, and a dashboard on a real database."""

import time
from collections.abc import AsyncIterator, Iterator
from functools import partial
from pathlib import Path

import psycopg
import pytest

from store.users.actor import OPERATOR
from tests.conftest import Conninfo
from tests.tui.app_waits import draw_when_settled, parse_once, render_update, wait_for_idle
from tests.tui.dashboard.dashboard_driver import (
    Clock,
    Drive,
    Driver,
    WatchedApp,
    dashboard_on,
    drive_dashboard,
    opener_of,
)
from tests.tui.dashboard.job_list.table_pilot import TablePilot, running_table
from tests.tui.jobs_database import JobsDatabase, fill


@pytest.fixture(autouse=True)
def still_terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Nothing moves by itself, and the wall clock shows UTC."""
    monkeypatch.setattr("textual.constants.TEXTUAL_ANIMATIONS", "none")
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    for module in ("textual.app", "textual.pilot"):
        monkeypatch.setattr(f"{module}.wait_for_idle", wait_for_idle)
    monkeypatch.setattr("textual._compositor.Compositor.render_update", draw_when_settled)
    monkeypatch.setattr("textual.css.stylesheet.Stylesheet._parse_rules", parse_once)
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.fixture
def drawn_at_once(still_terminal: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """For tests of what is drawn, and when: each frame, also those that nobody waits for."""
    monkeypatch.setattr("textual._compositor.Compositor.render_update", render_update)


@pytest.fixture
async def empty_table(drawn_at_once: None) -> AsyncIterator[TablePilot]:
    """A focused table that was not given rows yet; ten fit in sight."""
    async with running_table() as table:
        yield table


@pytest.fixture
async def table(empty_table: TablePilot) -> TablePilot:
    """A focused table with the jobs 10 to 59, the cursor on the first."""
    await empty_table.show(range(10, 60))
    empty_table.take_messages()
    empty_table.take_painted()
    return empty_table


@pytest.fixture
def empty_jobs_db(operator_connection: psycopg.Connection) -> JobsDatabase:
    return JobsDatabase(operator_connection)


@pytest.fixture
def jobs_db(empty_jobs_db: JobsDatabase) -> JobsDatabase:
    """Two users, three projects and eight jobs."""
    fill(empty_jobs_db)
    return empty_jobs_db


@pytest.fixture
def app(database: Conninfo, tmp_path: Path) -> WatchedApp:
    """A dashboard as Ada that polls only once a minute."""
    return WatchedApp(opener_of(database), state_path=tmp_path / "state.json")


@pytest.fixture
async def dashboard(jobs_db: JobsDatabase, app: WatchedApp) -> AsyncIterator[Driver]:
    """Of the small world, Ada's newest project shown and the cursor on its newest job."""
    async with drive_dashboard(app) as driver:
        yield driver


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def drive(jobs_db: JobsDatabase, database: Conninfo) -> Drive:
    """Open a dashboard of the small world, by default as Ada."""
    return partial(dashboard_on, database)


@pytest.fixture
async def operator(drive: Drive) -> AsyncIterator[Driver]:
    async with drive(actor=OPERATOR) as driver:
        yield driver


@pytest.fixture
def attached_jobs_db(attached_database: Conninfo) -> Iterator[JobsDatabase]:
    """The small world in the app's own database, on which no migration of ours has run."""
    jobs_db = JobsDatabase(attached_database)
    fill(jobs_db)
    yield jobs_db
    jobs_db.close()
