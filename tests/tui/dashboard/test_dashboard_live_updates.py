"""Changes by others arrive by themselves, as often as one wants, and disturb nothing that the person is at."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from textual.widgets import Input

from tests.tui.dashboard.dashboard_driver import Drive, Driver
from tests.tui.jobs_database import FROZEN, JobsDatabase, job_id

QUICK = 0.05


@pytest.fixture
async def live(drive: Drive) -> AsyncIterator[Driver]:
    """Looks twenty times a second."""
    async with drive(interval=QUICK) as driver:
        yield driver


async def some_looks(driver: Driver, number: int = 3) -> None:
    before = driver.app.looks
    await driver.until(lambda: driver.app.looks >= before + number)
    await driver.settle()


async def nothing_is_under_way(driver: Driver) -> None:
    """What was asked before a pause is answered, and shown."""
    connections = driver.session.operator.database._connections
    await driver.until(lambda: connections._slots._value == connections._size)
    await driver.settle()


async def test_changes_by_other_sessions_appear_in_the_list(live: Driver, jobs_db: JobsDatabase) -> None:
    jobs_db.set_status(1, "running")
    await live.until(lambda: "running" in live.row(1))
    jobs_db.sql("update generation_jobs set cost_cents = 999 where id = %s", job_id(1))
    await live.until(lambda: "$9.99" in live.row(1))
    jobs_db.job(9, minutes_ago=0.5)
    await live.until(lambda: live.rows[0] == 9)
    jobs_db.delete(3)
    await live.until(lambda: 3 not in live.rows)

    # What is counted takes its time on a busy machine, unless somebody asks.
    await live.press("f5", until=lambda: live.costs[0].startswith("◌ queued 2 ▸ running 3 ✓ succeeded 0 "))
    assert live.cursor == 1


async def test_paused_dashboard_polls_only_when_refreshed(live: Driver, jobs_db: JobsDatabase) -> None:
    await live.press("z", until=lambda: "‖ paused, seen 0 s ago" in live.header)
    await nothing_is_under_way(live)
    looks = live.app.looks
    jobs_db.delete(6)
    await live.pilot.pause(6 * QUICK)
    assert live.app.looks == looks
    assert live.rows == [1, 2, 3, 4, 5, 6]

    await live.press("f5", rows=[1, 2, 3, 4, 5])
    assert live.app.looks == looks + 1
    await live.until(lambda: "paused" in live.header)
    jobs_db.delete(5)
    await live.press("z", rows=[1, 2, 3, 4], until=lambda: "live every" in live.header)


async def test_switching_the_acting_user_keeps_the_dashboard_paused(live: Driver) -> None:
    await live.press("z")
    await live.act_as("ben", shows=("as ben@example.com · ‖ paused", "Trail gear"))
    await nothing_is_under_way(live)
    looks = live.app.looks
    await live.pilot.pause(4 * QUICK)
    assert live.app.looks == looks


async def test_plus_and_minus_keys_step_through_the_intervals_with_effect_at_once(
    dashboard: Driver, jobs_db: JobsDatabase
) -> None:
    jobs_db.delete(6)
    shown = []
    for key in ("plus", "plus", "plus", "minus", "plus", "plus", "plus", "plus", "plus"):
        await dashboard.press(key)
        shown.append(dashboard.header.strip().rpartition("every ")[2])

    assert shown == ["30 s", "10 s", "5 s", "10 s", "5 s", "2 s", "1 s", "1 s", "1 s"]
    await dashboard.expects(rows=[1, 2, 3, 4, 5])
    await dashboard.press(*["minus"] * 6)
    assert dashboard.header.rstrip().endswith("live every 1 min")


async def test_dialog_and_filter_keep_their_text_while_the_list_refreshes(live: Driver, jobs_db: JobsDatabase) -> None:
    await live.press("n", dialog="New job")
    await live.type("half-ty")
    jobs_db.delete(1)
    await live.until(lambda: 1 not in live.rows)
    await live.has_dialog("New job")
    assert live.value("#mode") == "half-ty"
    await live.press("escape")

    await live.filter("pack")
    jobs_db.job(9, mode="packaging", minutes_ago=0.1)
    await live.until(lambda: live.rows == [9, 2])
    assert isinstance(live.app.focused, Input)
    assert live.app.focused.value == "pack"


async def test_marks_scroll_position_and_cursor_survive_a_refresh(jobs_db: JobsDatabase, drive: Drive) -> None:
    jobs_db.jobs(range(100, 200))
    async with drive(interval=QUICK, size=(80, 24)) as live:
        await live.press("end", "up", "space", "up")
        lines = [live.row(place) for place in range(1, 10)]
        scroll, cursor = live.table.scroll_y, live.cursor
        jobs_db.jobs(range(300, 303))
        jobs_db.sql("update generation_jobs set created_at = %s where id = any(%s)", "2026-11-24", [job_id(300)])
        jobs_db.job(9, minutes_ago=0.1)
        jobs_db.delete(100, 101)
        await live.until(lambda: 9 in live.rows and 100 not in live.rows)
        await some_looks(live)

        assert live.cursor == cursor
        assert live.marked == {198}
        assert [live.row(place) for place in range(1, 10)] == lines
        assert scroll != 0
        await live.shows("▲ 1 new")


async def test_dashboard_selects_another_project_when_the_current_one_is_deleted(
    live: Driver, jobs_db: JobsDatabase
) -> None:
    jobs_db.sql("delete from projects where name = 'Autumn catalog'")
    await live.expects(shows="Costs · Spring lookbook", toast="The project was deleted or is hidden. Showing another.")
    assert live.rows == [7]


async def test_ages_grow_without_polling(drive: Drive, monkeypatch: pytest.MonkeyPatch) -> None:
    # Who begins to listen looks once more.
    monkeypatch.setattr("store.database.wake_ups.may_listen", lambda *_: False)
    now = [FROZEN]
    async with drive(clock=lambda: now[0]) as driver:
        assert "1 min ago" in driver.row(1)
        await driver.press("enter")
        now[0] = FROZEN + timedelta(minutes=4)
        await driver.until(lambda: "5 min ago" in driver.row(1))
        await driver.shows("Waiting      5 min 00 s")
        assert driver.app.looks == 2, "one to find the newest project, one of it"
