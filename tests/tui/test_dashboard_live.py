"""Changes by others arrive by themselves, as often as one wants, and disturb nothing that the person is at."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from textual.widgets import Input

from tests.conftest import Conninfo
from tests.tui.driving import Driver, WatchedApp, drive_dashboard, opener_of
from tests.tui.world import FROZEN, JobsDatabase, job_id

QUICK = 0.05


@pytest.fixture
async def live(jobs_db: JobsDatabase, database: Conninfo) -> AsyncIterator[Driver]:
    """Looks twenty times a second."""
    async with drive_dashboard(WatchedApp(opener_of(database), interval=QUICK)) as driver:
        yield driver


async def some_looks(driver: Driver, number: int = 3) -> None:
    before = driver.app.looks
    await driver.until(lambda: driver.app.looks >= before + number)
    await driver.settle()


async def nothing_is_under_way(driver: Driver) -> None:
    """What was asked before a pause is answered, and shown."""
    session = driver.app.connection.session
    assert session is not None
    connections = session.operator.database._connections
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
    await live.press("f5")
    await live.until(lambda: live.costs[0].startswith("◌ queued 2 ▸ running 3 ✓ succeeded 0 "))
    assert live.cursor == 1


async def test_paused_dashboard_polls_only_when_refreshed(live: Driver, jobs_db: JobsDatabase) -> None:
    await live.press("z")
    await live.until(lambda: "‖ paused, seen 0 s ago" in live.header)
    await nothing_is_under_way(live)
    looks = live.app.looks
    jobs_db.delete(6)
    await live.pilot.pause(6 * QUICK)
    assert live.app.looks == looks
    assert live.rows == [1, 2, 3, 4, 5, 6]

    await live.press("f5")
    await live.until(lambda: live.rows == [1, 2, 3, 4, 5])
    assert live.app.looks == looks + 1
    await live.until(lambda: "paused" in live.header)
    jobs_db.delete(5)
    await live.press("z")
    await live.until(lambda: live.rows == [1, 2, 3, 4])
    await live.until(lambda: "live every" in live.header)


async def test_switching_the_acting_user_keeps_the_dashboard_paused(live: Driver) -> None:
    await live.press("z", "u")
    await live.has_dialog("Look with whose eyes?")
    await live.type("ben")
    await live.press("enter")
    await live.shows("as ben@example.com · ‖ paused")
    await live.shows("Trail gear")
    await nothing_is_under_way(live)
    looks = live.app.looks
    await live.pilot.pause(4 * QUICK)

    assert live.app.looks == looks


async def test_plus_and_minus_keys_step_through_the_intervals(dashboard: Driver) -> None:
    shown = []
    for key in ("plus", "plus", "plus", "minus", "plus", "plus", "plus", "plus", "plus"):
        await dashboard.press(key)
        shown.append(dashboard.header.strip().rpartition("every ")[2])

    assert shown == ["30 s", "10 s", "5 s", "10 s", "5 s", "2 s", "1 s", "1 s", "1 s"]
    await dashboard.press(*["minus"] * 6)
    assert dashboard.header.rstrip().endswith("live every 1 min")


async def test_shorter_interval_takes_effect_at_once(dashboard: Driver, jobs_db: JobsDatabase) -> None:
    jobs_db.delete(6)
    await dashboard.press(*["plus"] * 5)
    await dashboard.until(lambda: dashboard.rows == [1, 2, 3, 4, 5])


async def test_open_dialog_keeps_its_input_while_the_list_refreshes(live: Driver, jobs_db: JobsDatabase) -> None:
    await live.press("n")
    await live.has_dialog("New job")
    await live.type("half-ty")
    jobs_db.delete(1)
    await live.until(lambda: 1 not in live.rows)

    await live.has_dialog("New job")
    field = live.app.focused
    assert isinstance(field, Input)
    assert field.value == "half-ty"


async def test_filter_stays_active_and_applies_to_new_jobs(live: Driver, jobs_db: JobsDatabase) -> None:
    await live.press("slash")
    await live.type("pack")
    jobs_db.job(9, mode="packaging", minutes_ago=0.1)
    await live.until(lambda: live.rows == [9, 2])

    field = live.app.focused
    assert isinstance(field, Input)
    assert field.value == "pack"


async def test_marks_scroll_position_and_cursor_survive_a_refresh(jobs_db: JobsDatabase, database: Conninfo) -> None:
    jobs_db.jobs(range(100, 200))
    async with drive_dashboard(WatchedApp(opener_of(database), interval=QUICK), size=(80, 24)) as live:
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
    await live.shows("Costs · Spring lookbook")

    await live.shows_toast("The project is gone, or hidden: another is shown.")
    assert live.rows == [7]


async def test_project_created_elsewhere_is_listed_but_not_selected(live: Driver, jobs_db: JobsDatabase) -> None:
    jobs_db.sql("insert into projects (user_id, name) select id, 'Winter sale' from auth.users where email ~ 'ada'")
    await live.shows("Winter sale")

    await live.shows("Costs · Autumn catalog")


async def test_ages_grow_without_polling(
    jobs_db: JobsDatabase, database: Conninfo, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Who begins to listen looks once more.
    monkeypatch.setattr("store.database.wake_ups.may_listen", lambda *_: False)
    now = [FROZEN]
    async with drive_dashboard(WatchedApp(opener_of(database), clock=lambda: now[0])) as driver:
        assert "1 min ago" in driver.row(1)
        await driver.press("enter")
        now[0] = FROZEN + timedelta(minutes=4)
        await driver.until(lambda: "5 min ago" in driver.row(1))
        await driver.shows("Waiting      5 min 00 s")
        assert driver.app.looks == 2, "one to find the newest project, one of it"
