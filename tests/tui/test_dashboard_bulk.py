"""Many jobs at once: all that match by a choice of their own, chunks, progress, and a stop."""

import asyncio
from collections.abc import Collection
from datetime import datetime

import pytest

from store.database.write_access import WriteMode
from store.job_list.list_query import ListingQuery
from store.job_list.listing import Listing
from store.jobs.job import JobStatus
from store.jobs.job_results import TransitionOutcome
from tests.conftest import Conninfo
from tests.tui.driving import Driver, FrozenStore, WatchedApp, drive_dashboard, opener_of
from tests.tui.world import JobsDatabase, job_id
from tui.dashboard.job_actions.bulk_writes import CHUNK
from tui.dashboard.job_list import list_actions


class HeldStore(FrozenStore):
    """Sends a chunk only when it may."""

    gate = asyncio.Semaphore(0)

    async def transition_jobs(
        self, job_ids: Collection[object], *arguments: object, **options: object
    ) -> tuple[TransitionOutcome, ...]:
        await type(self).gate.acquire()
        return await super().transition_jobs(job_ids, *arguments, **options)  # type: ignore[arg-type]


class LateStore(FrozenStore):
    """Lists what is queued only when it may."""

    gate = asyncio.Event()

    async def get_listing(self, query: ListingQuery, *, at: datetime | None = None) -> Listing:
        if query.window.listed.status is JobStatus.QUEUED:
            await type(self).gate.wait()
        return await super().get_listing(query, at=at)


async def choose_all(driver: Driver, number: int) -> None:
    await driver.press("A")
    await driver.shows(f"{number} jobs chosen")


async def test_choosing_all_matching_jobs_replaces_the_marks_and_shows_the_exact_count(
    dashboard: Driver, jobs_db: JobsDatabase
) -> None:
    jobs_db.jobs(range(100, 700))
    await dashboard.refreshes()
    await dashboard.press("2")
    await dashboard.shows("Queued jobs · 1 of 602")
    await dashboard.press("space")
    await dashboard.shows("1 marked")
    await dashboard.press("asterisk")
    await dashboard.shows("602 jobs chosen, with those beyond the rows shown; esc drops them")
    await dashboard.shows_no_longer("1 marked")
    await dashboard.press("d")
    await dashboard.has_dialog("Delete these 602 jobs?")
    await dashboard.press("escape")
    await dashboard.press("s")
    await dashboard.has_dialog("Start these 602 jobs?")
    await dashboard.shows("and 597 more", "Start 602 (y)")
    await dashboard.press("y")
    await dashboard.shows_toast("Started 602 of 602 jobs.")

    assert jobs_db.sql("select count(*) from generation_jobs where status = 'running'") == [(604,)]
    await dashboard.shows_no_longer("chosen")


async def test_jobs_added_after_the_choice_are_not_chosen(dashboard: Driver, jobs_db: JobsDatabase) -> None:
    await dashboard.press("2")
    await dashboard.until(lambda: dashboard.rows == [1, 5])
    await choose_all(dashboard, 2)
    jobs_db.job(9, "queued")
    jobs_db.delete(5)
    await dashboard.refreshes()
    await dashboard.shows("2 jobs chosen")
    await dashboard.press("d", "y")
    await dashboard.shows_toast("Deleted 1 of 2 jobs; 1 is gone: feature_callout 00000005.")
    assert (jobs_db.status(1), jobs_db.status(9)) == (None, JobStatus.QUEUED)


@pytest.mark.parametrize("keys", [["escape"], ["3"], ["space"], ["slash"]])
async def test_choice_is_dropped_when_the_list_or_the_marks_change(dashboard: Driver, keys: list[str]) -> None:
    await choose_all(dashboard, 6)
    await dashboard.press(*keys)
    if keys == ["slash"]:
        await dashboard.type("main")
    await dashboard.shows_no_longer("chosen")
    assert len(dashboard.app.dashboard.jobs.selected) == 1


async def test_choice_made_before_the_list_has_loaded_is_kept(jobs_db: JobsDatabase, database: Conninfo) -> None:
    LateStore.gate = asyncio.Event()
    async with drive_dashboard(WatchedApp(opener_of(database, make=LateStore))) as driver:
        await driver.press("2")
        await choose_all(driver, 2)
        LateStore.gate.set()
        await driver.until(lambda: driver.rows == [1, 5])
        await driver.shows("2 jobs chosen")
        assert [job.id for job in driver.app.dashboard.jobs.selected] == [job_id(1), job_id(5)]


