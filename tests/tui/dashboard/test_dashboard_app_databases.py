"""Databases of an app's files in the dashboard: the question at the first start, and switching to them."""

import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from textual import events
from textual.widgets import OptionList

from gjobs.store.configuration import app_databases
from gjobs.store.configuration.settings import NO_CONFIGURATION, Configuration, Settings, resolve
from gjobs.tui.dashboard.actions import key_queue
from gjobs.tui.dashboard.dialogs.pick import Choice, ChoiceColumns, ChoiceLine
from gjobs.tui.dashboard.memory import load
from gjobs.tui.dashboard.session.setup import AppSearch, DashboardSetup, TourStart, database_choices
from tests.cli.command_line import uri
from tests.conftest import Conninfo
from tests.tui.dashboard.dashboard_driver import Driver, WatchedApp, drive_dashboard, opener_of
from tests.tui.dashboard.test_dashboard_profiles import address_of, profile, settings_of
from tests.tui.jobs_database import JobsDatabase

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
def start(app_directory: Path, database: Conninfo, tmp_path: Path) -> Start:
    """Make a dashboard that starts in the folder. Its sample database is the test's own, under another label."""

    def make(settings: Settings | None = None, configuration: Configuration = NO_CONFIGURATION) -> WatchedApp:
        chosen = settings or resolve(data_dir=tmp_path, environment={}, configuration=configuration)
        setup = DashboardSetup(
            database_choices=database_choices(chosen),
            tour=TourStart.ONCE,
            app_search=AppSearch(settings=chosen, directory=app_directory),
        )
        opener = setup.database_choices[0].opener if settings else opener_of(database, label="sample jobs")
        return WatchedApp(opener, setup=setup, state_path=tmp_path / "state.json")

    return make


@pytest.fixture
def seen_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(key_queue, "SEEING_SECONDS", 0.0)


async def question_is_seen(driver: Driver) -> None:
    """Wait until the question takes keys. Until then, the user has not seen it."""
    await driver.has_dialog(QUESTION)
    await driver.until(lambda: not driver.app.key_queue.is_dropping)


async def test_start_asks_which_database_to_open_and_remembers_any_but_a_remote_one(
    jobs_db: JobsDatabase,
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
    jobs_db: JobsDatabase, start: Start, tmp_path: Path, seen_at_once: None
) -> None:
    settings = resolve(act_as="ada@example.com", read_only=True, data_dir=tmp_path, environment={})
    async with drive_dashboard(start(settings), waits=False) as driver:
        await question_is_seen(driver)
        await driver.shows("The files of this app name these databases. All of them are read-only.")
        await driver.type("DATABASE_URL", "enter", until=driver.app.settled.is_set)
        assert "as ada@example.com · read-only" in driver.header
        await driver.press("W", message="--read-only")


async def test_folder_whose_files_name_no_usable_database_opens_the_sample_database_with_a_hint(
    jobs_db: JobsDatabase, start: Start, app_directory: Path
) -> None:
    for name in (".env", ".env.production.local", ".env.\x1b[31m.local"):
        (app_directory / name).write_text("DATABASE_URL=mysql://h/d\n", encoding="utf-8")
    async with drive_dashboard(start()) as driver:
        assert "sample jobs" in driver.header
        await driver.shows_message("gjobs skipped 3 entries of the app's files: 'gjobs profiles' says why.")


async def test_sample_database_opens_if_the_user_stops_waiting_for_slow_files(
    jobs_db: JobsDatabase, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = threading.Event()
    monkeypatch.setattr(
        app_databases, "find_app_databases", lambda *_: opened.wait(60) and app_databases.AppDatabases()
    )
    monkeypatch.setattr(key_queue, "_PATIENCE_SECONDS", 0.0)
    async with drive_dashboard(start(), waits=False) as driver:
        await driver.until(lambda: driver.app.tasks.is_opening)
        driver.app.post_message(events.Key("x", "x"))
        await driver.until(lambda: not driver.app.key_queue.is_idle)
        driver.app.post_message(events.Key("escape", None))
        await driver.until(driver.app.settled.is_set)
        opened.set()
        assert "sample jobs" in driver.header


async def test_database_key_lists_the_databases_of_the_app_after_the_profiles(
    jobs_db: JobsDatabase, database: Conninfo, start: Start
) -> None:
    settings = settings_of(profile("prod", address_of(database), label="Production"))
    async with drive_dashboard(start(settings), size=(160, 40)) as driver:
        assert driver.header.startswith(" gjobs  Production ")
        await driver.press("D", dialog="Switch to which database?")
        names = (
            "Production (prod)",
            "embedded",
            "DATABASE_URL a",
            "DIRECT_URL at 0.0.0.0:1/far",
        )
        places = [driver.text.index(name) for name in names]
        assert places == sorted(places)
        assert SECRET not in driver.text
        await driver.type("DATABASE_URL", "enter", until=lambda: "DATABASE_URL" in driver.header)
        await driver.press("s", on=1, until=lambda: jobs_db.status(1) == "running")
