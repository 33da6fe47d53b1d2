"""Totals show their precision, a key counts exactly, and the dialog of job timings."""

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

import pytest

from gjobs.store.database.wake_ups import WakeUp
from gjobs.store.errors import TimedOut
from gjobs.store.filters.filter_syntax import parse
from gjobs.store.job_list.list_query import ListOrder, ListQuery, OrderColumn
from gjobs.store.jobs.job import AnyStatus, JobStatus
from gjobs.store.jobs.job_results import CappedCount
from gjobs.store.statistics import statistics
from gjobs.store.statistics.read_totals import Report
from gjobs.store.statistics.statistics import (
    MOST_AGE,
    Count,
    DayCost,
    JobFlow,
    JobStatistic,
    JobStatistics,
    Precision,
    ProjectTotals,
    Totals,
    TotalsQuery,
)
from gjobs.tui.dashboard.panels.costs_panel import CostsPanel
from gjobs.tui.dashboard.panels.dashboard_state import MOST_KEPT, TotalsCache
from tests.conftest import Conninfo
from tests.tui.dashboard.dashboard_driver import (
    Drive,
    Driver,
    FrozenStore,
    Gate,
    WatchedApp,
    drive_dashboard,
    opener_of,
)
from tests.tui.jobs_database import FROZEN, JobsDatabase
from tests.tui.sample_jobs import NOON, make_totals

AS_ADA = "as ada@example.com"


class CappedStore(FrozenStore):
    """A store whose automatic counts are capped. Only a requested count is exact."""

    async def get_totals(self, query: TotalsQuery, *, at: datetime | None = None, with_flow: bool = False) -> Totals:
        numbers = await super().get_totals(query, at=at, with_flow=with_flow)
        some = Count(number=1, precision=Precision.CAPPED)
        known: dict[AnyStatus, Count] = dict.fromkeys(JobStatus, some)
        matching = some if query.matching else None
        return replace(numbers, counts=known, statistics=None, days=None, projects=None, matching=matching)


class EndlessStore(CappedStore):
    """A store whose exact count may never end."""

    is_endless = True

    async def get_exact_totals(self, query: TotalsQuery, report: Report, *, at: datetime | None = None) -> Totals:
        if self.is_endless:
            report(42, 100)
            await asyncio.Event().wait()
        return await super().get_exact_totals(query, report, at=at)


async def test_totals_do_not_wait_for_the_flow_nor_need_it(jobs_db: JobsDatabase, database: Conninfo) -> None:
    gate = Gate("get_flow")
    app = WatchedApp(opener_of(database, make=gate.store))
    async with drive_dashboard(app, waits=False) as driver:
        await driver.shows("Total 6", "50 % success")
        assert not app.settled.is_set()
        await driver.press("5", rows=[4], shows="Total 6")
        gate.fails = TimedOut("too slow")
        gate.open()
        await driver.until(app.settled.is_set)
        assert driver.costs[3] == "– – – –"
        assert "oldest queued" not in driver.text
        gate.fails = None
        await driver.press("f5", shows="oldest queued")


async def test_click_on_a_state_lists_its_jobs_and_older_numbers_show_their_age(dashboard: Driver) -> None:
    for word, rows in (("✗ failed", [4]), ("◌ queued", [1, 5])):
        line = str(dashboard.app.dashboard.query_one(CostsPanel).render()).splitlines()[0]
        await dashboard.pilot.click(CostsPanel, offset=(line.index(word) + 2, 1))
        await dashboard.expects(rows=rows)
    await dashboard.pilot.click(CostsPanel, offset=(line.index("Total") + 2, 1))
    await dashboard.settle()
    assert dashboard.rows == [1, 5], "the total is no state"
    await dashboard.press("1")
    await dashboard.refreshes()

    screen = dashboard.app.dashboard
    listing, totals = screen.listing, screen._totals
    assert listing is not None
    assert totals is not None
    await dashboard.shows(f"exact · just now · {AS_ADA}")
    later = FROZEN + timedelta(seconds=5)

    def shows_the_age_after_a_later_listing() -> bool:
        # Show the later listing on each attempt, because a poll may replace it with an older one.
        screen.show(replace(listing, taken_at=later), FROZEN, is_changed=True)
        return f"exact · 5 s old · {AS_ADA}" in dashboard.text

    await dashboard.until(shows_the_age_after_a_later_listing)
    screen.show_totals(replace(totals, taken_at=later))
    await dashboard.shows(f"exact · just now · {AS_ADA}")


