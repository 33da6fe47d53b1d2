"""A database that does not answer: the header says so long before the time-out, and the numbers are not of just now."""

from datetime import datetime, timedelta

import psycopg
import pytest

from tests.conftest import Conninfo
from tests.store.faulty_servers import proxied
from tests.tui.dashboard.dashboard_driver import WatchedApp, drive_dashboard, opener_of
from tests.tui.jobs_database import FROZEN, JobsDatabase


class TurnedClock:
    """Stands still until it is turned."""

    def __init__(self) -> None:
        self.now = FROZEN

    def __call__(self) -> datetime:
        return self.now


async def test_header_and_numbers_tell_that_the_database_does_not_answer(
    jobs_db: JobsDatabase, database: Conninfo, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tui.dashboard.session_poller.SILENCE_SECONDS", 0.2)
    clock = TurnedClock()
    async with (
        proxied(database) as (proxy, conninfo),
        drive_dashboard(WatchedApp(opener_of(conninfo), clock=clock)) as driver,
    ):
        await driver.until(lambda: "just now" in driver.text)
        proxy.fall_silent()
        await driver.press("f5")
        await driver.until(lambda: "no answer for" in driver.header)
        clock.now += timedelta(seconds=4)
        await driver.until(lambda: "no answer for 4 s" in driver.header)
        assert "live every" not in driver.header
        assert "just now" not in driver.text
        assert driver.banner == "", "it may still answer"
        proxy.speak_again()
        await driver.until(lambda: "live every" in driver.header)
        await driver.until(lambda: "just now" in driver.text)


async def test_dashboard_of_a_migrated_database_has_three_connections_at_most(
    jobs_db: JobsDatabase, database: Conninfo, operator_connection: psycopg.Connection
) -> None:
    """As the manual says: two that read and write, and one that listens."""
    count = "select count(*) from pg_stat_activity where application_name = 'gjobs' and datname = current_database()"
    async with drive_dashboard(WatchedApp(opener_of(database), interval=0.05)) as driver:
        seen = []
        for _ in range(20):
            await driver.refreshes()
            ((number,),) = operator_connection.execute(count).fetchall()
            seen.append(number)
        assert max(seen) <= 3
