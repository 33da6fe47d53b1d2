"""The lens: beside what a user sees what they do not, which policy hides it, and whose numbers are whose."""

import re
from collections.abc import AsyncIterator

import pytest

from store.jobs.job import JobStatus
from store.users.actor import OPERATOR
from tests.conftest import Conninfo
from tests.tui.driving import Drive, Driver, WatchedApp, driving, opener_of
from tests.tui.world import AUTUMN, BEN, TRAIL, World, job_id

POLICY = "Users can view own generation jobs"


@pytest.fixture
def world(world: World) -> World:
    """Ben has the failed job 9 and the queued 10 in Ada's Autumn; Ada has the job 11 in Ben's project."""
    world.job(9, "failed", owner=BEN, cost_cents=4_000)
    world.job(10, "queued", owner=BEN, cost_cents=5_000)
    world.job(11, "queued", project=TRAIL, cost_cents=7)
    return world


@pytest.fixture
async def through_lens(dashboard: Driver) -> Driver:
    await dashboard.press("v", sees="lens: ada@example.com sees 6 of 8")
    return dashboard


def row_of(dashboard: Driver, number: int) -> str:
    return dashboard.row(dashboard.rows.index(number) + 1)


async def test_visibility_comparison_lists_hidden_jobs_dimmed_among_visible_ones(through_lens: Driver) -> None:
    assert through_lens.rows == [1, 2, 3, 4, 5, 6, 9, 10]
    assert through_lens.title == "Jobs · ada@example.com sees 6 of 8, newest first"
    assert [number for number in through_lens.rows if "⊘ hidden" in row_of(through_lens, number)] == [9, 10]
    await through_lens.sees(f"⊘ hidden by the policy “{POLICY}”")
    table = through_lens.table
    quiet = table.get_component_rich_style("job-table--quiet").color
    (mode,) = [segment.style for segment in table.render_line(8) if "lifestyle" in segment.text]
    (seen,) = [segment.style for segment in table.render_line(3) if "main_white" in segment.text]
    assert mode is not None
    assert seen is not None
    assert mode.color == quiet != seen.color

    await through_lens.press("v", sees=("as ada@example.com", "Costs · Autumn catalog ─"))
    assert through_lens.rows == [1, 2, 3, 4, 5, 6]
    await through_lens.sees_no_more("⊘ hidden")


async def test_visibility_comparison_keeps_the_totals_of_the_user_and_the_cursor(dashboard: Driver) -> None:
    before = dashboard.costs
    await dashboard.press("v", on=4, sees="lens: ada@example.com sees 6 of 8")
    assert (dashboard.costs, dashboard.cursor) == (before, 4)
    await dashboard.sees("Costs · Autumn catalog, as ada@example.com sees it")
    await dashboard.press("v", hides="⊘ hidden")
    assert dashboard.cursor == 4


async def test_visibility_comparison_follows_the_selected_status_and_project(through_lens: Driver) -> None:
    await through_lens.press("5", sees="lens: ada@example.com sees 1 of 2")
    assert through_lens.rows == [4, 9]
    assert through_lens.title == "Failed jobs · ada@example.com sees 1 of 2, newest first"
    await through_lens.press("1", "p", dialog="Show which project?")
    await through_lens.type("all projects", "enter", sees="lens: ada@example.com sees 8 of 10")
    assert through_lens.rows == [1, 2, 3, 4, 5, 6, 7, 9, 10, 11]


async def test_details_of_a_hidden_job_show_the_policy_that_hides_it(through_lens: Driver) -> None:
    await through_lens.press("enter", on=9, dialog="Job")
    await through_lens.sees(
        "⊘ hidden from ada@example.com.",
        f"“{POLICY}” lets through (( SELECT auth.uid() AS uid) =",
        "ben@example.com  b0000000",
    )
    await through_lens.sees_no_more("d delete   y")

    await through_lens.press("escape")
    await through_lens.press("enter", on=1, dialog="Job", sees="d delete  y copy id", hides="⊘ hidden from")


async def test_no_key_changes_a_hidden_job(through_lens: Driver, world: World) -> None:
    refusal = "ada@example.com does not see this job; press u for the operator."
    await through_lens.go_to(10)
    assert await through_lens.told_by_each("s", "c", "f", "d") == [refusal] * 4
    await through_lens.has_dialog("")
    await through_lens.press("enter", dialog="Job")
    assert await through_lens.told_by_each("s") == [refusal]
    await through_lens.press("escape")
    await through_lens.press("space", on=5)
    await through_lens.press("space", "s", on=10)
    await through_lens.is_told("ada@example.com does not see 1 of these 2 jobs; press u for the operator.")
    assert (world.status(5), world.status(10)) == (JobStatus.QUEUED, JobStatus.QUEUED)


