"""A dashboard that acts as a user must query as that user only, also on side paths such as pickers."""

from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID

import pytest

from tests.conftest import Conninfo
from tests.statement_recording import AS_OPERATOR, StatementRecording, as_user
from tests.tui.dashboard.dashboard_driver import Driver, WatchedApp, drive_dashboard, opener_of
from tests.tui.jobs_database import ADA, BEN, JobsDatabase, fill, job_id

ASSET = UUID("a5000000-0000-4000-8000-000000000000")

AS_ADA, AS_BEN = as_user(ADA), as_user(BEN)


@pytest.fixture
async def dashboard(
    watched_database: Conninfo,
    reused_watched_database: Conninfo,
    recording: StatementRecording,
    tmp_path: Path,
) -> AsyncIterator[Driver]:
    """A dashboard acting as Ada on a database that records the role of each statement."""
    jobs_db = JobsDatabase(reused_watched_database)
    fill(jobs_db)
    jobs_db.asset(ASSET, "uploads/shoe.png")
    async with drive_dashboard(WatchedApp(opener_of(watched_database), state_path=tmp_path / "state.json")) as driver:
        yield driver
    jobs_db.close()


async def test_acting_as_a_user_reads_and_writes_only_as_that_user(
    dashboard: Driver, recording: StatementRecording
) -> None:
    await dashboard.press("enter", dialog="Job", shows=f"ada@example.com  {ADA}")
    assert recording.actors == {AS_ADA}
    await dashboard.press("escape", dialog="")
    await dashboard.press("s", message="Started lifestyle 00000001.", until=lambda: "running" in dashboard.row(1))
    await dashboard.press("f", until=lambda: dashboard.dialog.startswith("Fail"))
    await dashboard.type("Test error", "enter", message="Failed lifestyle 00000001.")
    await dashboard.press("n", dialog="New job")
    await dashboard.press("enter", message="Queued main_white")
    await dashboard.press("P", dialog="New project")
    await dashboard.type("Winter sale", "enter", message="Created the project Winter sale.")
    await dashboard.show_project("Autumn catalog")
    await dashboard.press("y", "Y", "d", on=4, until=lambda: dashboard.dialog.startswith("Delete"))
    await dashboard.press("y", message="Deleted lifestyle 00000004.")
    for tab in "2345":
        await dashboard.press(tab)
    await dashboard.refreshes()

    assert recording.actors == {AS_ADA}
    assert recording.tables(AS_ADA) == {"generation_jobs", "projects", "assets"}


async def test_only_picker_search_and_visibility_query_as_the_operator(
    dashboard: Driver, recording: StatementRecording
) -> None:
    await dashboard.press("u", dialog="Act as which user?", until=lambda: "ben@example.com" in dashboard.text)
    assert recording.actors == {AS_ADA, AS_OPERATOR}
    await dashboard.press("escape")

    recording.forget()
    await dashboard.filter(str(job_id(8)), "enter", message="exists, but ada@example.com does not see it")
    assert recording.actors == {AS_ADA, AS_OPERATOR}
    await dashboard.press("escape", rows=[1, 2, 3, 4, 5, 6])

    recording.forget()
    await dashboard.press("v", shows="visibility: ada@exa… sees 6 with partial claims")
    assert AS_OPERATOR in recording.actors
    await dashboard.press("v", shows="as ada@example.com")
    await dashboard.refreshes()
    recording.forget()
    await dashboard.refreshes()
    assert recording.actors == {AS_ADA}

    await dashboard.press("u", *"ben@", "enter", shows="as ben@example.com")
    recording.forget()
    await dashboard.refreshes()
    assert recording.actors == {AS_BEN}
