"""Earlier moments and time zones in the dashboard: what is shown, the keys, and that nothing is written."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from textual.color import Color
from textual.widgets import OptionList

from gjobs.store.configuration.config_file import read_content
from gjobs.store.configuration.settings import resolve
from gjobs.store.errors import ReadOnly
from gjobs.store.jobs.job_results import WRITES_OFF
from gjobs.store.users.actor import OPERATOR
from gjobs.tui.dashboard.features.moments import MomentDialog
from gjobs.tui.dashboard.frame.help import screen_entries
from gjobs.tui.dashboard.frame.palette import bound_actions
from gjobs.tui.dashboard.frame.run import setup_of
from gjobs.tui.dashboard.panels.footer import ONLY_PRESENT
from gjobs.tui.dashboard.panels.project_list import ProjectList
from tests.conftest import Conninfo
from tests.tui.dashboard.dashboard_driver import (
    AS_ADA,
    Clock,
    Drive,
    Driver,
    WatchedApp,
    drive_dashboard,
    opener_of,
)
from tests.tui.jobs_database import JobsDatabase, job_id


def moment_of(jobs_db: JobsDatabase) -> datetime:
    ((time,),) = jobs_db.sql("select clock_timestamp()")
    found: datetime = time
    return found


def written(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f} UTC"


@pytest.fixture
async def past(jobs_db: JobsDatabase, drive: Drive, clock: Clock) -> AsyncIterator[tuple[Driver, datetime]]:
    """A dashboard of the operator, and a moment after which a job failed and another was deleted."""
    moment = moment_of(jobs_db)
    jobs_db.sql("update generation_jobs set status = 'failed', cost_cents = 9999 where id = %s", job_id(1))
    jobs_db.delete(2)
    clock.now = moment_of(jobs_db) + timedelta(minutes=10)
    async with drive(actor=OPERATOR, clock=clock) as driver:
        yield driver, moment


async def go_to(driver: Driver, moment: datetime) -> None:
    await driver.press("at", dialog="Show an earlier moment")
    await driver.type(moment.isoformat(), "enter", until=lambda: "writes are off" in driver.header)
    await driver.until(lambda: driver.app.dashboard.listing is not None)
    await driver.settle()


async def test_dashboard_shows_a_moment_without_writing_and_returns(past: tuple[Driver, datetime]) -> None:
    driver, moment = past
    before = set(driver.rows)
    await go_to(driver, moment)
    assert f"as of {written(moment)} · writes are off" in driver.header
    await driver.until(lambda: set(driver.rows) == before | {2})
    assert "$99.99" not in driver.text
    await driver.shows("exact · at this moment · as the operator")
    assert not {"export", "errors"} & set(driver.text.splitlines()[-1].split())
    await driver.press("B", shows="as of 20")
    warning = Color.parse(driver.app.get_css_variables()["text-warning"])
    assert driver.app.screen.query_one("#heading").styles.color == warning
    await driver.press("escape", until=lambda: driver.app.screen is driver.app.dashboard)
    polls = driver.app.polls
    await driver.press("d", on=2, message="Writes are off, because an earlier moment is shown.")
    await driver.press("n", message="Writes are off")
    await driver.press("W", message="Writes are off")
    for key, what in (("w", "workers"), ("e", "export")):
        refusal = f"This works only in the present: {what}. Press esc to return to the present first."
        await driver.press(key, message=refusal)
    assert driver.app.polls == polls
    with pytest.raises(ReadOnly):
        await driver.session.operator.delete_generation_job(job_id(1))
    await driver.act_as(AS_ADA, shows=("as ada@example.com", "as of 20"))
    await driver.until(lambda: 2 in driver.rows)
    await driver.act_as(OPERATOR, shows="as the operator")
    driver.clear_messages()
    await driver.shows("{ } hour · @ time · Z zone · esc: present")
    await driver.filter(str(job_id(2)), "enter", rows=[2])
    await driver.shows("@ time · Z zone · esc: clear the filter")
    await driver.press("escape", until=lambda: 1 in driver.rows)
    await driver.press("1", until=lambda: 2 in driver.rows)
    await driver.press("enter", on=2, dialog="Job", shows=("Not recorded for this moment:", "creation time"))
    # The header may be covered, so the lower border of the dialog names the moment.
    await driver.shows(f"as of {written(moment)} · writes are off · testbase  ─")
    await driver.shows("Created      ? ", "Updated      ? ", "Input asset  ?")
    assert "? none" not in driver.text
    assert "d delete" not in driver.text
    await driver.press("escape", dialog="")
    for key, refusal in (("d", "Writes are off"), ("w", "This works only in the present: workers.")):
        if key == "w":
            await go_to(driver, moment)
        driver.clear_messages()
        await driver.press(key, message=refusal)
        driver.app.show_moment(None)
        await driver.until(lambda: "writes are off" not in driver.header)
        assert driver.message == "", "the refusal no longer holds"
    await driver.until(lambda: set(driver.rows) == before)
    assert driver.session.access.may_write


_NOT_TRIED = {"app.quit", "app.quit_anywhere", "list.clear", "app.moment"}
"""Keys that quit, and keys that show another moment."""


async def test_keys_offered_in_the_past_are_not_refused_and_others_not_offered(past: tuple[Driver, datetime]) -> None:
    driver, moment = past
    await go_to(driver, moment)
    await driver.press("ctrl+p", shows="Details (⏎)")
    commands = [str(option.prompt).splitlines()[0] for option in driver.app.screen.query_one(OptionList).options]
    assert "Details (⏎)" in commands
    refused = {"Budgets (b)", "Workers (w)", "Count (=)", "Delete (d del)", "Write (W)", "Archived jobs", "Clean up"}
    assert not refused & {*commands}
    await driver.press("escape", "B", shows="as of 20")
    assert not {"app.workers", "app.times"} & {entry.binding_id for entry in screen_entries(driver.app.screen)}
    await driver.press("escape", until=lambda: driver.app.screen is driver.app.dashboard)

    offered = {entry.binding_id for entry in screen_entries(driver.app.screen)}
    assert {"app.refresh", "app.user", "job.copy_id", "project.pick", "jobs.open"} <= offered
    for name, (active, _) in bound_actions(driver.app.screen).items():
        if name in offered - _NOT_TRIED and "step_moment" not in active.binding.action:
            await driver.app.run_action(active.binding.action, active.node)
            await driver.settle()
            refusals = [message for message in driver.warnings if message.startswith((ONLY_PRESENT, WRITES_OFF))]
            assert refusals == [], name
            while driver.app.screen is not driver.app.dashboard:
                await driver.press("escape")


async def test_keys_step_by_event_minute_and_hour_and_act_on_no_row_of_the_past_when_the_present_returns(
    past: tuple[Driver, datetime], jobs_db: JobsDatabase
) -> None:
    driver, moment = past
    times = [row[0] for row in jobs_db.sql("select at from gjobs.job_event_log order by id desc limit 2")]
    jobs_db.sql("update gjobs.fold_state set recorded_since = (select min(at) from gjobs.job_event_log)")

    def shown() -> datetime:
        return driver.app.dashboard.listing_query.moment or datetime.max.replace(tzinfo=UTC)

    await driver.press("right_square_bracket", message="This is the present.")
    await go_to(driver, moment)
    await driver.press("right_square_bracket", until=lambda: shown() == times[1])
    # Several events can be in one second, so each step changes the fraction.
    await driver.until(lambda: written(times[1]) in driver.header)
    await driver.press("right_square_bracket", until=lambda: shown() == times[0])
    await driver.until(lambda: written(times[0]) in driver.header)
    await driver.press("right_square_bracket", message="There is no later event.")
    await driver.press("left_square_bracket", until=lambda: shown() == times[1])
    await driver.press("left_square_bracket", until=lambda: shown() <= moment)
    await driver.press("left_curly_bracket", message="The log of this database reaches back to")
    await driver.press("left_parenthesis", message="The log of this database reaches back to")
    await driver.press("right_curly_bracket", message="This moment is in the future.")
    assert 2 in driver.rows

    # Keys that are typed while the present returns act on no row of the past.
    driver.clear_messages()
    await driver.press("escape", "d", "y", on=2)
    await driver.until(lambda: shown() > moment and driver.app.dashboard.listing is not None)
    await driver.settle()
    assert str(job_id(2)) not in driver.text
    assert job_id(2) not in {job.id for job in driver.app.dashboard.jobs.selected}
    assert str(job_id(2)) not in driver.app.clipboard


async def test_numbers_of_another_moment_are_never_shown(jobs_db: JobsDatabase, drive: Drive, clock: Clock) -> None:
    early = moment_of(jobs_db)
    jobs_db.job(20)
    late = moment_of(jobs_db)
    clock.now = late + timedelta(minutes=10)
    async with drive(actor=OPERATOR, clock=clock, size=(160, 45)) as driver:

        def known_projects() -> list[str]:
            lines = [str(option.prompt) for option in driver.app.dashboard.query_one(ProjectList).options]
            return [line for line in lines if line.rstrip()[-1:].isdigit()]

        await go_to(driver, late)
        await driver.shows("exact · at this moment")
        named = known_projects()
        assert named
        driver.app.show_moment(early)
        assert (driver.app.dashboard.totals, driver.costs, known_projects()) == (None, ["Counting …"], [])
        await driver.until(lambda: known_projects() not in ([], named))
        await driver.shows("exact · at this moment")
        driver.app.show_moment(late)
        assert (driver.app.dashboard.totals, driver.costs, known_projects()) == (None, ["Counting …"], [])
        await driver.until(lambda: known_projects() == named)
        await driver.shows("exact · at this moment")


async def test_open_details_and_the_cursor_follow_the_moment(jobs_db: JobsDatabase, drive: Drive, clock: Clock) -> None:
    jobs_db.job(20)
    jobs_db.set_status(20, "running")
    moment = moment_of(jobs_db)
    jobs_db.set_status(20, "failed")
    clock.now = moment_of(jobs_db) + timedelta(minutes=10)
    async with drive(actor=OPERATOR, clock=clock) as driver:
        await go_to(driver, moment)
        await driver.press("enter", on=20, dialog="Job", shows=("▸ running", "queued → running"))
        await driver.press("s", message="Writes are off, because an earlier moment is shown. Close the details")
        assert driver.dialog == "Job"
        assert "esc: present" not in driver.text
        driver.clear_messages()
        await driver.press("left_square_bracket", "left_square_bracket", shows="Status       ◌ queued")
        await driver.shows("created, queued")
        assert "queued → running" not in driver.text
        await driver.press("left_square_bracket", shows="This job did not exist at this moment")
        assert 20 not in driver.rows
        await driver.press("right_square_bracket", shows="Status       ◌ queued", hides="did not exist")
        await driver.press("at", dialog="Show an earlier moment")
        await driver.press("escape", dialog="Job")
        await driver.press("left_square_bracket", shows="This job did not exist at this moment")
        await driver.press("escape", dialog="")
        assert driver.cursor in driver.rows
        assert driver.warnings == []
        await driver.press("enter", dialog="Job")
        await driver.press("escape", dialog="")
        assert "writes are off" in driver.header


async def test_form_explains_impossible_moments_and_one_that_is_not_shown(past: tuple[Driver, datetime]) -> None:
    driver, moment = past
    await driver.press("at", dialog="Show an earlier moment")
    await driver.type("soon", "enter", shows="'soon' is not a time.")
    await driver.type("x" * 900, "enter", shows="how long ago: 2h.")
    await driver.type("2020-01-01", "enter", shows="The log of this database reaches back to")
    await driver.type("", "enter", shows="Type a time.")
    await driver.press("escape", dialog="")
    assert "writes are off" not in driver.header
    may_answer = asyncio.Event()

    class SlowDialog(MomentDialog):
        async def check(self, typed: str) -> datetime:
            await may_answer.wait()
            return moment

    assert driver.app.poller.store is not None
    driver.app.push_screen(SlowDialog(driver.app, driver.app.poller.store))
    await driver.press("enter", shows="Checking …")
    await driver.press("escape", shows="✗ Checking. Wait for the result, or press esc again to")
    await driver.press("escape", dialog="")
    may_answer.set()
    await driver.shows_message("The moment is not shown, because its form was closed.")


ZONE = "Asia/Kolkata"


def app_in(database: Conninfo, state: Path) -> WatchedApp:
    """Return a dashboard whose profile sets a zone."""
    text = f'[profiles.prod]\nurl = "postgresql://ada@db/app"\ntime_zone = "{ZONE}"\n'
    configuration = read_content(text.encode(), path=Path("/here/config.toml"))
    settings = resolve(profile="prod", data_dir=Path("/data"), environment={}, configuration=configuration)
    choices = tuple(replace(one, opener=opener_of(database)) for one in setup_of(settings).database_choices)
    return WatchedApp(choices[0].opener, setup=replace(setup_of(settings), database_choices=choices), state_path=state)


async def test_key_shows_the_next_zone_and_the_next_run_remembers_it(
    jobs_db: JobsDatabase, database: Conninfo, tmp_path: Path
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


async def test_key_changes_the_zone_in_dialogs_but_not_in_fields(
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
        await driver.command("Archived jobs", dialog="Archive · Autumn catalog", shows="00000004")
        await driver.press("enter")
        await shows_each_zone(driver, "Archived job")
        await driver.press("escape", dialog="Archive · Autumn catalog")
        await driver.press("escape", dialog="")

        await driver.press("at", dialog="Show an earlier moment")
        await driver.press("end", "Z", until=lambda: str(driver.value("#text")).endswith("Z"))
        await driver.press("escape", dialog="")
        assert f"· {ZONE} ·" in driver.header
