"""The visibility view: hidden jobs, the policies that hide them, and whose totals are shown."""

import re

import pytest

from gjobs.store.jobs.job import JobStatus
from gjobs.store.users.actor import OPERATOR
from tests.conftest import Conninfo
from tests.tui.dashboard.dashboard_driver import AS_BEN, Drive, Driver, dashboard_on
from tests.tui.jobs_database import AUTUMN, BEN, TRAIL, JobsDatabase, job_id

POLICY = "Users can view own generation jobs"


@pytest.fixture
def jobs_db(jobs_db: JobsDatabase) -> JobsDatabase:
    """Add the jobs 9 and 10 of Ben to Ada's Autumn, and the job 11 of Ada to Ben's project."""
    jobs_db.job(9, "failed", owner=BEN, cost_cents=4_000)
    jobs_db.job(10, "queued", owner=BEN, cost_cents=5_000)
    jobs_db.job(11, "queued", project=TRAIL, cost_cents=7)
    return jobs_db


@pytest.fixture
async def comparing(dashboard: Driver) -> Driver:
    """A dashboard that compares what Ada and the operator see."""
    await dashboard.press("v", shows="visibility: ada@example.com sees 6 of 8")
    return dashboard


def row_of(dashboard: Driver, number: int) -> str:
    return dashboard.row(dashboard.rows.index(number) + 1)


async def test_visibility_comparison_lists_hidden_jobs_dimmed_and_their_details_show_the_policy(
    comparing: Driver, jobs_db: JobsDatabase
) -> None:
    assert comparing.rows == [1, 2, 3, 4, 5, 6, 9, 10]
    assert comparing.title == "Jobs · ada@example.com sees 6 of 8, newest first"
    assert [number for number in comparing.rows if "⊘ hidden" in row_of(comparing, number)] == [9, 10]
    await comparing.shows(f"⊘ hidden by the policy “{POLICY}”")
    table = comparing.table
    quiet = table.get_component_rich_style("job-table--quiet").color
    (mode,) = [segment.style for segment in table.render_line(8) if "lifestyle" in segment.text]
    (seen,) = [segment.style for segment in table.render_line(3) if "main_white" in segment.text]
    assert mode is not None
    assert seen is not None
    assert mode.color == quiet != seen.color

    set_error = "update generation_jobs set error = %s where id = %s"
    jobs_db.sql(set_error, '{"code": 503, "message": "The image service is busy"}', job_id(4))
    error = '{"message": "No image", "stack": "%s", "mode": "packaging"}' % ("at run\\n" * 200)
    jobs_db.sql(set_error, error, job_id(9))
    await comparing.refreshes(shows="The image serv", hides='"code"')
    await comparing.press("enter", on=9, dialog="Job", shows="Full error, 205 lines: e shows it")
    await comparing.shows(
        "⊘ hidden from ada@example.com.",
        f"“{POLICY}” allows (( SELECT auth.uid() AS uid) =",
        "ben@example.com  b0000000",
    )
    await comparing.shows_no_longer("d delete   y")
    await comparing.press("e", "end", shows='"mode": "packaging"')
    await comparing.press("escape", dialog="")
    await comparing.shows_no_longer('{"message"')
    await comparing.press("enter", on=1, dialog="Job", shows="d delete  y copy id", hides="⊘ hidden from")
    await comparing.press("escape", dialog="")

    await comparing.press("v", shows=("as ada@example.com", "Costs · Autumn catalog ─"))
    assert comparing.rows == [1, 2, 3, 4, 5, 6]
    await comparing.shows_no_longer("⊘ hidden")


async def test_comparison_follows_status_project_and_id_and_keeps_totals_and_cursor(
    dashboard: Driver,
) -> None:
    before = dashboard.costs
    await dashboard.press("v", on=4, shows="visibility: ada@example.com sees 6 of 8")
    assert (dashboard.costs, dashboard.cursor) == (before, 4)
    await dashboard.shows("Costs · Autumn catalog, as ada@example.com sees it")

    await dashboard.press("5", shows="visibility: ada@example.com sees 1 of 2")
    assert dashboard.rows == [4, 9]
    assert dashboard.title == "Failed jobs · ada@example.com sees 1 of 2, newest first"
    await dashboard.press("1", "p", dialog="Show which project?")
    await dashboard.type("all projects", "enter", shows="visibility: ada@example.com sees 8 of 10")
    assert dashboard.rows == [1, 2, 3, 4, 5, 6, 7, 9, 10, 11]
    await dashboard.press("v", on=4, hides="⊘ hidden")
    assert dashboard.cursor == 4

    await dashboard.show_project("Autumn catalog")
    await dashboard.filter(str(job_id(8)), shows="Press enter to find that id everywhere.")
    await dashboard.press("enter")
    await dashboard.shows_message(
        "The job lifestyle 00000008 exists, but ada@example.com does not see it. Press v to see why."
    )
    await dashboard.press("v", shows="Costs · Trail gear, as ada@example.com sees it")
    await dashboard.shows("visibility: ada@example.com sees 1 of 2")
    assert dashboard.cursor == 8
    await dashboard.press("v", shows="Costs · b1000000")
    assert dashboard.rows == [11]
    await dashboard.shows_no_longer("Trail gear")


