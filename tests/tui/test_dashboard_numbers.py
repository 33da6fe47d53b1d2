"""Numbers say how sure they are; one key makes them exact, and what takes long can be stopped."""

import asyncio
from dataclasses import replace
from datetime import datetime

from store.jobs.job import AnyStatus, JobStatus
from store.statistics.counting import Report
from store.statistics.totals import Count, Precision, Totals, TotalsQuery
from tests.conftest import Conninfo
from tests.tui.driving import SIZE, Driver, FrozenStore, WatchedApp, drive_dashboard, opener_of
from tests.tui.world import JobsDatabase

AS_ADA = "as ada@example.com"


class CappedStore(FrozenStore):
    """Where counting all takes too long, but for who asks for it."""

    async def get_totals(self, query: TotalsQuery, *, at: datetime | None = None) -> Totals:
        numbers = await super().get_totals(query, at=at)
        some = Count(number=1, precision=Precision.CAPPED)
        known: dict[AnyStatus, Count] = dict.fromkeys(JobStatus, some)
        matching = some if query.matching else None
        return replace(numbers, counts=known, statistics=None, days=None, projects=None, matching=matching)


class EndlessStore(FrozenStore):
    """Where an exact count does not end."""

    async def get_exact_totals(self, query: TotalsQuery, report: Report, *, at: datetime | None = None) -> Totals:
        report(42, 100)
        await asyncio.Event().wait()
        raise AssertionError("nobody wakes it")


class CountingStore(FrozenStore):
    """Where counting does not end."""

    async def get_totals(self, query: TotalsQuery, *, at: datetime | None = None) -> Totals:
        await asyncio.Event().wait()
        raise AssertionError("nobody wakes it")


async def test_costs_panel_shows_counting_before_the_first_totals(jobs_db: JobsDatabase, database: Conninfo) -> None:
    app = WatchedApp(opener_of(database, make=CountingStore))
    async with app.run_test(size=SIZE) as pilot:
        driver = Driver(app, pilot)
        await driver.shows("Costs · Autumn catalog", "Counting …")
        await driver.leave()


async def test_costs_panel_shows_the_precision_of_the_totals(dashboard: Driver) -> None:
    await dashboard.shows(f"exact · just now · {AS_ADA}")


async def test_exact_count_key_makes_the_totals_exact_and_later_polls_keep_them(
    jobs_db: JobsDatabase, database: Conninfo
) -> None:
    async with drive_dashboard(WatchedApp(opener_of(database, make=CappedStore))) as driver:
        await driver.shows("Total ≥ 4", f"≥ counted so far · just now · {AS_ADA} · = counts exactly")
        await driver.press("equals_sign")
        await driver.until(lambda: any("Counted exactly: " in toast for toast in driver.toasts))
        await driver.shows(f"exact · just now · {AS_ADA}")

        counts = driver.app.counts
        driver.app.poller.refresh()
        await driver.until(lambda: driver.app.counts > counts)
        await driver.shows(f"exact · just now · {AS_ADA}")
        assert "≥" not in driver.text


async def test_exact_totals_survive_a_change_of_the_filter(jobs_db: JobsDatabase, database: Conninfo) -> None:
    async with drive_dashboard(WatchedApp(opener_of(database, make=CappedStore))) as driver:
        await driver.press("equals_sign")
        await driver.shows(f"exact · just now · {AS_ADA}")
        await driver.press("slash", *"is:stuck", "enter")
        await driver.shows(f"exact · filter ≥ counted so far · just now · {AS_ADA} · = counts exactly")

        counts = driver.app.counts
        await driver.press("escape")
        await driver.until(lambda: driver.app.counts > counts)
        await driver.shows(f"exact · just now · {AS_ADA}")
        assert "≥" not in driver.text


async def test_long_exact_count_shows_progress_and_can_be_stopped(jobs_db: JobsDatabase, database: Conninfo) -> None:
    async with drive_dashboard(WatchedApp(opener_of(database, make=EndlessStore))) as driver:
        await driver.press("equals_sign")
        await driver.has_dialog("Counting exactly")
        await driver.shows("42 % of the table read")
        await driver.press("escape")
        await driver.shows_toast("Stopped counting: the numbers are as they were.")
        await driver.until(lambda: driver.dialog == "")
