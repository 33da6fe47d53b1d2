"""Profiles and databases of an app's files: frame, start, switching, keymap, theme and passwords."""

import json
import logging
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Unpack

import pytest
from sqlalchemy import text
from textual import events
from textual.color import Color
from textual.widgets import OptionList

from gjobs.store.configuration import app_databases
from gjobs.store.configuration.config_file import read_content
from gjobs.store.configuration.settings import Settings, resolve
from gjobs.store.database.query import Query
from gjobs.store.users.actor import OPERATOR
from gjobs.tui.dashboard.actions import key_queue
from gjobs.tui.dashboard.dialogs.pick import Choice, ChoiceColumns, ChoiceLine
from gjobs.tui.dashboard.frame.run import setup_of
from gjobs.tui.dashboard.panels.costs_panel import CostsPanel
from gjobs.tui.dashboard.session.setup import (
    DashboardSetup,
    RememberedState,
    TourStart,
    database_choices,
    load,
)
from gjobs.tui.session import open_session
from tests.cli.command_line import uri
from tests.conftest import Conninfo
from tests.store.store_fixtures import until
from tests.tui.dashboard.dashboard_driver import Driver, Expected, WatchedApp, drive_dashboard, opener_of
from tests.tui.jobs_database import AUTUMN, SPRING, JobsDatabase, fill

NOWHERE = "postgresql://ada@127.0.0.1:1/nowhere"

SESSIONS = "select count(*) from pg_stat_activity where datname = current_database() and application_name = 'gjobs'"


@pytest.fixture
def lab(migrated_copy: Conninfo) -> Iterator[JobsDatabase]:
    """Another database with one more job."""
    jobs_db = JobsDatabase(migrated_copy)
    fill(jobs_db)
    jobs_db.job(9, "failed", mode="packaging", error="Out of paper")
    yield jobs_db
    jobs_db.close()


def profile(name: str, address: str, **values: object) -> str:
    lines = {"url": address, "as": "ada@example.com", "write": True, **values}
    return "\n".join([f"[profiles.{name}]", *(f"{key} = {json.dumps(value)}" for key, value in lines.items())])


def settings_of(*parts: str, chosen: str = "prod") -> Settings:
    configuration = read_content("\n".join(parts).encode(), path=Path("/here/config.toml"))
    return resolve(profile=chosen, data_dir=Path("/data"), environment={}, configuration=configuration)


def app_of(settings: Settings, state_path: Path | None = None) -> WatchedApp:
    setup = setup_of(settings)
    return WatchedApp(setup.database_choices[0].opener, setup=setup, state_path=state_path)


@pytest.fixture
def prod(jobs_db: JobsDatabase, database: Conninfo) -> str:
    """The profile of the test's database."""
    return profile("prod", uri(database), label="Production", color="red")


async def switch_to_database(driver: Driver, name: str, **expected: Unpack[Expected]) -> None:
    await driver.press("D", dialog="Switch to which database?")
    await driver.type(name, "enter", **expected)


async def test_profile_name_and_color_are_on_the_frame_and_dialogs(prod: str) -> None:
    async with drive_dashboard(app_of(settings_of(prod))) as driver:
        assert driver.header.startswith(" Production ")
        assert "as ada@example.com · may write · live" in driver.header
        red = Color.parse("red")
        assert driver.app.dashboard.jobs.styles.border.top[1] == red
        quiet = driver.app.dashboard.query_one(CostsPanel).styles.border.top[1]
        assert quiet.rgb[0] > 100 > max(quiet.rgb[1:])

        await driver.press("d", dialog="Delete this job?")
        box = driver.app.screen.query_one("#dialog")
        assert str(box.border_subtitle).strip() == "Production"
        assert box.styles.border.top[1] == red
        assert box.styles.border_subtitle_background == red
        await driver.shows("Database: Production")

        await driver.press("escape")
        await driver.press("P", dialog="New project")
        assert str(driver.app.screen.query_one("#dialog").border_subtitle).strip() == "Production"


@pytest.fixture
def both(lab: JobsDatabase, migrated_copy: Conninfo, prod: str) -> Settings:
    return settings_of(prod, profile("lab", uri(migrated_copy), color="teal", interval=10))


