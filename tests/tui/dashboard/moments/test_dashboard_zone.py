"""Time zones in the dashboard: the key, the first line, the details, and the next run."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from store.configuration.config_reader import read_text
from store.configuration.settings import resolve
from tests.conftest import Conninfo
from tests.tui.dashboard.dashboard_driver import WatchedApp, drive_dashboard, opener_of
from tests.tui.jobs_database import JobsDatabase
from tui.dashboard.run import setup_of

ZONE = "Asia/Kolkata"


def app_in(database: Conninfo, state: Path) -> WatchedApp:
    """Return a dashboard whose profile sets a zone."""
    text = f'[profiles.prod]\nurl = "postgresql://ada@db/app"\ntime_zone = "{ZONE}"\n'
    configuration = read_text(text, path=Path("/here/config.toml"))
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
