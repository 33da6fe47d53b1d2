"""A silent database: the header reports it before the timeout, and totals are not shown as fresh."""

from datetime import timedelta

import psycopg
import pytest

from tests.conftest import Conninfo
from tests.tui.dashboard.dashboard_driver import Clock, behind_a_proxy, dashboard_on
from tests.tui.jobs_database import JobsDatabase


async def test_header_and_totals_show_that_the_database_does_not_answer(
    jobs_db: JobsDatabase, database: Conninfo, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gjobs.tui.dashboard.session.session_poller.SILENCE_SECONDS", 0.2)
    async with behind_a_proxy(database, interval=60.0, clock=clock) as (driver, proxy):
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
    jobs_db: JobsDatabase,
    database: Conninfo,
    operator_connection: psycopg.Connection,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The manual promises this: two connections read and write, and one listens."""
    # A busy machine must not look like a slow network, where gjobs opens one more connection for writes.
    monkeypatch.setattr("gjobs.store.database.database.SLOW_ROUND_TRIP", 3600.0)
    count = "select count(*) from pg_stat_activity where application_name = 'gjobs' and datname = current_database()"
    async with dashboard_on(database, interval=0.05) as driver:
        for _ in range(20):
            await driver.refreshes()
            ((connections,),) = operator_connection.execute(count).fetchall()
            assert connections <= 3
