"""The waste in the errors screen."""

import pytest

from gjobs.store.errors import TimedOut
from gjobs.store.statistics import waste_sql
from tests.tui.dashboard.dashboard_driver import Drive, Driver, Gate
from tests.tui.dashboard.test_dashboard_errors import open_errors
from tests.tui.jobs_database import SPRING, JobsDatabase

HOSTILE = "[/oops][@click=app.quit]x[/]\x1b[2J\u202e"


async def test_waste_shows_failed_jobs_and_retries_by_each_key(dashboard: Driver, jobs_db: JobsDatabase) -> None:
    jobs_db.sql("update generation_jobs set status = 'succeeded', retry_count = 0, cost_cents = 100")
    jobs_db.job(11, "failed", error="Asset 11 not found", mode=HOSTILE, minutes_ago=5)
    jobs_db.job(12, "failed", project=SPRING, error="API timeout", minutes_ago=5)
    jobs_db.sql("update generation_jobs set cost_cents = 100 where status = 'failed'")
    jobs_db.sql("update generation_jobs set retry_count = 1 where mode = 'packaging'")
    (costs,) = jobs_db.sql(
        "select sum(cost_cents), count(*) filter (where retry_count > 0) from generation_jobs where project_id ="
        " (select project_id from generation_jobs where error = 'Asset 11 not found')"
    )
    cents, retries = int(costs[0]), int(costs[1])
    wasted = 100 * (1 + retries)
    await open_errors(dashboard)
    await dashboard.press("w", dialog="Waste · Autumn catalog")
    await dashboard.shows(f"${wasted / 100:.2f} wasted, {wasted / cents:.0%}".replace("%", " % of all costs"))
    await dashboard.shows("RETRY COST", "█" * 16, "MODE", "[/oops][@click=app.quit")
    assert not set(dashboard.text) & {"\x1b", "\u202e"}
    tooltips = [active.tooltip for active in dashboard.app.screen.active_bindings.values()]
    for step in ("next", "previous"):
        assert f"Group the waste by the {step} dimension" in tooltips
    await dashboard.press("right", shows="PROJECT")
    await dashboard.press("right", shows="ada@example.com")
    await dashboard.press("right", shows="Asset # not found")
    await dashboard.press("right", shows=("DAY", "Jobs created in the last 30 days, in UTC."))
    await dashboard.press("left", "left", shows="USER")
    for size, hidden in (((80, 24), "ALL JOBS"), ((160, 45), "nothing")):
        await dashboard.resize(*size)
        await dashboard.shows("FAILED COST", "RETRY COST", "WASTE", "SHARE", "total")
        assert hidden not in dashboard.text, size
    jobs_db.sql("update generation_jobs set retry_count = 0")
    jobs_db.sql(
        "insert into generation_jobs (user_id, project_id, status, mode, error, cost_cents)"
        " select user_id, id, 'failed', 'lifestyle', 'kind ' || chr(64 + n), n from projects, generate_series(1, 40) n"
    )
    await dashboard.press("right", shows="kind d")
    await dashboard.resize(120, 36)
    await dashboard.shows("f5 refresh", "All jobs that exist are counted.", "wasted")
    assert "RETR" not in dashboard.text
    await dashboard.resize(40, 12)
    await dashboard.shows("mode  project  user  group  day", "wasted", "WASTE", "kind h", "← previous  → next")
    await dashboard.press("w", until=lambda: dashboard.dialog.startswith("Errors · "))


async def test_waste_marks_a_bounded_read_and_shows_why_it_failed(
    drive: Drive, jobs_db: JobsDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing = Gate("get_waste", fails=TimedOut("The database took too long."))
    failing.open()
    async with drive(make=failing.store) as driver:
        await open_errors(driver)
        await driver.press("w", shows="The database took too long.")
    jobs_db.sql("revoke select on gjobs.job_waste, gjobs.job_summary from public")
    monkeypatch.setattr(waste_sql, "MOST_WASTED_JOBS", 3)
    try:
        async with drive() as driver:
            await open_errors(driver)
            await driver.press("w", shows=("Only the newest 3 jobs were read.", "may not read gjobs.job_summary."))
            await driver.shows(" % of the costs of the newest 3 jobs")
    finally:
        jobs_db.sql("grant select on gjobs.job_waste, gjobs.job_summary to public")
