"""What is shown of a job beside its row's values: the details pane, the owner, and whether it is stuck."""

import asyncio
from collections.abc import Collection, Mapping
from uuid import UUID

import pytest
from textual.widgets import Static

from gjobs.store.database.wake_ups import WakeUp
from gjobs.store.errors import TimedOut, Unreachable
from gjobs.store.users.actor import OPERATOR
from gjobs.tui.dashboard.details.details_pane import DetailsPane, JobSections, ShownJob
from gjobs.tui.dashboard.features import row_notes
from gjobs.tui.text.format import short_id
from gjobs.tui.text.job_text import Names
from tests.conftest import Conninfo
from tests.tui.dashboard.dashboard_driver import AS_ADA, AS_BEN, Drive, Driver, FrozenStore, Gate, behind_a_proxy
from tests.tui.dashboard.keys.key_sending import send
from tests.tui.jobs_database import ADA, BEN, TRAIL, JobsDatabase, job_id
from tests.tui.sample_jobs import NOON, make_job

WIDE = (160, 45)


def pane_of(driver: Driver) -> DetailsPane:
    return driver.app.dashboard.query_one(DetailsPane)


def pane_text(driver: Driver) -> str:
    return str(pane_of(driver).render())


async def test_pane_follows_the_cursor_and_forgets_what_another_user_saw(drive: Drive, jobs_db: JobsDatabase) -> None:
    jobs_db.sql("update generation_jobs set error = %s where id = %s", "Boom\n  at render.py", job_id(4))
    async with drive(size=WIDE) as driver:
        await driver.until(lambda: "created, queued" in pane_text(driver))
        assert str(job_id(1)) in pane_text(driver)
        await driver.go_to(4)
        assert str(job_id(4)) in pane_text(driver)
        assert "created, queued" not in pane_text(driver), "the events of another job are dropped at once"
        await driver.until(lambda: "error recorded" in pane_text(driver))
        await driver.until(lambda: not driver.app.dashboard.is_loading_details)
        assert "ada@example.com" in pane_text(driver)
        text = pane_text(driver)
        assert text.index("✗ failed") < text.index("Boom …") < text.index("Events") < text.index("at render.py")
        assert driver.app.focused is driver.table

        await driver.press("enter", dialog="Job")
        jobs_db.sql("update generation_jobs set cost_cents = 77 where id = %s", job_id(4))
        await driver.refreshes_behind(until=lambda: "$0.77" in pane_text(driver))
        await driver.until(lambda: "cost changed" in pane_text(driver))
        await driver.press("escape", dialog="")

        late = JobSections(shown=ShownJob(job=make_job(1), project="", now=NOON), redraw=pane_of(driver).fit_lines)
        late.show_names(Names(owner="late@example.com"))
        late.show_no_history(TimedOut("late"))
        late.show_whole(make_job(1, error="late"))
        await driver.settle()
        assert "late" not in pane_text(driver), "answers about another job are dropped"

        lines = pane_text(driver).splitlines()
        y = next(y for y, line in enumerate(lines) if str(job_id(4)) in line)
        start = lines[y].index(str(job_id(4)))
        pane = pane_of(driver)
        at = pane.content_region.offset - pane.region.offset
        await driver.pilot.mouse_down(pane, offset=(at.x + start, at.y + y))
        await driver.pilot.hover(pane, offset=(at.x + start + 8, at.y + y))
        await driver.pilot.mouse_up(pane, offset=(at.x + start + 8, at.y + y))
        assert driver.app.screen.get_selected_text() == str(job_id(4))[:9]

        jobs_db.job(20, owner=BEN)
        await driver.press("v", shows="⊘ hidden")
        await driver.go_to(20)
        await driver.until(lambda: "hidden" in pane_text(driver).lower() and str(job_id(20)) in pane_text(driver))
        await driver.press("v", hides="⊘ hidden")

        driver.app.dashboard.forget()
        assert pane_text(driver) == "No job under the cursor"
        await driver.act_as(AS_BEN, shows="as ben@example.com")
        await driver.until(lambda: str(BEN) in pane_text(driver) or "No job" in pane_text(driver))
        assert str(job_id(1)) not in pane_text(driver)


async def test_pane_reads_again_when_the_row_is_marked_as_stuck_or_no_longer(
    drive: Drive, jobs_db: JobsDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(row_notes, "_FRESH_SECONDS", 0.0)
    lease = (
        "insert into gjobs.job_leases (job_id, owner, attempt, acquired_at, expires_at)"
        " values (%s, gen_random_uuid(), 1, now(), 'infinity')"
    )
    jobs_db.job(30, "running", minutes_ago=300)
    jobs_db.sql(lease, job_id(30))
    async with drive(size=WIDE) as driver:
        await driver.go_to(30)
        await driver.until(lambda: str(job_id(30)) in pane_text(driver))
        await driver.until(lambda: not driver.app.dashboard.is_loading_details)
        assert "Stuck" not in pane_text(driver)
        jobs_db.sql("delete from gjobs.job_leases")
        await driver.refreshes(shows="! stuck", until=lambda: "Stuck: no update" in pane_text(driver))
        jobs_db.sql(lease, job_id(30))
        await driver.refreshes(hides="! stuck", until=lambda: "Stuck" not in pane_text(driver))


async def test_pane_reads_only_the_job_on_which_the_cursor_rests_and_nothing_while_the_screen_is_narrow(
    drive: Drive,
) -> None:
    gate = Gate("get_job_history")
    async with drive(size=(159, 45), make=gate.store) as driver:
        assert pane_of(driver).region.area == 0
        await driver.resize(*WIDE)
        await driver.until(lambda: gate.calls == 1)
        await driver.resize(120, 36)
        await driver.press("down")
        await driver.until(lambda: pane_of(driver).region.area == 0)
        gate.open()
        assert gate.calls == 1
        await driver.press("up")
        await driver.resize(*WIDE)
        await driver.until(lambda: "Events" in pane_text(driver) and not driver.app.dashboard.is_loading_details)
        calls = gate.calls
        for key in (*["down", "up"] * 5, "down", "down"):
            send(driver.app, key)
        await driver.until(lambda: driver.cursor == 3 and gate.calls > calls and "Events" in pane_text(driver))
        assert gate.calls == calls + 1

        gate.fails = TimedOut("Too slow.")
        await driver.press("down", until=lambda: "Too slow." in pane_text(driver))
        await driver.refreshes()
        await driver.until(lambda: not driver.app.dashboard.is_loading_details)
        assert gate.calls == calls + 2, "events that cannot be read are not read again with each poll"


async def test_details_that_an_outage_kept_from_being_read_are_read_after_it(
    jobs_db: JobsDatabase, database: Conninfo
) -> None:
    lost = "The database is not reachable"
    async with behind_a_proxy(database, size=WIDE) as (driver, proxy):
        await driver.until(lambda: "created, queued" in pane_text(driver))
        proxy.go_away()
        await driver.until(lambda: driver.banner)
        await driver.press("down", until=lambda: lost in pane_text(driver))
        await driver.press("enter", shows=lost)
        proxy.come_back()
        await driver.until(lambda: not driver.banner)
        history = driver.app.screen.query_one("#events", Static)
        await driver.until(lambda: "created, running" in str(history.render()) and lost not in str(history.render()))
        await driver.until(lambda: "created, running" in pane_text(driver) and lost not in pane_text(driver))
        await driver.until(lambda: "ada@example.com" in pane_text(driver))


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
