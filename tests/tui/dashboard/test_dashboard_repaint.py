"""Nothing is drawn again while no visible text changes."""

from collections import Counter
from collections.abc import AsyncIterator, Callable
from datetime import timedelta

import pytest
from textual.strip import Strip
from textual.widget import Widget
from textual.widgets import OptionList

from gjobs.store import poller
from gjobs.tui.dashboard.list.job_table import JobTable
from gjobs.tui.dashboard.widgets.widgets import DrawnLines
from tests.tui.dashboard.dashboard_driver import Clock, Drive, Driver
from tests.tui.jobs_database import FROZEN, JobsDatabase


@pytest.fixture
def drawn(drawn_at_once: None, monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Count the drawn lines of each kind of widget. Lines from Textual's cache do not count."""
    counts: Counter[str] = Counter()

    def counting(original: Callable[[Widget, int], Strip]) -> Callable[[Widget, int], Strip]:
        def render_line(widget: Widget, y: int) -> Strip:
            counts[type(widget).__name__] += 1
            return original(widget, y)

        return render_line

    for kind in (Widget, OptionList, JobTable, DrawnLines):
        monkeypatch.setattr(kind, "render_line", counting(kind.__dict__["render_line"]))
    return counts


@pytest.fixture
async def quick(drive: Drive, drawn: Counter[str], monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Driver]:
    """A dashboard that polls twenty times a second, after its first lines were drawn. It never trusts notifications."""
    monkeypatch.setattr(poller, "_UNCHANGED_BEFORE_TRUST", 1_000_000)
    async with drive(interval=0.05) as driver:
        await driver.polls_again(5)
        assert drawn["JobTable"] > 0
        drawn.clear()
        yield driver


async def polls_draw(driver: Driver, drawn: Counter[str], expected: dict[str, int]) -> None:
    header, costs = driver.header, driver.costs
    await driver.polls_again(5)
    if driver.header != header:  # A busy machine polls less often, and the status line shows that.
        drawn.pop("StatusLine", None)
    if driver.costs != costs:  # The oldest queued job has waited for another minute.
        drawn.pop("CostsPanel", None)
    assert drawn == expected


async def test_clock_ticks_draw_nothing_while_the_shown_ages_stay_the_same(
    jobs_db: JobsDatabase, drive: Drive, clock: Clock, drawn: Counter[str]
) -> None:
    # The duration of a running job changes every second.
    jobs_db.sql("update generation_jobs set status = 'succeeded' where status = 'running'")
    async with drive(clock=clock) as driver:
        for seconds, kinds in ((9, set()), (20, {"CostsPanel"}), (60, {"JobTable", "CostsPanel"})):
            drawn.clear()
            clock.now = FROZEN + timedelta(seconds=seconds)
            driver.app.dashboard._tick()
            await driver.until(lambda kinds=kinds: drawn or not kinds)  # type: ignore[misc]
            await driver.settle()
            assert set(drawn) == kinds


async def test_second_of_a_running_job_draws_two_lines_of_the_pane(
    jobs_db: JobsDatabase, drive: Drive, clock: Clock, drawn: Counter[str]
) -> None:
    jobs_db.sql("update gjobs.job_event_log set at = %s where to_status = 'running'", FROZEN - timedelta(minutes=1))
    async with drive(clock=clock, size=(160, 45)) as driver:
        await driver.go_to(2)
        await driver.until(lambda: not driver.app.dashboard.is_loading_details)
        await driver.settle()
        drawn.clear()
        clock.now = FROZEN + timedelta(seconds=1)
        driver.app.dashboard._tick()
        await driver.until(lambda: drawn["DetailsPane"] > 0)
        await driver.settle()
        # Only the lines of the run and of its status in the timeline.
        assert drawn["DetailsPane"] == 2


async def test_polls_draw_only_the_table_the_counts_and_the_keys_after_a_change_and_nothing_without_one(
    jobs_db: JobsDatabase, quick: Driver, drawn: Counter[str]
) -> None:
    await polls_draw(quick, drawn, {})
    jobs_db.sql("update generation_jobs set mode = 'packaging' where mode = 'main_white'")
    await polls_draw(quick, drawn, {"JobTable": 1})

    jobs_db.set_status(1, "running")
    drawn.clear()
    await quick.refreshes(until=lambda: "CostsPanel" in drawn)
    await quick.polls_again(5)
    assert set(drawn) == {"JobTable", "CostsPanel", "StatusTabs", "KeyHints"}

    await quick.press("enter", dialog="Job")
    await quick.polls_again(5)
    drawn.clear()
    await polls_draw(quick, drawn, {})
