"""The dashboard is a light guest: woken by changes, still where nothing changed, and it says what it costs."""

import logging

import pytest
from textual import events

from store.poller import Attention
from tests.tui.driving import Drive, Driver, ExpensiveStore
from tests.tui.world import World


async def test_notification_refreshes_the_list_before_the_interval_ends(dashboard: Driver, world: World) -> None:
    """A minute, in these tests."""
    assert dashboard.app.connection.interval == 60.0
    await dashboard.until(lambda: dashboard.app.connection.is_woken)
    world.sql("update generation_jobs set status = 'running' where status = 'queued'")
    await dashboard.until(lambda: "queued" not in "".join(dashboard.row(number) for number in dashboard.rows))


async def test_canceling_the_change_listener_releases_its_advisory_lock(dashboard: Driver, world: World) -> None:
    await dashboard.until(lambda: dashboard.app.connection.is_woken)
    app = dashboard.app
    assert [worker.group for worker in app.workers].count("changes") == 1
    app.workers.cancel_group(app, "changes")
    listeners = "select count(*) from pg_locks where locktype = 'advisory' and mode = 'ShareLock' and objid = 1"
    await dashboard.until(lambda: world.sql(listeners) == [(0,)])


async def test_polling_cost_is_shown_by_a_key_and_logged_at_the_end(
    dashboard: Driver, caplog: pytest.LogCaptureFixture
) -> None:
    await dashboard.press("L", told="This dashboard, in the last ")
    with caplog.at_level(logging.INFO):
        await dashboard.app.connection.close()
    assert "This dashboard, in the last " in caplog.text


async def test_header_and_load_toast_show_the_same_polling_interval(
    drive: Drive, monkeypatch: pytest.MonkeyPatch
) -> None:
    def intervals_told(driver: Driver) -> int:
        return sum("1 min" in toast and "not every 2 s" in toast for toast in driver.toasts)

    # However quick the look: one that is quick counts for more than what the planner says.
    monkeypatch.setattr("store.job_list.list_cost.SHARE_OF_TIME", 1_000_000)
    async with drive(make=ExpensiveStore, interval=1.0) as driver:
        await driver.until(lambda: driver.header.rstrip().endswith("live every 1 min"))
        await driver.press("plus", told="1 s is the shortest interval.")
        await driver.press("minus")
        await driver.until(lambda: intervals_told(driver) == 1)
        await driver.press("L")
        await driver.until(lambda: intervals_told(driver) == 2)


async def test_terminal_focus_changes_the_attention_of_the_poller(dashboard: Driver) -> None:
    connection = dashboard.app.connection
    dashboard.app.post_message(events.AppBlur())
    await dashboard.until(lambda: connection.attention is Attention.UNFOCUSED)
    dashboard.app.post_message(events.AppFocus())
    await dashboard.until(lambda: connection.attention is Attention.FOCUSED)


async def test_unchanged_list_is_not_drawn_again(dashboard: Driver) -> None:
    app = dashboard.app
    shown = app.dashboard.listing
    drawn: list[object] = []
    app.dashboard.jobs.show = lambda *given, **named: drawn.append(given)  # type: ignore[method-assign]
    app.connection.refresh()
    await dashboard.until(lambda: app.dashboard.listing is not shown)
    assert app.dashboard.listing == shown
    assert drawn == []
