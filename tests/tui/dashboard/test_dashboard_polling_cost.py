"""Polling is cheap: changes wake it, it slows down without changes, and the dashboard shows its load."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from statistics import median

import pytest
from textual import events

from gjobs.store.database.database import Database
from gjobs.store.database.query import TimeLimits
from gjobs.store.doctor.examine import measure_polls
from gjobs.store.job_list.list_query import ListQuery
from gjobs.store.job_list.read_listing import EXPENSIVE_FROM, ListCost
from gjobs.store.statistics import statistics
from gjobs.store.users.actor import OPERATOR
from tests.benchmarks.wire_proxy import wire_proxy
from tests.conftest import Conninfo, connect
from tests.tui.dashboard.dashboard_driver import (
    Drive,
    Driver,
    ExpensiveStore,
    FrozenStore,
    Gate,
    WatchedApp,
    dashboard_on,
    drive_dashboard,
    opener_of,
)
from tests.tui.jobs_database import JobsDatabase


async def test_notification_refreshes_the_list_and_an_unchanged_list_is_not_drawn_again(
    dashboard: Driver, jobs_db: JobsDatabase, caplog: pytest.LogCaptureFixture
) -> None:
    assert dashboard.app.poller.interval == 60.0
    await dashboard.until(lambda: dashboard.app.poller.is_woken)
    jobs_db.sql("update generation_jobs set status = 'running' where status = 'queued'")
    await dashboard.until(lambda: "queued" not in "".join(dashboard.row(number) for number in dashboard.rows))

    app = dashboard.app
    assert [worker.group for worker in app.workers].count("changes") == 1
    app.workers.cancel_group(app, "changes")
    listeners = "select count(*) from pg_locks where locktype = 'advisory' and mode = 'ShareLock' and objid = 1"
    await dashboard.until(lambda: jobs_db.sql(listeners) == [(0,)])

    for event, is_focused in ((events.AppBlur(), False), (events.AppFocus(), True)):
        app.post_message(event)
        await dashboard.until(lambda is_focused=is_focused: app.poller._is_focused is is_focused)  # type: ignore[misc]
    shown = app.dashboard.listing
    drawn: list[object] = []
    app.dashboard.jobs.show = lambda *given, **named: drawn.append(given)  # type: ignore[method-assign]
    app.poller.refresh()
    await dashboard.until(lambda: app.dashboard.listing is not shown)
    assert app.dashboard.listing == shown
    assert drawn == []

    with caplog.at_level(logging.INFO):
        await app.poller.close()
    assert "Load in the first " in caplog.text


async def test_header_and_load_show_the_same_polling_interval(drive: Drive, monkeypatch: pytest.MonkeyPatch) -> None:
    pace = "not within 2 s, because this list is expensive"
    # Without this, the time of a fast poll would be used instead of the planner's longer estimate.
    monkeypatch.setattr("gjobs.store.job_list.read_listing.SHARE_OF_TIME", 1_000_000)
    async with drive(make=ExpensiveStore, interval=1.0) as driver:
        await driver.until(lambda: driver.app.poller.is_woken)
        await driver.until(lambda: driver.header.rstrip().endswith("live every 1 min"))
        await driver.press("plus", message="1 s is the shortest interval.")
        await driver.press("minus", until=lambda: pace in driver.message)
        await driver.press("L", shows="It refreshes within 1 min of a change")


class SlowProjectStore(FrozenStore):
    """A database whose planner rates every list of a project as expensive, and no other."""

    async def get_list_cost(self, query: ListQuery) -> ListCost | None:
        cost = EXPENSIVE_FROM if query.project_id else 0.0
        return ListCost(cost=cost, seconds=None, advice=None)


async def test_list_loads_without_waiting_for_its_cost_estimate(drive: Drive) -> None:
    async with drive(make=Gate("get_list_cost").store) as driver:
        await driver.press("5", rows=[4])


@contextmanager
def slowed(database: Conninfo, seconds: float) -> Iterator[None]:
    """Make each statement of a user that reads jobs take at least this long."""
    with connect(database, autocommit=True) as owner:
        owner.execute(
            "create policy slow on generation_jobs as restrictive for select to authenticated"
            f" using ((select pg_sleep({seconds})) is not null)".encode()
        )
        try:
            yield
        finally:
            owner.execute("drop policy slow on generation_jobs")


async def test_banner_of_a_timed_out_list_suggests_how_to_narrow_it(jobs_db: JobsDatabase, database: Conninfo) -> None:
    with slowed(database, 20):
        async with drive_dashboard(WatchedApp(opener_of(database, limits=TimeLimits(statement=0.2)))) as driver:
            await driver.shows("so the statement was stopped", "Narrow it: add since:7d or project:NAME.")


async def test_expensive_list_is_polled_less_often(jobs_db: JobsDatabase, database: Conninfo) -> None:
    with slowed(database, 0.25):
        async with drive_dashboard(WatchedApp(opener_of(database, make=SlowProjectStore), interval=2.0)) as driver:
            connection = driver.app.poller
            poller = connection._listing
            assert poller is not None
            await driver.until(lambda: poller.query.window.listed.project_id is not None and poller.interval == 10.0)
            connection.step_interval(-1)
            assert (connection.interval, poller.interval) == (1.0, 10.0)

            driver.app.dashboard.choose_project(None)
            await driver.until(lambda: poller.interval == 1.0)


async def test_doctor_estimates_what_the_polls_of_the_dashboard_receive(
    attached_jobs_db: JobsDatabase, attached_database: Conninfo, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(statistics, "LEAST_SECONDS", 0.0)
    monkeypatch.setattr(statistics, "SHARE_OF_TIME", 0)
    with wire_proxy(attached_database) as proxy:
        async with dashboard_on(proxy.conninfo(attached_database), actor=OPERATOR) as driver:
            await driver.show_project("all projects")
            for _ in range(5):  # Statements are prepared after some uses.
                await driver.refreshes()
            of_polls = []
            for _ in range(5):
                before = proxy.traffic
                await driver.refreshes()
                of_polls.append(proxy.traffic.since(before).received)
        examined = Database(proxy.conninfo(attached_database))
        idle = await measure_polls(examined, is_woken=False)
        await examined.close()
    assert idle is not None
    # Between unchanged polls, an idle dashboard waits 10 s.
    assert replace(idle, flow_seconds=0.0).bytes_of_month == pytest.approx(
        median(of_polls) * 6 * 60 * 24 * 30, rel=0.03
    )


async def test_idle_dashboard_that_is_woken_receives_only_what_the_doctor_estimates(
    jobs_db: JobsDatabase, database: Conninfo, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gjobs.store.database.wake_ups.SILENCE", 0.3)
    monkeypatch.setattr("gjobs.tui.dashboard.session.session_poller.TOTALS_SHARE", 1)
    jobs_db.job(30, "running", minutes_ago=300)  # A stuck job needs no further queries.
    with wire_proxy(database) as proxy:
        async with dashboard_on(proxy.conninfo(database), actor=OPERATOR, interval=0.05) as driver:
            app = driver.app
            await driver.show_project("all projects")
            await driver.until(lambda: app.poller.is_idle)
            polls = driver.app.polls
            await driver.until(lambda: driver.app.polls >= polls + 2)  # The first may still check the stuck job.
            before, lists, counts = proxy.traffic, app.polls, app.totals_polls
            await driver.until(lambda: app.polls > lists + 1 and app.totals_polls > counts + 1)
            lists, counts, received = app.polls - lists, app.totals_polls - counts, proxy.traffic.since(before).received
        examined = Database(proxy.conninfo(database))
        idle = await measure_polls(examined, is_woken=True)
        await examined.close()
    assert idle is not None
    assert received == pytest.approx(lists * idle.list_bytes + counts * idle.count_bytes, rel=0.1)