async def test_visible_job_can_be_started_in_the_visibility_comparison(through_lens: Driver, world: World) -> None:
    await through_lens.press("s", on=1, told="Started lifestyle 00000001.")
    assert world.status(1) is JobStatus.RUNNING


async def test_visibility_comparison_follows_changes_by_other_sessions(through_lens: Driver, world: World) -> None:
    world.sql("update public.generation_jobs set user_id = %s where id = %s", BEN, job_id(3))
    world.delete(9)
    await through_lens.looks_again()

    await through_lens.sees("lens: ada@example.com sees 5 of 7")
    assert "⊘ hidden" in row_of(through_lens, 3)


async def test_visibility_key_asks_the_operator_for_a_user(drive: Drive) -> None:
    async with drive(actor=OPERATOR) as driver:
        await driver.press("v", dialog="Lens: which user?", sees="ada@example.com", hides="the role as connected")
        await driver.press("escape", dialog="", sees="as the operator")
        await driver.press("v", dialog="Lens: which user?")
        await driver.type("ada@", "enter", sees="lens: ada@example.com sees 6 of 8")
        await driver.act_as("ben@", sees="as ben@example.com", hides="lens:")


async def test_operator_keeps_a_project_that_the_user_does_not_see(drive: Drive) -> None:
    async with drive(actor=OPERATOR) as driver:
        await driver.show_project("Trail gear")
        await driver.press("v", dialog="Lens: which user?")
        await driver.type("ada@", "enter", sees="lens: ada@example.com sees 1 of 2")
        await driver.sees("Costs · Trail gear, as ada@example.com sees it")
        assert driver.rows == [8, 11]


class TestAppDatabase:
    """Whose grants and policies differ."""

    @pytest.fixture
    async def app_world(self, attached_database: Conninfo) -> AsyncIterator[World]:
        world = World(attached_database)
        world.users()
        world.project(AUTUMN, "Autumn catalog", days_ago=1)
        for number in (1, 2):
            world.job(number)
        yield world
        world.close()

    @pytest.fixture
    def app(self, attached_database: Conninfo) -> WatchedApp:
        return WatchedApp(opener_of(attached_database))

    async def test_missing_grant_is_not_shown_as_zero_jobs(self, app_world: World, app: WatchedApp) -> None:
        app_world.sql("revoke all on public.generation_jobs, public.projects, public.assets from authenticated")
        async with driving(app) as driver:
            await driver.sees("no privilege")
            await driver.press("v")
            await driver.sees(
                "lens: ada@example.com sees none: no grant",
                "No grant: ada@example.com may not read the jobs",
                "⊘ hidden from everybody: authenticated has no grant",
            )

            assert driver.rows == [1, 2]
            assert all("⊘ hidden" in row_of(driver, number) for number in (1, 2))
            assert not re.search(r"sees 0|Total 0|\$0\.00", driver.text)
            await driver.resize(80, 24)
            await driver.sees("there is nothing to", "count with their eyes.")

    async def test_table_without_a_policy_hides_jobs_from_everybody(self, app_world: World, app: WatchedApp) -> None:
        app_world.sql(f'drop policy "{POLICY}" on public.generation_jobs')
        async with driving(app) as driver:
            await driver.press("v", sees=("sees 0 of 2", "⊘ hidden from everybody: no policy lets authenticated read"))

    async def test_hostile_policy_name_is_shown_as_plain_text(self, app_world: World, app: WatchedApp) -> None:
        app_world.sql(
            'create policy "[@click=app.quit]x[/]" on public.generation_jobs as restrictive for select to authenticated'
            " using (mode <> '\x1b[31m[/oops]')"
        )
        app_world.sql("update public.generation_jobs set mode = '\x1b[31m[/oops]' where id = %s", job_id(2))
        async with driving(app) as driver:
            await driver.press("v", sees=("sees 1 of 2", "“[@click=app.quit]x[/]”"))
            await driver.press("enter", on=2, dialog="Job", sees="“[@click=app.quit]x[/]” keeps back all but")


async def test_visibility_key_opens_a_hidden_job_found_by_id_and_leaving_hides_it_again(dashboard: Driver) -> None:
    """The project's name as well as its rows, and the project itself, which Ada does not see."""
    await dashboard.filter(str(job_id(8)), sees="Enter looks for that id everywhere.")
    await dashboard.press("enter")
    await dashboard.is_told("The job lifestyle 00000008 exists, but ada@example.com does not see it: press v for why.")
    await dashboard.press("v", sees="Costs · Trail gear, as ada@example.com sees it")
    await dashboard.sees("lens: ada@example.com sees 1 of 2")
    assert dashboard.cursor == 8

    await dashboard.press("v", sees="Costs · b1000000")
    assert dashboard.rows == [11]
    await dashboard.sees_no_more("Trail gear")
