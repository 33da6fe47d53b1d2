"""A key never acts on another job than the one that the person saw, whatever happens meanwhile."""

import asyncio
from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

import pytest

from store.job_list.list_query import ListingQuery
from store.job_list.listing import Listing
from store.jobs.job import AnyStatus, GenerationJob, JobStatus
from store.users.actor import ActingUser, Actor
from tests.conftest import Conninfo
from tests.tui.driving import Driver, FrozenStore, WatchedApp, drive_dashboard, opener_of
from tests.tui.world import ADA, BEN, FROZEN, JobsDatabase, job_id, short
from tui.dashboard.job_details import JobDetails
from tui.dashboard.messages import ListPolled


async def test_deletion_dialog_keeps_its_job_while_the_list_changes(dashboard: Driver, jobs_db: JobsDatabase) -> None:
    await dashboard.press("down", "down", "d")
    await dashboard.shows(short(3))
    jobs_db.jobs(range(100, 103))
    jobs_db.sql(
        "update generation_jobs set created_at = now() where id = any(%s)", [job_id(n) for n in (100, 101, 102)]
    )
    jobs_db.delete(2)
    dashboard.app.poller.refresh()
    await dashboard.until(lambda: 2 not in dashboard.rows)
    await dashboard.has_dialog("Delete this job?")
    await dashboard.press("y")
    await dashboard.shows_toast(f"Deleted main_white {short(3)}.")

    assert jobs_db.status(3) is None
    await dashboard.until(lambda: len(dashboard.rows) == 7)


async def test_job_that_changed_while_the_dialog_was_open_is_not_deleted(
    dashboard: Driver, jobs_db: JobsDatabase
) -> None:
    await dashboard.press("d")
    jobs_db.set_status(1, "running")
    await dashboard.press("y")
    await dashboard.shows_toast(
        f"The job {job_id(1)} is running by now, not queued: nothing was deleted. Look at it again"
    )

    assert jobs_db.status(1) is JobStatus.RUNNING
    await dashboard.until(lambda: "running" in dashboard.row(1))
    assert dashboard.cursor == 1


async def test_status_change_already_shown_in_the_list_also_stops_the_deletion(
    dashboard: Driver, jobs_db: JobsDatabase
) -> None:
    await dashboard.press("d")
    jobs_db.set_status(1, "running")
    dashboard.app.poller.refresh()
    await dashboard.until(lambda: "running" in dashboard.row(1))
    await dashboard.shows("◌ queued")
    await dashboard.press("y")
    await dashboard.shows_toast("is running by now, not queued: nothing was deleted")


async def test_deleting_a_job_that_is_already_gone_is_reported(dashboard: Driver, jobs_db: JobsDatabase) -> None:
    await dashboard.press("d")
    jobs_db.delete(1)
    await dashboard.press("y")
    await dashboard.shows_toast(f"{job_id(1)} is not there, or not any more: nothing was changed.")

    assert jobs_db.count() == 7


async def test_cursor_selects_no_job_after_its_job_was_deleted(dashboard: Driver, jobs_db: JobsDatabase) -> None:
    await dashboard.press("down")
    jobs_db.delete(2)
    await dashboard.refreshes()
    await dashboard.shows_toast(f"The job {short(2)} under the cursor left this list.")

    assert dashboard.cursor is None
    await dashboard.press("s", "c", "f", "d")
    await dashboard.has_dialog("")
    assert [jobs_db.status(number) for number in (1, 3, 4, 5, 6)] == [
        "queued",
        "succeeded",
        "failed",
        "queued",
        "running",
    ]


async def test_cursor_selects_no_job_after_its_job_left_the_listed_status(
    dashboard: Driver, jobs_db: JobsDatabase
) -> None:
    await dashboard.press("2")
    await dashboard.until(lambda: dashboard.rows == [1, 5])
    await dashboard.press("s")
    await dashboard.until(lambda: dashboard.rows == [5])

    assert dashboard.cursor is None
    await dashboard.press("s")
    assert jobs_db.status(5) is JobStatus.QUEUED
    assert [toast for toast in dashboard.toasts if "left this list" in toast] == []


