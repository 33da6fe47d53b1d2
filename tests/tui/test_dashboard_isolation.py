"""The isolation check in the dashboard: what it shows, when it asks, and that it can be stopped."""

from collections.abc import Iterator

import pytest
from textual.widgets import OptionList

from store.database.write_access import WriteMode
from store.users.actor import OPERATOR
from tests.conftest import Conninfo, connect
from tests.tui.driving import Driver, WatchedApp, drive_dashboard, opener_of
from tests.tui.world import JobsDatabase, fill


@pytest.fixture
def operator(database: Conninfo) -> WatchedApp:
    """On the managed schema."""
    return WatchedApp(opener_of(database, actor=OPERATOR))


@pytest.fixture
def attached_jobs_db(attached_database: Conninfo) -> Iterator[JobsDatabase]:
    """On the app's own schema."""
    jobs_db = JobsDatabase(attached_database)
    fill(jobs_db)
    yield jobs_db
    jobs_db.close()


@pytest.fixture
def attached_operator(attached_database: Conninfo) -> WatchedApp:
    return WatchedApp(opener_of(attached_database, actor=OPERATOR))


async def test_isolation_check_probes_reads_and_judges_writes_without_confirmation(
    jobs_db: JobsDatabase, operator: WatchedApp
) -> None:
    async with drive_dashboard(operator) as driver:
        await driver.press("i")
        await driver.has_dialog("Isolation")
        await driver.shows("Database: testbase", "ben@example.com tries what is owned by ada@example.com")
        await driver.shows("no leak, 17 kept; 12 judged from the policies, not tried.")
        await driver.shows("✓ kept     hidden (0 rows)", "✓ kept     judged: own rows only")
        await driver.press("escape")
        await driver.has_dialog("")


async def test_isolation_check_probes_writes_only_after_confirmation(
    attached_jobs_db: JobsDatabase, attached_operator: WatchedApp
) -> None:
    attached_jobs_db.sql("delete from generation_jobs where id = %s", "00000007-0000-0000-0000-000000000000")
    everything = "select xmin, t::text from generation_jobs t union all select xmin, t::text from projects t"
    before = sorted(attached_jobs_db.sql(everything))
    async with drive_dashboard(attached_operator) as driver:
        await driver.press("i")
        await driver.shows("4 leaks, 13 kept; 12 judged")
        await driver.press("w")
        await driver.has_dialog("Try the writes?")
        await driver.shows("Database: testbase", "Each try is rolled back at once")
        await driver.press("n")
        await driver.has_dialog("Isolation")
        await driver.shows("12 judged")

        await driver.press("w", "y")
        await driver.shows("4 leaks, 13 kept; 3 judged", "✗ LEAK     inserted 1 row — rolled back")
    assert sorted(attached_jobs_db.sql(everything)) == before


async def test_isolation_dialog_shows_the_full_result_under_the_cursor(
    attached_jobs_db: JobsDatabase, attached_operator: WatchedApp
) -> None:
    async with drive_dashboard(attached_operator, size=(80, 24)) as driver:
        await driver.press("i")
        await driver.shows("4 leaks")
        await driver.press("end")
        await driver.shows("Reads their rows in the view generation_job_summary.")
        await driver.shows("✗ LEAK     read 7 jobs")
        await driver.shows("esc close")


async def test_isolation_dialog_shows_and_copies_the_sql_that_fixes_a_leak(
    attached_jobs_db: JobsDatabase, attached_operator: WatchedApp
) -> None:
    async with drive_dashboard(attached_operator) as driver:
        await driver.press("i")
        await driver.shows("4 leaks")
        await driver.press("m")
        await driver.shows_toast("Nothing leaks here.")
        await driver.press("end", "enter")
        await driver.has_dialog("SQL")
        mends = "ALTER VIEW public.generation_job_summary SET (security_invoker = on);"
        await driver.shows(mends)
        await driver.press("y")
        assert driver.app.clipboard == mends
        await driver.press("escape")
        await driver.has_dialog("Isolation")

        attached_jobs_db.sql(mends)
        await driver.press("r")
        await driver.shows("3 leaks, 14 kept")


async def test_isolation_check_reports_a_database_without_the_tables(hosted_database: Conninfo) -> None:
    async with drive_dashboard(WatchedApp(opener_of(hosted_database, actor=OPERATOR))) as driver:
        await driver.press("i")
        await driver.has_dialog("Isolation")
        await driver.shows('This database lacks what is needed: relation "public.generation_jobs" does not exist.')


