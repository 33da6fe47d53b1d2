"""An id, or its beginning, leads to its thing: in the find field, the project picker and the user picker."""

from collections.abc import AsyncIterator
from uuid import UUID

import pytest
from textual import events

from store.users.actor import OPERATOR
from tests.conftest import Conninfo
from tests.tui.driving import Driver, WatchedApp, drive_dashboard, opener_of
from tests.tui.world import ADA, AUTUMN, BEN, SPRING, TRAIL, JobsDatabase, job_id
from tui.dashboard.job_list.filter_field import FilterField

ASSET = UUID("a5000000-0000-4000-8000-000000000000")

UNUSED = UUID("a6000000-0000-4000-8000-000000000000")

BENS_ASSET = UUID("b5000000-0000-4000-8000-000000000000")


@pytest.fixture
def jobs_db(jobs_db: JobsDatabase) -> JobsDatabase:
    """The asset of the jobs 2 and 5, another of nobody's, and one of Ben's."""
    jobs_db.asset(ASSET, "uploads/shoe.png")
    jobs_db.asset(UNUSED, "uploads/hat.png", project=SPRING)
    jobs_db.asset(BENS_ASSET, "uploads/tent.png", project=TRAIL, owner=BEN)
    jobs_db.sql(
        "update public.generation_jobs set input_asset_id = %s where mode in ('packaging', 'feature_callout')", ASSET
    )
    return jobs_db


@pytest.fixture
async def operator(jobs_db: JobsDatabase, database: Conninfo) -> AsyncIterator[Driver]:
    async with drive_dashboard(WatchedApp(opener_of(database, actor=OPERATOR))) as driver:
        yield driver


async def find(driver: Driver, text: str) -> None:
    await driver.press("slash")
    await driver.type(text)
    await driver.press("enter")


@pytest.mark.parametrize("text", [str(job_id(7)), job_id(7).hex.upper(), f" {str(job_id(7))[:8]}", "00000007-0000"])
async def test_finding_a_job_id_opens_the_job_and_selects_its_project(dashboard: Driver, text: str) -> None:
    await dashboard.press("5")
    await dashboard.shows("Failed jobs · 1")
    await find(dashboard, text)
    await dashboard.has_dialog("Job")
    await dashboard.shows("✓ succeeded", str(job_id(7)))
    await dashboard.press("escape")
    await dashboard.shows("Costs · Spring lookbook", "Jobs · 1, newest first")
    assert dashboard.cursor == 7


async def test_id_pasted_over_the_table_goes_into_the_filter_field(dashboard: Driver) -> None:
    dashboard.table.post_message(events.Paste(f" {job_id(7)}\n"))
    await dashboard.until(lambda: isinstance(dashboard.app.focused, FilterField))
    await dashboard.press("enter")
    await dashboard.has_dialog("Job")
    await dashboard.shows(str(job_id(7)))


async def test_other_text_pasted_over_the_table_is_ignored(dashboard: Driver, jobs_db: JobsDatabase) -> None:
    dashboard.table.post_message(events.Paste("delete all of them"))
    await dashboard.refreshes()
    assert dashboard.app.focused is dashboard.table
    assert len(dashboard.rows) == 6


async def test_finding_the_id_of_a_listed_job_filters_the_list(dashboard: Driver) -> None:
    await find(dashboard, str(job_id(3)))
    await dashboard.until(lambda: (dashboard.rows, dashboard.cursor, dashboard.dialog) == ([3], 3, ""))


async def test_finding_an_id_opens_a_job_beyond_the_loaded_rows(dashboard: Driver, jobs_db: JobsDatabase) -> None:
    jobs_db.jobs(range(100, 610))
    await dashboard.refreshes()
    await dashboard.shows("Jobs · 1 of 516")
    await dashboard.show_project("Spring lookbook")
    await find(dashboard, str(job_id(609)))

    await dashboard.has_dialog("Job")
    await dashboard.shows(str(job_id(609)), "This job is beyond what is listed: it is shown as it was read.")
    before = dashboard.app.looks
    dashboard.app.action_refresh()
    await dashboard.until(lambda: dashboard.app.looks > before)
    await dashboard.shows("This job is beyond what is listed")
    await dashboard.press("s")
    await dashboard.shows_toast("Started lifestyle 00000261.")


async def test_project_picker_selects_a_project_by_id(operator: Driver) -> None:
    await operator.press("p")
    await operator.has_dialog("Show which project?")
    await operator.type(str(TRAIL))
    await operator.press("enter")
    await operator.shows("Costs · Trail gear")


