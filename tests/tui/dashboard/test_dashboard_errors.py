"""The errors screen."""

import json
import time

import pytest
from textual.widgets import OptionList

from gjobs.store.configuration.settings import WriteMode
from gjobs.store.error_groups.error_group import error_group_id
from gjobs.store.errors import TimedOut
from gjobs.store.filters.filter_syntax import format_filter
from gjobs.tui.dashboard.features import errors
from gjobs.tui.dashboard.features.errors import ErrorsDialog
from tests.tui.dashboard.dashboard_driver import Drive, Driver, Gate
from tests.tui.dashboard.keys.key_sending import send
from tests.tui.jobs_database import ADA, AUTUMN, BEN, SPRING, TRAIL, JobsDatabase, short

TIMEOUT = error_group_id("API timeout")
HOSTILE = "[/oops][@click=app.quit]x[/]\x1b[2J\x07\u202e\u200b" + "y" * 1_000_000


async def open_errors(driver: Driver) -> ErrorsDialog:
    await driver.press("E", until=lambda: driver.dialog.startswith("Errors · "))
    await ready(driver)
    screen = driver.app.screen
    assert isinstance(screen, ErrorsDialog)
    return screen


async def ready(driver: Driver) -> None:
    await driver.until(
        lambda: isinstance(driver.app.screen, ErrorsDialog) and driver.app.screen.is_ready(time.monotonic())
    )


def failures(jobs_db: JobsDatabase) -> None:
    """Add failures to job 4, whose error is "API timeout"."""
    jobs_db.job(11, "failed", error='{"message": "API timeout"}', mode="packaging", minutes_ago=60 * 30)
    jobs_db.job(12, "failed", error="Asset 12 not found", minutes_ago=60 * 24 * 20)
    jobs_db.job(13, "failed", error="Asset 13 not found", minutes_ago=70)
    jobs_db.job(14, "failed", project=SPRING, error="API timeout", minutes_ago=5)


async def test_errors_show_groups_and_the_example_of_the_one_under_the_cursor(
    dashboard: Driver, jobs_db: JobsDatabase
) -> None:
    failures(jobs_db)
    screen = await open_errors(dashboard)
    assert dashboard.dialog == "Errors · Autumn catalog"
    await dashboard.shows(
        "3 failures in the last 7 d, 2 groups. At most 20,000 are read.",
        "FAILED  TREND",
        f"Group    {TIMEOUT}, 2 failures in 7 d",
        "Modes    lifestyle, packaging",
        f"Example  job {short(4)}",
        "Last     4 min ago, 2026-11-24 11:56:00",
        "read 2026-11-24 12:00:00 UTC · testbase",
    )
    for size, shown, hidden in (
        ((80, 24), ("COST", "USERS", "Asset # not found", "C case", "tab scroll the error", "esc close"), "FIRST  "),
        ((120, 36), ("FIRST", "MODES", "retry all", "C case", "esc close"), "nothing"),
        ((200, 50), ("FIRST", "MODES", "retry all"), "nothing"),
    ):
        await dashboard.resize(*size)
        await dashboard.shows(*shown)
        assert hidden not in dashboard.text, size
    for sizes in (((80, 24),), ((200, 50), (80, 24))):
        await dashboard.press("w", dialog="Waste · Autumn catalog")
        for size in sizes:
            await dashboard.resize(*size)
        await dashboard.press("w", dialog="Errors · Autumn catalog")
        await dashboard.shows("COST  USERS", "API timeout  ", "esc close")
    await dashboard.resize(120, 36)
    await dashboard.press("j", "k", "j", shows=f"Example  job {short(13)}")
    cursor = screen.query_one(OptionList)
    await dashboard.press("right", shows="4 failures in the last 30 d")
    await ready(dashboard)
    assert cursor.highlighted == 0
    await dashboard.press("down", "f5")
    await ready(dashboard)
    assert cursor.highlighted == 1
    await dashboard.press("y", message="Copied the error group")
    assert dashboard.app.clipboard.splitlines()[:3] == [
        f"Error group {error_group_id('Asset 1 not found')}: Asset # not found",
        "2 failures in the last 30 d before 2026-11-24 12:00:00 UTC",
        "First seen: 2026-11-04 12:00:00 UTC",
    ]
    assert (
        f"Jobs: gjobs jobs list --project {AUTUMN} --filter 'error-group:{error_group_id('Asset 1 not found')}"
        f" status:failed' --as {ADA}" in dashboard.app.clipboard.splitlines()
    )


