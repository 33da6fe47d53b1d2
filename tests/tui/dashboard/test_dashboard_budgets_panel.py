"""The budget panel, its messages, and jobs that a budget refuses."""

from gjobs.tui.dashboard.panels.project_list import BudgetsPanel
from tests.tui.dashboard.dashboard_driver import AS_BEN, Driver, WatchedApp, drive_dashboard
from tests.tui.jobs_database import AUTUMN, JobsDatabase, job_id


def limit_autumn(jobs_db: JobsDatabase, cents: int) -> None:
    """Limit the project Autumn, whose jobs cost $9.00."""
    jobs_db.sql("insert into gjobs.budgets (project_id, period, limit_cents) values (%s, 'all', %s)", AUTUMN, cents)


def panel(driver: Driver) -> BudgetsPanel:
    return driver.app.dashboard.query_one(BudgetsPanel)


async def test_budget_panel_shows_only_budgets_that_apply_to_the_selected_project_and_user(
    dashboard: Driver, jobs_db: JobsDatabase
) -> None:
    assert not panel(dashboard).display
    limit_autumn(jobs_db, 1_000)
    await dashboard.refreshes(shows=("Budgets", "Autumn catalog   total", "█░░ 90 %", "$1.00 left of $10.00"))
    await dashboard.shows("runs out 2026-11-24")
    await dashboard.resize(80, 24)
    await dashboard.shows("Costs · Autumn catalog · $1.00 left of $10.00 total")
    assert "Budgets" not in dashboard.text
    await dashboard.resize(120, 36)
    await dashboard.shows("Budgets", "$1.00 left of $10.00")
    assert "Autumn catalog · $1.00 left" not in dashboard.text

    await dashboard.show_project("Spring lookbook")
    await dashboard.until(lambda: not panel(dashboard).display)
    await dashboard.show_project("all projects")
    await dashboard.shows("$1.00 left of $10.00")
    await dashboard.act_as(AS_BEN, shows=("as ben@example.com", "Trail gear"))
    await dashboard.until(lambda: not panel(dashboard).display)
    await dashboard.refreshes()
    assert not panel(dashboard).display


async def test_budget_refuses_jobs_that_it_cannot_cover_and_a_message_reports_its_warning_share_and_limit(
    jobs_db: JobsDatabase, app: WatchedApp
) -> None:
    limit_autumn(jobs_db, 1_200)
    async with drive_dashboard(app) as driver:
        assert driver.warnings == []
        jobs_db.sql("update generation_jobs set cost_cents = 350 where id = %s", job_id(2))
        await driver.refreshes()
        await driver.shows_message("The budget of $12.00 total for project Autumn catalog is 83 % spent, $2.00 left.")
        jobs_db.sql("update generation_jobs set cost_cents = 900, status = 'succeeded' where id = %s", job_id(2))
        await driver.refreshes(message="has run out. No more jobs can be queued.")

        jobs_db.sql("update generation_jobs set cost_cents = 250 where id = %s", job_id(2))
        jobs_db.sql("update gjobs.budgets set limit_cents = 950")
        await driver.press("n", dialog="New job")
        await driver.type("sketch", "enter", into="#mode")
        await driver.shows("The total budget of project 'Autumn catalog' can't cover $1.00")
        assert (driver.dialog, driver.value("#mode")) == ("New job", "sketch")
        await driver.type("50", "enter", into="#cost")
        await driver.has_shown("Queued sketch ")
        await driver.until(lambda: driver.table.cursor_job and driver.table.cursor_job.mode == "sketch")

        jobs_db.sql("update gjobs.budgets set limit_cents = 970")
        await driver.press("r", on=4)
        await driver.shows_message(
            "The total budget of project 'Autumn catalog' can't cover $0.50: $9.50 of $9.70 are spent."
        )
        assert jobs_db.count() == 9

        jobs_db.sql("update generation_jobs set status = 'failed', cost_cents = 50 where id = %s", job_id(3))
        jobs_db.sql("update gjobs.budgets set limit_cents = 755")
        await driver.refreshes()
        await driver.press("space", "space", "r", on=3, dialog="Retry these 2 jobs?")
        await driver.press("y")
        await driver.shows_message(
            "Retried 1 of 2 jobs; 1 was refused (The total budget of project 'Autumn catalog' can't cover $0.50: "
            "$7.50 of $7.55 are spent)"
        )
        assert jobs_db.count() == 10
