"""The job list: status tabs, order, copying, and paging through a long list."""

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest
from textual.widgets import Input

from gjobs.store.capabilities.capability import MissingCapability
from gjobs.store.job_list.list_query import ListQuery, OrderColumn
from gjobs.store.statistics.statistics import Precision
from gjobs.tui.dashboard.list.job_table import JobTable
from gjobs.tui.dashboard.list.list_header import StatusTabs
from gjobs.tui.dashboard.list.loaded_rows import spare_rows
from tests.conftest import Conninfo
from tests.tui.dashboard.dashboard_driver import Drive, Driver, FrozenStore, WatchedApp, drive_dashboard, opener_of
from tests.tui.jobs_database import AUTUMN, JobsDatabase, job_id, short


async def test_number_keys_and_clicks_on_tabs_list_jobs_of_one_status(dashboard: Driver, jobs_db: JobsDatabase) -> None:
    for key, rows, title in (
        ("2", [1, 5], "Queued jobs · 2, newest first"),
        ("3", [2, 6], "Running jobs · 2, newest first"),
        ("4", [3], "Succeeded jobs · 1, newest first"),
        ("5", [4], "Failed jobs · 1, newest first"),
        ("1", [1, 2, 3, 4, 5, 6], "Jobs · 6, newest first"),
    ):
        cursor = dashboard.cursor
        await dashboard.press(key, rows=rows)
        assert dashboard.title == title
        assert dashboard.cursor == (cursor if cursor in rows else rows[0]), (
            "the cursor stays on its job if that is listed"
        )
        assert dashboard.costs[0].endswith("Total 6"), "the costs are of the whole project"
    assert dashboard.warnings == []

    for label, rows in (("failed", [4]), ("queued", [1, 5]), ("all", [1, 2, 3, 4, 5, 6])):
        line = str(dashboard.app.dashboard.query_one(StatusTabs).render())
        await dashboard.pilot.click(StatusTabs, offset=(line.index(label), 0))
        await dashboard.expects(rows=rows)

    await dashboard.press("space", "space", on=1, shows="2 marked")
    await dashboard.press("4", message="2 marked jobs left this list.", rows=[3])
    assert dashboard.marked == set()
    await dashboard.press("space", until=lambda: dashboard.marked == {3})
    jobs_db.delete(3)
    await dashboard.refreshes(shows="No succeeded jobs.", message="1 marked job left this list.")
    assert dashboard.marked == set()


async def test_keys_and_clicks_on_a_title_sort_and_reverse_the_order(dashboard: Driver, jobs_db: JobsDatabase) -> None:
    before = dashboard.app.dashboard.totals
    assert before is not None
    for order, rows in (
        ("last updated first", [1, 2, 3, 4, 5, 6]),
        ("most expensive first", [3, 2, 6, 1, 5, 4]),
        ("longest total first", [6, 2, 4, 3, 5, 1]),
        ("newest first", [1, 2, 3, 4, 5, 6]),
    ):
        await dashboard.press("o", until=lambda order=order: dashboard.title.endswith(order), rows=rows)  # type: ignore[misc]
        assert dashboard.cursor == rows[0]
        await dashboard.press("down")
    await dashboard.press("O", rows=[6, 5, 4, 3, 2, 1])
    assert (dashboard.title, dashboard.cursor) == ("Jobs · 6, oldest first", 6)

    cost = dashboard.row(0).index("COST")
    for order, rows in (("most expensive", [3, 9, 2, 6, 1, 5, 4]), ("cheapest", [4, 5, 1, 6, 2, 9, 3])):
        await dashboard.pilot.click(JobTable, offset=(cost, 0))
        await dashboard.until(lambda order=order: dashboard.title.endswith(f"{order} first"))  # type: ignore[misc]
        if order == "most expensive":
            jobs_db.job(9, cost_cents=275)
            await dashboard.refreshes()
        await dashboard.expects(rows=rows)

    await dashboard.press("slash", *"life", "enter", rows=[4, 1, 6, 9])
    await dashboard.press("space")
    assert len(dashboard.marked) == 1
    await dashboard.press("escape")
    assert dashboard.marked == set(), "escape clears the marks first and then the filter"
    assert dashboard.app.dashboard.query_one("#find", Input).value == "life"
    await dashboard.press("escape", rows=[4, 5, 1, 6, 2, 9, 3])

    # The tab of a whole list counts its rows, unless exact totals are newer.
    capped = {one: replace(count, precision=Precision.CAPPED) for one, count in before.counts.items()}
    later = before.taken_at + timedelta(seconds=1)
    for totals, number in (
        (before, "7"),
        (replace(before, counts=capped, taken_at=later), "7"),
        (replace(before, taken_at=later), "6"),
    ):
        dashboard.app.dashboard.jobs.show_totals(totals)
        assert dashboard.app.dashboard.query_one(StatusTabs).counts[None] == number
        assert dashboard.title.startswith("Jobs · 7, ")


