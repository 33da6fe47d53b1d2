"""The dialog of job timings."""

from tests.tui.dashboard.dashboard_driver import Driver
from tests.tui.jobs_database import JobsDatabase


async def test_timings_dialog_shows_modes_over_a_chosen_period_and_retries_after_an_error(
    dashboard: Driver, jobs_db: JobsDatabase
) -> None:
    jobs_db.set_status(1, "running")
    jobs_db.set_status(1, "failed")
    # Wait for the list, so that it is not read while the table is renamed below.
    await dashboard.until(lambda: "failed" in dashboard.row(1))
    await dashboard.press("t", dialog="Times · Autumn catalog", shows=("MODE", "DONE", "FAILED", "OLDEST", "all"))
    await dashboard.shows("Finished in the last 24 h: ", "Queued now: 1.")
    await dashboard.press("right", shows="Finished in the last 7 d: ")
    await dashboard.press("left", "left", "left", shows="Finished in the last 1 h: ")
    await dashboard.press("escape", dialog="")

    jobs_db.sql("alter table generation_jobs rename to elsewhere")
    try:
        await dashboard.press("t", shows="generation_jobs", hides="Measuring …")
    finally:
        jobs_db.sql("alter table elsewhere rename to generation_jobs")
    await dashboard.press("r", shows="Finished in the last 24 h: ")
    await dashboard.press("escape", dialog="")
    await dashboard.show_project("all projects")
    await dashboard.press("t", dialog="Times · all projects")
    await dashboard.resize(40, 12)
    await dashboard.shows("1 h  24 h  7 d  30 d", "MODE  ", "DONE  FAILED  WAIT 50 %", "← shorter  → longer")
