"""Where gjobs does not know a claim that policies read, the dashboard calls nothing exact."""

from dataclasses import replace

from store.users.actor import ActingUser
from tests.conftest import Conninfo
from tests.tui.dashboard.dashboard_driver import WatchedApp, drive_dashboard, opener_of
from tests.tui.dashboard.users.test_visibility_text import LENS
from tests.tui.jobs_database import ADA, JobsDatabase, fill
from tui.dashboard.users.visibility_text import short_verdict

ACTING_AS_ADA = ActingUser(id=ADA, email="ada@example.com")


async def test_dashboard_marks_identity_numbers_and_list_as_of_partial_claims(migrated_copy: Conninfo) -> None:
    jobs_db = JobsDatabase(migrated_copy)
    fill(jobs_db)
    jobs_db.sql("create policy team on generation_jobs for select using (auth.jwt() ->> 'team' = mode)")
    async with drive_dashboard(WatchedApp(opener_of(migrated_copy, actor=ACTING_AS_ADA))) as driver:
        await driver.until(lambda: "as ada@example.com · partial claims ·" in driver.header)
        await driver.shows("partial claims · just now · as ada@example.com")
        assert "Partial claims: policies read team, which gjobs does not know." in driver.banner
    jobs_db.close()


def test_visibility_of_partial_claims_says_so() -> None:
    assert short_verdict(replace(LENS, partial_claims=("team",))) == "sees 37 of 41 by partial claims"
