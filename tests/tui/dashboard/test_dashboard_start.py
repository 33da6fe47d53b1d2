"""What the dashboard shows first: which project, its jobs, and numbers that agree with the rows."""

from pathlib import Path

import pytest

from store.formats import money
from store.sample.sample_data import fill as fill_sample
from store.users.actor import OPERATOR, ActingUser, Actor
from tests.conftest import Conninfo
from tests.tui.dashboard.dashboard_driver import Drive, Driver, WatchedApp, drive_dashboard, opener_of
from tests.tui.jobs_database import AUTUMN, FROZEN, SPRING, JobsDatabase
from tui.dashboard.memory import RememberedState
from tui.text.format import count

PLACE = "testbase as ada@example.com"


async def test_dashboard_starts_with_the_newest_project_and_its_newest_jobs_first(dashboard: Driver) -> None:
    assert (dashboard.rows, dashboard.cursor) == ([1, 2, 3, 4, 5, 6], 1)
    assert dashboard.header.strip() == "gjobs  testbase · as ada@example.com · live every 1 min"
    assert dashboard.title == "Jobs · 6, newest first"
    await dashboard.shows("Costs · Autumn catalog", "› Autumn catalog")
    assert "Trail gear" not in dashboard.text, "another user's project"
    assert dashboard.costs == [
        "◌ queued 2 ▸ running 2 ✓ succeeded 1 ✗ failed 1 Total 6",
        "$1.75 $3.75 $3.00 $0.50 $9.00",
        "$0.88 a job $1.88 a job $3.00 a job $0.50 a job $1.50 a job",
        "50 % success 17 % of all jobs ▁▁▁▁▁▁▁▁▁▁▁▁▁█ 14 days, $9.00 today",
    ]


async def test_list_of_all_projects_shows_the_project_of_each_job(dashboard: Driver) -> None:
    await dashboard.show_project("all projects")
    assert dashboard.rows == [1, 2, 3, 4, 5, 6, 7]
    assert dashboard.costs[0] == "◌ queued 2 ▸ running 2 ✓ succeeded 2 ✗ failed 1 Total 7"
    for line, text in ((0, "PROJECT"), (1, "Autumn cat"), (7, "Spring loo")):
        assert text in dashboard.row(line)


@pytest.fixture
def state_path(tmp_path: Path) -> Path:
    return tmp_path / "state.json"


@pytest.mark.parametrize(
    ("name", "rows"), [("Spring lookbook", [7]), ("all projects", [1, 2, 3, 4, 5, 6, 7])], ids=["one", "all"]
)
async def test_dashboard_reopens_the_last_selected_project(
    drive: Drive, state_path: Path, name: str, rows: list[int]
) -> None:
    async with drive(state_path=state_path) as first:
        await first.show_project(name)
    async with drive(state_path=state_path) as second:
        assert second.rows == rows
        await second.shows(f"Costs · {name}")


async def test_selected_project_is_remembered_per_database_and_user(drive: Drive, state_path: Path) -> None:
    RememberedState(state_path).remember_project(PLACE, SPRING)
    async with drive(label="another", state_path=state_path) as driver:
        await driver.shows("Costs · Autumn catalog")


async def test_deleted_remembered_project_is_replaced_by_the_newest_project(
    jobs_db: JobsDatabase, drive: Drive, state_path: Path
) -> None:
    RememberedState(state_path).remember_project(PLACE, SPRING)
    jobs_db.sql("delete from public.projects where id = %s", SPRING)
    async with drive(state_path=state_path) as driver:
        await driver.shows("Costs · Autumn catalog")
        await driver.shows_toast("The project was deleted or is hidden. Showing another.")
        assert RememberedState(state_path).project(PLACE) == AUTUMN


async def test_dashboard_without_projects_explains_how_to_create_one(
    empty_jobs_db: JobsDatabase, app: WatchedApp
) -> None:
    empty_jobs_db.users()
    async with drive_dashboard(app) as driver:
        await driver.shows("No projects found. Press P to create one first.", "no finished jobs")
        assert driver.costs[1] == "$0.00 $0.00 $0.00 $0.00 $0.00"
        await driver.press("n", dialog="", toast="A job needs a project.")


async def test_project_without_jobs_explains_how_to_create_one(jobs_db: JobsDatabase, app: WatchedApp) -> None:
    jobs_db.sql("delete from public.generation_jobs")
    async with drive_dashboard(app) as driver:
        await driver.shows("Press n to create your first generation job.")
        assert driver.title == "Jobs · 0, newest first"


async def test_title_counts_more_jobs_than_are_loaded(jobs_db: JobsDatabase, drive: Drive) -> None:
    jobs_db.jobs(range(10, 514))
    async with drive() as driver:
        assert driver.title == "Jobs · 1 of 510, newest first"
        assert len(driver.rows) == 500
        assert driver.costs[0].endswith("Total 510")
        await driver.press("o", until=lambda: driver.title == "Jobs · 1 of 510, last updated first")


@pytest.mark.parametrize("actor", [OPERATOR, None], ids=["operator", "user"])
async def test_sample_totals_match_the_store_statistics(database: Conninfo, actor: Actor | None) -> None:
    fill_sample({name: str(value) for name, value in database.items()}, now=FROZEN)
    async with opener_of(database)(lambda _: None) as session:
        users = await session.operator.get_users()
        eyes = actor or ActingUser(id=users[0].id, email=users[0].email)
        statistics = await session.operator.acting_as(eyes).get_job_statistics()
    async with drive_dashboard(WatchedApp(opener_of(database, actor=eyes))) as driver:
        await driver.show_project("all projects")

        assert driver.costs[0].endswith(f"Total {count(statistics.total_count)}")
        assert driver.costs[1].endswith(money(statistics.total_cost_cents))
        for row in statistics:
            assert f"{row.status} {count(row.count)} " in driver.costs[0]
            assert money(row.total_cost_cents) in driver.costs[1]
