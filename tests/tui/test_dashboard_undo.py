"""What was deleted here is made again by U, with all that it held."""

from store.database.write_access import WriteRule
from tests.conftest import Conninfo
from tests.tui.driving import Driver, WatchedApp, driving, opener_of
from tests.tui.world import BEN, World, job_id, short


def rows(world: World) -> list[tuple[object, ...]]:
    return world.sql("select * from generation_jobs order by id")


async def delete_first(driver: Driver) -> None:
    await driver.press("d", "y")
    await driver.is_told("Deleted lifestyle")


async def test_a_deleted_job_comes_back_as_it_was(dashboard: Driver, world: World) -> None:
    before = rows(world)
    await dashboard.press("d")
    await dashboard.sees("U brings it back, while this dashboard is open.")
    await dashboard.press("y")
    await dashboard.is_told("Deleted lifestyle")
    await dashboard.until(lambda: 1 not in dashboard.rows)
    await dashboard.press("U")
    await dashboard.is_told(f"lifestyle {short(1)} is back.")
    assert rows(world) == before
    await dashboard.until(lambda: 1 in dashboard.rows)


async def test_several_come_back_together_the_last_deletion_first(dashboard: Driver, world: World) -> None:
    before = rows(world)
    await dashboard.go_to(2)
    await dashboard.press("d", "y")
    await dashboard.is_told("Deleted packaging")
    await dashboard.until(lambda: 2 not in dashboard.rows)
    await dashboard.press("asterisk", "d")
    await dashboard.sees("U brings them back, while this dashboard is open.")
    await dashboard.press("y")
    await dashboard.is_told("Deleted 5 of 5 jobs.")
    await dashboard.press("U")
    await dashboard.is_told("5 jobs are back.")
    await dashboard.press("U")
    await dashboard.is_told(f"packaging {short(2)} is back.")
    assert rows(world) == before
    await dashboard.press("U")
    await dashboard.is_told("Nothing was deleted here that could be made again.")


async def test_where_something_took_its_place_nothing_comes_back(dashboard: Driver, world: World) -> None:
    await delete_first(dashboard)
    world.job(1, "failed", error="another")
    await dashboard.press("U")
    await dashboard.is_told(
        f"There is a job {job_id(1)} again, or one that this user does not see: nothing was restored"
    )
    assert world.status(1) == "failed"


async def test_where_its_project_is_gone_it_says_so_and_can_be_tried_again(dashboard: Driver, world: World) -> None:
    before = rows(world)
    await dashboard.press("asterisk", "d", "y")
    await dashboard.is_told("Deleted 6 of 6 jobs.")
    project = world.sql("delete from projects where name = 'Autumn catalog' returning *")
    await dashboard.press("U")
    await dashboard.is_told("The project of a job is gone, or none that this user sees: nothing was restored.")
    world.sql("insert into projects values (%s, %s, %s, %s, %s)", *project[0])
    await dashboard.press("U")
    await dashboard.is_told("6 jobs are back.")
    assert rows(world) == before


async def test_it_comes_back_by_the_eyes_that_deleted_it(dashboard: Driver, world: World) -> None:
    before = rows(world)
    await delete_first(dashboard)
    await dashboard.press("u")
    await dashboard.has_dialog("Look with whose eyes?")
    await dashboard.type(str(BEN))
    await dashboard.sees("ben@example.com")
    await dashboard.press("enter")
    await dashboard.until(lambda: dashboard.rows == [8])
    await dashboard.press("U")
    await dashboard.is_told(f"lifestyle {short(1)} is back.")
    assert rows(world) == before


async def test_nothing_is_made_again_where_nothing_may_be_written(world: World, database: Conninfo) -> None:
    async with driving(WatchedApp(opener_of(database, rule=WriteRule.LEASED))) as driver:
        await driver.press("U")
        await driver.is_told("This session is read-only. Press W to write for some minutes.")


async def test_what_is_not_brought_back_is_named(world: World, database: Conninfo) -> None:
    """Tables of an app's own may lose rows with a job."""
    for rule in ("cascade", "set null", "no action"):
        name = rule.replace(" ", "_")
        world.sql(f"create table public.rows_{name} (job_id uuid references public.generation_jobs on delete {rule})")
    try:
        async with driving(WatchedApp(opener_of(database))) as driver:
            await driver.until(lambda: driver.app.undo.following)
            await driver.press("d")
            await driver.sees("U brings it back, while this dashboard is open; rows of", "public.rows_cascade")
            await driver.sees("public.rows_set_null that are deleted or unlinked")
            assert "no_action" not in driver.text
    finally:
        world.sql("drop table public.rows_cascade, public.rows_set_null, public.rows_no_action")
