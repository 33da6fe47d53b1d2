"""Profiles in the dashboard: the frame, going on to another database, moved keys, a configured theme."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from psycopg.conninfo import make_conninfo
from sqlalchemy import text
from textual.color import Color

from store.configuration.config_reader import read_text
from store.configuration.settings import Settings, resolve
from store.database.query import Query
from store.embedded.clients import ServerHandle
from store.users.actor import OPERATOR
from tests.conftest import Conninfo, temporary_database
from tests.store.support import until
from tests.tui.driving import Driver, WatchedApp, drive_dashboard
from tests.tui.world import AUTUMN, SPRING, JobsDatabase, fill
from tui.dashboard.memory import RememberedState
from tui.dashboard.run import setup_of
from tui.dashboard.statistics.costs_panel import CostsPanel
from tui.session import open_session

NOWHERE = "postgresql://ada@127.0.0.1:1/nowhere"

SESSIONS = "select count(*) from pg_stat_activity where datname = current_database() and application_name = 'gjobs'"

HOSTILE = "\x1b[31m[/oops] \u202eprod [@click=app.quit]x[/]"


@pytest.fixture
def other_database(server: ServerHandle, migrated: str) -> Iterator[Conninfo]:
    with temporary_database(server, template=migrated) as conninfo:
        yield conninfo


@pytest.fixture
def other_jobs_db(other_database: Conninfo) -> Iterator[JobsDatabase]:
    """With one job more."""
    jobs_db = JobsDatabase(other_database)
    fill(jobs_db)
    jobs_db.job(9, "failed", mode="packaging", error="Out of paper")
    yield jobs_db
    jobs_db.close()


def profile(name: str, address: str, **values: object) -> str:
    lines = {"url": address, "as": "ada@example.com", "write": True, **values}
    return "\n".join([f"[profiles.{name}]", *(f"{key} = {json.dumps(value)}" for key, value in lines.items())])


def address_of(conninfo: Conninfo) -> str:
    return make_conninfo("", **conninfo)


def settings_of(*parts: str, chosen: str = "prod") -> Settings:
    configuration = read_text("\n".join(parts), path=Path("/here/config.toml"))
    return resolve(profile=chosen, data_dir=Path("/data"), environment={}, configuration=configuration)


def app_of(settings: Settings, state_path: Path | None = None) -> WatchedApp:
    setup = setup_of(settings)
    return WatchedApp(setup.destinations[0].opener, setup=setup, state_path=state_path)


@pytest.fixture
def prod(database: Conninfo) -> str:
    return profile("prod", address_of(database), label="Production", color="red")


async def look_at(driver: Driver, name: str) -> None:
    await driver.press("D")
    await driver.has_dialog("Look at which database?")
    await driver.type(name)
    await driver.press("enter")


class TestFrame:
    async def test_profile_name_and_color_appear_on_the_frame_and_in_dialogs(
        self, jobs_db: JobsDatabase, prod: str
    ) -> None:
        async with drive_dashboard(app_of(settings_of(prod))) as driver:
            assert driver.header.startswith(" Production ")
            assert "as ada@example.com · may write · live" in driver.header
            red = Color.parse("red")
            assert driver.app.dashboard.jobs.styles.border.top[1] == red
            quiet = driver.app.dashboard.query_one(CostsPanel).styles.border.top[1]
            assert quiet.rgb[0] > 100 > max(quiet.rgb[1:])

            await driver.press("d")
            await driver.has_dialog("Delete this job?")
            box = driver.app.screen.query_one("#dialog")
            assert str(box.border_subtitle).strip() == "Production"
            assert box.styles.border.top[1] == red
            assert box.styles.border_subtitle_background == red
            await driver.shows("Database: Production")

            for key, title in (("n", "New job"), ("f", "Fail packaging 00000002"), ("P", "New project")):
                await driver.press("escape")
                await driver.go_to(2)
                await driver.press(key)
                await driver.until(lambda title=title: driver.dialog.startswith(title))  # type: ignore[misc]
                assert str(driver.app.screen.query_one("#dialog").border_subtitle).strip() == "Production"

    async def test_profile_without_a_color_shows_its_name_in_the_header(
        self, jobs_db: JobsDatabase, database: Conninfo
    ) -> None:
        plain = profile("prod", address_of(database))
        async with drive_dashboard(app_of(settings_of(plain))) as driver:
            assert driver.header.startswith(" gjobs  prod")
            assert driver.app.dashboard.jobs.styles.border.top[1] == Color.parse(driver.app.theme_variables["primary"])

    async def test_hostile_profile_label_is_shown_as_plain_text(
        self, jobs_db: JobsDatabase, database: Conninfo
    ) -> None:
        hostile = profile("prod", address_of(database), label=HOSTILE, color="#123")
        async with drive_dashboard(app_of(settings_of(hostile)), size=(100, 30)) as driver:
            await driver.press("d")
            await driver.has_dialog("Delete this job?")
            assert not set(driver.text) & {"\x1b", "\u202e"}
            await driver.shows("␛[31m[/oops] ␦prod")
            await driver.press("escape")
            await driver.press("D")
            await driver.has_dialog("Look at which database?")
            assert not set(driver.text) & {"\x1b", "\u202e"}

    @pytest.mark.parametrize("width", [80, 60, 40])
    async def test_long_profile_label_leaves_room_for_the_status(
        self, jobs_db: JobsDatabase, database: Conninfo, width: int
    ) -> None:
        long = profile("prod", address_of(database), label="The production database of the shop", color="red")
        settings = settings_of(long.replace('"write": true', '"write": false'))
        async with drive_dashboard(app_of(settings), size=(width, 24)) as driver:
            assert driver.header.rstrip().endswith("live every 1 min" if width > 40 else "…")


class TestSwitchingDatabases:
    @pytest.fixture
    def both(self, jobs_db: JobsDatabase, other_jobs_db: JobsDatabase, other_database: Conninfo, prod: str) -> Settings:
        return settings_of(prod, profile("lab", address_of(other_database), color="teal"))

    async def test_switching_the_database_drops_filter_and_marks(self, both: Settings) -> None:
        async with drive_dashboard(app_of(both)) as driver:
            await driver.press("slash")
            await driver.type("lifestyle")
            await driver.until(lambda: driver.rows == [1, 4, 6])
            await driver.press("enter", "*")
            assert driver.marked == {1, 4, 6}

            await look_at(driver, "lab")

            await driver.shows("Out of paper", "Jobs · 7")
            assert driver.marked == set()
            assert driver.header.startswith(" lab ")
            assert driver.app.dashboard.jobs.styles.border.top[1] == Color.parse("teal")

    async def test_key_changes_only_the_selected_database(
        self, both: Settings, jobs_db: JobsDatabase, other_jobs_db: JobsDatabase
    ) -> None:
        async with drive_dashboard(app_of(both)) as driver:
            await look_at(driver, "lab")
            await driver.shows("Out of paper")
            await driver.go_to(1)
            await driver.press("s")
            await driver.until(lambda: other_jobs_db.status(1) == "running")
            assert jobs_db.status(1) == "queued"

    async def test_switching_the_database_waits_for_a_pending_write(
        self, both: Settings, jobs_db: JobsDatabase
    ) -> None:
        async with drive_dashboard(app_of(both)) as driver:
            jobs_db.sql("begin")
            jobs_db.sql("select from public.generation_jobs where mode = 'lifestyle' for update")
            await driver.go_to(1)
            await driver.press("s")
            await look_at(driver, "lab")
            await driver.shows_toast("Going there as soon as the last change is answered.")
            assert driver.header.startswith(" Production ")

            jobs_db.sql("commit")

            await driver.shows("Out of paper")
            assert jobs_db.status(1) == "running"
            await driver.shows_toast("00000001")

    async def test_late_result_of_the_former_database_is_dropped(self, both: Settings, jobs_db: JobsDatabase) -> None:
        async with drive_dashboard(app_of(both)) as driver:
            jobs_db.sql("begin")
            jobs_db.sql("lock table public.generation_jobs in access exclusive mode")
            await driver.press("f5")
            await look_at(driver, "lab")
            await driver.shows("Out of paper")
            jobs_db.sql("commit")
            await driver.refreshes()
            await driver.shows("Out of paper")
            assert driver.banner == ""

    async def test_switching_databases_quickly_leaves_no_connection_open(
        self, both: Settings, jobs_db: JobsDatabase, other_jobs_db: JobsDatabase
    ) -> None:
        async with drive_dashboard(app_of(both)) as driver:
            prod, lab, embedded = driver.app.destinations
            assert embedded.name == "embedded"
            for destination in (lab, prod, lab):
                driver.app.switch_to(destination)
            await driver.shows("Out of paper")
            assert driver.header.startswith(" lab ")
            await driver.until(lambda: jobs_db.sql(SESSIONS) == [(0,)])
            assert other_jobs_db.sql(SESSIONS) != [(0,)]
        await until(lambda: other_jobs_db.sql(SESSIONS) == [(0,)])

    async def test_user_can_switch_back_from_an_unreachable_database(self, jobs_db: JobsDatabase, prod: str) -> None:
        async with drive_dashboard(app_of(settings_of(prod, profile("down", NOWHERE)))) as driver:
            await look_at(driver, "down")
            await driver.until(lambda: driver.banner)
            assert "not reachable" in driver.banner
            assert driver.rows == []
            assert driver.header.startswith(" gjobs  down")

            await look_at(driver, "Production")

            await driver.shows("Costs · Autumn catalog")
            assert driver.banner == ""

    async def test_each_database_remembers_its_selected_project(self, both: Settings, tmp_path: Path) -> None:
        state = tmp_path / "state.json"
        async with drive_dashboard(app_of(both, state)) as driver:
            await driver.show_project("Spring lookbook")
            await look_at(driver, "lab")
            await driver.shows("Costs · Autumn catalog")
            await look_at(driver, "Production")
            await driver.shows("Costs · Spring lookbook")
        memory = RememberedState(state)
        assert memory.project("prod as ada@example.com") == SPRING
        assert memory.project("lab as ada@example.com") == AUTUMN

    async def test_each_profile_has_its_own_interval(
        self, jobs_db: JobsDatabase, database: Conninfo, prod: str
    ) -> None:
        lab = profile("lab", address_of(database), interval=10)
        async with drive_dashboard(app_of(settings_of(prod, lab))) as driver:
            await look_at(driver, "lab")
            await driver.until(lambda: "live every 10 s" in driver.header)
            await look_at(driver, "Production")
            await driver.until(lambda: "live every 2 s" in driver.header)

    async def test_switching_the_database_ends_the_write_permit(
        self, jobs_db: JobsDatabase, database: Conninfo, prod: str
    ) -> None:
        """What was opened for one database opens no other, nor the same by another name."""
        careful, other = (profile(name, address_of(database), write=False) for name in ("careful", "other"))
        async with drive_dashboard(app_of(settings_of(careful, other, prod, chosen="careful"))) as driver:
            await driver.press("W")
            await driver.until(lambda: driver.dialog)
            await driver.type("ticket 4711")
            await driver.press("enter")
            await driver.until(lambda: "read-only" not in driver.header)
            await look_at(driver, "other")
            await driver.until(lambda: "read-only" in driver.header and driver.cursor == 1)
            await driver.press("s")
            await driver.shows_toast("This session is read-only.")
            await look_at(driver, "careful")
            await driver.until(lambda: "read-only" in driver.header)
            assert jobs_db.status(1) == "queued"

    async def test_database_key_reports_that_no_other_database_is_known(self, dashboard: Driver) -> None:
        await dashboard.press("D")
        await dashboard.shows_toast("No other database is known here.")

    async def test_palette_switches_the_database(self, both: Settings) -> None:
        async with drive_dashboard(app_of(both)) as driver:
            await driver.command("Look at database lab")
            await driver.shows("Out of paper")


class TestDatabaseUrlVariable:
    async def test_database_url_session_is_named_in_the_header_and_read_only(
        self, jobs_db: JobsDatabase, database: Conninfo
    ) -> None:
        settings = resolve(data_dir=Path("/data"), environment={"DATABASE_URL": address_of(database)})
        async with drive_dashboard(app_of(settings), size=(160, 30)) as driver:
            assert driver.header.startswith(" gjobs  DATABASE_URL ")
            assert "as the operator · read-only" in driver.header
            await driver.press("D")
            await driver.shows("the address that was given", "embedded  may write")


class TestKeymap:
    async def test_hints_and_dialogs_show_the_configured_keys(self, jobs_db: JobsDatabase, prod: str) -> None:
        keymap = "\n".join(
            [
                "[keymap]",
                '"job.start" = "S"',
                '"job.new" = "N"',
                '"confirm.no" = "q"',
                '"confirm.yes" = "f5"',
                '"dialog.leave" = "f10"',
                '"details.start" = "z"',
            ]
        )
        async with drive_dashboard(app_of(settings_of(prod, keymap))) as driver:
            await driver.shows("S start", "N new")
            await driver.press("s")
            assert jobs_db.status(1) == "queued"
            await driver.press("enter")
            await driver.shows("z start", "f10 close")
            await driver.press("f10")
            await driver.press("d")
            await driver.shows("Cancel (q)", "Delete (f5)")
            await driver.press("q")
            await driver.has_dialog("")
            await driver.press("N")
            await driver.shows("Cancel (f10)")
            await driver.press("f10")
            await driver.press("S")
            await driver.until(lambda: jobs_db.status(1) == "running")

    async def test_banner_shows_the_configured_refresh_key(self) -> None:
        settings = settings_of(profile("prod", NOWHERE), '[keymap]\n"app.refresh" = "f5"')
        async with drive_dashboard(app_of(settings)) as driver:
            await driver.until(lambda: "f5 tries at once." in driver.banner)


class TestTheme:
    async def test_configured_theme_wins_and_does_not_change_the_remembered_one(
        self, jobs_db: JobsDatabase, prod: str, tmp_path: Path
    ) -> None:
        state = tmp_path / "state.json"
        RememberedState(state).remember_theme("gruvbox")
        async with drive_dashboard(app_of(settings_of('theme = "nord"', prod), state)) as driver:
            assert driver.app.theme == "nord"
            driver.app.theme = "dracula"
            await driver.refreshes()
        assert RememberedState(state).theme == "gruvbox"
        async with drive_dashboard(app_of(settings_of(prod), state)) as driver:
            assert driver.app.theme == "gruvbox"


async def test_configuration_warning_is_shown_as_a_toast(jobs_db: JobsDatabase, prod: str) -> None:
    settings = settings_of(prod)
    warned = replace(settings, configuration=replace(settings.configuration, warning="Run chmod 600 /here/config.toml"))
    async with drive_dashboard(app_of(warned)) as driver:
        await driver.shows_toast("chmod 600 /here/config.toml")


async def test_profile_sets_the_statement_timeout(database: Conninfo) -> None:
    timed = profile("prod", address_of(database), statement_timeout=2.5, **{"as": "operator"})
    async with open_session(settings_of(timed), print) as session:
        query = Query(text("select current_setting('statement_timeout')"), lambda row: str(row[0]))
        assert await session.operator.database.read(OPERATOR, query) == ["2500ms"]


async def test_password_command_runs_once_while_the_database_is_unreachable(tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    prod = profile("prod", NOWHERE, password_command=["sh", "-c", f"echo x >> {runs}; echo hunter2"])
    app = app_of(settings_of(prod))
    app.connection._interval = 0.01
    async with drive_dashboard(app) as driver:
        await driver.until(lambda: app.failures > 2)
        assert runs.read_text() == "x\n"
        assert "hunter2" not in driver.text


async def test_failed_password_command_runs_again_only_on_refresh(tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    prod = profile("prod", NOWHERE, password_command=["sh", "-c", f"echo x >> {runs}; exit 3"])
    async with drive_dashboard(app_of(settings_of(prod))) as driver:
        assert "✗ The password command 'sh' failed: it ended with 3." in driver.banner
        assert "Press f5 to try again." in driver.banner
        assert driver.header.rstrip().endswith("✗ sign-in refused")
        await driver.press("f5")
        await driver.until(lambda: runs.read_text() == "x\nx\n")
