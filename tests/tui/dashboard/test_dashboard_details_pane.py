"""What is shown of a job beside its row's values: details pane, timeline, owner, and whether it is stuck."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from textual.widgets import Static

from gjobs.store.database.wake_ups import WakeUp
from gjobs.store.errors import TimedOut, Unreachable
from gjobs.store.jobs.job import JobStatus
from gjobs.store.jobs.job_results import EventKind, JobEvent, JobHistory, LeaseState, StuckVerdict, job_history
from gjobs.store.users.actor import OPERATOR
from gjobs.tui.dashboard.details.details_pane import DetailsPane, JobSections, ShownJob
from gjobs.tui.dashboard.features import row_notes
from gjobs.tui.text.format import short_id
from gjobs.tui.text.job_text import SHOWN, Names, event_lines, stuck_words, timeline_lines
from tests.conftest import Conninfo
from tests.tui.dashboard.dashboard_driver import AS_ADA, AS_BEN, Drive, Driver, Gate, behind_a_proxy
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


async def test_pane_reads_only_the_job_on_which_the_cursor_rests_and_nothing_on_a_narrow_screen(drive: Drive) -> None:
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
        send(driver.app, *["down", "up"] * 5, "down", "down")
        await driver.until(lambda: driver.cursor == 3 and gate.calls > calls and "Events" in pane_text(driver))
        assert gate.calls == calls + 1

        gate.fails = TimedOut("Too slow.")
        await driver.press("down", until=lambda: "Too slow." in pane_text(driver))
        await driver.refreshes()
        await driver.until(lambda: not driver.app.dashboard.is_loading_details)
        assert gate.calls == calls + 2, "events that cannot be read are not read again with each poll"


async def test_details_that_an_outage_left_out_are_read_after_it(jobs_db: JobsDatabase, database: Conninfo) -> None:
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
    reads = Gate("get_user_emails", fails=Unreachable("The connection was lost."))
    reads.open()
    async with drive(actor=OPERATOR, make=reads.store, size=(140, 36)) as driver:
        await driver.show_project("all projects")
        await driver.until(lambda: reads.calls == 1)
        await driver.shows("OWNER", short_id(ADA))
        await driver.refreshes()
        assert reads.calls == 1
        reads.fails = None
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


async def test_list_without_old_running_jobs_checks_no_stuck_jobs(drive: Drive, jobs_db: JobsDatabase) -> None:
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


CREATED_AT = datetime(2026, 1, 15, 12, tzinfo=UTC)

EVENTFUL = UUID(int=7)

ALICE = UUID("3f2a9c1e-0000-4000-8000-000000000000")


def event(number: int, kind: EventKind, seconds: float, **fields: Any) -> JobEvent:
    """Return an event of a job, by default caused by the app's worker."""
    nothing: dict[str, Any] = dict.fromkeys(
        ("from_status", "to_status", "error", "actor_user_id", "lease_owner", "note"), None
    )
    usual = {"cost_cents": 250, "cents_change": 0, "retry_count": 0, "mode": "lifestyle"}
    whose = {"project_id": UUID(int=1), "user_id": UUID(int=2), "actor_role": "service_role", "application": "worker"}
    at = CREATED_AT + timedelta(seconds=seconds)
    return JobEvent(id=number, at=at, kind=kind, **{**nothing, **usual, **whose, **fields})


CREATED = event(
    1,
    EventKind.CREATED,
    0,
    to_status=JobStatus.QUEUED,
    cents_change=250,
    actor_user_id=ALICE,
    actor_role="authenticated",
    application="web",
)

STARTED = event(2, EventKind.STATUS, 3.25, from_status=JobStatus.QUEUED, to_status=JobStatus.RUNNING)

FAILED = event(
    3,
    EventKind.STATUS,
    60,
    from_status=JobStatus.RUNNING,
    to_status=JobStatus.FAILED,
    cost_cents=300,
    cents_change=50,
    error='{"message": "Out of\\u001b[31m paper"}',
)


LATER = CREATED_AT + timedelta(seconds=90)


def history_of(*events: JobEvent, most: int = 200) -> JobHistory:
    return job_history(EVENTFUL, events[::-1], most=most, started_at=None, log_begins_at=CREATED_AT, now=LATER)


def lines(*events: JobEvent, most: int = 200, width: int = 100) -> list[str]:
    found = timeline_lines(history_of(*events, most=most), now=LATER, width=width)
    return ["".join(text for text, _ in line) for line in found]