async def test_copy_keys_copy_the_job_under_the_cursor_all_marked_jobs_or_the_open_job(dashboard: Driver) -> None:
    await dashboard.press("Y", on=4, message=f"Copied lifestyle {short(4)} as JSON with OSC 52.")
    job = json.loads(dashboard.app.clipboard)
    assert (job["id"], job["project_id"], job["error"]) == (str(job_id(4)), str(AUTUMN), "API timeout")
    assert (job["created_at"], job["wait_seconds"]) == ("2026-11-24T11:56:00.000000Z", None)
    await dashboard.press("y", on=2, message=f"Copied the id {job_id(2)} with OSC 52.")
    assert dashboard.app.clipboard == str(job_id(2))

    await dashboard.press("home", "enter", "y")
    assert dashboard.app.clipboard == str(job_id(1))
    await dashboard.press("Y", message=f"Copied lifestyle {short(1)} as JSON with OSC 52.")
    assert json.loads(dashboard.app.clipboard)["id"] == str(job_id(1))

    await dashboard.press("escape", "space", "space", "y", message="Copied the ids of 2 jobs with OSC 52.")
    assert dashboard.app.clipboard == f"{job_id(1)}\n{job_id(2)}"
    await dashboard.press("Y", message="Copied 2 jobs as JSON with OSC 52.")
    assert [job["status"] for job in json.loads(dashboard.app.clipboard)] == ["queued", "running"]


JOBS = 3_000


@pytest.fixture
async def long_list(empty_jobs_db: JobsDatabase, database: Conninfo) -> AsyncIterator[Driver]:
    """A dashboard of three thousand jobs, created a minute apart; lower numbers are newer."""
    empty_jobs_db.users()
    empty_jobs_db.project(AUTUMN, "Autumn catalog", days_ago=1)
    empty_jobs_db.many_jobs(JOBS)
    async with drive_dashboard(WatchedApp(opener_of(database)), size=(100, 30)) as driver:
        await driver.shows(f"of {JOBS:,}")
        yield driver


async def until_rows_arrive(driver: Driver) -> None:
    await driver.until(lambda: not driver.table.view.waiting)
    await driver.settle()


async def press_end(driver: Driver) -> None:
    await driver.press("end")
    await until_rows_arrive(driver)


async def test_paging_holds_few_rows_and_keeps_title_and_cursor(long_list: Driver, empty_jobs_db: JobsDatabase) -> None:
    assert long_list.title == "Jobs · 1 of 3,000, newest first"
    await press_end(long_list)
    assert long_list.title == "Jobs · 3,000 of 3,000, newest first"
    assert long_list.cursor == JOBS
    before = [long_list.row(line) for line in range(1, 10)]
    empty_jobs_db.job(JOBS + 1, minutes_ago=0.5)
    await long_list.refreshes(shows="of 3,001")
    assert [long_list.row(line) for line in range(1, 10)] == before
    assert long_list.cursor == JOBS
    empty_jobs_db.delete(JOBS + 1)
    await long_list.refreshes(shows="of 3,000")

    await long_list.press("pageup")
    page = JOBS - (long_list.cursor or 0)
    assert long_list.title == f"Jobs · {JOBS - page:,} of 3,000, newest first"
    await long_list.press("home")
    await until_rows_arrive(long_list)
    assert long_list.cursor == 1
    for _ in range(15):
        assert len(long_list.rows) <= 3 * spare_rows(page + 1)
        await long_list.pilot.press("pagedown")
        await until_rows_arrive(long_list)
    assert long_list.cursor == 1 + 15 * page
    assert long_list.title == f"Jobs · {1 + 15 * page:,} of 3,000, newest first"
    await long_list.press("s")
    number = long_list.cursor or 0
    await long_list.until(lambda: empty_jobs_db.status(number) == "running")
    await long_list.until(lambda: long_list.cursor == number)

    await press_end(long_list)
    await long_list.press("n", dialog="New job")
    await long_list.type("at_the_top", "enter", into="#mode", message="Queued at_the_top ")
    await long_list.until(lambda: long_list.table.cursor_job and long_list.table.cursor_job.mode == "at_the_top")


class SlowByUpdate(FrozenStore):
    async def slow_order_reason(self, query: ListQuery) -> MissingCapability | None:
        is_slow = query.order.column is OrderColumn.UPDATED
        return MissingCapability(reason="There is no index by it.", sql="CREATE INDEX …;") if is_slow else None


async def test_unavailable_order_shows_the_reason_and_the_next_key_skips_it(drive: Drive) -> None:
    async with drive(make=SlowByUpdate) as driver:
        await driver.press(
            "o", message="Not sorted by updated: There is no index by it. To fix it, run: CREATE INDEX …;"
        )
        assert driver.title == "Jobs · 6, newest first"
        await driver.press("o", shows="most expensive first")
