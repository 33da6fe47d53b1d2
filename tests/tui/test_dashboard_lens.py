"""The lens: beside what a user sees what they do not, which policy hides it, and whose numbers are whose."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from store.jobs.job import JobStatus
from store.users.actor import OPERATOR
from tests.conftest import Conninfo
from tests.tui.driving import Driver, WatchedApp, drive_dashboard, opener_of
from tests.tui.world import AUTUMN, BEN, TRAIL, JobsDatabase, job_id

POLICY = "Users can view own generation jobs"

WHY = f"⊘ hidden by the policy “{POLICY}”"


@pytest.fixture
def shared(jobs_db: JobsDatabase) -> JobsDatabase:
    """Ben has the failed job 9 and the queued 10 in Ada's Autumn; Ada has the job 11 in Ben's project."""
    jobs_db.job(9, "failed", owner=BEN, cost_cents=4_000)
    jobs_db.job(10, "queued", owner=BEN, cost_cents=5_000)
    jobs_db.job(11, "queued", project=TRAIL, cost_cents=7)
    return jobs_db


@pytest.fixture
async def dashboard(shared: JobsDatabase, app: WatchedApp) -> AsyncIterator[Driver]:
    """Ada's newest project, with her eyes."""
    async with drive_dashboard(app) as driver:
        yield driver


@pytest.fixture
async def comparing(dashboard: Driver) -> Driver:
    await dashboard.press("v")
    await dashboard.shows("lens: ada@example.com sees 6 of 8")
    return dashboard


def row_of(dashboard: Driver, number: int) -> str:
    place = dashboard.rows.index(number)
    return dashboard.row(place + 1)


async def test_visibility_comparison_lists_hidden_jobs_among_visible_ones(comparing: Driver) -> None:
    assert comparing.rows == [1, 2, 3, 4, 5, 6, 9, 10]
    assert comparing.title == "Jobs · ada@example.com sees 6 of 8, newest first"
    assert [number for number in comparing.rows if "⊘ hidden" in row_of(comparing, number)] == [9, 10]
    await comparing.shows(WHY)


async def test_hidden_job_is_dimmed_in_the_visibility_comparison(comparing: Driver) -> None:
    table = comparing.table
    quiet = table.get_component_rich_style("job-table--quiet").color
    (mode,) = [segment for segment in table.render_line(8) if "lifestyle" in segment.text]
    (seen,) = [segment for segment in table.render_line(3) if "main_white" in segment.text]
    assert mode.style is not None
    assert seen.style is not None
    assert mode.style.color == quiet != seen.style.color


async def test_visibility_comparison_keeps_the_totals_of_the_user(dashboard: Driver) -> None:
    before = dashboard.costs
    await dashboard.press("v")
    await dashboard.shows("lens: ada@example.com sees 6 of 8")

    assert dashboard.costs == before
    await dashboard.shows("Costs · Autumn catalog, as ada@example.com sees it")


async def test_visibility_key_closes_the_comparison(comparing: Driver) -> None:
    await comparing.press("v")
    await comparing.shows("as ada@example.com", "Costs · Autumn catalog ─")

    assert comparing.rows == [1, 2, 3, 4, 5, 6]
    await comparing.shows_no_longer("⊘ hidden")


async def test_cursor_keeps_its_job_when_the_visibility_comparison_opens_and_closes(dashboard: Driver) -> None:
    await dashboard.go_to(4)
    await dashboard.press("v")
    await dashboard.shows("sees 6 of 8")
    assert dashboard.cursor == 4
    await dashboard.press("v")
    await dashboard.shows_no_longer("⊘ hidden")
    assert dashboard.cursor == 4


async def test_visibility_comparison_of_all_projects_lists_jobs_that_concern_the_user(comparing: Driver) -> None:
    await comparing.press("p")
    await comparing.has_dialog("Show which project?")
    await comparing.type("all projects")
    await comparing.press("enter")
    await comparing.shows("lens: ada@example.com sees 8 of 10")

    assert comparing.rows == [1, 2, 3, 4, 5, 6, 7, 9, 10, 11]


async def test_visibility_comparison_can_be_limited_to_one_status(comparing: Driver) -> None:
    await comparing.press("5")
    await comparing.shows("lens: ada@example.com sees 1 of 2")
    assert comparing.rows == [4, 9]
    assert comparing.title == "Failed jobs · ada@example.com sees 1 of 2, newest first"