@pytest.mark.parametrize(
    ("rule", "why"),
    [(WriteMode.PERMIT_REQUIRED, "Press W to write for some minutes."), (WriteMode.CLOSED, "without --read-only")],
)
async def test_isolation_check_explains_why_a_read_only_session_probes_no_writes(
    jobs_db: JobsDatabase, database: Conninfo, rule: WriteMode, why: str
) -> None:
    async with drive_dashboard(WatchedApp(opener_of(database, actor=OPERATOR, rule=rule))) as driver:
        await driver.press("i")
        await driver.shows("no leak")
        await driver.press("w")
        await driver.shows_toast("The writes are judged from the policies, not tried.")
        await driver.shows_toast(why)
        await driver.has_dialog("Isolation")


async def test_write_permit_allows_the_isolation_check_to_probe_writes(
    jobs_db: JobsDatabase, database: Conninfo
) -> None:
    async with drive_dashboard(
        WatchedApp(opener_of(database, actor=OPERATOR, rule=WriteMode.PERMIT_REQUIRED))
    ) as driver:
        session = driver.app.connection.session
        assert session is not None
        session.access.open_permit("ticket 7", 600)
        await driver.press("i")
        await driver.shows("no leak, 17 kept; 12 judged")
        await driver.press("w", "y")
        await driver.shows("no leak, 17 kept; 9 judged")


async def test_only_the_operator_can_run_the_isolation_check(dashboard: Driver) -> None:
    await dashboard.press("i")
    await dashboard.shows_toast("Only the operator sees what there is to try; you look as ada@example.com. Press u")
    await dashboard.has_dialog("")


async def test_both_users_of_the_isolation_check_can_be_chosen(jobs_db: JobsDatabase, operator: WatchedApp) -> None:
    async with drive_dashboard(operator) as driver:
        await driver.press("i")
        await driver.shows("no leak")
        await driver.press("o")
        await driver.has_dialog("Whose rows are tried?")
        await driver.type("ben")
        await driver.press("enter")
        await driver.shows("ada@example.com tries what is owned by ben@example.com", "no leak")
        await driver.press("u")
        await driver.has_dialog("Who tries?")
        await driver.type("ben")
        await driver.press("enter")
        await driver.shows("One user is not isolated from themselves: name two.")


async def test_isolation_check_can_be_stopped_while_it_waits_for_a_lock(
    jobs_db: JobsDatabase, database: Conninfo, operator: WatchedApp
) -> None:
    async with drive_dashboard(operator) as driver:
        with connect(database) as other, other.transaction():
            other.execute("lock table projects in access exclusive mode")
            await driver.press("i")
            await driver.shows("Looking for two users …")
            await driver.press("x")
            await driver.shows("Stopped after 0 of 17.")
        await driver.press("r")
        await driver.shows("no leak, 17 kept")
        await driver.press("x")
        await driver.shows("no leak, 17 kept")


async def test_isolation_dialog_shows_hostile_policy_names_as_plain_text(
    attached_jobs_db: JobsDatabase, attached_operator: WatchedApp
) -> None:
    attached_jobs_db.sql('create policy "[/oops]\x1b[2J" on generation_jobs for delete using (true)')
    async with drive_dashboard(attached_operator) as driver:
        await driver.press("i")
        await driver.shows('✗ LEAK     judged: policy "[/oops]␛[2J" permits it')


async def test_isolation_check_of_an_empty_database_reports_unknown_results(
    empty_jobs_db: JobsDatabase, operator: WatchedApp
) -> None:
    async with drive_dashboard(operator) as driver:
        await driver.press("i")
        await driver.shows("a made-up user tries what is owned by nobody", "3 unknown")
        await driver.press("w")
        await driver.shows_toast("There is nothing to try the writes on.")


@pytest.mark.parametrize("size", [(200, 50), (80, 24), (40, 8)])
async def test_isolation_dialog_fits_every_terminal_size(
    jobs_db: JobsDatabase, operator: WatchedApp, size: tuple[int, int]
) -> None:
    async with drive_dashboard(operator, size=size) as driver:
        await driver.press("i")
        await driver.has_dialog("Isolation")
        await driver.until(lambda: driver.app.screen.query_one(OptionList).size.height > 0)
        await driver.press("end", "escape")
        await driver.has_dialog("")