async def test_finding_an_id_selects_a_project_beyond_the_listed_ones(operator: Driver, jobs_db: JobsDatabase) -> None:
    """Only the newest projects are listed; one without jobs is kept all the same, with its name."""
    jobs_db.sql(
        "insert into public.projects (user_id, name) select %s, 'New ' || n from generate_series(1, 500) n", ADA
    )
    old = UUID("beef0000-0000-4000-8000-000000000000")
    jobs_db.project(old, "Very old", days_ago=900)
    await operator.refreshes()
    await find(operator, "beef0000")
    await operator.shows("Costs · Very old", "Press n to create your first generation job.")
    await operator.refreshes()
    await operator.shows("Costs · Very old")


async def test_finding_a_user_id_switches_the_acting_user(dashboard: Driver) -> None:
    await find(dashboard, str(BEN))
    await dashboard.shows("as ben@example.com", "Costs · Trail gear", "Jobs · 1, newest first")
    assert dashboard.rows == [8]


async def test_finding_an_asset_id_lists_the_jobs_that_use_it(dashboard: Driver) -> None:
    await dashboard.show_project("Spring lookbook")
    await find(dashboard, str(ASSET))
    await dashboard.shows("Costs · Autumn catalog", "Jobs · with asset:")
    assert dashboard.rows == [2, 5]


async def test_asset_id_prefix_filters_the_listed_jobs(dashboard: Driver) -> None:
    await find(dashboard, str(ASSET)[:8])
    await dashboard.until(lambda: dashboard.rows == [2, 5])


async def test_finding_an_unused_asset_selects_its_project(dashboard: Driver) -> None:
    await find(dashboard, str(UNUSED))
    await dashboard.shows("Costs · Spring lookbook")
    await dashboard.shows_toast("No job listed uses the asset uploads/hat.png. Its project is shown.")
    assert dashboard.rows == [7]


async def test_ambiguous_id_prefix_asks_which_entity_to_open(dashboard: Driver, jobs_db: JobsDatabase) -> None:
    for number in (0xBEEF0001, 0xBEEF0002):
        jobs_db.job(number, project=SPRING, minutes_ago=3)
    jobs_db.project(UUID("beef0003-0000-4000-8000-000000000000"), "Beef", days_ago=9)
    await find(dashboard, "beef")
    await dashboard.has_dialog("Which one?")
    await dashboard.shows("Job lifestyle beef0001", "Job lifestyle beef0002", "Project “Beef”")
    await dashboard.press("down", "enter")
    await dashboard.has_dialog("Job")
    await dashboard.shows("beef0002-0000-0000-0000-000000000000")


@pytest.mark.parametrize(
    ("thing", "sentence"),
    [
        (job_id(8), "The job lifestyle 00000008 exists, but ada@example.com does not see it: press v for why."),
        (TRAIL, "The project “Trail gear” exists, but ada@example.com does not see it: press u for the operator."),
        (
            BENS_ASSET,
            "The asset uploads/tent.png exists, but ada@example.com does not see it: press u for the operator.",
        ),
    ],
    ids=["job", "project", "asset"],
)
async def test_id_search_reports_entities_that_are_hidden_from_the_user(
    dashboard: Driver, thing: UUID, sentence: str
) -> None:
    await find(dashboard, str(thing))
    await dashboard.shows_toast(sentence)
    await dashboard.shows("Costs · Autumn catalog")
    assert dashboard.dialog == ""


async def test_id_search_reports_an_id_that_does_not_exist(dashboard: Driver) -> None:
    nothing = "dead0000-0000-4000-8000-00000000dead"
    await find(dashboard, nothing)
    await dashboard.shows_toast(
        f"No job, project, asset or user has the id {nothing}, neither for ada@example.com nor for the operator."
    )


async def test_ordinary_words_start_no_id_search(dashboard: Driver) -> None:
    await find(dashboard, "nothing like it")
    await dashboard.shows("No job matches. Press esc to show all jobs again.")
    assert dashboard.toasts == []


async def test_details_screen_names_the_owner_and_the_asset(dashboard: Driver) -> None:
    await dashboard.go_to(2)
    await dashboard.press("enter")
    await dashboard.has_dialog("Job")
    await dashboard.shows(f"ada@example.com  {ADA}", f"uploads/shoe.png  {ASSET}", f"Autumn catalog  {AUTUMN}")
