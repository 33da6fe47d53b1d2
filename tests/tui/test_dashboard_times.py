"""How long jobs wait and run, in the dashboard."""

from tests.tui.driving import Driver
from tests.tui.world import JobsDatabase


async def test_timings_dialog_shows_modes_over_a_chosen_period(dashboard: Driver, jobs_db: JobsDatabase) -> None:
    jobs_db.set_status(1, "running")
    jobs_db.set_status(1, "failed")
    await dashboard.press("t", dialog="Times · Autumn catalog", shows=("MODE", "DONE", "FAILED", "OLDEST", "all"))
    await dashboard.shows("Finished in the last 24 h: ", "Queued now: 1.")
    await dashboard.press("right", shows="Finished in the last 7 d: ")
    await dashboard.press("left", "left", "left", shows="Finished in the last 1 h: ")
    await dashboard.press("escape", dialog="")


async def test_timings_dialog_covers_all_projects(dashboard: Driver) -> None:
    await dashboard.show_project("all projects")
    await dashboard.press("t", dialog="Times · all projects")


async def test_timings_dialog_shows_a_database_error_and_can_retry(dashboard: Driver, jobs_db: JobsDatabase) -> None:
    jobs_db.sql("alter table generation_jobs rename to elsewhere")
    try:
        await dashboard.press("t", shows="generation_jobs", hides="Measuring …")
    finally:
        jobs_db.sql("alter table elsewhere rename to generation_jobs")
    await dashboard.press("r", shows="Finished in the last 24 h: ")