async def test_fail_dialog_fails_its_job_after_the_list_has_moved(dashboard: Driver, jobs_db: JobsDatabase) -> None:
    await dashboard.press("down", "f")
    await dashboard.type("Test error")
    jobs_db.delete(1)
    dashboard.app.poller.refresh()
    await dashboard.until(lambda: dashboard.rows == [2, 3, 4, 5, 6])
    await dashboard.press("enter")
    await dashboard.shows_toast(f"Failed packaging {short(2)}.")

    assert jobs_db.status(2) is JobStatus.FAILED
    assert jobs_db.status(6) is JobStatus.RUNNING


class GatedStore(FrozenStore):
    """Ada's looks are answered only when they may."""

    gate = asyncio.Event()
    waiting = 0

    async def get_listing(self, query: ListingQuery, *, at: datetime | None = None) -> Listing:
        listing = await super().get_listing(query, at=at)
        if isinstance(self.actor, ActingUser) and self.actor.id == ADA:
            type(self).waiting += 1
            await type(self).gate.wait()
        return listing


async def change_eyes(driver: Driver, name: str) -> None:
    await driver.press("u")
    await driver.has_dialog("Look with whose eyes?")
    await driver.type(name)
    await driver.press("enter")


async def test_switching_users_clears_the_former_rows_before_new_ones_arrive(
    jobs_db: JobsDatabase, database: Conninfo
) -> None:
    GatedStore.gate, GatedStore.waiting = asyncio.Event(), 0
    ben: Actor = ActingUser(id=BEN, email="ben@example.com")
    async with drive_dashboard(WatchedApp(opener_of(database, actor=ben, make=GatedStore))) as driver:
        assert driver.rows == [8]
        await change_eyes(driver, "ada")
        await driver.until(lambda: GatedStore.waiting)

        await driver.until(lambda: "as ada@example.com" in driver.header)
        for hers in ("Trail gear", "$0.40", short(8), "ben@"):
            await driver.shows_no_longer(hers)
        await driver.shows("Looking …")
        await driver.press("d")
        await driver.has_dialog("")

        GatedStore.gate.set()
        await driver.shows("Costs · Autumn catalog")
        assert driver.rows == [1, 2, 3, 4, 5, 6]


async def test_late_result_of_the_former_user_is_dropped(jobs_db: JobsDatabase, database: Conninfo) -> None:
    GatedStore.gate, GatedStore.waiting = asyncio.Event(), 0
    ben: Actor = ActingUser(id=BEN, email="ben@example.com")
    async with drive_dashboard(WatchedApp(opener_of(database, actor=ben, make=GatedStore))) as driver:
        await change_eyes(driver, "ada")
        await driver.until(lambda: GatedStore.waiting)
        await change_eyes(driver, "ben")
        GatedStore.gate.set()
        await driver.shows("as ben@example.com", "Costs · Trail gear")

        await driver.refreshes()
        assert driver.rows == [8]
        assert "Autumn" not in driver.text


async def test_poll_result_of_another_actor_is_dropped(dashboard: Driver) -> None:
    app = dashboard.app
    store = app.poller.store
    assert store is not None
    of_ben = store.acting_as(ActingUser(id=BEN, email="ben@example.com"))
    listing = await of_ben.get_listing(app.dashboard.listing_query)
    app.post_message(ListPolled(of_ben, listing, app.dashboard.now, is_changed=True))
    await dashboard.settle()

    assert dashboard.rows == [1, 2, 3, 4, 5, 6]


class SlowSpring(FrozenStore):
    """Answers for every project but the newest only when it may."""

    gate = asyncio.Event()
    waiting = 0

    async def get_listing(self, query: ListingQuery, *, at: datetime | None = None) -> Listing:
        listing = await super().get_listing(query, at=at)
        project_id = query.window.listed.project_id
        if project_id not in (None, listing.projects[0].id):
            type(self).waiting += 1
            await type(self).gate.wait()
        return listing


