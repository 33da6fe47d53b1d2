"""Quitting during a write of many jobs asks what to do with it, and reports the result."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Any
from uuid import UUID

import pytest

from gjobs.store.jobs.job import AnyStatus, JobStatus
from gjobs.store.jobs.job_results import DeletionOutcome, TransitionOutcome
from gjobs.tui.dashboard.actions.key_queue import DROPPED, SUSPENDING
from tests.conftest import Conninfo
from tests.tui.dashboard.dashboard_driver import Drive, Driver, FrozenStore, Gate, dashboard_on
from tests.tui.dashboard.keys.key_sending import pass_seeing_time
from tests.tui.jobs_database import JobsDatabase


class HeldStore(FrozenStore):
    """A store that writes a chunk only after its gate opens."""

    gate = asyncio.Event()
    chunks = 0

    async def delete_jobs_as_seen(self, expected: Mapping[UUID, AnyStatus | None]) -> tuple[DeletionOutcome, ...]:
        type(self).chunks += 1
        await type(self).gate.wait()
        return await super().delete_jobs_as_seen(expected)

    async def transition_jobs(self, *arguments: Any) -> tuple[TransitionOutcome, ...]:
        type(self).chunks += 1
        await type(self).gate.wait()
        return await super().transition_jobs(*arguments)


@pytest.fixture
async def with_selection(jobs_db: JobsDatabase, database: Conninfo) -> AsyncIterator[Driver]:
    """A dashboard with 126 selected jobs, which run."""
    HeldStore.gate, HeldStore.chunks = asyncio.Event(), 0
    jobs_db.jobs(range(100, 220))
    jobs_db.sql("update generation_jobs set status = 'running'")
    async with dashboard_on(database, make=HeldStore) as driver:
        await driver.press("A", shows="126 jobs selected")
        yield driver


@pytest.fixture
async def deleting(with_selection: Driver) -> Driver:
    """A dashboard that is deleting its selection; the first of three chunks waits at the gate."""
    await with_selection.press("d", "y")
    await with_selection.until(lambda: HeldStore.chunks)
    return with_selection


async def test_quitting_during_a_bulk_write_asks_and_may_stop_it(deleting: Driver, jobs_db: JobsDatabase) -> None:
    """Suspending is refused, too: the locks would stay until the database ends the transaction."""
    await deleting.press("ctrl+z", message="gjobs can't be suspended before the last change is confirmed.")
    await deleting.press("q", dialog="Quit during a write?", shows="Deleting 126 jobs is still running.")
    await deleting.press(
        "enter", dialog="Deleting 126 jobs", message="gjobs stays open. f finishes the write, then quits."
    )
    await deleting.press("ctrl+q", dialog="Quit during a write?")
    await deleting.press("s")
    HeldStore.gate.set()
    await deleting.until(lambda: not deleting.app.is_running)

    assert HeldStore.chunks == 1
    assert jobs_db.count() == 128 - 50
    (result,) = deleting.app.tasks.farewell
    assert result.startswith("Deleted 50 of 126 jobs. Stopped: 76 jobs were not touched")


async def test_dashboard_is_suspended_after_the_last_change_and_text_for_the_shell_does_nothing(
    drive: Drive, jobs_db: JobsDatabase
) -> None:
    writes = Gate("transition_job_status")
    async with drive(make=writes.store) as driver:
        await driver.go_to(1)
        await driver.press("s", until=lambda: writes.calls == 1)
        await driver.press("ctrl+z", message="gjobs is suspended as soon as the last change is confirmed.")
        await driver.press("f", "g", "enter", message=SUSPENDING)
        writes.release()
        await driver.shows_message("gjobs can be suspended only in a terminal.")
        assert driver.dialog == ""
    assert jobs_db.status(1) is JobStatus.RUNNING


async def test_quitting_during_a_bulk_write_may_finish_it(deleting: Driver, jobs_db: JobsDatabase) -> None:
    await deleting.press("ctrl+q", "f", shows="Quitting after the write.")
    deleting.app.messages.clear_passing()
    await deleting.settle()
    await deleting.shows("Quitting after the write. Press the same key again to quit at once.")
    HeldStore.gate.set()
    await deleting.until(lambda: not deleting.app.is_running)

    assert jobs_db.count() == 2
    assert deleting.app.tasks.farewell == ["Deleted 126 of 126 jobs."]


async def test_question_is_closed_unanswered_when_the_write_ends(deleting: Driver, jobs_db: JobsDatabase) -> None:
    """The question is closed even if the manual covers it. The deletion can still be undone."""
    await deleting.press("q", "escape")
    await deleting.press("q", "question_mark")
    HeldStore.gate.set()
    await deleting.shows_message("Deleted 126 of 126 jobs.")
    await deleting.has_dialog("")
    await deleting.press("s", message=DROPPED)
    await pass_seeing_time(deleting)
    await deleting.press("U", until=lambda: jobs_db.count() == 128)

    await deleting.press("ctrl+q", until=lambda: not deleting.app.is_running)


@pytest.mark.parametrize("key", ["f", "ctrl+q"])
async def test_result_of_a_bulk_form_is_printed(with_selection: Driver, key: str) -> None:
    await with_selection.press("f", dialog="Fail these 126 jobs")
    await with_selection.type("API timeout", "enter", until=lambda: HeldStore.chunks)
    await with_selection.press("ctrl+q", dialog="Quit during a write?")
    if key == "f":
        await with_selection.press(key)
        HeldStore.gate.set()
    else:
        HeldStore.gate.set()
        await with_selection.shows_message("Failed 126 of 126 jobs.")
        await with_selection.press(key)
    await with_selection.until(lambda: not with_selection.app.is_running)

    (result,) = with_selection.app.tasks.farewell
    assert result.startswith("Failed 126 of 126 jobs")


@pytest.mark.parametrize(
    ("method", "key", "title", "typed", "words"),
    [
        ("create_generation_job", "n", "New job", "m" * 201, "The mode has 201 characters"),
        ("create_project", "P", "New project", "Autumn catalog", "Created the project Autumn catalog."),
    ],
    ids=["refused job", "project"],
)
async def test_result_of_a_form_with_one_write_is_printed_after_quitting(
    drive: Drive, method: str, key: str, title: str, typed: str, words: str
) -> None:
    write = Gate(method)
    async with drive(make=write.store) as driver:
        await driver.press(key, dialog=title)
        await driver.type(typed, "enter", until=lambda: write.calls)
        await driver.press("ctrl+q")
        await driver.shows("Quitting after the last change is confirmed.")
        write.open()
        await driver.until(lambda: not driver.app.is_running)
        (result,) = driver.app.tasks.farewell
        assert result.startswith(words)


async def test_second_quit_key_during_the_question_quits_at_once(deleting: Driver) -> None:
    await deleting.press("ctrl+q", "ctrl+q")
    await deleting.until(lambda: not deleting.app.is_running)

    (result,) = deleting.app.tasks.farewell
    assert result.startswith("gjobs ended before the last change was confirmed.")
