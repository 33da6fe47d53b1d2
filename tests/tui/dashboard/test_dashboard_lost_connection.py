"""A missing, silent, refusing, recovering or restarted database: errors are shown, data stay, and gjobs reconnects."""

import asyncio
import os
import shutil
import signal
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest
from textual.widgets import Input

from gjobs.store.configuration.settings import resolve
from gjobs.store.database.query import TimeLimits
from gjobs.store.embedded.server import server_status, stop_server
from gjobs.store.errors import InvalidValue, NoPrivilege, SignInRefused, StoreError, TimedOut, UnexpectedError
from gjobs.store.users.actor import OPERATOR
from gjobs.tui.session import Report, Session, open_session
from tests.conftest import Conninfo, quick_directory
from tests.store.faulty_servers import recovering
from tests.tui.dashboard.dashboard_driver import (
    Clock,
    Drive,
    Gate,
    WatchedApp,
    behind_a_proxy,
    dashboard_on,
    drive_dashboard,
    opener_of,
)
from tests.tui.jobs_database import JobsDatabase

NO_JOB = "No job under the cursor. Move to a job first."

QUICK = 0.05  # seconds between two polls, or two attempts to connect


async def test_lost_connection_shows_a_banner_and_refuses_actions_until_the_database_returns(
    jobs_db: JobsDatabase, database: Conninfo, clock: Clock
) -> None:
    async with behind_a_proxy(database, clock=clock) as (driver, proxy):
        before = driver.rows, driver.costs
        proxy.go_away()
        # The first failure may be that a query lost its connection.
        await driver.until(lambda: "✗ The database is not reachable" in driver.banner)
        clock.now += timedelta(minutes=3)
        await driver.until(lambda: "3 min old" in driver.banner)
        assert "Since 12:00:00." in driver.banner
        assert "Check the address 127.0.0.1:" in driver.banner
        await driver.until(lambda: "Retrying in 1 s. Press f5 to retry now." in driver.banner)
        await driver.until(lambda: "✗ no connection" in driver.header)
        assert (driver.rows, driver.costs) == before
        assert "main_white" in driver.row(3)
        await driver.press("L", shows="gjobs refreshes again after a successful retry, because the last query failed.")

        refused = await driver.warnings_by_key("s", "d", "n", "p", "P")
        await driver.has_dialog("")
        assert len(refused) == 5
        assert all(message.startswith("Not possible now: The database is not reachable") for message in refused)
        await driver.press("down", "enter", dialog="Job")
        await driver.press("escape", "slash")
        await driver.type("main")
        assert driver.app.dashboard.query_one("#find", Input).value == "main"
        assert driver.rows == [1, 2, 3, 4, 5, 6], "the last rows stay"
        await driver.press("escape", "question_mark", dialog="Manual: tour")
        await driver.press("escape", dialog="")
        assert jobs_db.status(1) == "queued"

        jobs_db.delete(6)
        proxy.come_back()
        await driver.until(lambda: not driver.banner)
        assert driver.rows == [1, 2, 3, 4, 5]
        await driver.until(lambda: "live every" in driver.header)
        await driver.press("s", on=1, message="Started lifestyle")


async def test_dialog_and_refresh_key_reconnect_immediately(jobs_db: JobsDatabase, database: Conninfo) -> None:
    async with behind_a_proxy(database, interval=60.0) as (driver, proxy):
        await driver.press("down", "f")
        await driver.type("API timeout")
        proxy.go_away()
        await driver.press("enter", shows="✗ The database is not reachable")
        proxy.come_back()
        await driver.press("enter", message="Failed packaging")
        assert jobs_db.sql("select count(*) from generation_jobs where error = 'API timeout'") == [(2,)]

        proxy.go_away()
        await driver.press("f5", until=lambda: "Retrying in 1 min. Press f5 to retry now." in driver.banner)
        failures = driver.app.failures
        await driver.press("plus", until=lambda: "Retrying in 30 s." in driver.banner)
        await driver.press("minus", until=lambda: "Retrying in 1 min." in driver.banner)
        assert driver.app.failures == failures
        proxy.come_back()
        await driver.press("f5", until=lambda: not driver.banner)

        await driver.press("z")
        proxy.go_away()
        await driver.press("f5", until=lambda: driver.banner)
        assert "Press f5 to try again." in driver.banner, "a paused dashboard does not retry by itself"


async def test_silent_server_times_out_and_keys_still_work(jobs_db: JobsDatabase, database: Conninfo) -> None:
    async with behind_a_proxy(database, interval=60.0) as (driver, proxy):
        # Set after connecting, because a busy machine may need longer than that to connect.
        driver.session.operator.database._limits = TimeLimits(statement=0.2, lock=0.1, answer=0.2)
        proxy.fall_silent()
        await driver.press("f5", "down", "down")
        assert driver.cursor == 3
        await driver.until(lambda: driver.banner)
        assert "✗ The database did not answer within 0.4 s." in driver.banner
        await driver.until(lambda: "✗ no answer in time" in driver.header)


