"""Write permits: refused keys, the dialog of the permit, its countdown and its end."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from textual.widgets import Input, Select

from gjobs.store.configuration.settings import WriteMode
from gjobs.store.jobs.job import JobStatus
from gjobs.store.journal.journal import read_journal
from tests.tui.dashboard.dashboard_driver import Clock, Drive, Driver
from tests.tui.jobs_database import JobsDatabase, job_id


@pytest.fixture
async def permitted(drive: Drive, clock: Clock, tmp_path: Path) -> AsyncIterator[Driver]:
    """A read-only dashboard that can open a write permit."""
    async with drive(rule=WriteMode.PERMIT_REQUIRED, clock=clock, journal=tmp_path / "journal") as driver:
        yield driver


async def open_permit(driver: Driver, reason: str = "ticket 4711") -> None:
    await driver.press("W", dialog="Allow writes")
    await driver.type(reason, "enter", dialog="")


async def pass_time(driver: Driver, clock: Clock, seconds: float) -> None:
    clock.now += timedelta(seconds=seconds)
    driver.app.dashboard._tick()


async def run_out(driver: Driver, clock: Clock) -> None:
    await pass_time(driver, clock, 300)
    await driver.shows_message("The write permit has ended. This session is read-only again.")


WRITING_KEYS = ("s", "c", "f", "d", "n", "P", "U")


async def test_read_only_session_refuses_keys_and_names_the_permit(permitted: Driver, jobs_db: JobsDatabase) -> None:
    assert "· read-only ·" in permitted.header
    refused = await permitted.warnings_by_key(*WRITING_KEYS)
    assert refused == ["This session is read-only. Press W to write for some minutes."] * len(WRITING_KEYS)
    await permitted.has_dialog("")
    await permitted.press("p", dialog="Show which project?")
    await permitted.press("escape", dialog="")
    await permitted.press("enter", dialog="Job", shows="esc close", hides="d delete")
    await permitted.press("escape", dialog="")
    await permitted.press("b", shows="r refresh", hides="n new")
    await permitted.press("escape", dialog="")
    assert jobs_db.status(1) is JobStatus.QUEUED

    await permitted.press("W", dialog="Allow writes")
    await permitted.shows("Database: testbase", "As: ada@example.com", "Reason, kept in the journal", "5 minutes")
    await permitted.type("ticket 4711", "escape", dialog="")
    assert "· read-only ·" in permitted.header


async def test_write_within_a_permit_is_journaled_until_a_second_key_ends_the_permit(
    permitted: Driver, jobs_db: JobsDatabase, tmp_path: Path
) -> None:
    await open_permit(permitted)
    await permitted.shows_message("You may write for 5 minutes. Press W to end the permit.")
    await permitted.press("s", message="Started lifestyle")
    assert jobs_db.status(1) is JobStatus.RUNNING
    (entry,) = read_journal(tmp_path / "journal").entries
    assert (entry.reason, entry.what, entry.ids) == ("ticket 4711", "transition job to running", (job_id(1),))

    permitted.app.act_as(permitted.session.operator)
    await permitted.until(lambda: "as the operator" in permitted.header and " writing 5:00: " in permitted.header)
    await permitted.press("W", dialog="", message="The write permit has ended. This session is read-only again.")
    assert "· read-only ·" in permitted.header
    await permitted.press("s", on=5)
    assert jobs_db.status(5) is JobStatus.QUEUED


async def test_write_permit_needs_a_reason_and_counts_down_in_a_colored_frame(permitted: Driver, clock: Clock) -> None:
    before = permitted.app.get_css_variables()["frame"]
    await permitted.press("W", dialog="Allow writes")
    await permitted.type("  ", "enter", shows="✗ Type a reason for writing.")
    await permitted.type("x" * 201, "enter", shows="✗ The reason has 201 characters. The maximum is 200.")
    await permitted.type("ticket 4711")
    await permitted.focus_on("#minutes")
    await permitted.press("down", "down", "enter")
    assert permitted.app.screen.query_one("#minutes", Select).value == 15
    await permitted.press("enter", until=lambda: " writing 15:00: ticket 4711 " in permitted.header)
    await permitted.expects(message="You may write for 15 minutes. Press W to end the permit.", dialog="")

    assert " writing 15:00: ticket 4711  · live every 1 min" in permitted.header
    assert "read-only" not in permitted.header
    variables = permitted.app.get_css_variables()
    assert variables["frame"] == variables["frame-quiet"] != before
    for seconds, shown in (
        (661.5, " writing 3:59: ticket 4711 "),
        (238, " writing 0:01: ticket 4711 "),
        (1, "· read-only ·"),
    ):
        await pass_time(permitted, clock, seconds)
        await permitted.shows(shown)
    assert permitted.app.get_css_variables()["frame"] == before
    assert permitted.message == "The write permit has ended. This session is read-only again."

    await permitted.resize(80, 24)
    await open_permit(permitted, "a reason that is much too long for what is left of the line: " * 3)
    await permitted.until(lambda: " writing 5:00: a rea" in permitted.header)
    assert permitted.header.rstrip().endswith("live every 1 min")


async def test_dialogs_submitted_after_the_permit_ends_change_nothing_and_keep_their_text(
    permitted: Driver, jobs_db: JobsDatabase, clock: Clock
) -> None:
    await open_permit(permitted)
    await permitted.press("f", on=2, dialog="Fail packaging 00000002")
    await permitted.type("API timeout, third time")
    await run_out(permitted, clock)
    await permitted.press("enter", shows="✗ This session is read-only: nothing was changed.")
    assert permitted.app.screen.query_one(Input).value == "API timeout, third time"
    assert jobs_db.status(2) is JobStatus.RUNNING
    await permitted.press("escape", dialog="")
    permitted.clear_messages()

    await open_permit(permitted)
    await permitted.press("d", on=1, dialog="Delete this job?")
    await run_out(permitted, clock)
    await permitted.press(
        "y", message="This session is read-only: nothing was changed. Press W to write for some minutes."
    )
    assert jobs_db.status(1) is JobStatus.QUEUED


async def test_session_of_one_writable_database_needs_no_permit_and_cannot_switch(dashboard: Driver) -> None:
    await dashboard.press("D", message="No other database is configured.")
    await dashboard.press("W", dialog="", message="This session needs no write permit. It can always write.")


async def test_read_only_connection_cannot_open_a_write_permit(drive: Drive) -> None:
    async with drive(rule=WriteMode.CLOSED) as driver:
        refused = await driver.warnings_by_key("W", *WRITING_KEYS)
        assert len(refused) == 1 + len(WRITING_KEYS)
        assert all("Leave --read-only out to write." in message for message in refused)
        await driver.has_dialog("")
