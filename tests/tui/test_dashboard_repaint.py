"""Nothing is drawn again while no visible text changes."""

from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from textual.strip import Strip
from textual.widget import Widget
from textual.widgets import OptionList

from tests.conftest import Conninfo
from tests.tui.driving import Driver, WatchedApp, drive_dashboard, opener_of
from tests.tui.world import FROZEN, JobsDatabase
from tui.dashboard.job_list.job_table import JobTable


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How many lines of each kind of widget were drawn, and not taken from what Textual keeps of them."""
    counts: Counter[str] = Counter()

    def counting(original: Callable[[Widget, int], Strip]) -> Callable[[Widget, int], Strip]:
        def render_line(widget: Widget, y: int) -> Strip:
            counts[type(widget).__name__] += 1
            return original(widget, y)

        return render_line

    for kind in (Widget, OptionList, JobTable):
        monkeypatch.setattr(kind, "render_line", counting(kind.__dict__["render_line"]))
    return counts


async def same_looks(driver: Driver, number: int = 5) -> None:
    before = driver.app.looks
    await driver.until(lambda: driver.app.looks >= before + number)
    await driver.settle()


async def test_polls_without_changes_draw_nothing(
    jobs_db: JobsDatabase, database: Conninfo, drawn: Counter[str]
) -> None:
    async with drive_dashboard(WatchedApp(opener_of(database), interval=0.05)) as driver:
        await same_looks(driver)
        assert drawn["JobTable"] > 0
        drawn.clear()
        await same_looks(driver)

        assert drawn == {}


async def test_clock_ticks_draw_nothing_while_the_shown_ages_stay_the_same(
    jobs_db: JobsDatabase, database: Conninfo, drawn: Counter[str]
) -> None:
    now = FROZEN

    def clock() -> datetime:
        return now

    async with drive_dashboard(WatchedApp(opener_of(database), clock=clock)) as driver:
        drawn.clear()
        now = FROZEN + timedelta(seconds=9)
        driver.app.dashboard._tick()
        await driver.settle()
        assert drawn == {}

        now = FROZEN + timedelta(seconds=20)
        driver.app.dashboard._tick()
        await driver.until(lambda: drawn)
        await driver.settle()
        assert set(drawn) == {"CostsPanel"}, "the numbers grow old"

        drawn.clear()
        now = FROZEN + timedelta(seconds=60)
        driver.app.dashboard._tick()
        await driver.until(lambda: drawn)
        await driver.settle()
        assert set(drawn) == {"JobTable", "CostsPanel"}


async def test_changed_job_redraws_only_the_table_and_the_costs(
    jobs_db: JobsDatabase, database: Conninfo, drawn: Counter[str]
) -> None:
    async with drive_dashboard(WatchedApp(opener_of(database), interval=0.05)) as driver:
        await same_looks(driver)
        drawn.clear()
        jobs_db.sql("update generation_jobs set mode = 'packaging' where mode = 'main_white'")
        await same_looks(driver)
        assert drawn == {"JobTable": 1}

        jobs_db.set_status(1, "running")
        await driver.refreshes()
        await driver.until(lambda: "CostsPanel" in drawn)
        await same_looks(driver)
        assert set(drawn) == {"JobTable", "CostsPanel"}


async def test_details_screen_is_redrawn_only_when_its_content_changes(
    jobs_db: JobsDatabase, database: Conninfo, drawn: Counter[str]
) -> None:
    async with drive_dashboard(WatchedApp(opener_of(database), interval=0.05)) as driver:
        await driver.press("enter")
        await same_looks(driver)
        drawn.clear()
        await same_looks(driver)

        assert drawn == {}
