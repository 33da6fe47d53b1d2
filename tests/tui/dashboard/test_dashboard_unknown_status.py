"""The dashboard on a database whose app has a status that the workflow lacks."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from textual.widgets import Static

from store.jobs.job import JobStatus, UnknownStatus
from store.statistics.statistics import JobStatistic, JobStatistics
from store.statistics.totals import exact_counts
from store.users.actor import OPERATOR
from tests.conftest import Conninfo
from tests.tui.dashboard.dashboard_driver import Driver, WatchedApp, drive_dashboard, opener_of
from tests.tui.dashboard.statistics.test_costs_panel import USUAL
from tests.tui.jobs_database import AUTUMN, JobsDatabase, fill
from tests.tui.sample_jobs import texts
from tui.dashboard.statistics.costs_panel import cost_lines


@pytest.fixture
async def wider(migrated_copy: Conninfo) -> AsyncIterator[Driver]:
    """The small world; two more jobs, the newest, are cancelled."""
    jobs_db = JobsDatabase(migrated_copy)
    jobs_db.sql("alter table generation_jobs drop constraint generation_jobs_status_check")
    fill(jobs_db)
    jobs_db.job(10, "cancelled", minutes_ago=0.1, cost_cents=11)
    jobs_db.job(11, "cancelled", minutes_ago=0.2, cost_cents=11)
    async with drive_dashboard(WatchedApp(opener_of(migrated_copy))) as driver:
        yield driver
    jobs_db.close()


async def test_jobs_with_an_unknown_status_are_listed_and_counted(wider: Driver) -> None:
    await wider.shows("∙ cancelled")
    assert wider.rows[:2] == [10, 11]
    assert "∙ cancelled 2" in wider.costs[0]
    assert "Total 8" in wider.costs[0]


async def test_keys_refuse_in_one_sentence(wider: Driver) -> None:
    await wider.go_to(10)
    assert await wider.toasts_by_key("s", "c", "f", "r") == [
        "Only a queued job can be started; this one is cancelled, a status outside the workflow.",
        "Only a running job can be completed; this one is cancelled, a status outside the workflow.",
        "Only a running job can be failed; this one is cancelled, a status outside the workflow.",
        "Only a failed job can be retried; this one is cancelled.",
    ]


async def test_details_offer_no_move(wider: Driver) -> None:
    await wider.go_to(10)
    await wider.press("enter")
    await wider.has_dialog("Job")
    await wider.shows("∙ cancelled", "created, cancelled")
    keys = str(wider.app.screen.query_one("#keys", Static).render())
    assert "d delete" in keys
    for word in ("start", "complete", "fail", "retry"):
        assert word not in keys


async def test_job_is_deleted_and_comes_back(wider: Driver) -> None:
    await wider.go_to(10)
    await wider.press("d")
    await wider.has_dialog("Delete this job?")
    await wider.press("y")
    await wider.until(lambda: 10 not in wider.rows)
    await wider.press("U")
    await wider.until(lambda: 10 in wider.rows)


async def test_filter_finds_it(wider: Driver) -> None:
    await wider.press("slash")
    await wider.type("status:cancelled")
    await wider.until(lambda: wider.rows == [10, 11])


async def test_budget_with_an_unknown_period_is_shown_and_not_changed(migrated_copy: Conninfo) -> None:
    jobs_db = JobsDatabase(migrated_copy)
    jobs_db.sql("alter table gjobs.budgets drop constraint budgets_period_check")
    fill(jobs_db)
    jobs_db.sql("insert into gjobs.budgets (project_id, period, limit_cents) values (%s, 'week', 100)", AUTUMN)
    jobs_db.close()
    app = WatchedApp(opener_of(migrated_copy, actor=OPERATOR))
    async with drive_dashboard(app) as driver:
        await driver.press("b")
        await driver.has_dialog("Budgets · Autumn catalog")
        await driver.shows("per 'week'")
        await driver.press("enter")
        await driver.shows_toast("This version of gjobs does not know the period 'week'")
        assert driver.dialog == "Budgets · Autumn catalog"


def test_many_unknown_statuses_share_one_column() -> None:
    unknown = [UnknownStatus(f"state {number}") for number in range(30)]
    rows = [
        JobStatistic(status=status, count=1, total_cost_cents=10, avg_cost_cents=10.0)
        for status in (*JobStatus, *unknown)
    ]
    statistics = JobStatistics(by_status=tuple(rows))
    totals = replace(USUAL, statistics=statistics, counts=exact_counts(statistics))
    first = texts(cost_lines(totals, width=120, height=4))[0]
    assert "∙ other 30" in first
    assert "Total 34" in first
    for width in range(50, 120):
        assert all(len(line) <= width for line in texts(cost_lines(totals, width=width, height=4)))