async def test_errors_have_no_group_under_the_cursor_after_it_is_gone(dashboard: Driver, jobs_db: JobsDatabase) -> None:
    failures(jobs_db)
    screen = await open_errors(dashboard)
    cursor = screen.query_one(OptionList)
    await dashboard.press("j", shows=f"Example  job {short(13)}")
    jobs_db.delete(12, 13)
    await dashboard.press("f5", until=lambda: cursor.highlighted is None)
    await dashboard.resize(100, 30)
    await ready(dashboard)
    await dashboard.press("r")
    await dashboard.has_shown("No group under the cursor.")
    dashboard.clear_messages()
    assert cursor.highlighted is None
    await dashboard.press("escape", dialog="")
    await dashboard.show_project("Spring")
    await open_errors(dashboard)
    await dashboard.press("left", "left", shows=("1 failure in the last 1 h", f"{TIMEOUT}, 1 failure in 1 h"))
    jobs_db.delete(14)
    await dashboard.press("f5", shows="No job failed in the last 1 h.")
    await ready(dashboard)
    await dashboard.press("y")
    await dashboard.has_shown("No group under the cursor.")


async def test_enter_lists_the_jobs_of_a_group_with_the_filter_of_the_list(
    dashboard: Driver, jobs_db: JobsDatabase
) -> None:
    failures(jobs_db)
    await dashboard.refreshes()
    await dashboard.go_to(13)
    screen = await open_errors(dashboard)
    assert screen.query_one(OptionList).highlighted == 1
    await dashboard.press("escape", dialog="")
    jobs_db.job(17, "failed", error=json.dumps({"stack": "x" * 500, "message": "Asset 17 not found"}))
    await dashboard.refreshes()
    await dashboard.go_to(17)
    screen = await open_errors(dashboard)
    assert screen.query_one(OptionList).highlighted == 1, "The list has only the beginning of the error."
    await dashboard.press("escape", dialog="")
    jobs_db.delete(17)
    await dashboard.refreshes()
    await dashboard.filter("-mode:packaging", "enter", until=lambda: 2 not in dashboard.rows)
    await dashboard.press("4", rows=[3])
    await open_errors(dashboard)
    assert dashboard.dialog == "Errors · Autumn catalog · -mode:packaging"
    await dashboard.shows("2 failures in the last 7 d, 2 groups.")
    await dashboard.press("enter", dialog="", rows=[4])
    await dashboard.expects(
        message="Listed the failed jobs of the group, whenever they failed: 1 of them in the last 7 d."
    )
    listed = dashboard.app.dashboard.listed
    assert format_filter(listed.job_filter) == f"-mode:packaging error-group:{TIMEOUT} status:failed"
    assert listed.status is None
    await open_errors(dashboard)
    await dashboard.shows("2 failures in the last 7 d, 2 groups.")
    await dashboard.press("escape", "slash")
    await dashboard.type("error-group:ass", shows="Asset # not found")
    await dashboard.press("tab", until=lambda: dashboard.rows == [13, 12])


async def test_retry_asks_with_number_and_database_and_repeats_the_counted_jobs(
    dashboard: Driver, jobs_db: JobsDatabase
) -> None:
    failures(jobs_db)
    await open_errors(dashboard)
    jobs_db.job(15, "failed", error="API timeout", minutes_ago=-1)
    before = jobs_db.count()
    await dashboard.press(
        "r",
        dialog="Retry these 2 jobs?",
        shows=("Error: API timeout", "Database: testbase", short(4), short(11), "The new jobs cost at most $3.00."),
    )
    await dashboard.press("n", until=lambda: dashboard.dialog.startswith("Errors · "))
    assert jobs_db.count() == before
    await dashboard.press("r", dialog="Retry these 2 jobs?")
    await dashboard.press("y", message="Retried 2 of 2 jobs.")
    assert jobs_db.count() == before + 2
    await dashboard.press("r", message="The jobs of this group were already retried: 2 jobs.")
    jobs_db.job(16, "failed", error="API timeout", minutes_ago=3)
    await dashboard.press("f5", shows=f"{TIMEOUT}, 3 failures in 7 d")
    await ready(dashboard)
    await dashboard.press("r", dialog="Retry this job?", shows="Left out, because already retried: 2 jobs.")
    await dashboard.press("n")
    await dashboard.press("down", "r", dialog="Retry this job?")
    jobs_db.delete(13)
    await dashboard.press("n")
    await dashboard.press("r", message="No job of this group is still failed.")