def test_timeline_shows_status_durations_and_each_event() -> None:
    spent, created, started, failed = lines(CREATED, STARTED, FAILED)
    assert spent.split() == ["◌", "queued", "3.2", "s", "▸", "running", "56", "s"]
    assert lines(CREATED, STARTED, FAILED, width=30)[0].split() == ["◌", "3.2", "s", "▸", "56", "s"]
    assert created == "◌ 12:00:00          created, queued   $2.50           user 3f2a9c1e in web"
    assert started == "▸ 12:00:03  +3.2 s  queued → running                  service_role in worker"
    assert failed.startswith("✗ 12:01:00   +56 s  running → failed  +$0.50 = $3.00  Out of")
    assert failed.endswith("paper  service_role in worker")
    narrow = lines(CREATED, STARTED, FAILED, width=70)
    assert narrow[2] == "▸ 12:00:03  +3.2 s  queued → running  service_role in worker", "without a column of costs"
    assert narrow[3].startswith("✗ 12:01:00   +56 s  running → failed  +$0.50 = $3.00  Out of")


def test_events_show_the_names_of_known_users() -> None:
    created, started = event_lines(history_of(CREATED, STARTED), width=100, users={ALICE: "ada@example.com"})
    assert created[-1][0].strip() == "ada@example.com in web"
    assert started[-1][0].strip() == "service_role in worker"


def test_timeline_shows_worker_progress_within_a_status() -> None:
    worker = "71a40000-0000-4000-8000-000000000001"
    held = replace(STARTED, lease_owner=worker)
    *_, progress = lines(CREATED, held, event(3, EventKind.PROGRESS, 9, note="step 1", lease_owner=worker))
    assert progress == "│ 12:00:09  +5.7 s  progress                 step 1  worker 71a40000"
    assert lines(held)[-1].endswith("in worker, worker 71a40000")


def test_timeline_across_days_shows_the_date_on_each_line() -> None:
    *_, created, started = lines(CREATED, replace(STARTED, at=CREATED_AT + timedelta(days=1)))
    assert created.startswith("◌ 2026-01-15 12:00:00")
    assert started.startswith("▸ 2026-01-16 12:00:00")


def test_timeline_lines_fit_the_width_and_escape_control_characters() -> None:
    nasty = replace(FAILED, application="\x1b[2J\n", error="a\nb\x07" + "x" * 300)
    for width in (60, 70, 100):
        shown = lines(CREATED, nasty, width=width)
        assert all(line.isprintable() for line in shown)
        assert max(map(len, shown[1:])) <= width


def test_long_timeline_shows_the_newest_events_and_counts_earlier_ones() -> None:
    many = [replace(CREATED, id=number, kind=EventKind.COST, cents_change=1) for number in range(SHOWN + 3)]
    _, earlier, *shown = lines(*many)
    assert earlier == f"3 earlier: 'gjobs jobs show {EVENTFUL} --events'"
    assert len(shown) == SHOWN
    assert "or more earlier" in lines(*many, most=SHOWN)[1]


def test_timeline_without_the_creation_says_how_far_back_the_log_reaches() -> None:
    words = "The log of this database reaches back to 2026-01-15 12:00:00 UTC."
    assert lines() == [words]
    assert lines(STARTED)[1:-1] == [words]
    assert words not in lines(CREATED, STARTED)


def verdict(lease: LeaseState, *, usual: float | None = 180, untouched: float = 47) -> StuckVerdict:
    return StuckVerdict(
        untouched=timedelta(minutes=untouched),
        after=timedelta(minutes=9 if usual else 30),
        usual=timedelta(seconds=usual) if usual else None,
        lease=lease,
    )


def test_stuck_words_explain_the_reason_and_the_safe_action() -> None:
    assert stuck_words(verdict(LeaseState.NONE)) == (
        "Stuck: no update for 47 min 00 s. It counts as stuck after 9 min 00 s, because 95 % of its mode's jobs end"
        " within 3 min 00 s. No gjobs worker holds it. Make sure that nothing else runs it, then fail it and retry it."
    )
    assert stuck_words(verdict(LeaseState.EXPIRED, usual=None)) == (
        "Stuck: no update for 47 min 00 s. It counts as stuck after 30 min 00 s, because the usual duration of its"
        " mode is unknown. Its lease expired. Another worker will take it over."
        " If no worker runs, fail it and retry it."
    )
    assert stuck_words(verdict(LeaseState.UNKNOWN, usual=None)) == (
        "Stuck: no update for 47 min 00 s. It counts as stuck after 30 min 00 s."
        " It may still be running outside gjobs. Make sure that nothing runs it, then fail it."
    )
    assert stuck_words(None) == ""
    assert stuck_words(verdict(LeaseState.LIVE)) == ""
    assert stuck_words(verdict(LeaseState.NONE, untouched=3)) == ""
