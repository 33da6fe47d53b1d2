"""The details of a job tell what happened to it, and follow it."""

from tests.conftest import Conninfo
from tests.tui.driving import Driver, WatchedApp, drive_dashboard, opener_of
from tests.tui.world import JobsDatabase, fill, job_id

DEARER = "update public.generation_jobs set cost_cents = cost_cents + 50 where id = %s"


async def test_details_screen_shows_events_and_follows_new_ones(dashboard: Driver, jobs_db: JobsDatabase) -> None:
    shown = job_id(dashboard.cursor or 0)
    await dashboard.press("enter")
    await dashboard.has_dialog("Job")
    await dashboard.shows("What happened", "created, ")
    jobs_db.sql(DEARER, shown)
    dashboard.app.action_refresh()
    await dashboard.shows("cost changed", "+$0.50 = ")


async def test_details_screen_shows_observed_changes_without_stored_events(attached_database: Conninfo) -> None:
    jobs_db = JobsDatabase(attached_database)
    fill(jobs_db)
    async with drive_dashboard(WatchedApp(opener_of(attached_database))) as driver:
        shown = job_id(driver.cursor or 0)
        jobs_db.sql(DEARER, shown)
        await driver.refreshes()
        await driver.press("enter")
        await driver.shows("cost changed", "+$0.50 = ", "observed", "Observed here.", "revision 0005")
    jobs_db.close()
