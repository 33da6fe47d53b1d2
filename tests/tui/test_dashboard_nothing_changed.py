"""A key that changed nothing says whether the job is gone, hidden from these eyes, or elsewhere by now."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from store.jobs.job import JobStatus
from tests.conftest import Conninfo
from tests.tui.driving import Driver, WatchedApp, drive_dashboard, opener_of
from tests.tui.world import AUTUMN, BEN, JobsDatabase, fill, job_id, short


def hide(jobs_db: JobsDatabase, *numbers: int) -> None:
    """Ben has them by now, and Ada does not see them."""
    for number in numbers:
        jobs_db.sql("update public.generation_jobs set user_id = %s where id = %s", BEN, job_id(number))


@pytest.mark.parametrize("make_go", [hide, JobsDatabase.delete], ids=["hidden", "gone"])
async def test_start_reports_whether_the_job_is_hidden_or_gone(
    dashboard: Driver, jobs_db: JobsDatabase, make_go: object
) -> None:
    assert callable(make_go)
    make_go(jobs_db, 1)
    await dashboard.press("s")
    where = "hidden from ada@example.com" if make_go is hide else "gone"
    await dashboard.shows_toast(f"lifestyle {short(1)} is {where}: nothing was changed.")
    assert jobs_db.status(1) is (JobStatus.QUEUED if make_go is hide else None)


async def test_fail_dialog_stays_open_and_reports_a_hidden_job(dashboard: Driver, jobs_db: JobsDatabase) -> None:
    await dashboard.go_to(2)
    await dashboard.press("f")
    await dashboard.has_dialog(f"Fail packaging {short(2)}")
    hide(jobs_db, 2)
    await dashboard.type("Test error")
    await dashboard.press("enter")
    await dashboard.shows(f"{job_id(2)} exists, but ada@example.com", "does not see it: nothing was changed.")
    assert jobs_db.status(2) is JobStatus.RUNNING


async def test_deletion_reports_a_hidden_job(dashboard: Driver, jobs_db: JobsDatabase) -> None:
    await dashboard.press("d")
    await dashboard.until(lambda: dashboard.dialog.startswith("Delete"))
    hide(jobs_db, 1)
    await dashboard.press("y")
    await dashboard.shows_toast(f"{job_id(1)} exists, but ada@example.com does not see it: nothing was changed.")
    assert jobs_db.status(1) is JobStatus.QUEUED


async def test_bulk_start_reports_hidden_jobs(dashboard: Driver, jobs_db: JobsDatabase) -> None:
    for number in (1, 5):
        await dashboard.go_to(number)
        await dashboard.press("space")
    hide(jobs_db, 1)
    await dashboard.press("s")
    await dashboard.until(lambda: dashboard.dialog != "")
    await dashboard.press("y")
    await dashboard.shows_toast(f"Started 1 of 2 jobs; 1 is hidden from ada@example.com: lifestyle {short(1)}.")
    assert (jobs_db.status(1), jobs_db.status(5)) == (JobStatus.QUEUED, JobStatus.RUNNING)


async def test_new_job_form_reports_a_project_that_is_now_hidden(dashboard: Driver, jobs_db: JobsDatabase) -> None:
    await dashboard.press("n")
    await dashboard.has_dialog("New job")
    jobs_db.sql("update public.projects set user_id = %s where id = %s", BEN, AUTUMN)
    before = jobs_db.count()
    await dashboard.focus_on("#cost")
    await dashboard.press("enter")
    await dashboard.shows(f"{AUTUMN} exists, but")
    assert jobs_db.count() == before


class TestAppDatabase:
    """Whose policies may show a job and not let it be changed."""

    @pytest.fixture
    async def refusing(self, attached_database: Conninfo, tmp_path: Path) -> AsyncIterator[tuple[Driver, JobsDatabase]]:
        jobs_db = JobsDatabase(attached_database)
        fill(jobs_db)
        for verb in ("update", "delete"):
            jobs_db.sql(f'drop policy "Users can {verb} own generation jobs" on public.generation_jobs')
        async with drive_dashboard(
            WatchedApp(opener_of(attached_database), state_path=tmp_path / "state.json")
        ) as driver:
            yield driver, jobs_db
        jobs_db.close()

    async def test_start_reports_a_policy_that_forbids_the_change(self, refusing: tuple[Driver, JobsDatabase]) -> None:
        driver, jobs_db = refusing
        await driver.press("s")
        await driver.shows_toast(f"The database shows the job {job_id(1)}, but does not let it be changed")
        assert jobs_db.status(1) is JobStatus.QUEUED

    async def test_deletion_reports_a_policy_that_forbids_the_change(
        self, refusing: tuple[Driver, JobsDatabase]
    ) -> None:
        driver, jobs_db = refusing
        await driver.press("d")
        await driver.until(lambda: driver.dialog.startswith("Delete"))
        await driver.press("y")
        await driver.shows_toast(f"The database shows the job {job_id(1)}, but does not let it be changed")
        assert jobs_db.count() == 8