@pytest.fixture
async def driver(both: Settings, tmp_path: Path) -> AsyncIterator[Driver]:
    """A dashboard of Production; the lab is the other profile."""
    async with drive_dashboard(app_of(both, tmp_path / "state.json")) as driver:
        yield driver


async def test_switching_the_database_drops_filter_and_marks_and_keeps_interval_and_project(
    driver: Driver, jobs_db: JobsDatabase, lab: JobsDatabase, tmp_path: Path
) -> None:
    await driver.filter("lifestyle", rows=[1, 4, 6])
    await driver.press("enter", "*")
    assert driver.marked == {1, 4, 6}

    await driver.command("Switch to database lab", shows=("Out of paper", "Jobs · 7", "live every 10 s"))
    assert driver.marked == set()
    assert driver.header.startswith(" lab ")
    assert driver.app.dashboard.jobs.styles.border.top[1] == Color.parse("teal")
    await driver.press("s", on=1, until=lambda: lab.status(1) == "running")
    assert jobs_db.status(1) == "queued"

    await switch_to_database(driver, "Production", shows=("Costs · Autumn catalog", "live every 2 s"))
    await driver.show_project("Spring lookbook")
    await switch_to_database(driver, "lab", shows=("Costs · Autumn catalog", "live every 10 s"))
    memory = RememberedState(tmp_path / "state.json")
    assert memory.project("prod as ada@example.com") == SPRING
    assert memory.project("lab as ada@example.com") == AUTUMN


async def test_switching_the_database_waits_for_a_write_but_for_no_poll(driver: Driver, jobs_db: JobsDatabase) -> None:
    jobs_db.sql("begin")
    jobs_db.sql("select from public.generation_jobs where mode = 'lifestyle' for update")
    await driver.press("s", on=1)
    await switch_to_database(driver, "lab", message="gjobs switches the database after the last change is confirmed.")
    assert driver.header.startswith(" Production ")
    jobs_db.sql("commit")
    await driver.shows("Out of paper")
    assert jobs_db.status(1) == "running"
    await driver.shows_message("00000001")

    await switch_to_database(driver, "Production", shows="Jobs · 6")
    jobs_db.sql("begin")
    jobs_db.sql("lock table public.generation_jobs in access exclusive mode")
    await driver.press("f5")
    await switch_to_database(driver, "lab", shows="Out of paper")
    jobs_db.sql("commit")
    await driver.refreshes(shows="Out of paper")
    assert driver.banner == ""


async def test_quick_switches_leave_no_connection_open(
    both: Settings, jobs_db: JobsDatabase, lab: JobsDatabase
) -> None:
    async with drive_dashboard(app_of(both)) as driver:
        prod, other, embedded = driver.app.database_choices.all
        assert embedded.profile.name == "embedded"
        for destination in (other, prod, other):
            driver.app.switch_to(destination)
        await driver.shows("Out of paper")
        assert driver.header.startswith(" lab ")
        await driver.until(lambda: jobs_db.sql(SESSIONS) == [(0,)])
        assert lab.sql(SESSIONS) != [(0,)]
    await until(lambda: lab.sql(SESSIONS) == [(0,)])


async def test_user_can_switch_back_from_an_unreachable_database(prod: str) -> None:
    keymap = '[keymap]\n"app.refresh" = "f6"'
    async with drive_dashboard(app_of(settings_of(prod, profile("down", NOWHERE), keymap))) as driver:
        await switch_to_database(driver, "down")
        await driver.until(lambda: "not reachable" in driver.banner)
        assert "Press f6 to retry now." in driver.banner
        assert driver.rows == []
        assert driver.header.startswith(" gjobs  down")
        await switch_to_database(driver, "Production", shows="Costs · Autumn catalog")
        assert driver.banner == ""


async def test_switching_databases_ends_the_permit(jobs_db: JobsDatabase, database: Conninfo, prod: str) -> None:
    careful, other = (profile(name, uri(database), write=False) for name in ("careful", "other"))
    async with drive_dashboard(app_of(settings_of(careful, other, prod, chosen="careful"))) as driver:
        await driver.press("W", until=lambda: driver.dialog)
        await driver.type("ticket 4711", "enter", until=lambda: "read-only" not in driver.header)
        await switch_to_database(driver, "other")
        await driver.until(lambda: "read-only" in driver.header and driver.cursor == 1)
        await driver.press("s", message="This session is read-only.")
        await switch_to_database(driver, "careful")
        await driver.until(lambda: "read-only" in driver.header)
        assert jobs_db.status(1) == "queued"


