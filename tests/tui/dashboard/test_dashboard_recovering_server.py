"""The dashboard waits for a server in crash recovery and then shows its jobs by itself."""

from tests.conftest import Conninfo
from tests.store.faulty_servers import recovering
from tests.tui.dashboard.dashboard_driver import dashboard_on
from tests.tui.jobs_database import JobsDatabase


async def test_dashboard_waits_for_a_server_in_crash_recovery(jobs_db: JobsDatabase, database: Conninfo) -> None:
    async with (
        recovering(database) as (server, conninfo),
        dashboard_on(conninfo, interval=0.05) as driver,
    ):
        assert "the database system is not accepting connections" in driver.banner
        assert "Wait until it is ready" in driver.banner
        assert "Retrying in" in driver.banner
        await driver.until(lambda: "✗ no connection" in driver.header)
        server.become_ready()
        await driver.until(lambda: driver.rows == [1, 2, 3, 4, 5, 6])
        server.crash()
        await driver.until(lambda: "not accepting connections" in driver.banner)
        server.become_ready()
        await driver.until(lambda: not driver.banner)
