"""The server is killed and restarted, or frozen: the dashboard reports it and then shows the true state."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing

import pytest

from gjobs.store.database.query import TimeLimits
from tests.conftest import Conninfo, connect, require_tool
from tests.hosted.access_routes import Login
from tests.hosted.cluster import Server, copied
from tests.hosted.hosted_fixtures import GRANTED
from tests.hosted.pooler import start_pooler
from tests.hosted.write_log import WriteLog, shown, stored
from tests.tui.dashboard.dashboard_driver import Driver, WatchedApp, drive_dashboard, opener_of
from tests.tui.jobs_database import JobsDatabase, fill, job_id, short

pytestmark = pytest.mark.xdist_group("killable")
"""One process starts the second cluster."""

SHORT = TimeLimits(statement=1.0, answer=0.5)

QUICK = 0.05
"""Seconds between two polls or two attempts."""


@pytest.fixture
def database(killable_server: Server) -> Iterator[Conninfo]:
    with copied(killable_server, GRANTED) as name:
        login = killable_server.login(name)
        jobs_db = JobsDatabase(login)
        fill(jobs_db)
        WriteLog(jobs_db, login)
        jobs_db.close()
        yield login


@asynccontextmanager
async def open_dashboard(database: Conninfo, limits: TimeLimits | None = None) -> AsyncIterator[Driver]:
    async with drive_dashboard(WatchedApp(opener_of(database, limits=limits), interval=QUICK)) as driver:
        yield driver


async def shows_the_stored_jobs(driver: Driver, database: Conninfo, *, changes: int) -> None:
    """Wait until the screen shows the jobs of the database, and check the number of writes."""
    jobs_db = JobsDatabase(database)
    await driver.until(lambda: not driver.banner and shown(driver) == stored(jobs_db))
    assert jobs_db.sql("select count(*) from ledger") == [(changes,)]
    assert driver.app.internal_error is None
    jobs_db.close()


async def test_dashboard_recovers_when_the_server_is_killed_and_restarted(
    killable_server: Server, database: Conninfo
) -> None:
    async with open_dashboard(database) as driver:
        await driver.press("s")
        await driver.shows_message("Started lifestyle")
        with killable_server.down():
            # The first failure may be that a query lost its connection.
            await driver.until(lambda: "The database is not reachable" in driver.banner)
            await driver.go_to(5)
            await driver.press("d")
            await driver.shows_message("Not possible now: The database is not reachable")

        await driver.until(lambda: not driver.banner)
        await shows_the_stored_jobs(driver, database, changes=1)
        await driver.press("d", "y")
        await driver.shows_message("Deleted feature_callout")
        await shows_the_stored_jobs(driver, database, changes=2)


async def test_dashboard_behind_a_pooler_recovers_when_the_server_is_restarted(
    killable_server: Server, database: Conninfo
) -> None:
    # By default the pooler tries a lost server only every 15 seconds.
    again = "server_login_retry = 1"
    with start_pooler(killable_server, require_tool("pgbouncer"), "transaction", more=again) as pooler:
        async with open_dashboard(pooler.login(str(database["dbname"])), SHORT) as driver:
            with killable_server.down():
                await driver.until(lambda: driver.app.failures > 2)
                assert "Retrying in" in driver.banner
            await shows_the_stored_jobs(driver, database, changes=0)
            await driver.press("s")
            await driver.shows_message("Started lifestyle")
            await shows_the_stored_jobs(driver, database, changes=1)


async def test_header_says_that_the_server_behind_a_pooler_does_not_answer(
    killable_server: Server, database: Conninfo
) -> None:
    """The pooler lets the clients that it has wait for 13 s without an error. It drops a client whose query the server
    did not answer, and refuses it from then on. So no query may run when the server ends.
    """
    with start_pooler(killable_server, require_tool("pgbouncer"), "transaction") as pooler:
        async with open_dashboard(pooler.login(str(database["dbname"]))) as driver:
            await driver.press("z", shows="paused")
            await driver.settle()
            with killable_server.down():
                await driver.press("z")
                await driver.until(lambda: "no answer for" in driver.header)
                assert "live every" not in driver.header
                assert "just now" not in driver.text


async def test_dashboard_retries_a_full_pooler_until_it_connects(owner: Login, jobs_db: JobsDatabase) -> None:
    room = "max_client_conn = 2"
    with start_pooler(owner.server, require_tool("pgbouncer"), "transaction", more=room) as pooler:
        login = pooler.login(owner.database)
        others = [connect(login), connect(login)]
        async with open_dashboard(login) as driver:
            assert "no more connections allowed" in driver.banner
            assert "Retrying in" in driver.banner
            for other in others:
                other.close()
            await driver.until(lambda: not driver.banner)
            await driver.shows("Autumn catalog")


async def test_dashboard_reports_no_change_when_the_server_dies_during_a_write(
    killable_server: Server, database: Conninfo
) -> None:
    async with open_dashboard(database) as driver:
        with closing(connect(database)) as other:
            other.execute("select from generation_jobs where id = %s for update", [job_id(1)])
            await driver.press("s")
            await driver.until(lambda: waits_for_a_lock(killable_server))
            await asyncio.to_thread(killable_server.restart)
        await driver.shows_message(f"lifestyle {short(1)} was not started. The connection was lost")
        await shows_the_stored_jobs(driver, database, changes=0)
        await driver.press("s")
        await driver.shows_message("Started lifestyle")
        await shows_the_stored_jobs(driver, database, changes=1)


async def test_dashboard_stays_usable_while_the_server_is_frozen(killable_server: Server, database: Conninfo) -> None:
    async with open_dashboard(database, SHORT) as driver:
        with killable_server.frozen():
            # Either a query or a new connection times out first, and later attempts replace its message.
            await driver.until(lambda: "Retrying in" in driver.banner)
            await driver.press("enter")
            await driver.has_dialog("Job")
            await driver.press("escape")
        await shows_the_stored_jobs(driver, database, changes=0)


async def test_dashboard_reports_a_timeout_when_the_server_freezes_during_a_write(
    killable_server: Server, database: Conninfo
) -> None:
    async with open_dashboard(database, SHORT) as driver:
        await driver.press("z")
        await driver.refreshes()
        with killable_server.frozen():
            await driver.press("s")
            await driver.shows_message("did not answer within 1.5 s")
        await driver.press("z")
        await shows_the_stored_jobs(driver, database, changes=0)
        await driver.press("s")
        await driver.shows_message("Started lifestyle")
        await shows_the_stored_jobs(driver, database, changes=1)


def waits_for_a_lock(server: Server) -> bool:
    with connect(server.administrator()) as administrator:
        waiting = administrator.execute(
            "select from pg_stat_activity where application_name = 'gjobs' and wait_event_type = 'Lock'"
        )
        return bool(waiting.fetchall())
