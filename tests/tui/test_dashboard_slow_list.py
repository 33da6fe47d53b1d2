"""A list that the server cannot read in time says what would help; one that costs it much is read less often."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from store.database.query import TimeLimits
from store.job_list.list_cost import EXPENSIVE_FROM, ListCost
from store.job_list.list_query import ListQuery
from tests.conftest import Conninfo, connect
from tests.tui.driving import FrozenStore, WatchedApp, drive_dashboard, opener_of
from tests.tui.world import JobsDatabase


class DearStore(FrozenStore):
    """Where the planner takes every list of a project for a dear one, and no other."""

    async def get_list_cost(self, query: ListQuery) -> ListCost | None:
        cost = EXPENSIVE_FROM if query.project_id else 0.0
        return ListCost(cost=cost, seconds=None, reads_all=True, advice=None)


class EndlessPlanningStore(FrozenStore):
    """Where the planner never tells what a list costs."""

    async def get_list_cost(self, query: ListQuery) -> ListCost | None:
        await asyncio.Event().wait()
        raise AssertionError("nobody wakes it")


async def test_list_loads_without_waiting_for_its_cost_estimate(jobs_db: JobsDatabase, database: Conninfo) -> None:
    async with drive_dashboard(WatchedApp(opener_of(database, make=EndlessPlanningStore))) as driver:
        await driver.press("5")
        await driver.until(lambda: driver.rows == [4])


@contextmanager
def slowed(database: Conninfo, seconds: float) -> Iterator[None]:
    """Each statement of a user's that reads jobs takes so long at least."""
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
        async with drive_dashboard(WatchedApp(opener_of(database, make=DearStore), interval=2.0)) as driver:
            connection = driver.app.connection
            poller = connection._listing
            assert poller is not None
            await driver.until(lambda: poller.query.window.listed.project_id is not None and poller.interval == 10.0)
            connection.step_interval(-1)
            assert (connection.interval, poller.interval) == (1.0, 10.0)

            driver.app.dashboard.choose_project(None)
            await driver.until(lambda: poller.interval == 1.0)
