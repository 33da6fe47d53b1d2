"""The details of a job tell what happened to it, and follow it."""

from tests.conftest import Conninfo
from tests.tui.driving import Driver, WatchedApp, driving, opener_of
from tests.tui.world import World, fill, job_id

DEARER = "update public.generation_jobs set cost_cents = cost_cents + 50 where id = %s"


async def test_details_screen_shows_events_and_follows_new_ones(dashboard: Driver, world: World) -> None:
    shown = job_id(dashboard.cursor or 0)
    await dashboard.press("enter", dialog="Job", sees=("What happened", "created, "))
    world.sql(DEARER, shown)
    dashboard.app.action_refresh()
    await dashboard.sees("cost changed", "+$0.50 = ")


async def test_details_screen_shows_observed_changes_without_stored_events(attached_database: Conninfo) -> None:
    world = World(attached_database)
    fill(world)
    async with driving(WatchedApp(opener_of(attached_database))) as driver:
        shown = job_id(driver.cursor or 0)
        world.sql(DEARER, shown)
        await driver.looks_again()
        await driver.press("enter", sees=("cost changed", "+$0.50 = ", "observed", "Observed here.", "revision 0005"))
    world.close()