async def test_no_key_changes_a_hidden_job_and_changes_of_visible_ones_appear_in_the_comparison(
    comparing: Driver, jobs_db: JobsDatabase
) -> None:
    refusal = "ada@example.com does not see this job. Press u to act as the operator."
    await comparing.go_to(10)
    assert await comparing.warnings_by_key("s", "c", "f", "d") == [refusal] * 4
    await comparing.has_dialog("")
    await comparing.press("enter", dialog="Job")
    assert await comparing.warnings_by_key("s") == [refusal]
    await comparing.press("escape")
    await comparing.press("space", on=5)
    await comparing.press("space", "s", on=10)
    await comparing.shows_message("ada@example.com does not see 1 of these 2 jobs. Press u to act as the operator.")
    assert (jobs_db.status(5), jobs_db.status(10)) == (JobStatus.QUEUED, JobStatus.QUEUED)

    await comparing.press("escape")
    await comparing.press("s", on=1, message="Started lifestyle 00000001.")
    assert jobs_db.status(1) is JobStatus.RUNNING
    jobs_db.sql("update public.generation_jobs set user_id = %s where id = %s", BEN, job_id(3))
    jobs_db.delete(9)
    await comparing.refreshes()
    await comparing.shows("visibility: ada@example.com sees 5 of 7")
    assert "⊘ hidden" in row_of(comparing, 3)


async def test_visibility_key_asks_the_operator_for_a_user_and_keeps_the_project(drive: Drive) -> None:
    async with drive(actor=OPERATOR) as driver:
        await driver.press(
            "v", dialog="Visibility: which user?", shows="ada@example.com", hides="the role in the database URL"
        )
        await driver.press("escape", dialog="", shows="as the operator")
        await driver.press("v", dialog="Visibility: which user?")
        await driver.type("ada@", "enter", shows="visibility: ada@example.com sees 6 of 8")
        await driver.act_as(AS_BEN, shows="as ben@example.com", hides="visibility:")

        await driver.act_as(OPERATOR, shows="as the operator")
        await driver.show_project("Trail gear")
        await driver.press("v", dialog="Visibility: which user?")
        await driver.type("ada@", "enter", shows="visibility: ada@example.com sees 1 of 2")
        await driver.shows("Costs · Trail gear, as ada@example.com sees it")
        assert driver.rows == [8, 11]


async def test_comparison_names_the_policy_or_the_missing_grant_that_hides_jobs(attached_database: Conninfo) -> None:
    jobs_db = JobsDatabase(attached_database)
    jobs_db.users()
    jobs_db.project(AUTUMN, "Autumn catalog", days_ago=1)
    for number in (1, 2):
        jobs_db.job(number)

    jobs_db.sql(
        'create policy "[@click=app.quit]x[/]" on public.generation_jobs as restrictive for select to authenticated'
        " using (mode <> '\x1b[31m[/oops]')"
    )
    jobs_db.sql("update public.generation_jobs set mode = '\x1b[31m[/oops]' where id = %s", job_id(2))
    async with dashboard_on(attached_database) as driver:
        await driver.press("v", shows=("sees 1 of 2", "“[@click=app.quit]x[/]”"))
        await driver.press("enter", on=2, dialog="Job", shows="“[@click=app.quit]x[/]” hides all but")

    jobs_db.sql('drop policy "[@click=app.quit]x[/]" on public.generation_jobs')
    jobs_db.sql(f'drop policy "{POLICY}" on public.generation_jobs')
    async with dashboard_on(attached_database) as driver:
        await driver.press("v", shows=("sees 0 of 2", "⊘ hidden from every user: no policy lets authenticated read"))

    jobs_db.sql("revoke all on public.generation_jobs, public.projects, public.assets from authenticated")
    async with dashboard_on(attached_database) as driver:
        await driver.shows("no privilege")
        await driver.press("v")
        await driver.shows(
            "visibility: ada@example.com sees none: no grant",
            "No grant: ada@example.com may not read the jobs",
            "⊘ hidden from every user: authenticated has no grant",
        )
        assert driver.rows == [1, 2]
        assert all("⊘ hidden" in row_of(driver, number) for number in (1, 2))
        assert not re.search(r"sees 0|Total 0|\$0\.00", driver.text), "a missing grant is not shown as zero jobs"
        await driver.resize(80, 24)
        await driver.shows("there are no costs to", "show.")
    jobs_db.close()
