"""Several jobs at once: what is asked, what is stored, and which are named as left."""

from store.jobs.job import JobStatus
from tests.tui.driving import Driver
from tests.tui.world import World, short


async def mark(dashboard: Driver, *numbers: int) -> None:
    for number in numbers:
        await dashboard.press("space", on=number)
    assert dashboard.marked == set(numbers)


async def test_panel_counts_marked_jobs_and_escape_clears_them(dashboard: Driver) -> None:
    await mark(dashboard, 1, 3)
    await dashboard.sees("2 marked, esc unmarks")

    await dashboard.press("escape")
    assert dashboard.marked == set()
    await dashboard.sees_no_more("marked")


async def test_marked_jobs_are_started_after_confirmation(dashboard: Driver, world: World) -> None:
    await mark(dashboard, 1, 5)
    await dashboard.press("s", "enter", dialog="")
    assert world.status(1) is JobStatus.QUEUED
    assert dashboard.marked == {1, 5}

    await dashboard.press("s", dialog="Start these 2 jobs?")
    await dashboard.sees(short(1), short(5), "lifestyle", "feature_callout", "Database: testbase", "Start 2 (y)")
    await dashboard.press("y", told="Started 2 of 2 jobs.")
    assert [world.status(number) for number in (1, 5)] == [JobStatus.RUNNING] * 2
    await dashboard.until(lambda: "running 4" in dashboard.costs[0])


async def test_bulk_start_skips_and_names_jobs_that_cannot_start(dashboard: Driver, world: World) -> None:
    await mark(dashboard, 2, 3)
    await dashboard.press("s", told="Only queued jobs can be started; none of these 2 is.", dialog="")
    await dashboard.press("escape")
    await mark(dashboard, 1, 3, 5)
    await dashboard.press("s", "y", told=f"Started 2 of 3 jobs; 1 had already finished: main_white {short(3)}.")
    assert world.status(3) is JobStatus.SUCCEEDED


async def test_marked_jobs_fail_with_one_error_text(dashboard: Driver, world: World) -> None:
    await mark(dashboard, 2, 6)
    await dashboard.press("f", dialog="Fail 2 jobs")
    await dashboard.type("Test error", "enter", told="Failed 2 of 2 jobs.")
    assert world.sql("select count(*) from generation_jobs where error = 'Test error'") == [(2,)]


async def test_bulk_deletion_warns_about_queued_and_running_jobs(dashboard: Driver, world: World) -> None:
    await mark(dashboard, 1, 2, 3)
    await dashboard.press("d", dialog="Delete these 3 jobs?", sees="Among them 1 still queued and 1 still running")
    await dashboard.press("y", told="Deleted 3 of 3 jobs.", rows=[4, 5, 6])
    assert [world.status(number) for number in (1, 2, 3)] == [None] * 3
    assert not any("left this list" in toast for toast in dashboard.toasts), "one knows what one deleted"


async def test_bulk_deletion_skips_a_job_that_changed_while_the_dialog_was_open(
    dashboard: Driver, world: World
) -> None:
    await mark(dashboard, 3, 4)
    await dashboard.press("d")
    world.set_status(4, "queued")
    await dashboard.press("y", told=f"Deleted 1 of 2 jobs; 1 is queued by now: lifestyle {short(4)}.")

    assert (world.status(3), world.status(4)) == (None, JobStatus.QUEUED)


async def test_marked_job_that_leaves_the_list_is_unmarked_and_reported(dashboard: Driver, world: World) -> None:
    await mark(dashboard, 2, 3, 4)
    world.delete(2, 3)
    await dashboard.looks_again()
    await dashboard.shows(told="2 marked jobs left this list.", sees="1 marked")
    assert dashboard.marked == {4}
