"""How the dashboard ends: after an exception, and by a quit key during a write."""

import asyncio
import errno
import logging
from collections.abc import AsyncIterator, Mapping
from typing import Any
from uuid import UUID

import pytest
from textual.drivers.linux_driver import LinuxDriver
from textual.messages import ExitApp

from gjobs.store.jobs.job import AnyStatus, JobStatus
from gjobs.store.jobs.job_results import DeletionOutcome, TransitionOutcome
from gjobs.tui.dashboard.actions.key_queue import DROPPED, SUSPENDING
from gjobs.tui.dashboard.panels.project_list import ProjectList
from gjobs.tui.dashboard.panels.screen import DashboardScreen
from gjobs.tui.dashboard.terminal.terminal_input import GuardedDriver
from tests.conftest import Conninfo
from tests.tui.dashboard.dashboard_driver import (
    Drive,
    Driver,
    FrozenStore,
    Gate,
    WatchedApp,
    dashboard_on,
    drive_dashboard,
    list_polled,
    opener_of,
)
from tests.tui.dashboard.keys.key_sending import pass_seeing_time
from tests.tui.jobs_database import JobsDatabase


def _break(*_: object, **__: object) -> None:
    password = "hunter2"
    raise RuntimeError(f"a mistake of ours, {len(password)}")


@pytest.mark.parametrize("part", ["screen", "background worker"])
async def test_exception_ends_the_dashboard_and_prints_no_traceback(
    jobs_db: JobsDatabase,
    database: Conninfo,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
    part: str,
) -> None:
    broken = Gate("get_listing", lambda *_: part == "background worker", fails=RuntimeError("a mistake of ours"))
    broken.open()
    if part == "screen":
        monkeypatch.setattr(DashboardScreen, "show", _break)
    app = WatchedApp(opener_of(database, make=broken.store))
    with caplog.at_level(logging.CRITICAL):
        await app.run_async(headless=True, size=(80, 24))

    assert "a mistake of ours" in str(app.mistake)
    assert app.settled.is_set()
    assert "a mistake of ours" in caplog.text
    shown = capsys.readouterr()
    assert not any(word in shown.out + shown.err for word in ("Traceback", "hunter2"))


async def test_answers_that_arrive_while_the_app_closes_are_dropped(jobs_db: JobsDatabase, drive: Drive) -> None:
    async with drive() as driver:
        app, dashboard = driver.app, driver.app.dashboard
        store, listing = app.poller.store, dashboard.listing
        assert store
        assert listing
        await dashboard.query_one(ProjectList).remove()
        app.key_queue.close()
        app.post_message(list_polled(store, listing, dashboard.now))
        await driver.settle()
        assert app.mistake is None


async def test_dashboard_that_ends_while_it_starts_reports_no_error(
    database: Conninfo, caplog: pytest.LogCaptureFixture
) -> None:
    app = WatchedApp(opener_of(database))
    asyncio.get_running_loop().call_soon(app.post_message, ExitApp())
    with caplog.at_level(logging.WARNING):
        await app.run_async(headless=True, size=(80, 24))
    assert (app.mistake, caplog.records) == (None, [])


async def test_panic_of_textual_becomes_an_exception_of_the_dashboard(
    jobs_db: JobsDatabase, app: WatchedApp, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(RuntimeError, match="Textual ended the dashboard"):
        async with drive_dashboard(app):
            app.panic("hunter2")
    assert isinstance(app.mistake, RuntimeError)
    shown = capsys.readouterr()
    assert "hunter2" not in shown.out + shown.err


async def test_exception_in_the_input_thread_ends_the_dashboard(
    jobs_db: JobsDatabase, app: WatchedApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(LinuxDriver, "run_input_thread", _break)
    assert app.driver_class is GuardedDriver

    async def fail() -> None:
        async with drive_dashboard(app) as driver:
            await asyncio.to_thread(GuardedDriver(app).run_input_thread)
            await driver.until(lambda: app.mistake)

    with pytest.raises(RuntimeError, match="a mistake of ours"):
        await fail()
    assert "a mistake of ours" in str(app.mistake)


@pytest.mark.parametrize(("number", "is_closed"), [(errno.EIO, True), (errno.EBADF, True), (errno.ENOMEM, False)])
async def test_closed_terminal_ends_the_dashboard_with_an_exit_code_and_a_line_in_the_log(
    database: Conninfo,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    number: int,
    is_closed: bool,
) -> None:
    def close(_: object) -> None:
        raise OSError(number, "a number of ours")

    monkeypatch.setattr(LinuxDriver, "run_input_thread", close)
    app = WatchedApp(opener_of(database))
    asyncio.get_running_loop().call_soon(lambda: GuardedDriver(app).run_input_thread())
    with caplog.at_level(logging.WARNING):
        await app.run_async(headless=True, size=(80, 24))
    assert (app.mistake is None, app.return_code) == (is_closed, 1)
    assert "a number of ours" in caplog.text
    assert ("The terminal is closed" in caplog.text) is is_closed


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