async def test_session_of_a_database_url_is_named_and_read_only(jobs_db: JobsDatabase, database: Conninfo) -> None:
    settings = resolve(data_dir=Path("/data"), environment={"DATABASE_URL": uri(database)})
    async with drive_dashboard(app_of(settings), size=(160, 30)) as driver:
        assert driver.header.startswith(" gjobs  DATABASE_URL ")
        assert "as the operator · read-only" in driver.header
        await driver.press("D", shows=("the given address", "embedded  may write"))


async def test_hints_and_dialogs_show_the_configured_keys(jobs_db: JobsDatabase, prod: str) -> None:
    keymap = """[keymap]
        "job.start" = "S"
        "job.new" = "N"
        "confirm.no" = "q"
        "confirm.yes" = "f5"
        "dialog.leave" = "f10"
        "details.start" = "z"
    """
    async with drive_dashboard(app_of(settings_of(prod, keymap))) as driver:
        await driver.press("s", shows=("S start", "N new"))
        assert jobs_db.status(1) == "queued"
        await driver.press("enter", shows=("z start", "f10 close"))
        await driver.press("f10", "d", shows=("Cancel (q)", "Delete (f5)"))
        await driver.press("q", dialog="")
        await driver.press("N", shows="Cancel (f10)")
        await driver.press("f10", "S", until=lambda: jobs_db.status(1) == "running")


async def test_configured_theme_wins_and_does_not_change_the_remembered_one(prod: str, tmp_path: Path) -> None:
    state = tmp_path / "state.json"
    RememberedState(state).remember(lambda latest: replace(latest, theme="gruvbox"))
    async with drive_dashboard(app_of(settings_of('theme = "nord"', prod), state)) as driver:
        assert driver.app.theme == "nord"
        driver.app.theme = "dracula"
        await driver.refreshes()
    assert RememberedState(state).state.theme == "gruvbox"
    async with drive_dashboard(app_of(settings_of(prod), state)) as driver:
        assert driver.app.theme == "gruvbox"


async def test_profile_without_a_color_shows_name_and_warning(jobs_db: JobsDatabase, database: Conninfo) -> None:
    settings = settings_of(profile("prod", uri(database)))
    warned = replace(settings, configuration=replace(settings.configuration, warning="Run chmod 600 /here/config.toml"))
    async with drive_dashboard(app_of(warned)) as driver:
        await driver.shows_message("chmod 600 /here/config.toml")
        assert driver.header.startswith(" gjobs  prod")
        assert driver.app.dashboard.jobs.styles.border.top[1] == Color.parse(driver.app.theme_variables["primary"])


async def test_profile_sets_the_statement_timeout(database: Conninfo) -> None:
    timed = profile("prod", uri(database), statement_timeout=2.5, **{"as": "operator"})
    async with open_session(settings_of(timed), print) as session:
        query = Query(text("select current_setting('statement_timeout')"), lambda row: str(row[0]))
        assert await session.operator.database.read(OPERATOR, query) == ["2500ms"]


