"""Fixtures: a job table in an app of its own, and a dashboard on a real database."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from functools import partial
from pathlib import Path

import psycopg
import pytest

from gjobs.store.database.database import Database
from gjobs.store.database.wake_ups import WakeUp
from gjobs.store.sample.sample_data import fill as fill_sample
from gjobs.store.users.actor import OPERATOR
from gjobs.store.values.formats import utc_now
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
    """Turn animations off, set the time zone to UTC, and make waits and drawing deterministic."""
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


@pytest.fixture(autouse=True)
def short_manual(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave only the titles of the manual's pages. Drawing a page takes as long as many keys."""
    monkeypatch.setattr("gjobs.tui.dashboard.frame.help.page_source", "# {}".format)


@pytest.fixture
def drawn_at_once(still_terminal: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Draw each frame at once, for tests of what is drawn and when."""
    monkeypatch.setattr("textual._compositor.Compositor.render_update", render_update)


@pytest.fixture
async def empty_table(drawn_at_once: None) -> AsyncIterator[TablePilot]:
    """A focused table without rows; ten rows fit in it."""
    async with running_table() as table:
        yield table


@pytest.fixture
async def table(empty_table: TablePilot) -> TablePilot:
    """A focused table of the jobs 10 to 59 with the cursor on the first."""
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
def demo_database(database: Conninfo) -> Conninfo:
    """The rows of the demo, as of now."""
    fill_sample({name: str(value) for name, value in database.items()}, now=utc_now())
    return database


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current directory, which is empty."""
    (tmp_path / "exports").mkdir()
    monkeypatch.chdir(tmp_path / "exports")
    return tmp_path / "exports"


@pytest.fixture
def state_path(tmp_path: Path) -> Path:
    return tmp_path / "state.json"


@pytest.fixture
def app(database: Conninfo, state_path: Path) -> WatchedApp:
    """A dashboard that acts as Ada and polls once a minute."""
    return WatchedApp(opener_of(database), state_path=state_path)


@pytest.fixture
async def dashboard(jobs_db: JobsDatabase, app: WatchedApp) -> AsyncIterator[Driver]:
    """A dashboard of `jobs_db` that shows Ada's newest project, with the cursor on its newest job."""
    async with drive_dashboard(app) as driver:
        yield driver


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def drive(jobs_db: JobsDatabase, database: Conninfo) -> Drive:
    """Open a dashboard of `jobs_db`, by default acting as Ada."""
    return partial(dashboard_on, database)


@pytest.fixture
async def operator(drive: Drive) -> AsyncIterator[Driver]:
    """A dashboard of `jobs_db` that acts as the operator."""
    async with drive(actor=OPERATOR) as driver:
        yield driver


@pytest.fixture
def attached_jobs_db(attached_database: Conninfo) -> Iterator[JobsDatabase]:
    """The rows of `jobs_db` in the app's own schema, without the gjobs migrations."""

    jobs_db = JobsDatabase(attached_database)
    fill(jobs_db)
    yield jobs_db
    jobs_db.close()


@pytest.fixture
def words(monkeypatch: pytest.MonkeyPatch) -> asyncio.Queue[WakeUp]:
    """Simulated words of a database that notifies. A test puts each word into the queue."""
    queue = asyncio.Queue[WakeUp]()

    async def wake_ups(_: Database) -> AsyncIterator[WakeUp]:
        while True:
            yield await queue.get()

    monkeypatch.setattr("gjobs.store.database.wake_ups.may_listen", lambda *_: True)
    monkeypatch.setattr("gjobs.store.database.wake_ups.wake_ups", wake_ups)
    return queue
