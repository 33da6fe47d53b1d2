"""The dashboard over thousands of jobs: it reads as far as one looks, and says where that is."""

from collections.abc import AsyncIterator

import pytest

from store.capabilities.capability import MissingCapability
from store.job_list.list_query import ListQuery, OrderColumn
from tests.conftest import Conninfo
from tests.tui.driving import Drive, Driver, FrozenStore, WatchedApp, driving, number_of, opener_of
from tests.tui.world import AUTUMN, World, job_id
from tui.dashboard.job_list.loaded_rows import spare_rows

JOBS = 3_000


@pytest.fixture
async def long_list(empty_world: World, database: Conninfo) -> AsyncIterator[Driver]:
    """Three thousand jobs, a minute apart, of which the lower are the newer."""
    empty_world.users()
    empty_world.project(AUTUMN, "Autumn catalog", days_ago=1)
    empty_world.many_jobs(JOBS)
    async with driving(WatchedApp(opener_of(database)), size=(80, 30)) as driver:
        await driver.sees(f"of {JOBS:,}")
        yield driver


async def until_it_is_there(driver: Driver) -> None:
    await driver.until(lambda: not driver.table.is_waiting)
    await driver.settle()


def numbers_in_sight(driver: Driver) -> list[int]:
    return [number_of(job) for job in driver.table._view.jobs_in_sight]


async def test_paging_shows_each_row_once_and_the_cursor_position(long_list: Driver, empty_world: World) -> None:
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
    seen = list[int]()
    for _ in range(60):
        seen += [number for number in numbers_in_sight(long_list) if number not in seen]
        assert len(long_list.rows) <= 3 * spare_rows(page + 1)
        await long_list.pilot.press("pagedown")
        await until_it_is_there(long_list)
    assert seen == list(range(1, len(seen) + 1)), "each row is seen once"
    assert long_list.cursor == 1 + 60 * page
    assert long_list.title == f"Jobs · {1 + 60 * page:,} of 3,000, newest first"

    await long_list.press("s")
    number = long_list.cursor or 0
    await long_list.until(lambda: empty_world.status(number) == "running")
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


async def test_changing_the_order_shows_its_first_row(long_list: Driver, empty_world: World) -> None:
    await long_list.press("end")
    await until_it_is_there(long_list)
    empty_world.sql("update generation_jobs set cost_cents = 900 where id = %s", job_id(1_500))
    await long_list.press("o", sees="last updated first")
    await long_list.press("o", sees="dearest first")
    await long_list.until(lambda: long_list.rows[:1] == [1_500])
    assert long_list.title == "Jobs · 1 of 3,000, dearest first"


async def test_new_job_above_the_window_moves_no_visible_row(long_list: Driver, empty_world: World) -> None:
    await long_list.press("end")
    await until_it_is_there(long_list)
    before = [long_list.row(line) for line in range(1, 10)]
    empty_world.job(JOBS + 1, minutes_ago=0.5)
    await long_list.looks_again()
    await long_list.sees("of 3,001")

    assert [long_list.row(line) for line in range(1, 10)] == before
    assert long_list.cursor == JOBS


async def test_choosing_all_includes_jobs_beyond_the_loaded_rows(long_list: Driver) -> None:
    await long_list.press("asterisk", sees="chosen, with those beyond the rows shown")


class SlowByUpdate(FrozenStore):
    async def get_order_off(self, query: ListQuery) -> MissingCapability | None:
        is_off = query.order.column is OrderColumn.UPDATED
        return MissingCapability(reason="There is no index by it.", sql="CREATE INDEX …;") if is_off else None


async def test_unavailable_order_shows_the_reason_and_the_next_key_skips_it(drive: Drive) -> None:
    async with drive(make=SlowByUpdate) as driver:
        await driver.press("o", told="Not sorted by updated: There is no index by it. Mended by: CREATE INDEX …;")
        assert driver.title == "Jobs · 6, newest first"
        await driver.press("o", sees="dearest first")
