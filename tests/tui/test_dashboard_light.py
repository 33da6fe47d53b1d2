"""The dashboard is a light guest: woken by changes, still where nothing changed, and it says what it costs."""

import logging

import pytest
from textual import events

from store.job_list.list_cost import ListCost
from store.job_list.list_query import ListQuery
from store.poller import Attention
from tests.conftest import Conninfo
from tests.tui.driving import Driver, FrozenStore, WatchedApp, drive_dashboard, opener_of
from tests.tui.world import JobsDatabase


async def test_notification_refreshes_the_list_before_the_interval_ends(
    dashboard: Driver, jobs_db: JobsDatabase
) -> None:
    """A minute, in these tests."""
    assert dashboard.app.connection.interval == 60.0
    await dashboard.until(lambda: dashboard.app.connection.is_woken)
    jobs_db.sql("update generation_jobs set status = 'running' where status = 'queued'")
    await dashboard.until(lambda: "queued" not in "".join(dashboard.row(number) for number in dashboard.rows))


async def test_canceling_the_change_listener_releases_its_advisory_lock(
    dashboard: Driver, jobs_db: JobsDatabase
) -> None:
    await dashboard.until(lambda: dashboard.app.connection.is_woken)
    app = dashboard.app
    assert [worker.group for worker in app.workers].count("changes") == 1
    app.workers.cancel_group(app, "changes")
    listeners = "select count(*) from pg_locks where locktype = 'advisory' and mode = 'ShareLock' and objid = 1"
    await dashboard.until(lambda: jobs_db.sql(listeners) == [(0,)])


async def test_load_key_shows_the_polling_cost(dashboard: Driver) -> None:
    await dashboard.press("L")
    await dashboard.shows_toast("This dashboard, in the last ")


class DearStore(FrozenStore):
    """Whose database takes the list for so dear that it is to be read once a minute."""

    async def get_list_cost(self, query: ListQuery) -> ListCost:
        return ListCost(cost=1e6, seconds=10.0, reads_all=True, advice=None)


async def test_header_and_load_toast_show_the_same_polling_interval(
    jobs_db: JobsDatabase, database: Conninfo, monkeypatch: pytest.MonkeyPatch
) -> None:
    # However quick the look: one that is quick counts for more than what the planner says.
    monkeypatch.setattr("store.job_list.list_cost.SHARE_OF_TIME", 1_000_000)
    async with drive_dashboard(WatchedApp(opener_of(database, make=DearStore), interval=1.0)) as driver:
        await driver.until(lambda: driver.header.rstrip().endswith("live every 1 min"))
        await driver.press("plus")
        await driver.shows_toast("1 s is the shortest interval.")
        await driver.press("minus")
        await driver.until(lambda: any("1 min" in toast and "not every 2 s" in toast for toast in driver.toasts))
        await driver.press("L")
        await driver.until(lambda: sum("1 min" in toast and "not every 2 s" in toast for toast in driver.toasts) == 2)


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


async def test_closing_the_session_logs_the_polling_cost(dashboard: Driver, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        await dashboard.app.connection.close()
    assert "This dashboard, in the last " in caplog.text
