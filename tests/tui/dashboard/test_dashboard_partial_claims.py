"""If policies read a claim that gjobs does not know, the dashboard marks its numbers as partial."""

from dataclasses import replace

from gjobs.tui.dashboard.list.list_header import short_verdict
from gjobs.tui.dashboard.panels.project_list import ProjectList
from tests.conftest import Conninfo
from tests.tui.dashboard.dashboard_driver import dashboard_on
from tests.tui.dashboard.users.test_visibility_text import COMPARISON
from tests.tui.jobs_database import JobsDatabase, fill


async def test_dashboard_marks_header_totals_lists_and_dialogs_with_partial_claims(migrated_copy: Conninfo) -> None:
    jobs_db = JobsDatabase(migrated_copy)
    fill(jobs_db)
    jobs_db.sql("create policy team on generation_jobs for select using (auth.jwt() ->> 'team' = mode)")
    async with dashboard_on(migrated_copy) as driver:
        await driver.until(lambda: "as ada@example.com · partial claims ·" in driver.header)
        await driver.shows("partial claims · just now · as ada@example.com")
        caution = "Partial claims: policies read team, which gjobs does not know."
        assert caution in driver.banner
        panels = (driver.app.dashboard.jobs, driver.app.dashboard.query_one(ProjectList))
        assert [str(panel.border_subtitle) for panel in panels] == ["partial claims"] * 2
        await driver.command("Archived jobs", dialog="Archive · Autumn catalog")
        for next_dialog in ("b", "u"):
            assert "partial claims" in str(driver.app.screen.query_one("#dialog").border_subtitle), driver.dialog
            await driver.press("escape", dialog="")
            await driver.press(next_dialog, until=lambda: driver.dialog)
        await driver.press("escape", dialog="")
        await driver.press("u", dialog="Act as which user?", shows="Partial claims: policies read team")
        await driver.type("operator", "enter", shows="as the operator", hides="partial claims")
        assert str(driver.app.dashboard.jobs.border_subtitle) == ""
    jobs_db.close()


def test_visibility_verdict_mentions_partial_claims() -> None:
    assert short_verdict(replace(COMPARISON, partial_claims=("team",))) == "sees 37 of 41 with partial claims"
