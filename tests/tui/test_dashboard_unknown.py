"""The link breaks between a write and its answer: that is said, it is looked up, and the truth is told."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from textual.widgets import Input

from store.jobs.job import JobStatus
from store.journal.journal import read_journal
from store.users.actor import OPERATOR, Actor
from tests.conftest import Conninfo
from tests.store.servers import COMMIT, Cut, Proxy, proxied
from tests.tui.driving import AS_ADA, Driver, WatchedApp, drive_dashboard, opener_of
from tests.tui.world import JobsDatabase, job_id, short

ARRIVES = pytest.mark.parametrize("arrives", [True, False], ids=["the commit arrived", "it did not"])


@asynccontextmanager
async def behind_a_proxy(
    database: Conninfo, journal: Path, *, actor: Actor = AS_ADA
) -> AsyncIterator[tuple[Driver, Proxy]]:
    async with (
        proxied(database) as (proxy, conninfo),
        drive_dashboard(WatchedApp(opener_of(conninfo, journal=journal, actor=actor), interval=0.05)) as driver,
    ):
        yield driver, proxy


def outcomes(journal: Path) -> list[str]:
    return [entry.outcome.value for entry in read_journal(journal).entries]


async def lose_the_answer(driver: Driver, proxy: Proxy, *keys: str, arrives: bool, journal: Path) -> None:
    """Then the link is back."""
    proxy.cut = Cut(at=COMMIT, reaches_database=arrives)
    await driver.press(*keys)
    await driver.shows_toast("it may or may not have been made. It is looked up as soon as the database answers.")
    assert outcomes(journal)[0] == "unknown"
    proxy.come_back()


@ARRIVES
async def test_interrupted_transition_is_resolved_and_reported(
    jobs_db: JobsDatabase, database: Conninfo, tmp_path: Path, arrives: bool
) -> None:
    async with behind_a_proxy(database, tmp_path) as (driver, proxy):
        await lose_the_answer(driver, proxy, "s", arrives=arrives, journal=tmp_path)
        if arrives:
            await driver.shows_toast(f"The change was made: lifestyle {short(1)} is running now.")
        else:
            await driver.shows_toast(f"The change was not made: lifestyle {short(1)} is queued now.")
        assert jobs_db.status(1) == ("running" if arrives else "queued")
        assert outcomes(tmp_path) == ["done" if arrives else "not done"]


@ARRIVES
async def test_interrupted_deletion_is_resolved_and_undone_only_if_it_was_made(
    jobs_db: JobsDatabase, database: Conninfo, tmp_path: Path, arrives: bool
) -> None:
    async with behind_a_proxy(database, tmp_path) as (driver, proxy):
        await lose_the_answer(driver, proxy, "d", "y", arrives=arrives, journal=tmp_path)
        if not arrives:
            await driver.shows_toast(f"The change was not made: lifestyle {short(1)} is queued now.")
            await driver.until(lambda: not driver.banner)
            await driver.press("U")
            await driver.shows_toast("Nothing was deleted here that could be made again.")
        else:
            await driver.shows_toast(f"The change was made: lifestyle {short(1)} is deleted.")
            await driver.until(lambda: not driver.banner)
            await driver.press("U")
            await driver.shows_toast(f"lifestyle {short(1)} is back.")
        assert jobs_db.status(1) is JobStatus.QUEUED


@ARRIVES
async def test_interrupted_job_creation_is_neither_lost_nor_repeated(
    jobs_db: JobsDatabase, database: Conninfo, tmp_path: Path, arrives: bool
) -> None:
    async with behind_a_proxy(database, tmp_path) as (driver, proxy):
        await driver.press("n")
        await driver.has_dialog("New job")
        await driver.type("my_own")
        await lose_the_answer(driver, proxy, "enter", arrives=arrives, journal=tmp_path)
        if arrives:
            await driver.shows_toast("The change was made: my_own ")
            await driver.has_dialog("")
        else:
            await driver.shows("✗ The change was not made: my_own ")
            assert driver.app.screen.query_one("#mode", Input).value == "my_own"
            await driver.until(lambda: not driver.banner)
            await driver.press("enter")
            await driver.shows_toast("Queued my_own ")
        assert jobs_db.count() == 9


@ARRIVES
async def test_interrupted_bulk_start_is_resolved_and_reported(
    jobs_db: JobsDatabase, database: Conninfo, tmp_path: Path, arrives: bool
) -> None:
    async with behind_a_proxy(database, tmp_path) as (driver, proxy):
        await driver.press("asterisk", "s")
        await driver.has_dialog("Start 2 of these 6 jobs?")
        await lose_the_answer(driver, proxy, "y", arrives=arrives, journal=tmp_path)
        if arrives:
            await driver.shows_toast("Started 2 of 6 jobs; 4 were left. Then it stopped: The change was made: ")
        else:
            await driver.shows_toast(
                "Started 0 of 6 jobs. Then it stopped, and 6 jobs were not touched: The change was not"
            )
        assert jobs_db.status(5) == ("running" if arrives else "queued")


@ARRIVES
async def test_interrupted_budget_change_is_resolved_and_reported(
    jobs_db: JobsDatabase, database: Conninfo, tmp_path: Path, arrives: bool
) -> None:
    async with behind_a_proxy(database, tmp_path, actor=OPERATOR) as (driver, proxy):
        await driver.press("b", "n")
        await driver.has_dialog("New budget")
        await driver.type("10.00")
        await lose_the_answer(driver, proxy, "enter", arrives=arrives, journal=tmp_path)
        if arrives:
            await driver.shows_toast(
                "The change was made: it was about the monthly budget of project 'Autumn catalog'."
            )
            await driver.shows("of $10.00")
        else:
            await driver.shows("✗ The change was not made: it was about the monthly budget")
            assert driver.app.screen.query_one("#limit", Input).value == "10.00"
        assert jobs_db.sql("select limit_cents from gjobs.budgets") == ([(1_000,)] if arrives else [])


@ARRIVES
async def test_interrupted_restore_is_resolved_and_reported(
    jobs_db: JobsDatabase, database: Conninfo, tmp_path: Path, arrives: bool
) -> None:
    jobs_db.sql("select gjobs.archive_jobs(%s)", [job_id(3)])
    async with behind_a_proxy(database, tmp_path) as (driver, proxy):
        driver.app.dashboard.action_want("archive")
        await driver.shows("1 archived job", short(3))
        await lose_the_answer(driver, proxy, "r", "y", arrives=arrives, journal=tmp_path)
        made, there = ("made", "there") if arrives else ("not made", "not there")
        await driver.shows_toast(f"The change was {made}: the job {short(3)} is {there} now.")
        assert jobs_db.status(3) == ("succeeded" if arrives else None)


@ARRIVES
async def test_interrupted_cleanup_reports_its_progress(
    jobs_db: JobsDatabase, database: Conninfo, tmp_path: Path, arrives: bool
) -> None:
    jobs_db.job(21, "succeeded", minutes_ago=10 * 365 * 24 * 60)
    async with behind_a_proxy(database, tmp_path) as (driver, proxy):
        driver.app.dashboard.action_want("clean_up")
        await driver.has_dialog("Clean up")
        await driver.type("1500d")
        await driver.press("enter")
        await driver.until(lambda: driver.dialog.startswith("Archive 1 job, created before "))
        proxy.cut = Cut(at=COMMIT, reaches_database=arrives)
        await driver.press("y")
        await driver.shows_toast("made. Before that, archived 0 jobs. Cleaning up once more goes on.")
        assert (jobs_db.status(21) is None) is arrives


async def test_form_left_during_an_outage_still_reports_the_write_outcome(
    jobs_db: JobsDatabase, database: Conninfo, tmp_path: Path
) -> None:
    async with behind_a_proxy(database, tmp_path) as (driver, proxy):
        proxy.cut = Cut(at=COMMIT)
        await driver.press("n")
        await driver.has_dialog("New job")
        await driver.press("enter")
        await driver.shows_toast("It is looked up as soon as the database answers.")
        await driver.press("escape")
        await driver.shows("✗ This is being stored: wait for the answer. esc once more leaves it")
        await driver.press("escape")
        await driver.has_dialog("")
        proxy.come_back()
        await driver.shows_toast("The change was made: main_white ")
        assert jobs_db.count() == 9


async def test_write_outcome_is_reported_after_a_long_outage(
    jobs_db: JobsDatabase, database: Conninfo, tmp_path: Path
) -> None:
    async with behind_a_proxy(database, tmp_path) as (driver, proxy):
        proxy.cut = Cut(at=COMMIT)
        await driver.press("s")
        await driver.shows_toast("It is looked up as soon as the database answers.")
        await driver.until(lambda: driver.banner)
        failures = driver.app.failures
        await driver.until(lambda: driver.app.failures > failures + 2)
        assert not any("The change was" in toast for toast in driver.toasts)
        proxy.come_back()
        await driver.shows_toast(f"The change was made: lifestyle {short(1)} is running now.")


async def test_switching_the_database_gives_up_an_unresolved_write(
    jobs_db: JobsDatabase, database: Conninfo, tmp_path: Path
) -> None:
    async with behind_a_proxy(database, tmp_path) as (driver, proxy):
        proxy.cut = Cut(at=COMMIT)
        await driver.press("s")
        await driver.shows_toast("It is looked up as soon as the database answers.")
        await driver.app.background_tasks.writes_end()
        await driver.shows_toast(
            f"It was to transition job to running {job_id(1)}. Look it up before repeating anything"
        )
        assert outcomes(tmp_path) == ["unknown"]