async def test_dashboard_shows_startup_progress_and_opens_again(jobs_db: JobsDatabase, database: Conninfo) -> None:
    failures = iter([TimedOut("Too slow."), StoreError("Not yet.")])
    may_fail = asyncio.Event()

    @asynccontextmanager
    async def opener(report: Report) -> AsyncIterator[Session]:
        await asyncio.to_thread(report, "Starting the database …")
        for failure in failures:
            await may_fail.wait()
            raise failure
        async with opener_of(database)(report) as session:
            yield session

    async with drive_dashboard(WatchedApp(opener, interval=QUICK), waits=False) as driver:
        await driver.shows("Starting the database …", "connecting …")
        await driver.until(lambda: "no database yet · connecting …" in driver.header)
        await driver.press("u", "s", "z", "z", "f5")
        assert driver.warnings == ["Not connected to a database yet.", NO_JOB]
        may_fail.set()
        await driver.until(lambda: driver.rows == [1, 2, 3, 4, 5, 6])
        assert driver.banner == ""
        await driver.shows("Costs · Autumn catalog")


@pytest.mark.parametrize(
    ("error", "trouble"),
    [
        (SignInRefused("The database refused the sign-in: no such role."), "✗ sign-in refused"),
        (InvalidValue("database_url", "The database URL cannot be read."), "✗ nothing read"),
    ],
    ids=["sign-in", "address"],
)
async def test_refused_sign_in_or_invalid_url_is_not_retried_until_the_user_refreshes(
    error: StoreError, trouble: str
) -> None:
    attempts = 0

    @asynccontextmanager
    async def opener(report: Report) -> AsyncIterator[Session]:
        nonlocal attempts
        attempts += 1
        raise error
        yield

    async with drive_dashboard(WatchedApp(opener, interval=QUICK)) as driver:
        assert f"✗ {error.message}" in driver.banner
        await driver.until(lambda: trouble in driver.header)
        await asyncio.sleep(5 * QUICK)
        assert attempts == 1, "no retry after many intervals"
        await driver.press("f5", until=lambda: attempts == 2)


async def test_dashboard_reports_a_database_without_the_schema(blank_database: Conninfo) -> None:
    async with drive_dashboard(WatchedApp(opener_of(blank_database), interval=QUICK)) as driver:
        assert "✗ There is no table generation_jobs." in driver.banner
        assert "gjobs migrate" in driver.banner
        await driver.until(lambda: "✗ no schema" in driver.header)
        await driver.press("s", "n", "p", "5", "down", "enter", dialog="")


async def test_refused_list_is_reported_and_the_operator_can_still_be_chosen(drive: Drive) -> None:
    refusal = NoPrivilege("Not permitted: permission denied for table generation_jobs.")
    lists = Gate("get_listing", lambda store, _: store.actor != OPERATOR, fails=refusal)
    lists.open()
    async with drive(make=lists.store) as driver:
        assert "permission denied for table generation_jobs" in driver.banner
        await driver.until(lambda: "✗ no privilege" in driver.header)
        lists.fails = UnexpectedError("The database answered with an error: \x1b[31mdisk full.")
        await driver.press("f5", until=lambda: "✗ nothing read" in driver.header)
        assert "✗ The database answered with an error: ␛[31mdisk full." in driver.banner
        await driver.act_as(OPERATOR, shows=("as the operator", "Costs · Autumn catalog"))
        assert driver.banner == ""


async def test_dashboard_waits_for_a_server_in_crash_recovery(jobs_db: JobsDatabase, database: Conninfo) -> None:
    async with (
        recovering(database) as (server, conninfo),
        dashboard_on(conninfo, interval=0.05) as driver,
    ):
        assert "the database system is not accepting connections" in driver.banner
        assert "old" not in driver.banner, "no data has an age"
        await driver.shows("No data yet.")
        await driver.press("s", "n", dialog="")
        assert "Wait until it is ready" in driver.banner
        assert "Retrying in" in driver.banner
        await driver.until(lambda: "✗ no connection" in driver.header)
        server.become_ready()
        await driver.until(lambda: driver.rows == [1, 2, 3, 4, 5, 6])
        server.crash()
        await driver.until(lambda: "not accepting connections" in driver.banner)
        server.become_ready()
        await driver.until(lambda: not driver.banner)


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


@pytest.fixture
def data_dir() -> Iterator[Path]:
    directory = Path(tempfile.mkdtemp(prefix="gjobs-", dir=quick_directory())).resolve()
    directory.chmod(0o755)
    yield directory / "data"
    stop_server(directory / "data")
    shutil.rmtree(directory)


@pytest.fixture
def embedded(data_dir: Path) -> WatchedApp:
    settings = resolve(database_url=None, act_as=None, read_only=False, data_dir=data_dir, environment={})
    return WatchedApp(lambda report: open_session(settings, report), interval=0.2)


def server_pid(data_dir: Path) -> int:
    pid = server_status(data_dir).pid
    assert pid is not None
    return pid


async def test_embedded_server_is_restarted_after_it_died_but_not_after_it_was_stopped(
    data_dir: Path, embedded: WatchedApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with drive_dashboard(embedded) as driver:
        await driver.shows("Costs · Autumn catalog")
        dead = server_pid(data_dir)
        with monkeypatch.context() as patched:
            patched.setattr(Session, "restart_if_dead", never)
            os.kill(dead, signal.SIGKILL)
            await driver.until(lambda: "The embedded server is not running" in driver.banner)
            assert "Check the address" not in driver.banner, "there is no address to check"
        await driver.until(lambda: not driver.banner)
        assert server_pid(data_dir) != dead
        await driver.shows("Jobs · 121")

        failures = embedded.failures
        stop_server(data_dir)
        await driver.until(lambda: embedded.failures > failures + 2)
        assert not server_status(data_dir).running
        await driver.shows("Jobs · 121", "no connection")


async def never(_: Session) -> bool:
    return False