async def test_choosing_all_in_a_filtered_list_chooses_only_its_matches(dashboard: Driver) -> None:
    await dashboard.press("slash")
    await dashboard.type("main")
    await dashboard.until(lambda: dashboard.rows == [3])
    await dashboard.press("enter", "A")
    await dashboard.shows("1 job chosen")
    assert [job.id for job in dashboard.app.dashboard.jobs.selected] == [job_id(3)]


async def test_choosing_more_jobs_than_the_maximum_reports_the_cap(
    dashboard: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(list_actions, "MAX_LIMIT", 4)
    await dashboard.press("A")
    await dashboard.shows_toast("More match: chosen are the newest 4 jobs, the most that can be at once.")
    assert [job.id for job in dashboard.app.dashboard.jobs.selected] == [job_id(number) for number in (1, 2, 3, 4)]


async def test_bulk_progress_is_shown_and_stop_reports_the_untouched_jobs(
    jobs_db: JobsDatabase, database: Conninfo
) -> None:
    jobs_db.jobs(range(100, 100 + 3 * CHUNK))
    HeldStore.gate = asyncio.Semaphore(0)
    async with drive_dashboard(WatchedApp(opener_of(database, make=HeldStore))) as driver:
        await driver.press("2")
        await choose_all(driver, 3 * CHUNK + 2)
        await driver.press("s", "y")
        await driver.has_dialog(f"Starting {3 * CHUNK + 2} jobs")
        await driver.shows(f"0 of {3 * CHUNK + 2}", "Stop (esc)")
        HeldStore.gate.release()
        await driver.shows(f"{CHUNK} of {3 * CHUNK + 2}")
        await driver.press("escape")
        await driver.shows(f"{CHUNK} of {3 * CHUNK + 2}, stopping after what is on its way …")
        HeldStore.gate.release()
        await driver.shows_toast("Started 100 of 152 jobs. Stopped: 52 jobs were not touched.")
        await driver.has_dialog("")
        assert jobs_db.sql("select count(*) from generation_jobs where status = 'running'") == [(102,)]


async def test_closed_write_permit_stops_a_bulk_write_after_the_current_chunk(
    jobs_db: JobsDatabase, database: Conninfo
) -> None:
    jobs_db.jobs(range(100, 100 + 2 * CHUNK))
    HeldStore.gate = asyncio.Semaphore(0)
    async with drive_dashboard(
        WatchedApp(opener_of(database, make=HeldStore, rule=WriteMode.PERMIT_REQUIRED))
    ) as driver:
        session = driver.app.connection.session
        assert session is not None
        session.access.open_permit("ticket 4711", 60)
        await driver.press("2")
        await choose_all(driver, 2 * CHUNK + 2)
        await driver.press("s", "y")
        HeldStore.gate.release()
        await driver.shows(f"{CHUNK} of {2 * CHUNK + 2}")
        session.access.close_permit()
        HeldStore.gate.release()
        await driver.shows_toast(
            "Started 50 of 102 jobs. Then it stopped, and 52 jobs were not touched: This session is read-"
        )
        await driver.has_dialog("")
        assert jobs_db.sql("select count(*) from generation_jobs where status = 'running'") == [(52,)]


async def test_bulk_report_dialog_lists_the_skipped_jobs(dashboard: Driver, jobs_db: JobsDatabase) -> None:
    await dashboard.press("asterisk", "s", "y")
    await dashboard.has_dialog("Started")
    await dashboard.shows("Started 2 of 6 jobs; 2 are running; 2 had already finished.")
    await dashboard.shows("2 jobs are running, as last seen:", "2 jobs had already finished, as last seen:", "00000003")
    await dashboard.press("escape")
    await dashboard.has_dialog("")


async def test_bulk_fail_dialog_keeps_an_error_text_that_cannot_be_stored(
    dashboard: Driver, jobs_db: JobsDatabase
) -> None:
    await choose_all(dashboard, 6)
    await dashboard.press("f")
    await dashboard.has_dialog("Fail 6 jobs")
    await dashboard.type("half a character: \ud800")
    await dashboard.press("enter")
    await dashboard.shows("✗ The error holds half a character")
    await dashboard.type("Test error")
    await dashboard.press("enter")
    await dashboard.shows_toast("Failed 2 of 6 jobs; 2 are queued; 2 had already finished.")
    assert jobs_db.sql("select count(*) from generation_jobs where error = 'Test error'") == [(2,)]
