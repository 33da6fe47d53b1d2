"""Time zones in the dashboard: the key, the first line, the details, and the next run."""

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from gjobs.store.configuration.config_file import read_content
from gjobs.store.configuration.settings import resolve
from gjobs.tui.dashboard.frame.run import setup_of
from tests.conftest import Conninfo
from tests.tui.dashboard.dashboard_driver import Driver, WatchedApp, drive_dashboard, opener_of
from tests.tui.jobs_database import JobsDatabase, job_id

ZONE = "Asia/Kolkata"


def app_in(database: Conninfo, state: Path) -> WatchedApp:
    """Return a dashboard whose profile sets a zone."""
    text = f'[profiles.prod]\nurl = "postgresql://ada@db/app"\ntime_zone = "{ZONE}"\n'
    configuration = read_content(text.encode(), path=Path("/here/config.toml"))
    settings = resolve(profile="prod", data_dir=Path("/data"), environment={}, configuration=configuration)
    choices = tuple(replace(one, opener=opener_of(database)) for one in setup_of(settings).database_choices)
    return WatchedApp(choices[0].opener, setup=replace(setup_of(settings), database_choices=choices), state_path=state)


async def test_key_shows_times_in_the_next_zone_and_the_next_run_remembers_it(
    jobs_db: JobsDatabase, database: Conninfo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = tmp_path / "state.json"
    async with drive_dashboard(app_in(database, state), size=(180, 40)) as driver:
        # All times of the fixture are 2026-11-24 or a day before it; India is 5:30 ahead of UTC.
        assert f"· {ZONE} ·" in driver.header
        before = driver.text
        await driver.press("Z", message="Times are in UTC.", until=lambda: "· UTC ·" in driver.header)
        assert driver.text != before
        assert ZONE not in driver.text
        await driver.press("Z", message="Times are in local time.", hides="· UTC ·")
        await driver.press("Z", message=f"Times are in {ZONE}.", shows=f"· {ZONE} ·")
        await driver.press("Z", message="Times are in UTC.")
        await driver.press("enter", dialog="Job")
        assert " UTC" in driver.text
    assert json.loads(state.read_text())["zone"] == "utc"
    async with drive_dashboard(app_in(database, state)) as driver:
        assert "· UTC ·" in driver.header


def times_in_dialog(driver: Driver) -> set[str]:
    region = driver.app.screen.query_one("#dialog").region
    lines = driver.text.splitlines()[region.y : region.bottom]
    return {time for line in lines for time in re.findall(r"\d\d:\d\d", line[region.x : region.right])}


async def shows_each_zone(driver: Driver, title: str) -> None:
    """Check that the dialog shows other times in UTC, and the same ones again in the profile's zone."""
    await driver.until(lambda: driver.dialog.startswith(title) and times_in_dialog(driver))
    before = times_in_dialog(driver)  # Events that are read later add more times.
    await driver.press("Z", until=lambda: times_in_dialog(driver) and not before <= times_in_dialog(driver))
    await driver.press("Z", "Z", until=lambda: before <= times_in_dialog(driver))


async def test_key_changes_the_zone_in_each_dialog_with_times_but_not_in_fields(
    jobs_db: JobsDatabase, database: Conninfo, tmp_path: Path
) -> None:
    jobs_db.job(9, "failed", error="boom")
    jobs_db.sql("select gjobs.archive_jobs(array[%s::uuid])", job_id(4))
    dialogs = {"enter": "Job", "E": "Errors · ", "m": "Messages", "C": "Case · "}
    async with drive_dashboard(app_in(database, tmp_path / "state.json"), size=(180, 50)) as driver:
        await driver.press("y", on=9)
        for key, title in dialogs.items():
            await driver.press(key)
            await shows_each_zone(driver, title)
            await driver.press("escape", dialog="")
        await driver.command("Archived jobs", until=lambda: driver.dialog.startswith("Archive · "))
        await driver.press("enter")
        await shows_each_zone(driver, "Archived job")
        await driver.press("escape", dialog="Archive · Autumn catalog")
        await driver.press("escape", dialog="")

        await driver.press("at", dialog="Show an earlier moment")
        await driver.press("end", "Z", until=lambda: str(driver.value("#text")).endswith("Z"))
        await driver.press("escape", dialog="")
        assert f"· {ZONE} ·" in driver.header
