"""What the rows show beside their values: the owners, for the operator, and which running jobs are stuck."""

import asyncio
from collections.abc import Collection, Mapping
from uuid import UUID

import pytest

from gjobs.store.database.wake_ups import WakeUp
from gjobs.store.errors import Unreachable
from gjobs.store.users.actor import OPERATOR
from gjobs.tui.dashboard.features import row_notes
from gjobs.tui.text.format import short_id
from tests.tui.dashboard.dashboard_driver import AS_ADA, Drive, FrozenStore, Gate
from tests.tui.jobs_database import ADA, BEN, TRAIL, JobsDatabase, job_id


async def test_operator_sees_the_owners_of_all_jobs_and_reads_each_once(drive: Drive, jobs_db: JobsDatabase) -> None:
    gate = Gate("get_user_emails")
    gate.open()
    async with drive(actor=OPERATOR, make=gate.store, size=(120, 36)) as driver:
        await driver.show_project("all projects")
        await driver.shows("OWNER", "ERROR", "ada@example.…")
        reads = gate.calls
        jobs_db.job(30, project=TRAIL, owner=BEN)
        await driver.refreshes(shows="ben@example.…")
        assert gate.calls <= reads + 1
        await driver.refreshes()
        assert gate.calls <= reads + 1
        await driver.show_project("Autumn catalog")
        await driver.shows_no_longer("OWNER")
        await driver.act_as(AS_ADA, shows="as ada@example.com")
        await driver.until(lambda: driver.app.dashboard.has_all)
        await driver.show_project("all projects")
        assert "OWNER" not in driver.text


async def test_owners_are_read_again_later_after_a_failure(drive: Drive, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(row_notes, "_FRESH_SECONDS", 3_600.0)
    reads: list[Collection[UUID]] = []

    class FailingStore(FrozenStore):
        async def get_user_emails(self, user_ids: Collection[UUID]) -> Mapping[UUID, str]:
            reads.append(user_ids)
            if len(reads) == 1:
                raise Unreachable("The connection was lost.")
            return await super().get_user_emails(user_ids)

    async with drive(actor=OPERATOR, make=FailingStore, size=(140, 36)) as driver:
        await driver.show_project("all projects")
        await driver.until(lambda: len(reads) == 1)
        await driver.shows("OWNER", short_id(ADA))
        await driver.refreshes()
        assert len(reads) == 1
        monkeypatch.setattr(row_notes, "_FRESH_SECONDS", 0.0)
        await driver.refreshes(shows="ada@example.com")


async def test_stuck_job_stays_marked_in_its_list_until_it_has_ended(drive: Drive, jobs_db: JobsDatabase) -> None:
    is_slow = False
    gate = Gate("find_stuck_jobs", lambda *_: is_slow)
    jobs_db.job(30, "running", minutes_ago=300)
    async with drive(make=gate.store, size=(140, 36)) as driver:
        await driver.shows("! stuck 5 h")
        assert driver.text.count("! stuck") == 1
        await driver.press("2", hides="! stuck", until=lambda: not driver.app.row_notes.is_needed)
        is_slow = True
        await driver.press("1", until=lambda: 30 in driver.rows)
        await driver.until(lambda: gate.calls)
        assert "! stuck 5 h" in driver.text
        gate.open()
        jobs_db.set_status(30, "succeeded")
        await driver.refreshes(hides="! stuck")


async def test_list_without_old_running_jobs_checks_none(drive: Drive, jobs_db: JobsDatabase) -> None:
    jobs_db.sql("update generation_jobs set status = 'succeeded' where status = 'running'")
    gate = Gate("find_stuck_jobs")
    async with drive(make=gate.store) as driver:
        await driver.refreshes()
        await driver.until(lambda: driver.app._is_preloaded)
        await driver.refreshes()
        assert gate.calls == 0


async def test_idle_dashboard_checks_stuck_jobs_only_when_their_number_has_changed(
    drive: Drive, jobs_db: JobsDatabase, monkeypatch: pytest.MonkeyPatch, words: asyncio.Queue[WakeUp]
) -> None:
    monkeypatch.setattr("gjobs.tui.dashboard.session.session_poller.TOTALS_SHARE", 1)
    monkeypatch.setattr("gjobs.store.poller.SHARE_OF_TIME", 1)
    monkeypatch.setattr(row_notes, "_FRESH_SECONDS", 0.0)
    for number in (30, 31):
        jobs_db.job(number, "running", minutes_ago=300)
    jobs_db.sql(
        "insert into gjobs.job_leases (job_id, owner, attempt, acquired_at, expires_at)"
        " values (%s, gen_random_uuid(), 1, now(), 'infinity')",
        job_id(30),
    )
    checks = Gate("find_stuck_jobs")
    checks.open()
    async with drive(make=checks.store, interval=0.05, size=(140, 36)) as driver:

        async def is_silent() -> None:
            """Let the list and then the totals of an idle dashboard be polled once."""
            polls = driver.app.polls, driver.app.totals_polls
            for place in range(2):
                words.put_nowait(WakeUp.SILENT)
                await driver.until(lambda: (driver.app.polls, driver.app.totals_polls)[place] > polls[place])  # noqa: B023
                await driver.until(
                    lambda: not any(one.group == "row notes" and not one.is_finished for one in driver.app.workers)
                )

        await driver.shows("! stuck 5 h")
        words.put_nowait(WakeUp.PROVEN)
        await driver.until(lambda: driver.app.poller.is_idle)
        for _ in range(2):
            await is_silent()
        calls = checks.calls
        await is_silent()
        await is_silent()
        assert checks.calls == calls
        assert driver.text.count("! stuck 5 h") == 1
        jobs_db.sql("delete from gjobs.job_leases")
        await is_silent()
        await driver.until(lambda: driver.text.count("! stuck 5 h") == 2)
        assert checks.calls == calls + 1