async def test_details_of_a_hidden_job_show_the_policy_that_hides_it(comparing: Driver) -> None:
    await comparing.go_to(9)
    await comparing.press("enter")
    await comparing.has_dialog("Job")
    await comparing.shows(
        "⊘ hidden from ada@example.com.",
        f"“{POLICY}” lets through (( SELECT auth.uid() AS uid) =",
        "ben@example.com  b0000000",
    )
    await comparing.shows_no_longer("d delete   y")

    await comparing.press("escape")
    await comparing.go_to(1)
    await comparing.press("enter")
    await comparing.has_dialog("Job")
    await comparing.shows("d delete  y copy id")
    await comparing.shows_no_longer("⊘ hidden from")


@pytest.mark.parametrize("key", ["s", "c", "f", "d"])
async def test_no_list_key_changes_a_hidden_job(comparing: Driver, shared: JobsDatabase, key: str) -> None:
    await comparing.go_to(10)
    await comparing.press(key)
    await comparing.shows_toast("ada@example.com does not see this job; press u for the operator.")

    assert comparing.dialog == ""
    assert shared.status(10) is JobStatus.QUEUED


async def test_bulk_action_changes_no_job_when_one_is_hidden(comparing: Driver, shared: JobsDatabase) -> None:
    await comparing.go_to(5)
    await comparing.press("space")
    await comparing.go_to(10)
    await comparing.press("space", "s")
    await comparing.shows_toast("ada@example.com does not see 1 of these 2 jobs; press u for the operator.")
    assert (shared.status(5), shared.status(10)) == (JobStatus.QUEUED, JobStatus.QUEUED)


async def test_no_details_key_changes_a_hidden_job(comparing: Driver, shared: JobsDatabase) -> None:
    await comparing.go_to(10)
    await comparing.press("enter")
    await comparing.has_dialog("Job")
    await comparing.press("s")
    await comparing.shows_toast("ada@example.com does not see this job")
    assert shared.status(10) is JobStatus.QUEUED


async def test_visible_job_can_be_started_in_the_visibility_comparison(comparing: Driver, shared: JobsDatabase) -> None:
    await comparing.go_to(1)
    await comparing.press("s")
    await comparing.shows_toast("Started lifestyle 00000001.")
    assert shared.status(1) is JobStatus.RUNNING


async def test_visibility_comparison_follows_changes_by_other_sessions(comparing: Driver, shared: JobsDatabase) -> None:
    shared.sql("update public.generation_jobs set user_id = %s where id = %s", BEN, job_id(3))
    shared.delete(9)
    await comparing.refreshes()

    await comparing.shows("lens: ada@example.com sees 5 of 7")
    assert "⊘ hidden" in row_of(comparing, 3)


async def test_visibility_key_asks_the_operator_for_a_user(shared: JobsDatabase, database: Conninfo) -> None:
    async with drive_dashboard(WatchedApp(opener_of(database, actor=OPERATOR))) as driver:
        await driver.press("v")
        await driver.has_dialog("Lens: which user?")
        await driver.until(lambda: "ada@example.com" in driver.text)
        await driver.shows_no_longer("the role as connected")
        await driver.type("ada@")
        await driver.press("enter")

        await driver.shows("lens: ada@example.com sees 6 of 8")
        await driver.press("u")
        await driver.has_dialog("Look with whose eyes?")
        await driver.type("ben@")
        await driver.press("enter")
        await driver.shows("as ben@example.com")
        await driver.shows_no_longer("lens:")


async def test_operator_keeps_the_selected_project_in_the_visibility_comparison(
    shared: JobsDatabase, database: Conninfo
) -> None:
    """Also on one that the user does not see."""
    async with drive_dashboard(WatchedApp(opener_of(database, actor=OPERATOR))) as driver:
        await driver.show_project("Trail gear")
        await driver.press("v")
        await driver.has_dialog("Lens: which user?")
        await driver.type("ada@")
        await driver.press("enter")

        await driver.shows("lens: ada@example.com sees 1 of 2", "Costs · Trail gear, as ada@example.com sees it")
        assert driver.rows == [8, 11]


