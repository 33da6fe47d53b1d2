"""The archive and the cleanup dialog, opened from the command palette."""

from typing import Unpack

import pytest
from textual.widgets import Checkbox, Select

from gjobs.store.configuration.settings import WriteMode
from gjobs.store.jobs.job import JobStatus
from gjobs.store.retention.retention import RetentionAction
from tests.conftest import Conninfo, connect
from tests.tui.dashboard.dashboard_driver import AS_BEN, Drive, Driver, Expected
from tests.tui.jobs_database import SPRING, JobsDatabase, job_id, short

TEN_YEARS = 10 * 365 * 24 * 60.0  # minutes

LONG_AGO = "1500d"


def archive_jobs(jobs_db: JobsDatabase, *numbers: int) -> None:
    jobs_db.sql("select gjobs.archive_jobs(%s)", [job_id(number) for number in numbers])


def archived(jobs_db: JobsDatabase) -> set[int]:
    return {row[0].int >> 96 for row in jobs_db.sql("select id from gjobs.archived_jobs")}


async def open_archive(driver: Driver) -> None:
    driver.app.action_run("list.archive")
    await driver.expects(hides="Loading …", until=lambda: driver.dialog.startswith("Archive · "))
    await driver.shows_no_longer("Counting …")


async def open_cleanup(driver: Driver, **expected: Unpack[Expected]) -> None:
    await driver.until(lambda: not driver.app.key_queue.is_dropping)
    driver.app.action_run("list.clean_up")
    await driver.has_dialog("Clean up")
    await driver.type(LONG_AGO, **expected)


async def press_enter_until_asked(driver: Driver, question: str) -> None:
    await driver.press("enter", until=lambda: driver.dialog.startswith(question))


def add_old_jobs(jobs_db: JobsDatabase, *numbers: int, status: str = "succeeded") -> None:
    for number in numbers:
        jobs_db.job(number, status, minutes_ago=TEN_YEARS + number)


async def test_archive_lists_jobs_of_the_project_and_their_details(dashboard: Driver, jobs_db: JobsDatabase) -> None:
    jobs_db.sql("update generation_jobs set error = repeat('x', 500) || ' its end' where id = %s", job_id(4))
    archive_jobs(jobs_db, 3, 4, 7)
    await open_archive(dashboard)
    assert dashboard.dialog == "Archive · Autumn catalog"
    titles = "STATUS       MODE                  COST  CREATED     ID      "
    await dashboard.shows("2 archived jobs, $3.50: 1 succeeded, 1 failed", "✓ succeeded  main_white", "✗ failed")
    await dashboard.shows(f"{titles}  ARCHIVED", "⏎ details  space mark")
    await dashboard.resize(80, 24)
    await dashboard.shows(titles, short(3), "⏎ details  space mark")
    assert "ARCHIVED" not in dashboard.text
    await dashboard.resize(120, 36)
    assert short(7) not in dashboard.text

    await dashboard.press("j", "enter", dialog="Archived job", shows=(str(job_id(4)), "Archived ", "$0.50"))
    await dashboard.press("end", shows=("its end", "Events", "archived, was failed"))
    await dashboard.press("escape", dialog="Archive · Autumn catalog")
    await dashboard.press("q")
    await dashboard.show_project("all projects")
    await open_archive(dashboard)
    await dashboard.shows("3 archived jobs", short(7), "Spring lookbook")

    await dashboard.press("escape")
    await dashboard.act_as(AS_BEN, shows="Costs · Trail gear")
    await dashboard.show_project("all projects")
    await open_archive(dashboard)
    await dashboard.shows("No archived jobs.")
    await dashboard.press("enter", "space", "r", "right", "left", dialog="Archive · all projects")


