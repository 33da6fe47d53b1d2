"""How the dashboard ends: after an exception, and by a quit key during a write."""

import asyncio
import errno
import logging
from collections.abc import AsyncIterator

import pytest
from textual.drivers.linux_driver import LinuxDriver
from textual.messages import ExitApp

from gjobs.store.jobs.job import JobStatus
from gjobs.tui.dashboard.actions.key_queue import DROPPED, SUSPENDING
from gjobs.tui.dashboard.panels.project_list import ProjectList
from gjobs.tui.dashboard.panels.screen import DashboardScreen
from gjobs.tui.dashboard.terminal.terminal_input import GuardedDriver
from tests.conftest import Conninfo
from tests.tui.dashboard.dashboard_driver import (
    Drive,
    Driver,
    Gate,
    WatchedApp,
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

    assert "a mistake of ours" in str(app.internal_error)
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
        assert app.internal_error is None


async def test_exit_while_starting_is_no_error(database: Conninfo, caplog: pytest.LogCaptureFixture) -> None:
    app = WatchedApp(opener_of(database))
    asyncio.get_running_loop().call_soon(app.post_message, ExitApp())
    with caplog.at_level(logging.WARNING):
        await app.run_async(headless=True, size=(80, 24))
    assert (app.internal_error, caplog.records) == (None, [])


async def test_panic_of_textual_becomes_an_exception_of_the_dashboard(
    jobs_db: JobsDatabase, app: WatchedApp, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(RuntimeError, match="Textual ended the dashboard"):
        async with drive_dashboard(app):
            app.panic("hunter2")
    assert isinstance(app.internal_error, RuntimeError)
    shown = capsys.readouterr()
    assert "hunter2" not in shown.out + shown.err


@pytest.mark.parametrize(
    ("error", "is_closed"),
    [
        (OSError(errno.EIO, "a number of ours"), True),
        (OSError(errno.EBADF, "a number of ours"), True),
        (OSError(errno.ENOMEM, "a number of ours"), False),
        (RuntimeError("a number of ours"), False),
    ],
)
async def test_closed_terminal_or_an_exception_in_the_input_thread_ends_the_dashboard_with_an_exit_code(
    database: Conninfo,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    error: Exception,
    is_closed: bool,
) -> None:
    def fail(_: object) -> None:
        raise error

    monkeypatch.setattr(LinuxDriver, "run_input_thread", fail)
    app = WatchedApp(opener_of(database))
    assert app.driver_class is GuardedDriver
    asyncio.get_running_loop().call_soon(lambda: GuardedDriver(app).run_input_thread())
    with caplog.at_level(logging.WARNING):
        await app.run_async(headless=True, size=(80, 24))
    assert (app.internal_error is None, app.return_code) == (is_closed, 1)
    assert "a number of ours" in caplog.text
    assert ("The terminal is closed" in caplog.text) is is_closed


@pytest.fixture
def chunks() -> Gate:
    """A gate that holds each chunk of a deletion."""
    return Gate("delete_jobs_as_seen")


@pytest.fixture
async def deleting(jobs_db: JobsDatabase, drive: Drive, chunks: Gate) -> AsyncIterator[Driver]:
    """A dashboard that is deleting 126 running jobs; the first of three chunks waits at the gate."""
    run_many(jobs_db)
    async with drive(make=chunks.store) as driver:
        await driver.press("A", shows="126 jobs selected")
        await driver.press("d", "y", until=lambda: chunks.calls)
        yield driver


def run_many(jobs_db: JobsDatabase) -> None:
    """Add jobs until Ada's Autumn has 126 jobs, which run."""
    jobs_db.jobs(range(100, 220))
    jobs_db.sql("update generation_jobs set status = 'running'")


async def test_quitting_during_a_bulk_write_may_stop_it(deleting: Driver, chunks: Gate, jobs_db: JobsDatabase) -> None:
    """Suspending is refused, too: the locks would stay until the database ends the transaction."""
    await deleting.press("ctrl+z", message="gjobs can't be suspended before the last change is confirmed.")
    await deleting.press("q", dialog="Quit during a write?", shows="Deleting 126 jobs is still running.")
    await deleting.press(
        "enter", dialog="Deleting 126 jobs", message="gjobs stays open. f finishes the write, then quits."
    )
    await deleting.press("ctrl+q", dialog="Quit during a write?")
    await deleting.press("s")
    chunks.open()
    await deleting.until(lambda: not deleting.app.is_running)

    assert chunks.calls == 1
    assert jobs_db.count() == 128 - 50
    (result,) = deleting.app.tasks.exit_messages
    assert result.startswith("Deleted 50 of 126 jobs. Stopped: 76 jobs were not touched")


async def test_suspending_waits_for_a_change_and_drops_text_for_the_shell(drive: Drive, jobs_db: JobsDatabase) -> None:
    writes = Gate("transition_job_status")
    async with drive(make=writes.store) as driver:
        await driver.press("s", on=1, until=lambda: writes.calls == 1)
        await driver.press("ctrl+z", message="gjobs is suspended as soon as the last change is confirmed.")
        await driver.press("f", "g", "enter", message=SUSPENDING)
        writes.release()
        await driver.shows_message("gjobs can be suspended only in a terminal.")
        assert driver.dialog == ""
    assert jobs_db.status(1) is JobStatus.RUNNING


async def test_quitting_may_finish_a_bulk_write(deleting: Driver, chunks: Gate, jobs_db: JobsDatabase) -> None:
    await deleting.press("ctrl+q", "f", shows="Quitting after the write.")
    deleting.app.messages.clear_passing()
    await deleting.settle()
    await deleting.shows("Quitting after the write. Press the same key again to quit at once.")
    chunks.open()
    await deleting.until(lambda: not deleting.app.is_running)

    assert jobs_db.count() == 2
    assert deleting.app.tasks.exit_messages == ["Deleted 126 of 126 jobs."]


async def test_question_is_closed_when_the_write_ends(deleting: Driver, chunks: Gate, jobs_db: JobsDatabase) -> None:
    """The question is closed even if the manual covers it. The deletion can still be undone."""
    await deleting.press("q", "escape")
    await deleting.press("q", "question_mark")
    chunks.open()
    await deleting.shows_message("Deleted 126 of 126 jobs.")
    await deleting.has_dialog("")
    await deleting.press("s", message=DROPPED)
    await pass_seeing_time(deleting)
    await deleting.press("U", until=lambda: jobs_db.count() == 128)

    await deleting.press("ctrl+q", until=lambda: not deleting.app.is_running)


@pytest.mark.parametrize("key", ["f", "ctrl+q"])
async def test_result_of_a_bulk_form_is_printed(jobs_db: JobsDatabase, drive: Drive, key: str) -> None:
    failing = Gate("transition_jobs")
    run_many(jobs_db)
    async with drive(make=failing.store) as driver:
        await driver.press("A", shows="126 jobs selected")
        await driver.press("f", dialog="Fail these 126 jobs")
        await driver.type("API timeout", "enter", until=lambda: failing.calls)
        await driver.press("ctrl+q", dialog="Quit during a write?")
        if key == "f":
            await driver.press(key)
            failing.open()
        else:
            failing.open()
            await driver.shows_message("Failed 126 of 126 jobs.")
            await driver.press(key)
        await driver.until(lambda: not driver.app.is_running)

    (result,) = driver.app.tasks.exit_messages
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
        await driver.press("ctrl+q", shows="Quitting after the last change is confirmed.")
        write.open()
        await driver.until(lambda: not driver.app.is_running)
        (result,) = driver.app.tasks.exit_messages
        assert result.startswith(words)


async def test_second_quit_key_during_the_question_quits_at_once(deleting: Driver) -> None:
    await deleting.press("ctrl+q", "ctrl+q")
    await deleting.until(lambda: not deleting.app.is_running)

    (result,) = deleting.app.tasks.exit_messages
    assert result.startswith("gjobs ended before the last change was confirmed.")