async def test_retry_of_too_many_jobs_shows_how_many_it_leaves_out(
    dashboard: Driver, jobs_db: JobsDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(errors, "MAX_LIMIT", 1)
    failures(jobs_db)
    await open_errors(dashboard)
    await dashboard.press(
        "r", dialog="Retry this job?", shows=("Left out, because one retry takes at most 1: 1 job.", short(4))
    )
    await dashboard.press("y", message="Retried 1 of 1 job. Not retried yet: 1 job of the group.")
    await dashboard.press("r", dialog="Retry this job?", shows=short(11), hides="at most")
    await dashboard.press("y", message="Retried 1 of 1 job.")


async def test_retry_is_refused_in_a_read_only_session(drive: Drive) -> None:
    async with drive(rule=WriteMode.CLOSED) as driver:
        await open_errors(driver)
        await driver.press("r", until=lambda: driver.warnings)
        assert driver.dialog.startswith("Errors · ")
        assert "retry all" not in driver.text


async def test_reading_can_be_stopped_and_keys_typed_ahead_do_nothing(drive: Drive, jobs_db: JobsDatabase) -> None:
    gate = Gate("get_error_groups")
    async with drive(make=gate.store) as driver:
        await driver.press("E", until=lambda: driver.dialog.startswith("Errors · "))
        await driver.shows("Reading the failures of the last 7 d …", "x stop")
        await driver.press("r", "y", "enter", message="The groups have just been read, or are still being read.")
        await driver.press("x", shows="Stopped reading. Press f5 to read again.")
        await driver.press("f5", shows="Reading the failures")
        gate.open()
        await ready(driver)
        assert driver.dialog.startswith("Errors · ")
        assert jobs_db.count() == 8
        await driver.press("escape", dialog="")
        await driver.until(lambda: not driver.message)
    failing = Gate("get_error_groups", fails=TimedOut("The database took too long."))
    failing.open()
    async with drive(make=failing.store) as driver:
        await driver.press("E", shows=("The database took too long.", "Choose a shorter period or a project."))


async def test_keys_typed_before_the_groups_appeared_are_refused_and_a_click_lists_the_jobs(
    dashboard: Driver, jobs_db: JobsDatabase
) -> None:
    for key in ("E", "r", "y", "enter"):
        send(dashboard.app, key)
    await dashboard.until(lambda: len(dashboard.warnings) > 0)
    await ready(dashboard)
    assert jobs_db.count() == 8
    dashboard.clear_messages()
    await dashboard.settle()
    await dashboard.pilot.click("#groups", offset=(5, 0))
    await dashboard.expects(dialog="", rows=[4])


async def test_hostile_errors_are_harmless_on_the_screen_and_in_the_copy(
    operator: Driver, jobs_db: JobsDatabase
) -> None:
    jobs_db.job(21, "failed", project=TRAIL, owner=BEN, error=HOSTILE, mode="[bold]\x9b", minutes_ago=1)
    jobs_db.job(22, "failed", project=TRAIL, error='{"message": "\\u001b[31mred\\u202e"}', minutes_ago=2)
    jobs_db.sql("update auth.users set email = %s where id = %s", "ben\x1b@example.com", BEN)
    await operator.show_project("all projects")
    screen = await open_errors(operator)
    await operator.shows("Users    1 user: ben␛@example.com")
    for size in ((200, 50), (80, 24)):
        await operator.resize(*size)
        await operator.shows("[/oops][@click=app.quit]x")
        for key in ("home", "down", "down", "down"):
            await operator.press(key)
            assert not set(operator.text) & {"\x1b", "\x07", "\u202e", "\u200b", "\x9b"}
    await operator.press("home", "y", message="Copied the error group")
    assert screen.is_open
    copied = operator.app.clipboard
    assert len(copied) < 10_000
    assert not set(copied) & {"\x1b", "\x07", "\u202e", "\u200b", "\x9b"}


async def test_errors_name_users_by_their_emails_also_while_acting_as_a_user(
    dashboard: Driver, jobs_db: JobsDatabase
) -> None:
    failures(jobs_db)
    await dashboard.shows("as ada@example.com")
    await open_errors(dashboard)
    await dashboard.shows("Users    1 user: ada@example.com")


async def test_emails_that_arrive_after_the_errors_were_closed_change_nothing(
    dashboard: Driver, jobs_db: JobsDatabase
) -> None:
    failures(jobs_db)
    screen = await open_errors(dashboard)
    await dashboard.press("escape", dialog="")
    assert screen._found is not None
    await screen._name_users(screen._found)


async def test_cursor_stays_visible_when_the_screen_shrinks(dashboard: Driver, jobs_db: JobsDatabase) -> None:
    for number, letter in enumerate("abcdefghijklm"):
        jobs_db.job(100 + number, "failed", error=f"Kind {letter} failed", minutes_ago=number + 1)
    screen = await open_errors(dashboard)
    rows = screen.query_one(OptionList)
    await dashboard.press(*["down"] * 9, until=lambda: rows.highlighted == 9)
    for size in ((60, 18), (160, 45), (60, 18), (160, 20), (40, 12), (40, 8), (80, 24)):
        await dashboard.resize(*size)
        await ready(dashboard)
        assert rows.highlighted == 9
        line = rows.content_region.y + 9 - rows.scroll_offset.y
        visible = rows.content_region.intersection(screen.query_one("#list").content_region)
        assert visible.y <= line < visible.bottom, size
    assert screen._found is not None
    # The row, the name of the group, and its example.
    assert dashboard.text.count(screen._found.groups[9].name) == 3
