"""Changes of other sessions appear by polling, and a refresh keeps the user's text, marks and cursor."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from textual.widgets import Input

from gjobs.store.database.wake_ups import WakeUp
from gjobs.store.poller import Poller
from tests.tui.dashboard.dashboard_driver import AS_BEN, Drive, Driver
from tests.tui.jobs_database import FROZEN, JobsDatabase, job_id

QUICK = 0.05


@pytest.fixture
async def live(drive: Drive) -> AsyncIterator[Driver]:
    """A dashboard that polls twenty times a second."""
    async with drive(interval=QUICK) as driver:
        yield driver


async def polls_are_answered(driver: Driver) -> None:
    """Wait until all queries that began before a pause are answered and shown."""
    connections = driver.session.operator.database.connections
    await driver.until(lambda: connections._slots._value == connections._size)
    await driver.settle()


async def test_changes_by_other_sessions_appear_while_dialog_and_filter_keep_their_text(
    live: Driver, jobs_db: JobsDatabase
) -> None:
    jobs_db.set_status(1, "running")
    await live.until(lambda: "running" in live.row(1))
    jobs_db.sql("update generation_jobs set cost_cents = 999 where id = %s", job_id(1))
    await live.until(lambda: "$9.99" in live.row(1))
    jobs_db.job(9, minutes_ago=0.5)
    await live.until(lambda: live.rows[0] == 9)
    jobs_db.delete(3)
    await live.until(lambda: 3 not in live.rows)

    # On a busy machine totals are polled late unless the refresh key asks for them.
    await live.press("f5", until=lambda: "▸ running 3 → 4 ✓ succeeded 0 " in live.costs[0])
    assert live.cursor == 1

    await live.press("n", dialog="New job")
    await live.type("half-ty")
    jobs_db.delete(4)
    await live.until(lambda: 4 not in live.rows)
    await live.has_dialog("New job")
    assert live.value("#mode") == "half-ty"
    await live.press("escape")

    await live.filter("pack")
    jobs_db.job(10, mode="packaging", minutes_ago=0.1)
    await live.until(lambda: live.rows == [10, 2])
    assert isinstance(live.app.focused, Input)
    assert live.app.focused.value == "pack"
    await live.press("escape")

    jobs_db.sql("delete from projects where name = 'Autumn catalog'")
    message = "The project was deleted or is hidden. Showing another."
    await live.expects(shows="Costs · Spring lookbook", message=message, rows=[7])


async def test_paused_dashboard_polls_only_when_refreshed_even_as_another_user(
    live: Driver, jobs_db: JobsDatabase
) -> None:
    await live.press("z", until=lambda: "‖ paused, seen 0 s ago" in live.header)
    await polls_are_answered(live)
    polls = live.app.polls
    jobs_db.delete(6)
    await live.pilot.pause(6 * QUICK)
    assert live.app.polls == polls
    assert live.rows == [1, 2, 3, 4, 5, 6]

    await live.press("f5", rows=[1, 2, 3, 4, 5])
    assert live.app.polls == polls + 1
    await live.until(lambda: "paused" in live.header)
    jobs_db.delete(5)
    await live.press("z", rows=[1, 2, 3, 4], until=lambda: "live every" in live.header)

    await live.press("z")
    await live.act_as(AS_BEN, shows=("as ben@example.com · ‖ paused", "Trail gear"))
    await polls_are_answered(live)
    polls = live.app.polls
    await live.pilot.pause(4 * QUICK)
    assert live.app.polls == polls


async def test_plus_and_minus_keys_step_through_the_intervals_with_effect_at_once(
    dashboard: Driver, jobs_db: JobsDatabase
) -> None:
    jobs_db.delete(6)
    shown, chosen = [], []
    for key in ("plus", "plus", "plus", "minus", "plus", "plus", "plus", "plus", "plus"):
        await dashboard.press(key)
        shown.append(dashboard.header.strip().rpartition("every ")[2])
        chosen.append(dashboard.app.poller.interval)

    assert chosen == [30, 10, 5, 10, 5, 2, 1, 1, 1]
    # A busy machine answers too slowly for the shortest intervals, and the header says so.
    assert shown[:5] == ["30 s", "10 s", "5 s", "10 s", "5 s"]
    await dashboard.expects(rows=[1, 2, 3, 4, 5])
    await dashboard.press(*["minus"] * 6)
    assert dashboard.header.rstrip().endswith("live every 1 min")


async def test_ages_grow_without_polling(drive: Drive, monkeypatch: pytest.MonkeyPatch) -> None:
    # The change listener polls once when it starts.
    monkeypatch.setattr("gjobs.store.database.wake_ups.may_listen", lambda *_: False)
    now = [FROZEN]
    async with drive(clock=lambda: now[0]) as driver:
        assert "1 min ago" in driver.row(1)
        await driver.press("enter")
        now[0] = FROZEN + timedelta(minutes=4)
        await driver.until(lambda: "5 min ago" in driver.row(1))
        await driver.shows("Wait         5 min 00 s so far")
        assert driver.app.polls == 2, "one finds the newest project, one lists its jobs"


async def test_silence_wakes_one_poller_after_the_other_and_a_change_wakes_all(
    drive: Drive, monkeypatch: pytest.MonkeyPatch, words: asyncio.Queue[WakeUp]
) -> None:
    woken: list[object] = []
    monkeypatch.setattr(Poller, "wake", lambda poller: woken.append(poller))
    async with drive(interval=60.0) as driver:
        poller = driver.app.poller
        woken.clear()
        for word in (WakeUp.SILENT, WakeUp.SILENT, WakeUp.SILENT, WakeUp.CHANGED, WakeUp.LOST):
            words.put_nowait(word)
        await driver.until(lambda: words.empty() and not poller.is_woken)
        listing, totals = poller._listing, poller._totals
        assert woken == [listing, totals, listing, listing, totals]
