"""Polling is cheap: changes wake it, nothing unchanged is drawn again, and the dashboard shows its load."""

import gc
import logging
import weakref
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from statistics import median

import pytest
from textual import events
from textual.strip import Strip
from textual.widget import Widget
from textual.widgets import OptionList

from gjobs.store import poller
from gjobs.store.database.database import Database
from gjobs.store.database.load_meter import Load, Traffic
from gjobs.store.database.query import TimeLimits
from gjobs.store.doctor.examine import measure_polls
from gjobs.store.job_list.list_query import ListQuery
from gjobs.store.job_list.read_listing import EXPENSIVE_FROM, ListCost
from gjobs.store.statistics import statistics
from gjobs.store.users.actor import OPERATOR
from gjobs.tui import startup
from gjobs.tui.dashboard.list.job_table import JobTable
from gjobs.tui.dashboard.widgets.widgets import DrawnLines
from gjobs.tui.text.statistics_text import PaceCause, load_lines, load_summary, load_title, pace_words
from tests.benchmarks.wire_proxy import wire_proxy
from tests.conftest import Conninfo, connect
from tests.tui.dashboard.dashboard_driver import (
    Clock,
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
from tests.tui.jobs_database import FROZEN, JobsDatabase


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
        await driver.press("L", shows="gjobs refreshes within 1 min of a change")


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


async def test_each_second_of_a_running_job_draws_two_lines_of_the_pane(
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


class Ring:
    """Garbage that only the collector finds."""

    def __init__(self) -> None:
        self.itself = self


@pytest.fixture
def automatic_gc() -> Iterator[None]:
    """The thresholds of the running dashboard."""
    was_enabled, thresholds = gc.isenabled(), gc.get_threshold()
    startup.prepare()
    startup.resume_gc()
    yield
    gc.set_threshold(*thresholds)
    if not was_enabled:
        gc.disable()


@pytest.mark.usefixtures("automatic_gc")
def test_garbage_of_a_second_is_collected_between_keys_and_little_garbage_waits() -> None:
    gc.collect()
    ring = weakref.ref(Ring())
    startup.collect_between_keys()
    assert ring() is not None
    made = [Ring() for _ in range(startup._WORTHWHILE)]
    startup.collect_between_keys()
    assert ring() is None
    assert made


MINUTE = Load(
    over=62.0,
    queries=12_000,
    database_time=6.0,
    processor_time=0.03,
    traffic=Traffic(sent=930, received=24_800),
    round_trip=0.1011,
)


def test_load_shows_rates_of_what_is_known_and_no_rate_of_the_start() -> None:
    assert load_title(MINUTE) == "Load in the last minute"
    assert load_lines(MINUTE) == [
        ("Received", "23 kB a minute, 1406 kB an hour"),
        ("Sent", "900 bytes a minute, 53 kB an hour"),
        ("Round trip", "at most 101 ms"),
        ("Queries", "12,000"),
        ("Waiting", "6,000 ms for the network and the database"),
        ("Processor", "less than 0.1 % of a core of this machine"),
    ]
    assert load_summary(MINUTE).startswith("Load in the last minute: Received 23 kB a minute, 1406 kB an hour, Sent ")

    start = replace(MINUTE, over=3.0, includes_start=True)
    assert load_title(start) == "Load in the first 3 s"
    assert load_lines(start)[0] == ("Received", "24 kB since the start")
    idle = Load(over=600.0, queries=0, database_time=0.0, processor_time=60.0)
    assert load_title(idle) == "Load in the last 10 min"
    assert [name for name, _ in load_lines(idle)] == ["Queries", "Waiting", "Processor"]
    assert load_lines(idle)[-1] == ("Processor", "10.0 % of a core of this machine")


@pytest.mark.parametrize(
    ("max_staleness", "is_woken", "cause", "words"),
    [
        (2.0, False, PaceCause.UNCHANGED, "every 2 s"),
        (2.4, False, PaceCause.SLOW, "every 3 s, not every 2 s, because the network or the database is slow"),
        (10.0, False, PaceCause.UNCHANGED, "every 10 s, not every 2 s, because nothing changes"),
        (6.1, False, PaceCause.SLOW, "every 7 s, not every 2 s, because the network or the database is slow"),
        (60.0, False, PaceCause.EXPENSIVE, "every 1 min, not every 2 s, because this list is expensive"),
        (2.0, True, PaceCause.UNCHANGED, "within 2 s of a change, because the database reports changes"),
        (
            60.0,
            True,
            PaceCause.SLOW,
            "within 1 min of a change, not within 2 s, because the network or the database is slow",
        ),
        (2.0, False, PaceCause.FAILED, "again after a successful retry, because the last query failed"),
        (10.0, True, PaceCause.PAUSED, "only on request, because refreshing is paused"),
    ],
)
def test_pace_names_the_reason_of_a_wait(max_staleness: float, is_woken: bool, cause: PaceCause, words: str) -> None:
    assert pace_words(max_staleness, interval=2.0, is_woken=is_woken, cause=cause) == words
