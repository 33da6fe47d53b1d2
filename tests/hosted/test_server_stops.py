"""The server dies and comes back, or freezes: the dashboard says so, goes on, and in the end shows what was done."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing

import pytest

from store.database.query import TimeLimits
from tests.conftest import Conninfo, connect, require_tool
from tests.hosted.cluster import Server, copied
from tests.hosted.fixtures import GRANTED
from tests.hosted.ledger import Ledger, shown, stored
from tests.hosted.pooler import pooling
from tests.hosted.ways import Way
from tests.tui.driving import Driver, WatchedApp, driving, opener_of
from tests.tui.world import World, fill, job_id

SHORT = TimeLimits(statement=1.0, answer=0.5)

QUICK = 0.05

"""Seconds between two looks, or two attempts."""


@pytest.fixture
def database(mortal_server: Server) -> Iterator[Conninfo]:
    with copied(mortal_server, GRANTED) as name:
        login = mortal_server.login(name)
        world = World(login)
        fill(world)
        Ledger(world, login)
        world.close()
        yield login


@asynccontextmanager
async def looking(database: Conninfo, limits: TimeLimits | None = None) -> AsyncIterator[Driver]:
    async with driving(WatchedApp(opener_of(database, limits=limits), interval=QUICK)) as driver:
        yield driver


async def shows_the_truth(driver: Driver, database: Conninfo, *, changes: int) -> None:
    """Also that what was written was written once."""
    world = World(database)
    await driver.until(lambda: not driver.banner and shown(driver) == stored(world))
    assert world.sql("select count(*) from ledger") == [(changes,)]
    assert driver.app.mistake is None
    world.close()


async def test_dashboard_recovers_when_the_server_is_killed_and_restarted(
    mortal_server: Server, database: Conninfo
) -> None:
    async with looking(database) as driver:
        await driver.press("s")
        await driver.is_told("Started lifestyle")
        with mortal_server.down():
            await driver.until(lambda: driver.banner)
            await driver.go_to(5)
            await driver.press("d")
            await driver.is_told("Not possible now: The database is not reachable")

        await driver.until(lambda: not driver.banner)
        await shows_the_truth(driver, database, changes=1)
        await driver.press("d", "y")
        await driver.is_told("Deleted feature_callout")
        await shows_the_truth(driver, database, changes=2)


async def test_dashboard_behind_a_pooler_recovers_when_the_server_is_restarted(
    mortal_server: Server, database: Conninfo
) -> None:
    # It tries only so often, which is fifteen seconds where nothing is said.
    again = "server_login_retry = 1"
    with pooling(mortal_server, require_tool("pgbouncer"), "transaction", more=again) as pooler:
        async with looking(pooler.login(str(database["dbname"])), SHORT) as driver:
            with mortal_server.down():
                await driver.until(lambda: driver.app.failures > 2)
                assert "Tried again by itself" in driver.banner
            await shows_the_truth(driver, database, changes=0)
            await driver.press("s")
            await driver.is_told("Started lifestyle")
            await shows_the_truth(driver, database, changes=1)


async def test_dashboard_retries_a_full_pooler_until_it_connects(owner: Way, world: World) -> None:
    room = "max_client_conn = 2"
    with pooling(owner.server, require_tool("pgbouncer"), "transaction", more=room) as pooler:
        login = pooler.login(owner.database)
        others = [connect(login), connect(login)]
        async with looking(login) as driver:
            assert "no more connections allowed" in driver.banner
            assert "Tried again by itself" in driver.banner
            for other in others:
                other.close()
            await driver.until(lambda: not driver.banner)
            await driver.sees("Autumn catalog")


async def test_dashboard_reports_no_change_when_the_server_dies_during_a_write(
    mortal_server: Server, database: Conninfo
) -> None:
    async with looking(database) as driver:
        with closing(connect(database)) as other:
            other.execute("select from generation_jobs where id = %s for update", [job_id(1)])
            await driver.press("s")
            await driver.until(lambda: waits_for_a_lock(mortal_server))
            await asyncio.to_thread(mortal_server.restart)
        await driver.is_told("Nothing was changed. The database is not reachable")
        await shows_the_truth(driver, database, changes=0)
        await driver.press("s")
        await driver.is_told("Started lifestyle")
        await shows_the_truth(driver, database, changes=1)


async def test_dashboard_stays_usable_while_the_server_is_frozen(mortal_server: Server, database: Conninfo) -> None:
    async with looking(database, SHORT) as driver:
        with mortal_server.frozen():
            await driver.until(lambda: "did not answer within 1.5 s" in driver.banner)
            await driver.press("enter")
            await driver.has_dialog("Job")
            await driver.press("escape")
        await shows_the_truth(driver, database, changes=0)


async def test_dashboard_reports_a_timeout_when_the_server_freezes_during_a_write(
    mortal_server: Server, database: Conninfo
) -> None:
    async with looking(database, SHORT) as driver:
        await driver.press("z")
        await driver.looks_again()
        with mortal_server.frozen():
            await driver.press("s")
            await driver.is_told("did not answer within 1.5 s")
        await driver.press("z")
        await shows_the_truth(driver, database, changes=0)
        await driver.press("s")
        await driver.is_told("Started lifestyle")
        await shows_the_truth(driver, database, changes=1)


def waits_for_a_lock(server: Server) -> bool:
    with connect(server.administrator()) as administrator:
        waiting = administrator.execute(
            "select from pg_stat_activity where application_name = 'gjobs' and wait_event_type = 'Lock'"
        )
        return bool(waiting.fetchall())