async def test_only_the_last_of_several_quickly_chosen_projects_is_shown(
    jobs_db: JobsDatabase, database: Conninfo
) -> None:
    SlowSpring.gate, SlowSpring.waiting = asyncio.Event(), 0
    async with drive_dashboard(WatchedApp(opener_of(database, make=SlowSpring))) as driver:
        await driver.press("p")
        await driver.type("spring")
        await driver.press("enter")
        await driver.until(lambda: SlowSpring.waiting)
        await driver.shows("Costs · Autumn catalog")
        await driver.shows("looking …")
        await driver.show_project("all projects")
        SlowSpring.gate.set()
        await driver.refreshes()

        assert driver.rows == [1, 2, 3, 4, 5, 6, 7]
        await driver.shows("Costs · all projects")
        await driver.shows_no_longer("looking")


class HeldStore(FrozenStore):
    """Deletes only when it may."""

    gate = asyncio.Event()
    deleting = 0

    async def delete_generation_jobs(self, expected: Mapping[UUID, AnyStatus | None]) -> tuple[GenerationJob, ...]:
        type(self).deleting += 1
        await type(self).gate.wait()
        return await super().delete_generation_jobs(expected)


async def test_quitting_waits_for_a_pending_write(jobs_db: JobsDatabase, database: Conninfo) -> None:
    HeldStore.gate, HeldStore.deleting = asyncio.Event(), 0
    app = WatchedApp(opener_of(database, make=HeldStore))
    async with drive_dashboard(app) as driver:
        await driver.press("d", "y")
        await driver.until(lambda: HeldStore.deleting)
        await driver.press("q")
        await driver.shows_toast("Leaving as soon as the last change is answered")
        assert app.is_running
        HeldStore.gate.set()
        await driver.until(lambda: not app.is_running)

    assert jobs_db.status(1) is None


async def test_second_quit_key_leaves_without_waiting(jobs_db: JobsDatabase, database: Conninfo) -> None:
    HeldStore.gate, HeldStore.deleting = asyncio.Event(), 0
    app = WatchedApp(opener_of(database, make=HeldStore))
    async with drive_dashboard(app) as driver:
        await driver.press("d", "y")
        await driver.until(lambda: HeldStore.deleting)
        await driver.press("q", "q")
        await driver.until(lambda: not app.is_running)

    assert jobs_db.status(1) is JobStatus.QUEUED


@pytest.mark.parametrize("keys", ["q", "d ctrl+q", "slash ctrl+q"])
async def test_quit_keys_work_in_list_dialog_and_filter(dashboard: Driver, keys: str) -> None:
    await dashboard.press(*keys.split())
    await dashboard.until(lambda: not dashboard.app.is_running)

    assert dashboard.app.return_code == 0


async def test_details_screen_reports_a_job_that_left_the_list(dashboard: Driver, jobs_db: JobsDatabase) -> None:
    await dashboard.press("enter")
    jobs_db.set_status(1, "running")
    dashboard.app.poller.refresh()
    await dashboard.shows("Status       ▸ running")
    jobs_db.delete(1)
    dashboard.app.poller.refresh()
    await dashboard.shows("This job left the list: it is shown as it was last seen.", short(1))

    await dashboard.press("c")
    await dashboard.shows_toast(f"lifestyle {short(1)} is gone: nothing was changed.")


async def test_clock_tick_while_the_details_open_causes_no_error(dashboard: Driver) -> None:
    app = dashboard.app
    job = dashboard.table.cursor_job
    assert job is not None
    opening = app.push_screen(JobDetails(job, project="Autumn catalog", now=FROZEN))
    app.dashboard._tick()
    await opening
    await dashboard.shows("Waiting      1 min 00 s")
