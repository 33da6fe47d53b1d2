"""The dashboard of a database with a job status or budget period that gjobs does not know."""

from dataclasses import replace

from textual.widgets import Static

from gjobs.store.jobs.job import JobStatus, UnknownStatus
from gjobs.store.statistics.statistics import JobStatistic, JobStatistics, exact_counts
from gjobs.store.users.actor import OPERATOR
from tests.conftest import Conninfo
from tests.tui.dashboard.dashboard_driver import dashboard_on
from tests.tui.dashboard.statistics.test_costs_panel import USUAL, cost_lines
from tests.tui.jobs_database import AUTUMN, JobsDatabase, fill


async def test_jobs_with_an_unknown_status_can_be_deleted_but_not_moved(
    migrated_copy: Conninfo,
) -> None:
    jobs_db = JobsDatabase(migrated_copy)
    jobs_db.sql("alter table generation_jobs drop constraint generation_jobs_status_check")
    jobs_db.sql("alter table gjobs.budgets drop constraint budgets_period_check")
    fill(jobs_db)
    jobs_db.job(10, "cancelled", minutes_ago=0.1, cost_cents=11)
    jobs_db.job(11, "cancelled", minutes_ago=0.2, cost_cents=11)
    jobs_db.sql("insert into gjobs.budgets (project_id, period, limit_cents) values (%s, 'week', 100)", AUTUMN)
    jobs_db.close()
    async with dashboard_on(migrated_copy) as driver:
        await driver.shows("∙ cancelled")
        assert driver.rows[:2] == [10, 11]
        assert "∙ cancelled 2" in driver.costs[0]
        assert "Total 8" in driver.costs[0]

        await driver.press("B", shows="2 ∙ cancelled")
        await driver.press("B", until=lambda: driver.app.screen is driver.app.dashboard)

        await driver.go_to(10)
        assert await driver.warnings_by_key("s", "c", "f", "r") == [
            "Only a queued job can be started; this one is cancelled, a status outside the workflow.",
            "Only a running job can be completed; this one is cancelled, a status outside the workflow.",
            "Only a running job can be failed; this one is cancelled, a status outside the workflow.",
            "Only a failed job can be retried; this one is cancelled.",
        ]
        await driver.press("enter", dialog="Job", shows=("∙ cancelled", "created, cancelled"))
        keys = str(driver.app.screen.query_one("#keys", Static).render())
        assert "d delete" in keys
        for word in ("start", "complete", "fail", "retry"):
            assert word not in keys
        await driver.press("escape", dialog="")

        await driver.filter("status:cancelled", "enter", rows=[10, 11])
        await driver.press("d", on=10, dialog="Delete this job?")
        await driver.press("y", rows=[11])
        await driver.press("U", rows=[10, 11])

        await driver.act_as(OPERATOR, shows=("as the operator", "Trail gear"))
        await driver.press("b", dialog="Budgets · Autumn catalog", shows="Autumn catalog per 'week'")
        await driver.press("enter", message="This version of gjobs does not know the period 'week'")
        assert driver.dialog == "Budgets · Autumn catalog"


def test_many_unknown_statuses_share_one_column() -> None:
    unknown = [UnknownStatus(f"state {number}") for number in range(30)]
    rows = [
        JobStatistic(status=status, count=1, total_cost_cents=10, avg_cost_cents=10.0)
        for status in (*JobStatus, *unknown)
    ]
    statistics = JobStatistics(by_status=tuple(rows))
    totals = replace(USUAL, statistics=statistics, counts=exact_counts(statistics))
    first = cost_lines(totals, width=120, height=4)[0]
    assert "∙ other 30" in first
    assert "Total 34" in first
    for width in range(50, 120):
        assert all(len(line) <= width for line in cost_lines(totals, width=width, height=4))
