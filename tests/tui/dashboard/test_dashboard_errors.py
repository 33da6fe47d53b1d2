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
ASSET_MISSING = error_group_id("Asset 1 not found")
HOSTILE = "[/oops][@click=app.quit]x[/]\x1b[2J\x07\u202e\u200b" + "y" * 1_000_000


async def open_errors(driver: Driver) -> ErrorsDialog:
    await driver.press("E", until=lambda: driver.dialog.startswith("Errors · "))
    await ready(driver)
    screen = driver.app.screen
    assert isinstance(screen, ErrorsDialog)
    return screen


def shows_forbidden(text: str) -> set[str]:
    return set(text) & {"\x1b", "\x07", "\u202e", "\u200b", "\x9b"}


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
        "Users    1 user: ada@example.com",
        f"Example  job {short(4)}",
        "Last     4 min ago, 2026-11-24 11:56:00",
        "read 2026-11-24 12:00:00 UTC · testbase",
    )
    await dashboard.resize(80, 24)
    await dashboard.shows("COST", "USERS", "Asset # not found", "C case", "tab scroll the error", "esc close")
    assert "FIRST  " not in dashboard.text
    await dashboard.press("w", dialog="Waste · Autumn catalog")
    await dashboard.resize(200, 50)
    await dashboard.press("w", dialog="Errors · Autumn catalog")
    await dashboard.shows("FIRST", "MODES", "API timeout  ", "retry all", "esc close")
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
    copied = dashboard.app.clipboard.splitlines()
    assert copied[:3] == [
        f"Error group {ASSET_MISSING}: Asset # not found",
        "2 failures in the last 30 d before 2026-11-24 12:00:00 UTC",
        "First seen: 2026-11-04 12:00:00 UTC",
    ]
    jobs_filter = f"'error-group:{ASSET_MISSING} status:failed'"
    assert f"Jobs: gjobs jobs list --project {AUTUMN} --filter {jobs_filter} --as {ADA}" in copied


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
    assert cursor.highlighted is None
    await dashboard.press("escape", dialog="")
    assert screen._found is not None
    await screen._name_users(screen._found)  # E-mails may arrive after the dialog is closed.
    await dashboard.show_project("Spring lookbook")
    await open_errors(dashboard)
    await dashboard.press("left", "left", shows=("1 failure in the last 1 h", f"{TIMEOUT}, 1 failure in 1 h"))
    jobs_db.delete(14)
    await dashboard.press("f5", shows="No job failed in the last 1 h.")


async def test_enter_lists_the_jobs_of_a_group_with_the_filter_of_the_list(
    dashboard: Driver, jobs_db: JobsDatabase
) -> None:
    failures(jobs_db)
    jobs_db.job(17, "failed", error=json.dumps({"stack": "x" * 500, "message": "Asset 17 not found"}))
    await dashboard.refreshes()
    # The list has only the beginning of the error of job 17.
    for number in (13, 17):
        await dashboard.go_to(number)
        screen = await open_errors(dashboard)
        assert screen.query_one(OptionList).highlighted == 1, number
        await dashboard.press("escape", dialog="")
    await dashboard.filter("-mode:packaging", "enter", until=lambda: 2 not in dashboard.rows)
    await dashboard.press("4", rows=[3])
    await open_errors(dashboard)
    assert dashboard.dialog == "Errors · Autumn catalog · -mode:packaging"
    await dashboard.shows("3 failures in the last 7 d, 2 groups.")
    await dashboard.press("down", "enter", dialog="", rows=[4])
    await dashboard.expects(
        message="Listed the failed jobs of the group, whenever they failed: 1 of them in the last 7 d."
    )
    listed = dashboard.app.dashboard.listed
    assert format_filter(listed.job_filter) == f"-mode:packaging error-group:{TIMEOUT} status:failed"
    assert listed.status is None
    await dashboard.press("slash")
    await dashboard.type("error-group:ass", shows="Asset # not found")
    await dashboard.press("tab", until=lambda: dashboard.rows == [17, 13, 12])


