"""A list that the server cannot read in time says what would help; one that costs it much is read less often."""

from collections.abc import Iterator
from contextlib import contextmanager

from store.database.query import TimeLimits
from store.job_list.list_cost import EXPENSIVE_FROM, ListCost
from store.job_list.list_query import ListQuery
from tests.conftest import Conninfo, connect
from tests.tui.driving import Drive, FrozenStore, Gate, WatchedApp, driving, opener_of
from tests.tui.world import World


class DearStore(FrozenStore):
    """Where the planner takes every list of a project for a dear one, and no other."""

    async def get_list_cost(self, query: ListQuery) -> ListCost | None:
        cost = EXPENSIVE_FROM if query.project_id else 0.0
        return ListCost(cost=cost, seconds=None, reads_all=True, advice=None)


async def test_list_loads_without_waiting_for_its_cost_estimate(drive: Drive) -> None:
    async with drive(make=Gate("get_list_cost").store) as driver:
        await driver.press("5", rows=[4])


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


async def test_banner_of_a_timed_out_list_suggests_how_to_narrow_it(world: World, database: Conninfo) -> None:
    with slowed(database, 20):
        async with driving(WatchedApp(opener_of(database, limits=TimeLimits(statement=0.2)))) as driver:
            await driver.sees("so the statement was stopped", "Narrow it: add since:7d or project:NAME.")


async def test_expensive_list_is_polled_less_often(world: World, database: Conninfo) -> None:
    with slowed(database, 0.25):
        async with driving(WatchedApp(opener_of(database, make=DearStore), interval=2.0)) as driver:
            connection = driver.app.connection
            feed = connection._listing
            assert feed is not None
            await driver.until(lambda: feed.query.window.listed.project_id is not None and feed.interval == 10.0)
            connection.step_interval(-1)
            assert (connection.interval, feed.interval) == (1.0, 10.0)

            driver.app.dashboard.choose_project(None)
            await driver.until(lambda: feed.interval == 1.0)
