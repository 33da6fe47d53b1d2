"""Writing on purpose: refused at the key, opened by W with a reason, counted down, closed by itself."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from textual.widgets import Input, Select

from store.database.write_access import WriteMode
from store.jobs.job import JobStatus
from store.journal.journal import read_journal
from tests.tui.driving import Clock, Drive, Driver
from tests.tui.world import World, job_id


@pytest.fixture
async def leased(drive: Drive, clock: Clock, tmp_path: Path) -> AsyncIterator[Driver]:
    """Read-only until a lease is opened."""
    async with drive(rule=WriteMode.LEASED, clock=clock, journal=tmp_path / "journal") as driver:
        yield driver


async def open_lease(driver: Driver, reason: str = "ticket 4711") -> None:
    await driver.press("W", dialog="Write on purpose")
    await driver.type(reason, "enter", dialog="")


async def pass_time(driver: Driver, clock: Clock, seconds: float) -> None:
    clock.now += timedelta(seconds=seconds)
    driver.app.dashboard._tick()


async def run_out(driver: Driver, clock: Clock) -> None:
    await pass_time(driver, clock, 300)
    await driver.is_told("Writing has ended: this session is read-only again.")


WRITING_KEYS = ("s", "c", "f", "d", "n", "P", "U")


async def test_read_only_session_refuses_writing_keys_and_names_the_permit_key(leased: Driver, world: World) -> None:
    assert "· read-only ·" in leased.header
    refused = await leased.told_by_each(*WRITING_KEYS)
    assert refused == ["This session is read-only. Press W to write for some minutes."] * len(WRITING_KEYS)
    await leased.has_dialog("")
    await leased.press("p", dialog="Show which project?")
    assert world.status(1) is JobStatus.QUEUED


async def test_write_permit_dialog_shows_database_actor_and_reason_and_can_be_canceled(leased: Driver) -> None:
    await leased.press("W", dialog="Write on purpose")
    await leased.sees("Database: testbase", "As: ada@example.com", "Reason, kept in the journal", "5 minutes")
    await leased.type("ticket 4711", "escape", dialog="")
    assert "· read-only ·" in leased.header


async def test_write_within_a_permit_is_journaled_with_its_reason(leased: Driver, world: World, tmp_path: Path) -> None:
    await open_lease(leased)
    await leased.is_told("You may write for 5 minutes. W ends it.")
    await leased.press("s", told="Started lifestyle")
    assert world.status(1) is JobStatus.RUNNING
    (entry,) = read_journal(tmp_path / "journal").entries
    assert (entry.reason, entry.what, entry.ids) == ("ticket 4711", "transition job to running", (job_id(1),))


async def test_header_counts_down_the_write_permit_and_the_frame_changes_color(leased: Driver, clock: Clock) -> None:
    before = leased.app.get_css_variables()["frame"]
    await open_lease(leased)
    assert " writing 5:00: ticket 4711  · live every 1 min" in leased.header
    assert "read-only" not in leased.header
    variables = leased.app.get_css_variables()
    assert variables["frame"] == variables["frame-quiet"] != before
    for seconds, shown in (
        (61.5, " writing 3:59: ticket 4711 "),
        (238, " writing 0:01: ticket 4711 "),
        (1, "· read-only ·"),
    ):
        await pass_time(leased, clock, seconds)
        await leased.sees(shown)
    assert leased.app.get_css_variables()["frame"] == before
    assert leased.toasts[-1] == "Writing has ended: this session is read-only again."


async def test_second_w_key_ends_the_write_permit(leased: Driver, world: World) -> None:
    await open_lease(leased)
    await leased.press("W", dialog="", told="Writing has ended: this session is read-only again.")
    assert "· read-only ·" in leased.header
    await leased.press("s")
    assert world.status(1) is JobStatus.QUEUED


async def test_write_permit_requires_a_reason_and_accepts_a_duration(leased: Driver) -> None:
    await leased.press("W")
    await leased.type("  ", "enter", sees="✗ Writing here takes a reason.")
    await leased.type("x" * 201, "enter", sees="✗ At most 200 characters; these are 201.")
    await leased.type("ticket 4711")
    leased.app.screen.query_one(Select).value = 15
    await leased.press("enter", until=lambda: " writing 15:00: ticket 4711 " in leased.header)


async def test_dialog_submitted_after_the_permit_ends_is_refused_and_keeps_its_text(
    leased: Driver, world: World, clock: Clock
) -> None:
    await open_lease(leased)
    await leased.press("f", on=2, dialog="Fail packaging 00000002")
    await leased.type("API timeout, third time")
    await run_out(leased, clock)
    await leased.press("enter", sees="✗ This session is read-only: nothing was changed.")
    assert leased.app.screen.query_one(Input).value == "API timeout, third time"
    assert world.status(2) is JobStatus.RUNNING


async def test_confirmation_after_the_permit_ends_changes_nothing(leased: Driver, world: World, clock: Clock) -> None:
    await open_lease(leased)
    await leased.press("d", dialog="Delete this job?")
    await run_out(leased, clock)
    await leased.press("y", told="This session is read-only: nothing was changed. Press W to write for some minutes.")
    assert world.status(1) is JobStatus.QUEUED


async def test_switching_the_acting_user_keeps_the_write_permit(leased: Driver) -> None:
    await open_lease(leased)
    leased.app.act_as(leased.session.operator)
    await leased.until(lambda: "as the operator" in leased.header and " writing 5:00: " in leased.header)


async def test_session_that_may_write_needs_no_write_permit(dashboard: Driver) -> None:
    await dashboard.press("W", dialog="", told="This session may write as it is: it needs no reason.")


async def test_read_only_connection_cannot_open_a_write_permit(drive: Drive) -> None:
    async with drive(rule=WriteMode.CLOSED) as driver:
        refused = await driver.told_by_each("W", *WRITING_KEYS)
        assert len(refused) == 1 + len(WRITING_KEYS)
        assert all("Connect without --read-only" in told for told in refused)
        await driver.has_dialog("")


async def test_header_shows_the_remaining_permit_time_on_80_columns(drive: Drive) -> None:
    label = "production of the app (db.example.com/app)"
    async with drive(rule=WriteMode.LEASED, label=label, size=(80, 24)) as driver:
        await open_lease(driver, "a reason that is much too long for what is left of the line: " * 3)
        assert " writing 5:00: a rea" in driver.header
        assert driver.header.rstrip().endswith("live every 1 min")