async def test_retry_asks_with_number_and_database_and_repeats_the_counted_jobs(
    drive: Drive, jobs_db: JobsDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    failures(jobs_db)
    async with drive(rule=WriteMode.PERMIT_REQUIRED) as driver:
        await open_errors(driver)
        await driver.press("r", until=lambda: driver.warnings)
        assert driver.dialog.startswith("Errors · ")
        assert "retry all" not in driver.text
        driver.session.access.open_permit("ticket 4711", 600)
        before = jobs_db.count()
        with monkeypatch.context() as patched:
            patched.setattr(errors, "MAX_LIMIT", 1)
            left_out = "Left out, because one retry takes at most 1: 1 job."
            await driver.press("r", dialog="Retry this job?", shows=(left_out, short(4)))
            await driver.press("y", message="Retried 1 of 1 job. Not retried yet: 1 job of the group.")
        assert jobs_db.count() == before + 1
        jobs_db.job(15, "failed", error="API timeout", minutes_ago=-1)
        jobs_db.job(16, "failed", error="API timeout", minutes_ago=3)
        await driver.press("f5", shows=f"{TIMEOUT}, 3 failures in 7 d")
        await ready(driver)
        question = ("Error: API timeout", "Database: testbase", short(11), short(16), "already retried: 1 job.")
        await driver.press("r", dialog="Retry these 2 jobs?", shows=("The new jobs cost at most $5.00.", *question))
        await driver.press("n", until=lambda: driver.dialog.startswith("Errors · "))
        assert jobs_db.count() == before + 3
        await driver.press("r", dialog="Retry these 2 jobs?")
        await driver.press("y", message="Retried 2 of 2 jobs.")
        assert jobs_db.count() == before + 5
        await driver.press("r", message="The jobs of this group were already retried: 3 jobs.")
        await driver.press("down", "r", dialog="Retry this job?")
        jobs_db.delete(13)
        await driver.press("n")
        await driver.press("r", message="No job of this group is still failed.")


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
        await driver.press("escape", dialog="")
        await driver.until(lambda: not driver.message)

        driver.clear_messages()
        for key in ("E", "r", "y", "enter"):
            send(driver.app, key)
        await driver.until(lambda: len(driver.warnings) > 0)
        await ready(driver)
        assert jobs_db.count() == 8
        driver.clear_messages()
        await driver.settle()
        await driver.pilot.click("#groups", offset=(5, 0))
        await driver.expects(dialog="", rows=[4])

        gate.fails = TimedOut("The database took too long.")
        await driver.press("E", shows=("The database took too long.", "Choose a shorter period or a project."))


async def test_hostile_errors_are_harmless_on_the_screen_and_in_the_copy(
    operator: Driver, jobs_db: JobsDatabase
) -> None:
    jobs_db.job(21, "failed", project=TRAIL, owner=BEN, error=HOSTILE, mode="[bold]\x9b", minutes_ago=1)
    jobs_db.job(22, "failed", project=TRAIL, error='{"message": "\\u001b[31mred\\u202e"}', minutes_ago=2)
    jobs_db.sql("update auth.users set email = %s where id = %s", "ben\x1b@example.com", BEN)
    await operator.show_project("all projects")
    screen = await open_errors(operator)
    await operator.shows("Users    1 user: ben␛@example.com")
    await operator.shows("[/oops][@click=app.quit]x")
    assert not shows_forbidden(operator.text)
    await operator.press("y", message="Copied the error group")
    assert screen.is_open
    copied = operator.app.clipboard
    assert len(copied) < 10_000
    assert not shows_forbidden(copied)


async def test_cursor_stays_visible_when_the_screen_shrinks(dashboard: Driver, jobs_db: JobsDatabase) -> None:
    for number, letter in enumerate("abcdefghijklm"):
        jobs_db.job(100 + number, "failed", error=f"Kind {letter} failed", minutes_ago=number + 1)
    screen = await open_errors(dashboard)
    rows = screen.query_one(OptionList)
    await dashboard.press(*["down"] * 9, until=lambda: rows.highlighted == 9)
    for size in ((40, 8), (80, 24)):
        await dashboard.resize(*size)
        await ready(dashboard)
        assert rows.highlighted == 9
        line = rows.content_region.y + 9 - rows.scroll_offset.y
        visible = rows.content_region.intersection(screen.query_one("#list").content_region)
        assert visible.y <= line < visible.bottom, size
    assert screen._found is not None
    # The row, the name of the group, and its example.
    assert dashboard.text.count(screen._found.groups[9].name) == 3