async def test_password_command_runs_once_while_the_database_is_unreachable(tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    command = ["sh", "-c", f"echo x >> {runs}; echo hunter2"]
    app = app_of(settings_of(profile("prod", NOWHERE, password_command=command)))
    app.poller.interval = 0.01
    async with drive_dashboard(app) as driver:
        await driver.until(lambda: app.failures > 2)
        assert runs.read_text() == "x\n"
        assert "hunter2" not in driver.text


async def test_failed_password_command_runs_again_only_on_refresh(tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    command = ["sh", "-c", f"echo x >> {runs}; exit 3"]
    async with drive_dashboard(app_of(settings_of(profile("prod", NOWHERE, password_command=command)))) as driver:
        assert "✗ The password command 'sh' failed: it ended with 3." in driver.banner
        assert "Press f5 to try again." in driver.banner
        assert driver.header.rstrip().endswith("✗ sign-in refused")
        await driver.press("f5", until=lambda: runs.read_text() == "x\nx\n")


QUESTION = "Open which database?"

SECRET = "hunter2"

Start = Callable[..., WatchedApp]


@pytest.fixture
def app_directory(tmp_path: Path, database: Conninfo) -> Path:
    """The folder of an app whose .env file names the test's database, and one on another machine."""
    directory = tmp_path / "shop"
    (directory / ".git").mkdir(parents=True)
    (directory / ".env").write_text(
        f"DATABASE_URL='{uri(database)}'\nDIRECT_URL=postgres://ada:{SECRET}@0.0.0.0:1/far\n", encoding="utf-8"
    )
    (directory / ".env.production.local").write_text(
        "SUPABASE_DB_URL=postgres://postgres@aws-0-eu.pooler.supabase.com:6543/postgres\n", encoding="utf-8"
    )
    hostile = directory / ".env.\x1b[31m.local"
    hostile.write_text("POSTGRES_URL=postgres://0.0.0.0:1/[b]x[/]\n", encoding="utf-8")
    return directory


@pytest.fixture
def start(jobs_db: JobsDatabase, app_directory: Path, database: Conninfo, tmp_path: Path) -> Start:
    """Make a dashboard that starts in the folder. Its sample database is the test's own, under another label."""

    def make(settings: Settings | None = None) -> WatchedApp:
        chosen = settings or resolve(data_dir=tmp_path, environment={})
        setup = DashboardSetup(
            database_choices=database_choices(chosen),
            tour=TourStart.ONCE,
            app_search=chosen,
            app_directory=app_directory,
        )
        opener = setup.database_choices[0].opener if settings else opener_of(database, label="sample jobs")
        return WatchedApp(opener, setup=setup, state_path=tmp_path / "state.json")

    return make


async def question_is_seen(driver: Driver) -> None:
    """Wait until the question takes keys. Until then, the user has not seen it."""
    await driver.has_dialog(QUESTION)
    await driver.until(lambda: not driver.app.key_queue.is_dropping)


async def test_start_asks_which_database_to_open_and_remembers_any_but_a_remote_one(
    start: Start,
    app_directory: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    monkeypatch.setattr(key_queue, "SEEING_SECONDS", 60.0)
    async with drive_dashboard(start(), waits=False) as driver:
        await driver.press("down", "enter", dialog=QUESTION, message="gjobs asks which database to open.")
        await driver.shows("Sample database", "DATABASE_URL at ", "DIRECT_URL at 0.0.0.0:1/far", "read-only")
        assert driver.header.strip() == "gjobs  no database yet · choose one"
        await driver.shows("esc opens the sample database, and gjobs asks again. ^q quits.")
        assert driver.app.polls == 0, "nothing is opened before the answer"
        await driver.shows("SUPABASE_DB_URL at aws-0-eu.pooler.supaba…/postgres  .env.production.local, read-only")
        await driver.shows("POSTGRES_URL at 0.0.0.0:1/[b]x[/]  from .env.␛[31m.local, read-only")
        assert "\x1b" not in driver.text
        assert SECRET not in driver.text
        # The time during which keys are ignored starts with the first frame that shows the question.
        await driver.until(lambda: driver.app.key_queue._unseen_until > time.monotonic() + key_queue._MOST_SECONDS)
        driver.app.key_queue._unseen_until = 0.0
        await driver.type("DIRECT", "enter", until=driver.app.settled.is_set)
        assert "DIRECT_URL" in driver.header

    monkeypatch.setattr(key_queue, "SEEING_SECONDS", 0.0)
    async with drive_dashboard(start(), waits=False) as driver:
        await question_is_seen(driver)
        highlighted = driver.app.screen.query_one("#choices", OptionList).highlighted_option
        assert highlighted is not None
        assert str(highlighted.prompt).startswith(" DIRECT_URL"), "a remote database is asked for at each start"
        await driver.type("Sample", "enter", shows="sample jobs", until=driver.app.settled.is_set)
    async with drive_dashboard(start()) as driver:
        assert "sample jobs" in driver.header
        await driver.press("D", dialog="Switch to which database?")
        await driver.type("DATABASE_URL", "enter", until=lambda: "as the operator · may write · live" in driver.header)
        assert "Tour " not in driver.text, "the tour is for the sample jobs"
    (folder,) = load(tmp_path / "state.json").app_databases
    assert folder == str(app_directory)
    async with drive_dashboard(start()) as driver:
        assert driver.header.startswith(" gjobs  DATABASE_URL "), "D replaces the answer"

    with (app_directory / ".env").open("a", encoding="utf-8") as file:
        file.write("DATABASE_URL=postgres://ada@localhost/moved\n")
    async with drive_dashboard(start(), waits=False) as driver:
        await question_is_seen(driver)
        await driver.shows("localhost/moved")
        await driver.press("escape", shows="sample jobs", until=driver.app.settled.is_set)
    assert "embedded" not in load(tmp_path / "state.json").app_databases.values()
    assert SECRET not in caplog.text + (tmp_path / "state.json").read_text()


def test_list_of_databases_aligns_its_details_and_shortens_all_but_the_write_rule() -> None:
    def lines(width: int, *choices: Choice[int]) -> list[str]:
        columns = ChoiceColumns.of(choices)
        return [ChoiceLine(choice, columns).content(width).plain.rstrip() for choice in choices]

    choices = (
        Choice(value=0, label="Staging", detail="staging.example.com", ending="may write", color="orange"),
        Choice(value=1, label="Local Supabase", detail="127.0.0.1", ending="read-only"),
        Choice(value=2, label="Sample", detail=""),
    )
    aligned = [
        " ■ Staging         staging.example.com, may write",
        "   Local Supabase  127.0.0.1, read-only",
        "   Sample",
    ]
    assert lines(50, *choices) == aligned
    assert lines(48, *choices)[0] == " ■ Staging  staging.example.com, may write"
    local = Choice(
        value=0, label="local Supabase at 127.0.0.1:55870", detail="from supabase/config.toml", ending="may write"
    )
    assert lines(68, local) == [" local Supabase at 127.0.0.1:55870  supabase/config.toml, may write"]
    far = "SUPABASE_DB_URL at aws-0-eu.pooler.supabase.com:6543/postgres"
    remote = Choice(value=0, label=far, detail="from apps/web/.env.production.local", ending="read-only")
    assert lines(68, remote) == [" SUPABASE_DB_URL at aws-0-e…/postgres  ….production.local, read-only"]


async def test_options_of_the_command_line_apply_to_the_chosen_database(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(key_queue, "SEEING_SECONDS", 0.0)
    settings = resolve(act_as="ada@example.com", read_only=True, data_dir=tmp_path, environment={})
    async with drive_dashboard(start(settings), waits=False) as driver:
        await question_is_seen(driver)
        await driver.shows("The files of this app name these databases. All of them are read-only.")
        await driver.type("DATABASE_URL", "enter", until=driver.app.settled.is_set)
        assert "as ada@example.com · read-only" in driver.header
        await driver.press("W", message="--read-only")


async def test_folder_without_a_usable_database_opens_the_sample_with_a_hint(start: Start, app_directory: Path) -> None:
    for name in (".env", ".env.production.local", ".env.\x1b[31m.local"):
        (app_directory / name).write_text("DATABASE_URL=mysql://h/d\n", encoding="utf-8")
    async with drive_dashboard(start()) as driver:
        assert "sample jobs" in driver.header
        await driver.shows_message("gjobs skipped 3 entries of the app's files: 'gjobs profiles' says why.")


async def test_sample_database_opens_if_slow_files_are_not_awaited(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = threading.Event()
    monkeypatch.setattr(
        app_databases, "find_app_databases", lambda *_: opened.wait(60) and app_databases.AppDatabases()
    )
    monkeypatch.setattr(key_queue, "_CANCELLABLE_AFTER_SECONDS", 0.0)
    async with drive_dashboard(start(), waits=False) as driver:
        await driver.until(lambda: driver.app.tasks.is_opening)
        driver.app.post_message(events.Key("x", "x"))
        await driver.until(lambda: not driver.app.key_queue.is_idle)
        driver.app.post_message(events.Key("escape", None))
        await driver.until(driver.app.settled.is_set)
        opened.set()
        assert "sample jobs" in driver.header
