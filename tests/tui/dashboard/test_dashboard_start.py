"""The dashboard after its start: the selected project, its jobs and its totals."""

from pathlib import Path

import pytest

from gjobs.store.sample.sample_data import fill as fill_sample
from gjobs.store.users.actor import ActingUser
from gjobs.store.values.formats import money
from gjobs.tui.dashboard.list.filter_bar import FilterBar
from gjobs.tui.dashboard.memory import RememberedState
from gjobs.tui.text.format import count
from tests.conftest import Conninfo
from tests.tui.dashboard.dashboard_driver import Drive, Driver, WatchedApp, dashboard_on, drive_dashboard, opener_of
from tests.tui.jobs_database import AUTUMN, FROZEN, SPRING, JobsDatabase


async def test_dashboard_starts_with_the_newest_project_and_can_list_all_projects(dashboard: Driver) -> None:
    assert (dashboard.rows, dashboard.cursor) == ([1, 2, 3, 4, 5, 6], 1)
    assert dashboard.header.strip() == "gjobs  testbase · as ada@example.com · live every 1 min"
    assert dashboard.title == "Jobs · 6, newest first"
    await dashboard.shows("Costs · Autumn catalog", "› Autumn catalog")
    assert "Trail gear" not in dashboard.text, "another user's project"
    assert dashboard.costs == [
        "2 ◌ queued 2 → 3 ▸ running 2 → 4 ✓ succeeded 1 / 5 ✗ failed 1 Total 6",
        "$1.75 $3.75 $3.00 $0.50 $9.00",
        "$0.88 a job $1.88 a job $3.00 a job $0.50 a job $1.50 a job",
        "1.0/min 0/min 0/min 0/min",
        "oldest queued 5 min 50 % success ▁▁▁▁▁▁▁▁▁▁▁▁▁█ 14 days, $9.00 today",
    ]

    await dashboard.show_project("all projects")
    assert dashboard.rows == [1, 2, 3, 4, 5, 6, 7]
    assert dashboard.costs[0] == "2 ◌ queued 2 → 3 ▸ running 2 → 4 ✓ succeeded 2 / 5 ✗ failed 1 Total 7"
    for line, text in ((0, "PROJECT"), (1, "Autumn cat"), (7, "Spring loo")):
        assert text in dashboard.row(line)


@pytest.fixture
def state_path(tmp_path: Path) -> Path:
    return tmp_path / "state.json"


async def test_dashboard_reopens_the_last_selected_project_of_its_database_and_user(
    jobs_db: JobsDatabase, drive: Drive, state_path: Path
) -> None:
    async with drive(state_path=state_path) as first:
        await first.show_project("all projects")
    async with drive(state_path=state_path) as second:
        assert second.rows == [1, 2, 3, 4, 5, 6, 7]
        await second.show_project("Spring lookbook")

    jobs_db.sql("delete from public.projects where id = %s", SPRING)
    async with drive(state_path=state_path) as third:
        await third.shows("Costs · Autumn catalog")
        await third.shows_message("The project was deleted or is hidden. Showing another.")
        assert RememberedState(state_path).project("testbase as ada@example.com") == AUTUMN


async def test_empty_dashboard_explains_how_to_create_projects_and_jobs(
    empty_jobs_db: JobsDatabase, app: WatchedApp
) -> None:
    empty_jobs_db.users()
    async with drive_dashboard(app) as driver:
        await driver.shows("No projects found. Press P to create one first.", "no finished jobs")
        assert driver.costs[1] == "$0.00 $0.00 $0.00 $0.00 $0.00"
        await driver.press("n", dialog="", message="A job needs a project.")
        empty_jobs_db.project(AUTUMN, "Autumn catalog", days_ago=1)
        await driver.refreshes(shows=("Costs · Autumn catalog", "Press n to create your first generation job."))
        assert driver.title == "Jobs · 0, newest first"


async def test_sample_totals_match_the_store_statistics(database: Conninfo) -> None:
    fill_sample({name: str(value) for name, value in database.items()}, now=FROZEN)
    async with opener_of(database)(lambda _: None) as session:
        user, *_ = await session.operator.get_users()
    actor = ActingUser(id=user.id, email=user.email)
    async with opener_of(database, actor=actor)(lambda _: None) as session:
        statistics = await session.store.get_job_statistics()
    async with dashboard_on(database, actor=actor) as driver:
        await driver.show_project("all projects")
        assert driver.costs[0].endswith(f"Total {count(statistics.total_count)}")
        assert driver.costs[1].endswith(money(statistics.total_cost_cents))
        for row in statistics:
            assert f"{row.status} {count(row.count)} " in driver.costs[0]
            assert money(row.total_cost_cents) in driver.costs[1]


async def test_widgets_may_be_removed_while_the_rest_is_loaded(
    dashboard: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    filter_bar = dashboard.app.dashboard.query_one(FilterBar)
    await filter_bar.remove_children()

    async def ends() -> None:
        await filter_bar.remove()

    monkeypatch.setattr("gjobs.tui.dashboard.frame.app.preload", ends)
    await dashboard.app._load_the_rest()
    assert not filter_bar.children
