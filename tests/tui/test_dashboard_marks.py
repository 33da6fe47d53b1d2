"""Several jobs at once: what is asked, what is stored, and which are named as left."""

import pytest

from store.jobs.job import JobStatus
from tests.tui.driving import Driver
from tests.tui.world import JobsDatabase, short


async def mark(dashboard: Driver, *numbers: int) -> None:
    for number in numbers:
        await dashboard.go_to(number)
        await dashboard.press("space")
    assert dashboard.marked == set(numbers)


async def test_panel_counts_marked_jobs_and_escape_clears_them(dashboard: Driver) -> None:
    await mark(dashboard, 1, 3)
    await dashboard.shows("2 marked, esc unmarks")

    await dashboard.press("escape")
    assert dashboard.marked == set()
    await dashboard.shows_no_longer("marked")


async def test_marked_jobs_are_started_after_confirmation(dashboard: Driver, jobs_db: JobsDatabase) -> None:
    await mark(dashboard, 1, 5)
    await dashboard.press("s")
    await dashboard.has_dialog("Start these 2 jobs?")
    for words in (short(1), short(5), "lifestyle", "feature_callout", "Database: testbase", "Start 2 (y)"):
        await dashboard.shows(words)
    await dashboard.press("y")
    await dashboard.shows_toast("Started 2 of 2 jobs.")

    assert [jobs_db.status(number) for number in (1, 5)] == [JobStatus.RUNNING] * 2
    await dashboard.until(lambda: "running 4" in dashboard.costs[0])


async def test_default_answer_starts_no_marked_job(dashboard: Driver, jobs_db: JobsDatabase) -> None:
    await mark(dashboard, 1, 5)
    await dashboard.press("s", "enter")

    await dashboard.has_dialog("")
    assert jobs_db.status(1) is JobStatus.QUEUED
    assert dashboard.marked == {1, 5}


async def test_bulk_start_skips_and_names_jobs_that_cannot_start(dashboard: Driver, jobs_db: JobsDatabase) -> None:
    await mark(dashboard, 1, 3, 5)
    await dashboard.press("s", "y")
    await dashboard.shows_toast(f"Started 2 of 3 jobs; 1 had already finished: main_white {short(3)}.")

    assert jobs_db.status(3) is JobStatus.SUCCEEDED


async def test_bulk_start_without_a_startable_job_opens_no_dialog(dashboard: Driver) -> None:
    await mark(dashboard, 2, 3)
    await dashboard.press("s")
    await dashboard.shows_toast("Only queued jobs can be started; none of these 2 is.")

    await dashboard.has_dialog("")


async def test_marked_jobs_fail_with_one_error_text(dashboard: Driver, jobs_db: JobsDatabase) -> None:
    await mark(dashboard, 2, 6)
    await dashboard.press("f")
    await dashboard.has_dialog("Fail 2 jobs")
    await dashboard.type("Test error")
    await dashboard.press("enter")
    await dashboard.shows_toast("Failed 2 of 2 jobs.")

    assert jobs_db.sql("select count(*) from generation_jobs where error = 'Test error'") == [(2,)]


async def test_bulk_deletion_warns_about_queued_and_running_jobs(dashboard: Driver, jobs_db: JobsDatabase) -> None:
    await mark(dashboard, 1, 2, 3)
    await dashboard.press("d")
    await dashboard.has_dialog("Delete these 3 jobs?")
    await dashboard.shows("Among them 1 still queued and 1 still running: they will never finish.")
    await dashboard.press("y")
    await dashboard.shows_toast("Deleted 3 of 3 jobs.")

    assert [jobs_db.status(number) for number in (1, 2, 3)] == [None] * 3
    await dashboard.until(lambda: dashboard.rows == [4, 5, 6])
    assert not any("left this list" in toast for toast in dashboard.toasts), "one knows what one deleted"


async def test_bulk_deletion_skips_a_job_that_changed_while_the_dialog_was_open(
    dashboard: Driver, jobs_db: JobsDatabase
) -> None:
    await mark(dashboard, 3, 4)
    await dashboard.press("d")
    jobs_db.set_status(4, "queued")
    await dashboard.press("y")
    await dashboard.shows_toast(f"Deleted 1 of 2 jobs; 1 is queued by now: lifestyle {short(4)}.")

    assert (jobs_db.status(3), jobs_db.status(4)) == (None, JobStatus.QUEUED)


async def test_marked_job_that_leaves_the_list_is_unmarked_and_reported(
    dashboard: Driver, jobs_db: JobsDatabase
) -> None:
    await mark(dashboard, 2, 3, 4)
    jobs_db.delete(2, 3)
    await dashboard.refreshes()

    await dashboard.shows_toast("2 marked jobs left this list.")
    assert dashboard.marked == {4}
    await dashboard.shows("1 marked")


@pytest.mark.parametrize("keys", [["asterisk"], ["ctrl+a"]])
async def test_mark_all_keys_mark_every_listed_job(dashboard: Driver, keys: list[str]) -> None:
    await dashboard.press(*keys)

    assert dashboard.marked == {1, 2, 3, 4, 5, 6}
