"""Where gjobs does not know a claim that policies read, the dashboard calls nothing exact."""

from dataclasses import replace

from store.users.actor import ActingUser
from tests.conftest import Conninfo
from tests.tui.dashboard.dashboard_driver import WatchedApp, drive_dashboard, opener_of
from tests.tui.dashboard.users.test_visibility_text import LENS
from tests.tui.jobs_database import ADA, JobsDatabase, fill
from tui.dashboard.projects.project_list import ProjectList
from tui.dashboard.users.visibility_text import short_verdict

ACTING_AS_ADA = ActingUser(id=ADA, email="ada@example.com")


async def test_dashboard_marks_identity_numbers_and_list_as_of_partial_claims(migrated_copy: Conninfo) -> None:
    jobs_db = JobsDatabase(migrated_copy)
    fill(jobs_db)
    jobs_db.sql("create policy team on generation_jobs for select using (auth.jwt() ->> 'team' = mode)")
    async with drive_dashboard(WatchedApp(opener_of(migrated_copy, actor=ACTING_AS_ADA))) as driver:
        await driver.until(lambda: "as ada@example.com · partial claims ·" in driver.header)
        await driver.shows("partial claims · just now · as ada@example.com")
        caution = "Partial claims: policies read team, which gjobs does not know."
        assert caution in driver.banner
        panels = (driver.app.dashboard.jobs, driver.app.dashboard.query_one(ProjectList))
        assert [str(panel.border_subtitle) for panel in panels] == ["partial claims"] * 2
        await driver.command("Archived jobs", dialog="Archive · Autumn catalog")
        for next_dialog in ("w", "b", "t", "p", "u"):
            assert "partial claims" in str(driver.app.screen.query_one("#dialog").border_subtitle), driver.dialog
            await driver.press("escape", dialog="")
            await driver.press(next_dialog, until=lambda: driver.dialog)
        await driver.press("escape", dialog="")
        await driver.press("u", dialog="Act as which user?", shows="Partial claims: policies read team")
        await driver.type("operator", "enter", shows="as the operator", hides="partial claims")
        assert str(driver.app.dashboard.jobs.border_subtitle) == ""
    jobs_db.close()


def test_visibility_of_partial_claims_says_so() -> None:
    assert short_verdict(replace(LENS, partial_claims=("team",))) == "sees 37 of 41 with partial claims"