async def test_marked_jobs_of_all_pages_are_restored_after_confirmation(
    dashboard: Driver, jobs_db: JobsDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive_jobs(jobs_db, 3, 4, 6)
    monkeypatch.setattr("gjobs.tui.dashboard.features.archive.ARCHIVE_ROWS", 2)
    await open_archive(dashboard)
    await dashboard.press("left", shows=("Page 1", short(3), short(4)))
    await dashboard.press("space", "right", shows=("Page 2, the last page · 1 marked", short(6)))
    await dashboard.press("r", dialog="Restore this job from the archive?", shows=short(3))
    await dashboard.press("n", dialog="Archive · Autumn catalog")
    await dashboard.press("right", "left", shows=("Page 1 · 1 marked", "✱ ✓ succeeded"))
    await dashboard.press("home", "down", "space", shows="2 marked")
    await dashboard.press("home", "space", shows="1 marked")
    await dashboard.press("home", "space", shows="2 marked")
    await dashboard.press("r", dialog="Restore these 2 jobs from the archive?")
    await dashboard.shows("Database: testbase", short(3), short(4))
    await dashboard.press("n", dialog="Archive · Autumn catalog", shows="2 marked")
    assert archived(jobs_db) == {3, 4, 6}
    with jobs_db.at_once():
        jobs_db.sql("select from gjobs.archived_jobs for update")
        await dashboard.press("r", "y", shows="Restoring 2 jobs …")
    await dashboard.shows_message("Restored 2 jobs.")
    assert archived(jobs_db) == {6}
    await dashboard.until(lambda: {3, 4} <= set(dashboard.rows))

    await open_archive(dashboard)
    jobs_db.job(6, project=SPRING)
    await dashboard.press("r", dialog="Restore this job from the archive?")
    await dashboard.press("y", message="One of these jobs exists already")
    assert archived(jobs_db) == {6}


async def test_cleanup_counts_asks_and_archives_or_deletes(
    dashboard: Driver, jobs_db: JobsDatabase, database: Conninfo
) -> None:
    await open_cleanup(dashboard, shows=("▐ ▌ queued", "▐✓▌ failed"))
    await dashboard.press("enter", shows="✗ No succeeded or failed job was created before ")
    await dashboard.type("30", "enter", shows="✗ Type a number with s, m, h, d or w, such as 30d")
    assert dashboard.value("#age") == "30"

    add_old_jobs(jobs_db, 21, 22)
    add_old_jobs(jobs_db, 23, status="queued")
    await dashboard.type(LONG_AGO)
    await press_enter_until_asked(dashboard, "Archive 2 jobs, created before ")
    await dashboard.shows("2 succeeded, $5.00", "Project: Autumn catalog", "As: ada@example.com", "Database: testbase")
    await dashboard.shows("says how to restore them")
    await dashboard.press("n", dialog="Clean up")
    assert (dashboard.value("#age"), archived(jobs_db)) == (LONG_AGO, set())
    await press_enter_until_asked(dashboard, "Archive 2 jobs")
    with connect(database) as other:
        other.execute("select from public.generation_jobs where id = %s for update", [job_id(21)])
        await dashboard.press(
            "y", message="Archived 1 job. 1 job was skipped, because other sessions were using it. Clean up"
        )
    assert (archived(jobs_db), jobs_db.count()) == ({22}, 10)

    await open_cleanup(dashboard)
    for status in ("#succeeded", "#failed"):
        dashboard.app.screen.query_one(status, Checkbox).value = False
    await dashboard.press("enter", shows="✗ Choose at least one status.")
    dashboard.app.screen.query_one("#queued", Checkbox).value = True
    dashboard.app.screen.query_one("#action", Select).value = RetentionAction.DELETE
    await press_enter_until_asked(dashboard, "Delete 1 job, created before ")
    await dashboard.press("y", message="Deleted 1 job.", dialog="")
    assert (jobs_db.status(21), jobs_db.status(23)) == (JobStatus.SUCCEEDED, None)


async def test_stopped_cleanup_finishes_its_batch_and_reports_the_remaining_jobs(
    dashboard: Driver, jobs_db: JobsDatabase, database: Conninfo
) -> None:
    add_old_jobs(jobs_db, *range(100, 200))
    await open_cleanup(dashboard)
    dashboard.app.screen.query_one("#action", Select).value = RetentionAction.DELETE
    await press_enter_until_asked(dashboard, "Delete 100 jobs")
    with connect(database, autocommit=True) as other:
        # The first batch deletes its first job and then waits for the advisory lock.
        other.execute(
            "create function public.wait() returns trigger language plpgsql as"
            " $$ begin perform pg_advisory_xact_lock(7); return old; end $$"
        )
        other.execute(
            "create trigger wait before delete on public.generation_jobs for each row execute function public.wait()"
        )
        other.execute("select pg_advisory_lock(7)")
        try:
            await dashboard.press("y", dialog="Deleting 100 jobs")
            await dashboard.until(
                lambda: jobs_db.sql("select 1 from pg_locks where locktype = 'advisory' and not granted")
            )
            await dashboard.press("escape", shows="stopping after the jobs in flight")
            other.execute("select pg_advisory_unlock(7)")
            await dashboard.shows_message("Stopped: deleted ")
        finally:
            other.execute("drop function public.wait() cascade")
    # After a long wait, the batch times out and deletes nothing.
    left = jobs_db.count() - 8
    assert 0 < left <= 100
    assert dashboard.warnings == [f"Stopped: deleted {100 - left} jobs, {left} jobs left. Clean up again to continue."]


async def test_read_only_session_can_neither_restore_nor_clean_up(jobs_db: JobsDatabase, drive: Drive) -> None:
    archive_jobs(jobs_db, 3)
    async with drive(rule=WriteMode.PERMIT_REQUIRED) as driver:
        await driver.command("Clean up", message="This session is read-only. Press W to write for some minutes.")
        await open_archive(driver)
        driver.clear_messages()
        await driver.press("r", message="This session is read-only.")
        assert driver.dialog == "Archive · Autumn catalog"
