"""Quitting during a write of many jobs asks what to do with it, and reports the result."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from uuid import UUID

import pytest

from store.jobs.job import AnyStatus
from store.jobs.job_results import DeletionOutcome
from tests.conftest import Conninfo
from tests.tui.dashboard.dashboard_driver import Driver, FrozenStore, WatchedApp, drive_dashboard, opener_of
from tests.tui.jobs_database import JobsDatabase


class HeldStore(FrozenStore):
    """Deletes each chunk only when it may."""

    gate = asyncio.Event()
    chunks = 0

    async def delete_jobs_as_seen(self, expected: Mapping[UUID, AnyStatus | None]) -> tuple[DeletionOutcome, ...]:
        type(self).chunks += 1
        await type(self).gate.wait()
        return await super().delete_jobs_as_seen(expected)


@pytest.fixture
async def deleting(jobs_db: JobsDatabase, database: Conninfo) -> AsyncIterator[Driver]:
    """The first of three chunks is on its way."""
    HeldStore.gate, HeldStore.chunks = asyncio.Event(), 0
    jobs_db.jobs(range(100, 220))
    async with drive_dashboard(WatchedApp(opener_of(database, make=HeldStore))) as driver:
        await driver.press("A")
        await driver.shows("126 jobs selected")
        await driver.press("d", "y")
        await driver.until(lambda: HeldStore.chunks)
        yield driver


@pytest.mark.parametrize("key", ["q", "ctrl+q"])
async def test_quitting_during_a_bulk_write_asks_and_stop_ends_it_after_the_chunk(
    deleting: Driver, jobs_db: JobsDatabase, key: str
) -> None:
    await deleting.press(key)
    await deleting.has_dialog("Quit during a write?")
    await deleting.shows("Deleting 126 jobs is still running.")
    await deleting.press("s")
    HeldStore.gate.set()
    await deleting.until(lambda: not deleting.app.is_running)

    assert HeldStore.chunks == 1
    assert jobs_db.count() == 128 - 50
    (sentence,) = deleting.app.tasks.farewell
    assert sentence.startswith("Deleted 50 of 126 jobs. Stopped: 76 jobs were not touched")


async def test_quitting_during_a_bulk_write_may_finish_it(deleting: Driver, jobs_db: JobsDatabase) -> None:
    await deleting.press("ctrl+q", "f")
    HeldStore.gate.set()
    await deleting.until(lambda: not deleting.app.is_running)

    assert jobs_db.count() == 2
    assert deleting.app.tasks.farewell == ["Deleted 126 of 126 jobs."]


async def test_staying_keeps_the_dashboard_open(deleting: Driver, jobs_db: JobsDatabase) -> None:
    await deleting.press("q", "escape")
    HeldStore.gate.set()
    await deleting.shows_toast("Deleted 126 of 126 jobs.")

    assert deleting.app.is_running


async def test_second_quit_key_during_the_question_quits_at_once(deleting: Driver) -> None:
    await deleting.press("ctrl+q", "ctrl+q")
    await deleting.until(lambda: not deleting.app.is_running)

    (sentence,) = deleting.app.tasks.farewell
    assert sentence.startswith("Quit before the last change was confirmed.")
