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
from tests.tui.dashboard.keys.key_sending import send
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
async def test_interrupted_transition_is_resolved_and_reported(
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


@ARRIVES
async def test_interrupted_deletion_is_resolved_and_undone_only_if_it_was_made(
    connection: Connection, jobs_db: JobsDatabase, arrives: bool
) -> None:
    driver = await connection.lose_the_answer("d", "y", arrives=arrives, about=f"lifestyle {short(1)}.")
    result = "made: lifestyle 00000001 is deleted." if arrives else "not made: lifestyle 00000001 is queued now."
    await driver.shows_message(f"The change was {result}")
    await driver.until(lambda: not driver.banner)
    await driver.press("U")
    await driver.shows_message("Restored lifestyle 00000001." if arrives else "No deleted jobs to restore.")
    assert jobs_db.status(1) is JobStatus.QUEUED


@ARRIVES
async def test_interrupted_job_creation_is_neither_lost_nor_repeated(
    connection: Connection, jobs_db: JobsDatabase, arrives: bool
) -> None:
    driver = connection.driver
    await driver.press("n", dialog="New job")
    await driver.type("my_own")
    await connection.lose_the_answer("enter", arrives=arrives, about="my_own ")
    if arrives:
        await driver.shows_message("The change was made: my_own ")
        await driver.has_dialog("")
    else:
        await driver.shows("✗ The change was not made: my_own ")
        assert driver.value("#mode") == "my_own"
        await driver.until(lambda: not driver.banner)
        await driver.press("enter", message="Queued my_own ")
    assert jobs_db.count() == 9


@ARRIVES
async def test_interrupted_bulk_start_is_resolved_and_reported(
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


async def test_retry_whose_answer_is_lost_is_named_by_the_failed_job(connection: Connection) -> None:
    await connection.driver.press("5", rows=[4])
    await connection.driver.go_to(4)
    await connection.lose_the_answer("r", arrives=True, about=f"the retry of the job {short(4)}.")


async def test_retries_whose_answer_is_lost_are_counted_by_the_failed_jobs(
    connection: Connection, jobs_db: JobsDatabase
) -> None:
    jobs_db.job(10, "failed")
    driver = connection.driver
    await driver.refreshes(rows=[1, 2, 3, 4, 5, 6, 10])
    await driver.press("5", rows=[4, 10])
    await driver.press("asterisk", "r", dialog="Retry these 2 jobs?")
    await connection.lose_the_answer("y", arrives=True, about="2 jobs.")
    await driver.shows_message("Retried 2 of 2 jobs.")
    assert jobs_db.sql("select count(*) from generation_jobs where status = 'queued'") == [(4,)]


@ARRIVES
async def test_interrupted_undo_reports_the_number_of_jobs(
    connection: Connection, jobs_db: JobsDatabase, arrives: bool
) -> None:
    driver = connection.driver
    await driver.press("asterisk", "d", "y", message="Deleted 6 of 6 jobs.")
    await connection.lose_the_answer("U", arrives=arrives, about="6 jobs.")
    made, exist = ("made", " 6 of the 6 jobs exist now.") if arrives else ("not made", "")
    await driver.shows_message(f"The change was {made}: restore 6 jobs.{exist}")
    assert jobs_db.count() == (8 if arrives else 2)


@ARRIVES
async def test_interrupted_creation_of_a_project_is_resolved_and_reported(
    connection: Connection, jobs_db: JobsDatabase, arrives: bool
) -> None:
    driver = connection.driver
    await driver.press("P", dialog="New project")
    await driver.type("Winter")
    await connection.lose_the_answer("enter", arrives=arrives, about="the project Winter.")
    if arrives:
        await driver.shows_message("The change was made: the project Winter was created.")
    else:
        await driver.shows("✗ The change was not made: the project Winter was not created.")
    assert jobs_db.sql("select count(*) from projects where name = 'Winter'") == [(int(arrives),)]


async def test_change_that_never_reached_the_database_is_named(connection: Connection, jobs_db: JobsDatabase) -> None:
    driver = connection.driver
    for number, keys, words in (
        (1, "s", f"lifestyle {short(1)} was not started"),
        (2, "dy", f"packaging {short(2)} was not deleted"),
        (4, "r", f"lifestyle {short(4)} was not retried"),
    ):
        await driver.go_to(number)
        connection.proxy.cut = Cut(at=WRITE_OPENS, reaches_database=False)
        await driver.press(*keys, message=f"{words}. The ")
        connection.proxy.come_back()
        await driver.until(lambda: not driver.banner)
    assert connection.outcomes() == []
    assert jobs_db.count() == 8


@ARRIVES
@pytest.mark.parametrize("actor", [OPERATOR])
async def test_interrupted_budget_change_is_resolved_and_reported(
    connection: Connection, jobs_db: JobsDatabase, arrives: bool
) -> None:
    driver = connection.driver
    await driver.press("b", "n", dialog="New budget")
    await driver.type("10.00")
    about = "the monthly budget of project 'Autumn catalog'"
    await connection.lose_the_answer("enter", arrives=arrives, about=about)
    if arrives:
        await driver.shows_message(f"The change was made: {about} was created.")
        await driver.shows("of $10.00")
    else:
        await driver.shows("✗ The change was not made: the monthly budget")
        assert driver.value("#limit") == "10.00"
    assert jobs_db.sql("select limit_cents from gjobs.budgets") == ([(1_000,)] if arrives else [])


@ARRIVES
async def test_interrupted_restore_is_resolved_and_reported(
    connection: Connection, jobs_db: JobsDatabase, arrives: bool
) -> None:
    jobs_db.sql("select gjobs.archive_jobs(%s)", [job_id(3)])
    driver = connection.driver
    driver.app.action_run("list.archive")
    await driver.shows("1 archived job", short(3))
    await connection.lose_the_answer("r", "y", arrives=arrives, about=f"the job {short(3)}.")
    made, exists = ("made", "exists") if arrives else ("not made", "does not exist")
    await driver.shows_message(f"The change was {made}: the job {short(3)} {exists} now.")
    assert jobs_db.status(3) == ("succeeded" if arrives else None)


@ARRIVES
async def test_interrupted_cleanup_reports_its_progress(
    connection: Connection, jobs_db: JobsDatabase, arrives: bool
) -> None:
    jobs_db.job(21, "succeeded", minutes_ago=10 * 365 * 24 * 60)
    driver = connection.driver
    driver.app.action_run("list.clean_up")
    await driver.has_dialog("Clean up")
    await driver.type("1500d", "enter", until=lambda: driver.dialog.startswith("Archive 1 job, created before "))
    connection.proxy.cut = Cut(at=COMMIT, reaches_database=arrives)
    await driver.press("y", message="made. Archived 0 jobs before the error. Clean up again to continue.")
    assert (jobs_db.status(21) is None) is arrives


async def test_form_left_during_an_outage_still_reports_the_write_outcome(
    connection: Connection, jobs_db: JobsDatabase
) -> None:
    driver = connection.driver
    connection.proxy.cut = Cut(at=COMMIT)
    await driver.press("n", dialog="New job")
    await driver.press("enter", message="gjobs checks the result as soon as the database answers.")
    await driver.press("escape", shows="✗ Saving. Wait for the result, or press esc again to")
    await driver.press("escape", dialog="")
    connection.proxy.come_back()
    await driver.shows_message("The change was made: main_white ")
    assert jobs_db.count() == 9


async def test_write_outcome_is_reported_after_a_long_outage(connection: Connection) -> None:
    driver = connection.driver
    connection.proxy.cut = Cut(at=COMMIT)
    await driver.press(
        "s", message="gjobs checks the result as soon as the database answers.", until=lambda: driver.banner
    )
    failures = driver.app.failures
    await driver.until(lambda: driver.app.failures > failures + 2)
    assert not any("The change was" in report for report in driver.messages)
    connection.proxy.come_back()
    await driver.shows_message(f"The change was made: lifestyle {short(1)} is running now.")


async def test_switching_the_database_gives_up_an_unresolved_write(connection: Connection) -> None:
    driver = connection.driver
    connection.proxy.cut = Cut(at=COMMIT)
    await driver.press("s", message="gjobs checks the result as soon as the database answers.")
    await driver.app.tasks.writes_end()
    await driver.shows_message(f"The command was: transition job to running {job_id(1)}. Check its outcome")
    assert connection.outcomes() == ["unknown"]
