"""What is left of budgets stands beside the projects, and a job that finds no room keeps its form."""

from store.users.actor import ActingUser
from tests.tui.dashboard.dashboard_driver import Drive, Driver, WatchedApp, drive_dashboard
from tests.tui.jobs_database import AUTUMN, BEN, JobsDatabase, job_id
from tui.dashboard.budgets.budgets_panel import BudgetsPanel


def limit_autumn(jobs_db: JobsDatabase, cents: int) -> None:
    """Whose jobs cost $9.00."""
    jobs_db.sql("insert into gjobs.budgets (project_id, period, limit_cents) values (%s, 'all', %s)", AUTUMN, cents)


def panel(driver: Driver) -> BudgetsPanel:
    return driver.app.dashboard.query_one(BudgetsPanel)


async def test_budget_panel_is_hidden_without_budgets(dashboard: Driver) -> None:
    assert not panel(dashboard).display


async def test_budget_panel_hides_budgets_of_other_users(jobs_db: JobsDatabase, drive: Drive) -> None:
    limit_autumn(jobs_db, 1_000)
    async with drive(actor=ActingUser(id=BEN, email="ben@example.com")) as driver:
        await driver.shows("Trail gear")
        assert not panel(driver).display


async def test_budget_panel_shows_only_budgets_that_apply_to_the_selected_project(
    jobs_db: JobsDatabase, app: WatchedApp
) -> None:
    limit_autumn(jobs_db, 1_000)
    async with drive_dashboard(app) as driver:
        await driver.shows("Budgets", "Autumn catalog   total", "█░░ 90 %", "$1.00 left of $10.00")
        await driver.shows("runs out 2026-11-24")
        await driver.resize(80, 24)
        await driver.shows("Costs · Autumn catalog · $1.00 left of $10.00 total")
        assert "Budgets" not in driver.text
        await driver.resize(120, 36)
        await driver.shows("Budgets", "$1.00 left of $10.00")
        assert "Autumn catalog · $1.00 left" not in driver.text

        await driver.show_project("Spring lookbook")
        await driver.until(lambda: not panel(driver).display)
        await driver.show_project("all projects")
        await driver.shows("$1.00 left of $10.00")


async def test_toast_reports_a_budget_that_reaches_its_warning_share_or_limit(
    jobs_db: JobsDatabase, app: WatchedApp
) -> None:
    limit_autumn(jobs_db, 1_200)
    async with drive_dashboard(app) as driver:
        assert driver.toasts == []
        jobs_db.sql("update generation_jobs set cost_cents = 350 where id = %s", job_id(2))
        await driver.refreshes()
        await driver.shows_toast("The budget of $12.00 total for project Autumn catalog has $2.00 left: 83 % is spent.")
        jobs_db.sql("update generation_jobs set cost_cents = 900, status = 'succeeded' where id = %s", job_id(2))
        await driver.refreshes(toast="has run out. No more jobs can be queued.")


async def test_new_job_dialog_stays_open_when_the_budget_is_exceeded(jobs_db: JobsDatabase, app: WatchedApp) -> None:
    limit_autumn(jobs_db, 950)
    async with drive_dashboard(app) as driver:
        await driver.press("n", dialog="New job")
        await driver.type("sketch", "enter", into="#mode")
        await driver.shows("The total budget of project 'Autumn catalog' can't cover $1.00")
        assert driver.dialog == "New job"
        assert driver.value("#mode") == "sketch"
        await driver.type("50", "enter", into="#cost", toast="Queued sketch ")


async def test_retry_over_budget_reports_the_limit_the_spent_amount_and_the_cost(
    jobs_db: JobsDatabase, app: WatchedApp
) -> None:
    limit_autumn(jobs_db, 920)
    async with drive_dashboard(app) as driver:
        await driver.press("r", on=4)
        await driver.shows_toast(
            "The total budget of project 'Autumn catalog' can't cover $0.50: $9.00 of $9.20 are spent."
        )
        assert jobs_db.count() == 8


async def test_bulk_retry_retries_as_many_jobs_as_the_budget_allows(jobs_db: JobsDatabase, app: WatchedApp) -> None:
    jobs_db.sql("update generation_jobs set status = 'failed', cost_cents = 50 where id = %s", job_id(3))
    limit_autumn(jobs_db, 705)
    async with drive_dashboard(app) as driver:
        await driver.press("space", "space", "r", on=3, dialog="Retry these 2 jobs?")
        await driver.press("y")
        await driver.shows_toast(
            "Retried 1 of 2 jobs; 1 was refused (The total budget of project 'Autumn catalog' can't cover $0.50: "
            "$7.00 of $7.05 are spent)"
        )
        assert jobs_db.count() == 9
