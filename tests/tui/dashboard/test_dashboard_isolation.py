"""The isolation check in the dashboard: what it shows, when it asks, and that it can be stopped."""

from collections.abc import AsyncIterator

import pytest
from textual.widgets import OptionList

from store.database.write_access import WriteMode
from store.users.actor import OPERATOR
from tests.conftest import Conninfo, connect
from tests.tui.dashboard.dashboard_driver import Drive, Driver, dashboard_on
from tests.tui.jobs_database import JobsDatabase


@pytest.fixture
async def attached(attached_jobs_db: JobsDatabase, attached_database: Conninfo) -> AsyncIterator[Driver]:
    """The operator on the app's own schema, the check done."""
    async with dashboard_on(attached_database, actor=OPERATOR) as driver:
        await driver.press("i", shows="4 leaks, 13 kept; 12 judged")
        yield driver


async def test_isolation_check_probes_reads_and_judges_writes_without_confirmation(operator: Driver) -> None:
    await operator.press("i", dialog="Isolation")
    await operator.shows("Database: testbase", "ben@example.com tries to reach rows of ada@example.com")
    await operator.shows("no leak, 17 kept; 12 judged from the policies, not tried.")
    await operator.shows("✓ kept     hidden (0 rows)", "✓ kept     judged: own rows only")
    await operator.press("escape", dialog="")


async def test_isolation_check_probes_writes_only_after_confirmation(
    attached_jobs_db: JobsDatabase, attached_database: Conninfo
) -> None:
    attached_jobs_db.delete(7)
    everything = "select xmin, t::text from generation_jobs t union all select xmin, t::text from projects t"
    before = sorted(attached_jobs_db.sql(everything))
    async with dashboard_on(attached_database, actor=OPERATOR) as driver:
        await driver.press("i", shows="4 leaks, 13 kept; 12 judged")
        await driver.press(
            "w", dialog="Try the writes?", shows=("Database: testbase", "gjobs rolls back each try at once")
        )
        await driver.press("n", dialog="Isolation", shows="12 judged")

        await driver.press("w", "y", shows=("4 leaks, 13 kept; 3 judged", "✗ LEAK     inserted 1 row — rolled back"))
    assert sorted(attached_jobs_db.sql(everything)) == before


async def test_isolation_dialog_shows_the_full_result_under_the_cursor(attached: Driver) -> None:
    await attached.resize(80, 24)
    await attached.press("end", shows="Reads the owner's rows in the view generation_job_summary.")
    await attached.shows("✗ LEAK     read 7 jobs", "esc close")


async def test_isolation_dialog_shows_and_copies_the_sql_that_fixes_a_leak(
    attached: Driver, attached_jobs_db: JobsDatabase
) -> None:
    await attached.press("m", toast="No leak in this row.")
    mends = "ALTER VIEW public.generation_job_summary SET (security_invoker = on);"
    await attached.press("end", "enter", dialog="SQL", shows=mends)
    await attached.press("y")
    assert attached.app.clipboard == mends
    await attached.press("escape", dialog="Isolation")

    attached_jobs_db.sql(mends)
    await attached.press("r", shows="3 leaks, 14 kept")


async def test_isolation_check_reports_a_database_without_the_tables(hosted_database: Conninfo) -> None:
    async with dashboard_on(hosted_database, actor=OPERATOR) as driver:
        await driver.press("i", dialog="Isolation")
        await driver.shows(
            'This database lacks something that gjobs needs: relation "public.generation_jobs" does not exist.'
        )


@pytest.mark.parametrize(
    ("rule", "why"),
    [(WriteMode.PERMIT_REQUIRED, "Press W to write for some minutes."), (WriteMode.CLOSED, "without --read-only")],
)
async def test_isolation_check_explains_why_a_read_only_session_probes_no_writes(
    drive: Drive, rule: WriteMode, why: str
) -> None:
    async with drive(actor=OPERATOR, rule=rule) as driver:
        await driver.press("i", shows="no leak")
        await driver.press("w", toast="Writes are judged from the policies, not tried.")
        await driver.expects(toast=why, dialog="Isolation")


async def test_write_permit_allows_the_isolation_check_to_probe_writes(drive: Drive) -> None:
    async with drive(actor=OPERATOR, rule=WriteMode.PERMIT_REQUIRED) as driver:
        driver.session.access.open_permit("ticket 7", 600)
        await driver.press("i", shows="no leak, 17 kept; 12 judged")
        await driver.press("w", "y", shows="no leak, 17 kept; 9 judged")


async def test_only_the_operator_can_run_the_isolation_check(dashboard: Driver) -> None:
    await dashboard.press("i", toast="Only the operator can run this check. You act as ada@example.com. Press u")
    await dashboard.has_dialog("")


async def test_both_users_of_the_isolation_check_can_be_chosen(operator: Driver) -> None:
    await operator.press("i", shows="no leak")
    await operator.press("o", dialog="Whose rows?")
    await operator.type("ben", "enter", shows=("ada@example.com tries to reach rows of ben@example.com", "no leak"))
    await operator.press("u", dialog="Which user tries to access them?")
    await operator.type("ben", "enter", shows="The check needs two different users.")


async def test_isolation_check_can_be_stopped_while_it_waits_for_a_lock(operator: Driver, database: Conninfo) -> None:
    with connect(database) as other, other.transaction():
        other.execute("lock table projects in access exclusive mode")
        await operator.press("i", shows="Finding two users …")
        await operator.press("x", shows="Stopped after 0 of 17.")
    await operator.press("r", shows="no leak, 17 kept")
    await operator.press("x", shows="no leak, 17 kept")


async def test_isolation_dialog_shows_hostile_policy_names_as_plain_text(
    attached: Driver, attached_jobs_db: JobsDatabase
) -> None:
    attached_jobs_db.sql('create policy "[/oops]\x1b[2J" on generation_jobs for delete using (true)')
    await attached.press("r", shows='✗ LEAK     judged: policy "[/oops]␛[2J" permits it')


async def test_isolation_check_of_an_empty_database_reports_unknown_results(
    empty_jobs_db: JobsDatabase, database: Conninfo
) -> None:
    async with dashboard_on(database, actor=OPERATOR) as driver:
        await driver.press("i", shows=("a made-up user tries to reach rows of nobody", "3 unknown"))
        await driver.press("w", toast="There are no rows to try the writes on.")


@pytest.mark.parametrize("size", [(200, 50), (80, 24), (40, 8)])
async def test_isolation_dialog_fits_every_terminal_size(drive: Drive, size: tuple[int, int]) -> None:
    async with drive(actor=OPERATOR, size=size) as driver:
        await driver.press("i", dialog="Isolation")
        await driver.until(lambda: driver.app.screen.query_one(OptionList).size.height > 0)
        await driver.press("end", "escape", dialog="")
