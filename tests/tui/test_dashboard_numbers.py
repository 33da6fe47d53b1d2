"""Numbers say how sure they are; one key makes them exact, and what takes long can be stopped."""

import asyncio
from dataclasses import replace
from datetime import datetime

from store.jobs.job import JobStatus
from store.statistics.counting import Report
from store.statistics.totals import Count, Precision, Totals, TotalsQuery
from tests.conftest import Conninfo
from tests.tui.driving import SIZE, Drive, Driver, FrozenStore, Gate, WatchedApp, opener_of
from tests.tui.world import World

AS_ADA = "as ada@example.com"


class CappedStore(FrozenStore):
    """Where counting all takes too long, but for who asks for it."""

    async def get_totals(self, query: TotalsQuery, *, at: datetime | None = None) -> Totals:
        numbers = await super().get_totals(query, at=at)
        some = dict.fromkeys(JobStatus, Count(number=1, certainty=Precision.CAPPED))
        matching = some[JobStatus.FAILED] if query.matching else None
        return replace(numbers, counts=some, statistics=None, days=None, projects=None, matching=matching)


class EndlessStore(FrozenStore):
    """Where an exact count does not end."""

    async def get_exact_totals(self, query: TotalsQuery, report: Report, *, at: datetime | None = None) -> Totals:
        report(42, 100)
        await asyncio.Event().wait()
        raise AssertionError("nobody wakes it")


async def test_costs_panel_shows_counting_before_the_first_totals(world: World, database: Conninfo) -> None:
    app = WatchedApp(opener_of(database, make=Gate("get_totals").store))
    async with app.run_test(size=SIZE) as pilot:
        driver = Driver(app, pilot)
        await driver.sees("Costs · Autumn catalog", "Counting …")
        await driver.leave()


async def test_exact_totals_survive_later_polls_and_a_change_of_the_filter(drive: Drive) -> None:
    async with drive(make=CappedStore) as driver:
        await driver.sees("Total ≥ 4", f"≥ counted so far · just now · {AS_ADA} · = counts exactly")
        await driver.press("equals_sign", told="Counted exactly: ", sees=f"exact · just now · {AS_ADA}")
        for keys, standing in (
            (("f5",), "exact"),
            (("slash", *"is:stuck", "enter"), "exact · filter ≥ counted so far"),
            (("escape",), "exact"),
        ):
            counts = driver.app.counts
            await driver.press(*keys)
            await driver.until(lambda counts=counts: driver.app.counts > counts)  # type: ignore[misc]
            await driver.sees(f"{standing} · just now · {AS_ADA}")
        assert "≥" not in driver.text


async def test_long_exact_count_shows_progress_and_can_be_stopped(drive: Drive) -> None:
    async with drive(make=EndlessStore) as driver:
        await driver.press("equals_sign", dialog="Counting exactly", sees="42 % of the table read")
        await driver.press("escape", told="Stopped counting: the numbers are as they were.")
        await driver.until(lambda: driver.dialog == "")
