"""The connection is lost between a write and its answer: the outcome is looked up and reported."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from gjobs.store.jobs.job import JobStatus
from gjobs.store.journal.journal import read_journal
from gjobs.store.users.actor import OPERATOR, Actor
from gjobs.tui.dashboard.actions.key_queue import UNCHANGED, UNCONFIRMED
from tests.conftest import Conninfo
from tests.store.faulty_servers import COMMIT, WRITE_OPENS, Cut, Proxy
from tests.tui.dashboard.dashboard_driver import AS_ADA, Driver, behind_a_proxy
from tests.tui.dashboard.keys.key_sending import pass_seeing_time, send
from tests.tui.jobs_database import JobsDatabase, job_id, short

ARRIVES = pytest.mark.parametrize("arrives", [True, False], ids=["the commit arrived", "it did not"])


@dataclass
class Connection:
    """A dashboard behind a proxy, and the journal of its writes."""

    driver: Driver
    proxy: Proxy
    journal: Path

    def outcomes(self) -> list[str]:
        return [entry.outcome.value for entry in read_journal(self.journal).entries]

    async def lose_the_answer(self, *keys: str, arrives: bool, about: str) -> Driver:
        """Press keys that write, lose the answer of the commit, and restore the connection. The dashboard says what
        the write is about.
        """
        self.proxy.cut = Cut(at=COMMIT, reaches_database=arrives)
        pending = f"it may or may not have been made. It concerns {about}"
        await self.driver.press(*keys, message=pending)
        assert self.outcomes()[0] == "unknown"
        self.proxy.come_back()
        return self.driver

    async def is_restored(self) -> None:
        """Wait until the dashboard polls again and takes keys."""
        await self.driver.until(lambda: not self.driver.banner)
        await pass_seeing_time(self.driver)


@pytest.fixture
def actor() -> Actor:
    return AS_ADA


@pytest.fixture
async def connection(
    jobs_db: JobsDatabase, database: Conninfo, tmp_path: Path, actor: Actor
) -> AsyncIterator[Connection]:
    async with behind_a_proxy(database, journal=tmp_path, actor=actor) as (driver, proxy):
        yield Connection(driver, proxy, tmp_path)


@ARRIVES
async def test_interrupted_change_of_one_job_or_project_is_resolved_and_reported(
    connection: Connection, jobs_db: JobsDatabase, arrives: bool
) -> None:
    driver = await connection.lose_the_answer("s", arrives=arrives, about=f"lifestyle {short(1)}.")
    send(driver.app, "c")
    await driver.has_shown(UNCONFIRMED if arrives else UNCHANGED)
    assert (UNCHANGED in driver.warnings) is not arrives
    result = "made: lifestyle 00000001 is running" if arrives else "not made: lifestyle 00000001 is queued"
    await driver.shows_message(f"The change was {result} now.")
    assert "may or may not" not in driver.message
    assert jobs_db.status(1) == ("running" if arrives else "queued")
    assert connection.outcomes() == ["done" if arrives else "not done"]

    await connection.is_restored()
    await driver.go_to(5)
    await connection.lose_the_answer("d", "y", arrives=arrives, about=f"feature_callout {short(5)}.")
    result = "made: feature_callout 00000005 is deleted." if arrives else "not made: feature_callout 00000005 is queued"
    await driver.shows_message(f"The change was {result}")
    await connection.is_restored()
    await driver.press("U", message="Restored feature_callout 00000005." if arrives else "No deleted jobs to restore.")
    assert jobs_db.status(5) is JobStatus.QUEUED

    await driver.press("n", dialog="New job")
    await driver.type("my_own")
    await connection.lose_the_answer("enter", arrives=arrives, about="my_own ")
    if arrives:
        await driver.shows_message("The change was made: my_own ")
        await driver.has_dialog("")
    else:
        await driver.shows("✗ The change was not made: my_own ")
        assert driver.value("#mode") == "my_own"
        await connection.is_restored()
        await driver.press("enter", message="Queued my_own ")
    assert jobs_db.count() == 9

    await connection.is_restored()
    await driver.press("P", dialog="New project")
    await driver.type("Winter")
    await connection.lose_the_answer("enter", arrives=arrives, about="the project Winter.")
    if arrives:
        await driver.shows_message("The change was made: the project Winter was created.")
    else:
        await driver.shows("✗ The change was not made: the project Winter was not created.")
    assert jobs_db.sql("select count(*) from projects where name = 'Winter'") == [(int(arrives),)]


@ARRIVES
async def test_interrupted_bulk_start_and_undo_are_resolved_and_reported(
    connection: Connection, jobs_db: JobsDatabase, arrives: bool
) -> None:
    driver = connection.driver
    await driver.press("asterisk", "s", dialog="Start 2 of these 6 jobs?")
    await connection.lose_the_answer("y", arrives=arrives, about="2 jobs.")
    if arrives:
        await driver.shows_message("Started 2 of 6 jobs; 2 are running; 2 had already finished.")
        assert not any("Stopped early" in message for message in driver.warnings)
    else:
        await driver.shows_message(
            "Stopped early, and 2 jobs were not touched: The connection was lost before the change"
        )
    assert jobs_db.status(5) == ("running" if arrives else "queued")

    await connection.is_restored()
    await driver.press("escape", dialog="")
    await driver.refreshes()
    await driver.press("asterisk", "d", "y", message="Deleted 6 of 6 jobs.")
    await connection.lose_the_answer("U", arrives=arrives, about="6 jobs.")
    made, exist = ("made", " 6 of the 6 jobs exist now.") if arrives else ("not made", "")
    await driver.shows_message(f"The change was {made}: restore 6 jobs.{exist}")
    assert jobs_db.count() == (8 if arrives else 2)


async def test_retries_whose_answer_is_lost_are_named_and_counted(
    connection: Connection, jobs_db: JobsDatabase
) -> None:
    for number in (10, 11):
        jobs_db.job(number, "failed")
    driver = connection.driver
    await driver.press("5", rows=[4, 10, 11])
    await driver.go_to(4)
    await connection.lose_the_answer("r", arrives=True, about=f"the retry of the job {short(4)}.")
    await connection.is_restored()
    await driver.mark(10, 11)
    await driver.press("r", dialog="Retry these 2 jobs?")
    await connection.lose_the_answer("y", arrives=True, about="2 jobs.")
    await driver.shows_message("Retried 2 of 2 jobs.")
    assert jobs_db.sql("select count(*) from generation_jobs where status = 'queued'") == [(5,)]


@ARRIVES
@pytest.mark.parametrize("actor", [OPERATOR])
async def test_interrupted_budget_change_restore_and_cleanup_are_resolved_and_reported(
    connection: Connection, jobs_db: JobsDatabase, arrives: bool
) -> None:
    jobs_db.sql("select gjobs.archive_jobs(%s)", [job_id(3)])
    jobs_db.job(21, "succeeded", minutes_ago=10 * 365 * 24 * 60)
    driver = connection.driver
    await driver.press("b", "n", dialog="New budget")
    await driver.type("10.00")
    about = "the monthly budget of project 'Autumn catalog'"
    await connection.lose_the_answer("enter", arrives=arrives, about=about)
    if arrives:
        await driver.expects(message=f"The change was made: {about} was created.", shows="of $10.00")
    else:
        await driver.shows("✗ The change was not made: the monthly budget")
        assert driver.value("#limit") == "10.00"
        await driver.press("escape")
    assert jobs_db.sql("select limit_cents from gjobs.budgets") == ([(1_000,)] if arrives else [])

    await connection.is_restored()
    await driver.press("escape", dialog="")
    driver.app.action_run("list.archive")
    await driver.shows("1 archived job", short(3))
    await connection.lose_the_answer("r", "y", arrives=arrives, about=f"the job {short(3)}.")
    made, exists = ("made", "exists") if arrives else ("not made", "does not exist")
    await driver.shows_message(f"The change was {made}: the job {short(3)} {exists} now.")
    assert jobs_db.status(3) == ("succeeded" if arrives else None)

    await connection.is_restored()
    await driver.press("escape", dialog="")
    driver.app.action_run("list.clean_up")
    await driver.has_dialog("Clean up")
    await driver.type("1500d", "enter", until=lambda: driver.dialog.startswith("Archive 1 job, created before "))
    connection.proxy.cut = Cut(at=COMMIT, reaches_database=arrives)
    await driver.press("y", message="made. Archived 0 jobs before the error. Clean up again to continue.")
    assert (jobs_db.status(21) is None) is arrives


async def test_change_is_named_or_its_outcome_reported_after_a_long_outage_a_closed_form_or_a_switch(
    connection: Connection, jobs_db: JobsDatabase
) -> None:
    driver, checks = connection.driver, "gjobs checks the result as soon as the database answers."
    for number, keys, words in (
        (1, "s", f"lifestyle {short(1)} was not started"),
        (2, "dy", f"packaging {short(2)} was not deleted"),
        (4, "r", f"lifestyle {short(4)} was not retried"),
    ):
        await driver.go_to(number)
        connection.proxy.cut = Cut(at=WRITE_OPENS, reaches_database=False)
        await driver.press(*keys, message=f"{words}. The ")
        connection.proxy.come_back()
        await connection.is_restored()
    assert connection.outcomes() == [], "the changes never reached the database"
    assert jobs_db.count() == 8

    await driver.go_to(1)
    connection.proxy.cut = Cut(at=COMMIT)
    await driver.press("s", message=checks, until=lambda: driver.banner)
    failures = driver.app.failures
    await driver.until(lambda: driver.app.failures > failures + 2)
    assert not any("The change was" in report for report in driver.messages)
    connection.proxy.come_back()
    await driver.shows_message(f"The change was made: lifestyle {short(1)} is running now.")

    await connection.is_restored()
    connection.proxy.cut = Cut(at=COMMIT)
    await driver.press("n", dialog="New job")
    await driver.press("enter", message=checks)
    await driver.press("escape", shows="✗ Saving. Wait for the result, or press esc again to")
    await driver.press("escape", dialog="")
    connection.proxy.come_back()
    await driver.shows_message("The change was made: main_white ")
    assert jobs_db.count() == 9

    await connection.is_restored()
    connection.proxy.cut = Cut(at=COMMIT)
    await driver.press("s", on=5, message=checks)
    await driver.app.tasks.leave_database()  # as before another database
    await driver.shows_message(f"The command was: transition job to running {job_id(5)}. Check its outcome")
    assert connection.outcomes()[0] == "unknown"