async def test_exact_count_can_be_stopped_and_its_totals_survive_later_polls_and_a_change_of_the_filter(
    drive: Drive, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with drive(make=EndlessStore) as driver:
        await driver.shows("Total ≥ 4", f"≥ counted so far · just now · {AS_ADA} · = counts exactly")
        await driver.press("equals_sign", dialog="Counting exactly", shows="42 % of the table read")
        await driver.press("escape", message="Stopped counting. The numbers have not changed.", dialog="")
        monkeypatch.setattr(EndlessStore, "is_endless", False)
        await driver.until(lambda: not driver.app.key_queue.is_dropping)
        await driver.press("equals_sign", message="Counted exactly: ", shows=f"exact · just now · {AS_ADA}")
        for keys, precision in (
            (("f5",), "exact"),
            (("slash", *"is:stuck", "enter"), "exact · filter ≥ counted so far"),
            (("escape",), "exact"),
        ):
            totals_polls = driver.app.totals_polls
            await driver.press(*keys, until=lambda polls=totals_polls: driver.app.totals_polls > polls)  # type: ignore[misc]
            await driver.shows(f"{precision} · just now · {AS_ADA}")
        assert "≥" not in driver.text


async def test_changed_list_is_soon_counted_again(
    drive: Drive, jobs_db: JobsDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gjobs.store.database.wake_ups.may_listen", lambda *_: False)
    monkeypatch.setattr("gjobs.tui.dashboard.session.session_poller.TOTALS_SHARE", 1)
    async with drive(interval=60.0) as driver:
        await driver.shows("queued 2")
        jobs_db.sql("update generation_jobs set status = 'running' where status = 'queued'")
        listing = driver.app.poller._listing
        assert listing is not None
        listing.refresh()
        await driver.shows("queued 0")


async def test_stuck_jobs_and_running_jobs_agree_while_the_flow_is_kept(
    drive: Drive, jobs_db: JobsDatabase, monkeypatch: pytest.MonkeyPatch, words: asyncio.Queue[WakeUp]
) -> None:
    monkeypatch.setattr("gjobs.tui.dashboard.session.session_poller.TOTALS_SHARE", 1)
    monkeypatch.setattr("gjobs.store.poller.SHARE_OF_TIME", 1)
    monkeypatch.setattr(statistics, "LEAST_SECONDS", statistics.MOST_SECONDS)
    jobs_db.sql("update generation_jobs set status = 'succeeded' where status = 'running'")
    for number in (30, 31, 32):
        jobs_db.job(number, "running", minutes_ago=300)
    async with drive(interval=0.05) as driver:

        async def agree(number: int) -> None:
            words.put_nowait(WakeUp.CHANGED)
            await driver.until(lambda: f"▸ running {number}" in driver.costs[0])
            # The next two counts may read the flow or not.
            for _ in range(2):
                polls = driver.app.totals_polls
                words.put_nowait(WakeUp.CHANGED)
                await driver.until(lambda: driver.app.totals_polls > polls)  # noqa: B023
                await driver.until(lambda: (f"{number} stuck" if number else "") in driver.costs[-1])
            assert ("stuck" in driver.costs[-1]) is (number > 0)

        await agree(3)
        words.put_nowait(WakeUp.PROVEN)
        await driver.until(lambda: driver.app.poller.is_idle)
        await driver.press("f", on=30)
        await driver.type("Test error", "enter", dialog="")
        await agree(2)
        jobs_db.delete(31)
        await agree(1)
        await driver.until(lambda: driver.app.poller.is_idle)
        jobs_db.set_status(32, "failed")
        await agree(0)


STATISTICS = JobStatistics(
    by_status=(JobStatistic(status=JobStatus.FAILED, count=12_000, total_cost_cents=24_000, avg_cost_cents=2.0),)
)

ALL = TotalsQuery()

FAILED = TotalsQuery.of_list(ListQuery(job_filter=parse("error:timeout", now=NOON)))

SLOW = TotalsQuery.of_list(ListQuery(job_filter=parse("took:>1h", now=NOON)))

CAPPED = Count(number=10_000, precision=Precision.CAPPED)

LATER = NOON + timedelta(minutes=3)


def exact(query: TotalsQuery = ALL) -> Totals:
    return make_totals(
        STATISTICS,
        query=query,
        days=(DayCost(day=NOON.date(), job_count=1, total_cost_cents=2),),
        projects={UUID(int=1): ProjectTotals(job_count=12_000, total_cost_cents=24_000)},
        matching=Count(number=11_000) if query.matching else None,
    )


def capped(query: TotalsQuery = ALL, counted: Count = CAPPED) -> Totals:
    """Return capped totals, as an automatic count returns them later."""
    matching = counted if query.matching else None
    counts: dict[AnyStatus, Count] = {JobStatus.FAILED: counted}
    partly = replace(exact(query), counts=counts, statistics=None, days=None, projects=None)
    return replace(partly, matching=matching, taken_at=LATER)


@pytest.fixture
def kept() -> TotalsCache:
    return TotalsCache()


@pytest.mark.parametrize("query", [ALL, FAILED])
def test_exact_totals_are_kept_with_their_age_until_replaced(kept: TotalsCache, query: TotalsQuery) -> None:
    kept.keep(exact(query))
    for _ in range(2):
        shown = kept.keep(capped(query))
        assert (shown, shown.taken_at) == (exact(query), NOON)
    other = replace(exact(query), statistics=JobStatistics(by_status=()), counts={}, taken_at=LATER)
    shown = kept.keep(other)
    assert (shown, shown.taken_at) == (other, LATER)


def test_project_totals_outlive_the_filter_they_were_counted_with(kept: TotalsCache) -> None:
    kept.keep(exact(FAILED))
    kept.keep(capped(ALL))
    assert kept.keep(capped(SLOW)) == replace(exact(SLOW), matching=CAPPED)
    assert kept.keep(capped(FAILED)) == exact(FAILED)


def test_totals_keep_the_flow_of_their_project_while_it_is_current(kept: TotalsCache) -> None:
    flow = JobFlow(taken_at=NOON, stuck=CappedCount(number=2))
    kept.keep(replace(exact(), flow=flow))
    assert kept.keep(exact()).flow == flow
    assert kept.keep(exact(TotalsQuery(project_id=UUID(int=2)))).flow is None
    for seconds, current in ((MOST_AGE, flow), (MOST_AGE + 1, None)):
        assert kept.keep(replace(capped(), taken_at=NOON + timedelta(seconds=seconds))).flow == current


def test_newer_counts_are_not_replaced_by_kept_ones_that_they_disprove(kept: TotalsCache) -> None:
    kept.keep(exact(FAILED))
    running = Count(number=3)
    shown = kept.keep(replace(capped(), counts={JobStatus.RUNNING: running}))
    assert (shown.count(JobStatus.RUNNING), shown.count(JobStatus.FAILED)) == (running, Count(number=12_000))
    more = Count(number=20_000, precision=Precision.CAPPED)
    shown = kept.keep(capped(FAILED, more))
    assert (shown.statistics, shown.count(JobStatus.FAILED), shown.matching) == (None, more, more)
    assert shown.days is not None


def test_best_totals_come_from_an_earlier_query_of_the_project_in_any_order(kept: TotalsCache) -> None:
    assert kept.best_totals(FAILED) is None
    kept.keep(exact(FAILED))
    assert kept.best_totals(FAILED) == exact(FAILED)
    assert kept.best_totals(ALL) == exact(ALL)
    assert kept.best_totals(SLOW) == exact(ALL), "the slow jobs are not counted yet"
    most_expensive = replace(FAILED.matching or ListQuery(), order=ListOrder(column=OrderColumn.COST))
    assert kept.best_totals(TotalsQuery.of_list(most_expensive)) == exact(FAILED)

    shown = kept.keep(capped(TotalsQuery(project_id=UUID(int=2))))
    assert (shown.statistics, shown.days, shown.projects) == (None, None, exact().projects)
    assert kept.best_totals(TotalsQuery(project_id=UUID(int=3))) is None
    for number in range(MOST_KEPT):
        kept.keep(replace(capped(), query=TotalsQuery(project_id=UUID(int=number + 4))))
    assert kept.best_totals(ALL) is None, "the oldest are dropped"


async def test_timings_dialog_shows_modes_over_a_period_and_retries(dashboard: Driver, jobs_db: JobsDatabase) -> None:
    jobs_db.set_status(1, "running")
    jobs_db.set_status(1, "failed")
    # Wait for the list, so that it is not read while the table is renamed below.
    await dashboard.until(lambda: "failed" in dashboard.row(1))
    await dashboard.press("t", dialog="Times · Autumn catalog", shows=("MODE", "DONE", "FAILED", "OLDEST", "all"))
    await dashboard.shows("Finished in the last 24 h: ", "Queued now: 1.")
    await dashboard.press("right", shows="Finished in the last 7 d: ")
    await dashboard.press("left", "left", "left", shows="Finished in the last 1 h: ")
    await dashboard.press("escape", dialog="")

    jobs_db.sql("alter table generation_jobs rename to elsewhere")
    try:
        await dashboard.press("t", shows="generation_jobs", hides="Measuring …")
    finally:
        jobs_db.sql("alter table elsewhere rename to generation_jobs")
    await dashboard.press("r", shows="Finished in the last 24 h: ")
    await dashboard.press("escape", dialog="")
    await dashboard.show_project("all projects")
    await dashboard.press("t", dialog="Times · all projects")
    await dashboard.resize(40, 12)
    await dashboard.shows("1 h  24 h  7 d  30 d", "MODE  ", "DONE  FAILED  WAIT 50 %", "← shorter  → longer")
