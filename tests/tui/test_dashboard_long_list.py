"""The dashboard over thousands of jobs: it reads as far as one looks, and says where that is."""

from collections.abc import AsyncIterator

import pytest

from store.capabilities.capability import MissingCapability
from store.job_list.list_query import ListQuery, OrderColumn
from tests.conftest import Conninfo
from tests.tui.driving import Driver, FrozenStore, WatchedApp, drive_dashboard, opener_of
from tests.tui.world import AUTUMN, JobsDatabase, job_id

JOBS = 3_000


@pytest.fixture
async def long_list(empty_jobs_db: JobsDatabase, database: Conninfo) -> AsyncIterator[Driver]:
    """Three thousand jobs, a minute apart, of which the lower are the newer."""
    empty_jobs_db.users()
    empty_jobs_db.project(AUTUMN, "Autumn catalog", days_ago=1)
    empty_jobs_db.many_jobs(JOBS)
    async with drive_dashboard(WatchedApp(opener_of(database)), size=(80, 30)) as driver:
        await driver.shows(f"of {JOBS:,}")
        yield driver


async def until_it_is_there(driver: Driver) -> None:
    await driver.until(lambda: not driver.table.is_waiting)
    await driver.settle()


async def test_title_shows_the_cursor_position_while_paging(long_list: Driver, empty_jobs_db: JobsDatabase) -> None:
    assert long_list.title == "Jobs · 1 of 3,000, newest first"
    await long_list.press("end")
    await until_it_is_there(long_list)
    assert long_list.title == "Jobs · 3,000 of 3,000, newest first"
    assert long_list.cursor == JOBS

    await long_list.press("pageup")
    page = JOBS - (long_list.cursor or 0)
    assert long_list.title == f"Jobs · {JOBS - page:,} of 3,000, newest first"
    await long_list.press("home")
    await until_it_is_there(long_list)
    assert long_list.cursor == 1
    for _ in range(60):
        await long_list.pilot.press("pagedown")
        await until_it_is_there(long_list)
    assert long_list.cursor == 1 + 60 * page
    assert long_list.title == f"Jobs · {1 + 60 * page:,} of 3,000, newest first"

    await long_list.press("s")
    number = long_list.cursor or 0
    await long_list.until(lambda: empty_jobs_db.status(number) == "running")
    await long_list.until(lambda: long_list.cursor == number)


@pytest.mark.parametrize("width", [40, 52, 80, 120])
async def test_title_shows_the_position_at_every_width(long_list: Driver, width: int) -> None:
    await long_list.press("slash", *"mode:lifestyle cost:>=0 -error:timeout -error:quota", "enter")
    await long_list.until(lambda: "with mode:lifestyle" in long_list.title)
    await long_list.until(lambda: long_list.listed == long_list.app.dashboard.listed)
    await long_list.press("end")
    await until_it_is_there(long_list)
    await long_list.resize(width, 20)
    await long_list.until(lambda: f" {JOBS:,} of {JOBS:,}" in long_list.text)
    (line,) = (line for line in long_list.text.splitlines() if f" of {JOBS:,}" in line)
    assert line.endswith("─╮"), "nothing of it is cut"


async def test_changing_the_order_shows_its_first_row(long_list: Driver, empty_jobs_db: JobsDatabase) -> None:
    await long_list.press("end")
    await until_it_is_there(long_list)
    empty_jobs_db.sql("update generation_jobs set cost_cents = 900 where id = %s", job_id(1_500))
    await long_list.press("o")
    await long_list.shows("last updated first")
    await long_list.press("o")
    await long_list.shows("dearest first")
    await long_list.until(lambda: long_list.rows[:1] == [1_500])
    assert long_list.title == "Jobs · 1 of 3,000, dearest first"


async def test_new_job_above_the_window_moves_no_visible_row(long_list: Driver, empty_jobs_db: JobsDatabase) -> None:
    await long_list.press("end")
    await until_it_is_there(long_list)
    before = [long_list.row(line) for line in range(1, 10)]
    empty_jobs_db.job(JOBS + 1, minutes_ago=0.5)
    await long_list.refreshes()
    await long_list.shows("of 3,001")

    assert [long_list.row(line) for line in range(1, 10)] == before
    assert long_list.cursor == JOBS


async def test_choosing_all_includes_jobs_beyond_the_loaded_rows(long_list: Driver) -> None:
    await long_list.press("asterisk")
    await long_list.shows("chosen, with those beyond the rows shown")


class SlowByUpdate(FrozenStore):
    async def get_order_off(self, query: ListQuery) -> MissingCapability | None:
        is_off = query.order.column is OrderColumn.UPDATED
        return MissingCapability(reason="There is no index by it.", sql="CREATE INDEX …;") if is_off else None


async def test_unavailable_order_shows_the_reason_and_the_next_key_skips_it(
    jobs_db: JobsDatabase, database: Conninfo
) -> None:
    async with drive_dashboard(WatchedApp(opener_of(database, make=SlowByUpdate))) as driver:
        await driver.press("o")
        await driver.shows_toast("Not sorted by updated: There is no index by it. Mended by: CREATE INDEX …;")
        assert driver.title == "Jobs · 6, newest first"
        await driver.press("o")
        await driver.shows("dearest first")
