"""Finding an entity by its id or id prefix in the find field, the project picker and the user picker."""

from typing import Unpack
from uuid import UUID

import pytest
from textual import events

from gjobs.tui.dashboard.list.filter_bar import FilterField
from tests.tui.dashboard.dashboard_driver import Driver, Expected
from tests.tui.jobs_database import ADA, AUTUMN, BEN, SPRING, TRAIL, JobsDatabase, job_id, short

ASSET = UUID("a5000000-0000-4000-8000-000000000000")

UNUSED = UUID("a6000000-0000-4000-8000-000000000000")

BENS_ASSET = UUID("b5000000-0000-4000-8000-000000000000")


@pytest.fixture
def jobs_db(jobs_db: JobsDatabase) -> JobsDatabase:
    """Add an asset of the jobs 2 and 5, an unused asset of Ada, and an asset of Ben."""
    jobs_db.asset(ASSET, "uploads/shoe.png")
    jobs_db.asset(UNUSED, "uploads/hat.png", project=SPRING)
    jobs_db.asset(BENS_ASSET, "uploads/tent.png", project=TRAIL, owner=BEN)
    jobs_db.sql(
        "update public.generation_jobs set input_asset_id = %s where mode in ('packaging', 'feature_callout')", ASSET
    )
    return jobs_db


async def find(driver: Driver, text: object, **expected: Unpack[Expected]) -> None:
    await driver.filter(str(text), "enter", **expected)


async def test_finding_a_job_id_opens_the_job_and_selects_its_project(dashboard: Driver) -> None:
    for text, number, project in (
        (job_id(7).hex.upper(), 7, "Spring lookbook"),
        (f" {short(3)}", 3, "Autumn catalog"),
    ):
        await dashboard.press("5", shows="Failed jobs · ")
        await find(dashboard, text, dialog="Job", shows=("✓ succeeded", str(job_id(number))))
        await dashboard.press("escape", shows=(f"Costs · {project}", "newest first"))
        assert dashboard.cursor == number
    await dashboard.show_project("Autumn catalog")

    dashboard.table.post_message(events.Paste("delete all of them"))
    await dashboard.refreshes()
    assert dashboard.app.focused is dashboard.table
    assert len(dashboard.rows) == 6, "only a pasted id goes into the field"

    dashboard.table.post_message(events.Paste(f" {job_id(7)}\n"))
    await dashboard.until(lambda: isinstance(dashboard.app.focused, FilterField))
    await dashboard.press("escape")
    dashboard.clear_messages()

    # Ids that listed jobs hold filter the list.
    for identifier, rows in ((job_id(3), [3]), (str(ASSET)[:8], [2, 5]), ("nothing like it", [])):
        await find(dashboard, identifier, rows=rows, dialog="")
    assert dashboard.warnings == []


async def test_finding_an_id_opens_a_job_beyond_the_loaded_rows(dashboard: Driver, jobs_db: JobsDatabase) -> None:
    jobs_db.jobs(range(100, 610))
    await dashboard.refreshes(shows="Jobs · 1 of 516")
    await dashboard.show_project("Spring lookbook")
    await find(dashboard, job_id(609), dialog="Job")
    await dashboard.shows(str(job_id(609)), "This job is not in the list. It is shown as last read.")
    await dashboard.refreshes_behind(shows="This job is not in the list")
    await dashboard.press("s", message="Started lifestyle 00000261.")


async def test_finding_an_id_selects_a_project_beyond_the_listed_ones(operator: Driver, jobs_db: JobsDatabase) -> None:
    """Only the newest projects are listed. A found project stays selected even without jobs."""
    await operator.press("p", dialog="Show which project?")
    await operator.type(str(TRAIL), "enter", shows="Costs · Trail gear")

    jobs_db.sql(
        "insert into public.projects (user_id, name) select %s, 'New ' || n from generate_series(1, 500) n", ADA
    )
    jobs_db.project(UUID("beef0000-0000-4000-8000-000000000000"), "Very old", days_ago=900)
    await operator.refreshes()
    await find(operator, "beef0000", shows=("Costs · Very old", "This project has no jobs. Press n to create one."))
    await operator.refreshes(shows="Costs · Very old")


async def test_finding_another_id_lists_asks_switches_the_user_or_says_why_not(
    dashboard: Driver, jobs_db: JobsDatabase
) -> None:
    for identifier, name, key in (
        (job_id(8), "job lifestyle 00000008", "v to see why"),
        (BENS_ASSET, "asset uploads/tent.png", "u to act as the operator"),
    ):
        await find(
            dashboard, identifier, message=f"The {name} exists, but ada@example.com does not see it. Press {key}."
        )
        await dashboard.shows("Costs · Autumn catalog")
        assert dashboard.dialog == ""
    unknown = "dead0000-0000-4000-8000-00000000dead"
    await find(dashboard, unknown, message=f"No job, project, asset or user has the id {unknown}, neither for ada@")

    shown = "No listed job uses the asset uploads/hat.png. Showing its project."
    await find(dashboard, UNUSED, message=shown, rows=[7])
    await find(dashboard, ASSET, shows=("Costs · Autumn catalog", "Jobs · with asset:"), rows=[2, 5])
    await dashboard.press("enter", on=2, dialog="Job")
    await dashboard.shows(f"ada@example.com  {ADA}", f"uploads/shoe.png  {ASSET}", f"Autumn catalog  {AUTUMN}")
    await dashboard.press("escape")

    for number in (0xBEEF0001, 0xBEEF0002):
        jobs_db.job(number, project=SPRING, minutes_ago=3)
    jobs_db.project(UUID("beef0003-0000-4000-8000-000000000000"), "Beef", days_ago=9)
    await find(dashboard, "beef", dialog="Which one?")
    await dashboard.shows("Job lifestyle beef0001", "Job lifestyle beef0002", "Project “Beef”")
    await dashboard.press("down", "enter", dialog="Job", shows="beef0002-0000-0000-0000-000000000000")
    await dashboard.press("escape", dialog="")

    await find(dashboard, BEN, shows=("as ben@example.com", "Costs · Trail gear", "Jobs · 1, newest first"), rows=[8])