async def test_canceled_user_choice_keeps_the_operator_view(shared: JobsDatabase, database: Conninfo) -> None:
    async with drive_dashboard(WatchedApp(opener_of(database, actor=OPERATOR))) as driver:
        await driver.press("v")
        await driver.has_dialog("Lens: which user?")
        await driver.press("escape")
        await driver.has_dialog("")
        await driver.shows("as the operator")


class TestAppDatabase:
    """Whose grants and policies differ."""

    @pytest.fixture
    async def app_jobs_db(self, attached_database: Conninfo) -> AsyncIterator[JobsDatabase]:
        jobs_db = JobsDatabase(attached_database)
        jobs_db.users()
        jobs_db.project(AUTUMN, "Autumn catalog", days_ago=1)
        for number in (1, 2):
            jobs_db.job(number)
        yield jobs_db
        jobs_db.close()

    @pytest.fixture
    def app(self, attached_database: Conninfo, tmp_path: Path) -> WatchedApp:
        return WatchedApp(opener_of(attached_database), state_path=tmp_path / "state.json")

    async def test_missing_grant_is_not_shown_as_zero_jobs(self, app_jobs_db: JobsDatabase, app: WatchedApp) -> None:
        app_jobs_db.sql("revoke all on public.generation_jobs, public.projects, public.assets from authenticated")
        async with drive_dashboard(app) as driver:
            await driver.shows("no privilege")
            await driver.press("v")
            await driver.shows(
                "lens: ada@example.com sees none: no grant",
                "No grant: ada@example.com may not read the jobs",
                "⊘ hidden from everybody: authenticated has no grant",
            )

            assert driver.rows == [1, 2]
            assert all("⊘ hidden" in row_of(driver, number) for number in (1, 2))
            assert not re.search(r"sees 0|Total 0|\$0\.00", driver.text)
            await driver.resize(80, 24)
            await driver.shows("there is nothing to", "count with their eyes.")

    async def test_table_without_a_policy_hides_jobs_from_everybody(
        self, app_jobs_db: JobsDatabase, app: WatchedApp
    ) -> None:
        app_jobs_db.sql(f'drop policy "{POLICY}" on public.generation_jobs')
        async with drive_dashboard(app) as driver:
            await driver.press("v")
            await driver.shows("sees 0 of 2", "⊘ hidden from everybody: no policy lets authenticated read")

    async def test_hostile_policy_name_is_shown_as_plain_text(self, app_jobs_db: JobsDatabase, app: WatchedApp) -> None:
        app_jobs_db.sql(
            'create policy "[@click=app.quit]x[/]" on public.generation_jobs as restrictive for select to authenticated'
            " using (mode <> '\x1b[31m[/oops]')"
        )
        app_jobs_db.sql("update public.generation_jobs set mode = '\x1b[31m[/oops]' where id = %s", job_id(2))
        async with drive_dashboard(app) as driver:
            await driver.press("v")
            await driver.shows("sees 1 of 2", "“[@click=app.quit]x[/]”")
            await driver.go_to(2)
            await driver.press("enter")
            await driver.has_dialog("Job")
            await driver.shows("“[@click=app.quit]x[/]” keeps back all but")


async def test_visibility_key_opens_a_hidden_job_that_was_found_by_id(dashboard: Driver) -> None:
    await dashboard.press("slash")
    await dashboard.type(str(job_id(8)))
    await dashboard.shows("Enter looks for that id everywhere.")
    await dashboard.press("enter")
    await dashboard.shows_toast(
        "The job lifestyle 00000008 exists, but ada@example.com does not see it: press v for why."
    )

    await dashboard.press("v")
    await dashboard.shows("Costs · Trail gear, as ada@example.com sees it", "lens: ada@example.com sees 1 of 2")
    assert dashboard.cursor == 8


async def test_leaving_the_visibility_comparison_hides_operator_only_data(dashboard: Driver) -> None:
    """The project's name as well as its rows, and the project itself, which Ada does not see."""
    await dashboard.press("slash")
    await dashboard.type(str(job_id(8)))
    await dashboard.press("enter")
    await dashboard.shows_toast("The job lifestyle 00000008 exists")
    await dashboard.press("v")
    await dashboard.shows("Costs · Trail gear, as ada@example.com sees it")

    await dashboard.press("v")
    await dashboard.shows("Costs · b1000000")
    assert dashboard.rows == [11]
    await dashboard.shows_no_longer("Trail gear")
