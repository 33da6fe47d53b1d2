"""Changes by others appear, and a key acts only on the job that the user saw."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from textual.widgets import Static

from gjobs.store.database.wake_ups import WakeUp
from gjobs.store.jobs.job import JobStatus
from gjobs.store.poller import Poller
from gjobs.tui.dashboard.details.details_pane import ShownJob
from gjobs.tui.dashboard.details.job_details import JobDetails
from gjobs.tui.dashboard.widgets.message_board import show_message
from tests.conftest import Conninfo
from tests.tui.dashboard.dashboard_driver import AS_ADA, AS_BEN, Drive, Driver, Gate, dashboard_on, list_polled
from tests.tui.jobs_database import AUTUMN, BEN, FROZEN, SPRING, JobsDatabase, job_id, short


async def test_dialogs_keep_their_job_while_the_list_changes(dashboard: Driver, jobs_db: JobsDatabase) -> None:
    await dashboard.press("down", "down", "d", shows=short(3))
    jobs_db.jobs(range(100, 103))
    jobs_db.sql(
        "update generation_jobs set created_at = now() where id = any(%s)", [job_id(n) for n in (100, 101, 102)]
    )
    jobs_db.delete(2)
    dashboard.app.poller.refresh()
    await dashboard.until(lambda: 2 not in dashboard.rows)
    await dashboard.has_dialog("Delete this job?")
    await dashboard.press("y", message=f"Deleted main_white {short(3)}.")
    assert jobs_db.status(3) is None
    await dashboard.until(lambda: len(dashboard.rows) == 7)

    jobs_db.set_status(5, "running")
    await dashboard.refreshes()
    await dashboard.press("f", on=5, until=lambda: dashboard.dialog)
    await dashboard.type("Test error")
    jobs_db.delete(1)
    dashboard.app.poller.refresh()
    await dashboard.until(lambda: 1 not in dashboard.rows)
    await dashboard.press("enter", message=f"Failed feature_callout {short(5)}.")
    assert (jobs_db.status(5), jobs_db.status(6)) == (JobStatus.FAILED, JobStatus.RUNNING)


async def test_job_that_changed_or_left_behind_the_dialog_is_kept(dashboard: Driver, jobs_db: JobsDatabase) -> None:
    for number, is_listed in ((1, False), (5, True)):
        await dashboard.press("d", on=number, dialog="Delete this job?")
        jobs_db.set_status(number, "running")
        if is_listed:
            dashboard.app.poller.refresh()
            await dashboard.until(lambda number=number: "running" in dashboard.row(number))  # type: ignore[misc]
            await dashboard.shows("◌ queued")
        await dashboard.press("y")
        await dashboard.shows_message(
            f"Job {job_id(number)} is now running, not queued. Nothing was deleted. Check the"
        )
        assert jobs_db.status(number) is JobStatus.RUNNING
        await dashboard.until(lambda number=number: "running" in dashboard.row(number))  # type: ignore[misc]
        assert dashboard.cursor == number

    await dashboard.press("d", on=3)
    jobs_db.delete(3)
    await dashboard.press("y", message=f"{job_id(3)} does not exist: nothing was changed.")
    assert jobs_db.count() == 7


async def test_cursor_selects_no_job_after_its_job_left_the_list(dashboard: Driver, jobs_db: JobsDatabase) -> None:
    await dashboard.go_to(2)
    jobs_db.delete(2)
    await dashboard.refreshes(message=f"The job {short(2)} under the cursor left this list.")
    assert dashboard.cursor is None
    before = jobs_db.sql("select id, status from generation_jobs order by id")
    await dashboard.press("s", "c", "f", "d", dialog="")
    assert jobs_db.sql("select id, status from generation_jobs order by id") == before

    await dashboard.press("d", on=5, dialog="Delete this job?")
    jobs_db.set_status(5, "running")
    await dashboard.press("y", message="Nothing was deleted")
    jobs_db.delete(5)
    await dashboard.refreshes(until=lambda: 5 not in dashboard.rows)
    assert dashboard.cursor is None, "the failed deletion selects no other job"

    dashboard.clear_messages()
    jobs_db.job(9, "queued")
    await dashboard.press("2", rows=[1, 9])
    await dashboard.press("s", on=1, rows=[9])
    assert dashboard.cursor is None
    await dashboard.press("s")
    assert jobs_db.status(9) is JobStatus.QUEUED
    assert [message for message in dashboard.warnings if "left this list" in message] == []


async def test_cursor_goes_to_the_row_that_replaces_a_job_deleted_here(dashboard: Driver) -> None:
    """This is the next row or, at the end of the list, the row above."""
    for marks, cursor, replacement in (((), 6, 5), ((2, 3), 3, 4), ((4, 5), 5, 1)):
        await dashboard.mark(*marks)
        await dashboard.press("d", "y", on=cursor, until=lambda cursor=cursor: cursor not in dashboard.rows)  # type: ignore[misc]
        assert dashboard.cursor == replacement
        assert [message for message in dashboard.warnings if "left this list" in message] == []


@pytest.fixture
def ada_gate() -> Gate:
    """A gate that holds the polls of Ada."""
    return Gate("get_listing", lambda store, _: store.actor == AS_ADA)


async def test_switching_users_clears_the_former_rows_and_drops_late_results(drive: Drive, ada_gate: Gate) -> None:
    async with drive(actor=AS_BEN, make=ada_gate.store) as driver:
        assert driver.rows == [8]
        await driver.act_as(AS_ADA, until=lambda: ada_gate.calls and "as ada@example.com" in driver.header)
        for text in ("Trail gear", "$0.40", short(8), "ben@"):
            await driver.shows_no_longer(text)
        await driver.shows("Loading …")
        await driver.press("d", dialog="")

        await driver.act_as(AS_BEN)
        ada_gate.open()
        await driver.shows("as ben@example.com", "Costs · Trail gear")
        await driver.refreshes()
        assert driver.rows == [8]
        assert "Autumn" not in driver.text

        await driver.act_as(AS_ADA, shows="Costs · Autumn catalog")
        assert driver.rows == [1, 2, 3, 4, 5, 6]


async def test_poll_result_of_another_actor_is_dropped_and_a_tick_disturbs_no_details(dashboard: Driver) -> None:
    app = dashboard.app
    assert app.poller.store is not None
    of_ben = app.poller.store.acting_as(AS_BEN)
    query = app.dashboard.listing_query
    listing = await of_ben.get_listing(query)
    app.post_message(list_polled(of_ben, listing, app.dashboard.now))
    await dashboard.settle()
    # Ben does not see the project, so his list would choose another one.
    assert (dashboard.rows, app.dashboard.listing_query) == ([1, 2, 3, 4, 5, 6], query)

    job = dashboard.table.cursor_job
    assert job is not None
    opening = app.push_screen(JobDetails(ShownJob(job=job, project="Autumn catalog", now=FROZEN), app.load_details))
    app.dashboard._tick()
    await opening
    await dashboard.shows("Wait         1 min 00 s so far")
    await dashboard.press("escape", dialog="")
    await dashboard.press("d", "ctrl+q", until=lambda: not app.is_running)
    assert app.return_code == 0


async def test_only_the_last_of_several_quickly_chosen_projects_is_shown(drive: Drive) -> None:
    spring = Gate("get_listing", lambda _, query: query.window.listed.project_id == SPRING)
    async with drive(make=spring.store) as driver:
        await driver.press("p")
        await driver.type("spring", "enter", shows="loading …", until=lambda: spring.calls)
        assert driver.rows == [1, 2, 3, 4, 5, 6]
        await driver.show_project("all projects")
        spring.open()
        await driver.refreshes()

        assert driver.rows == [1, 2, 3, 4, 5, 6, 7]
        await driver.expects(shows="Costs · all projects", hides="loading")


@pytest.mark.parametrize("waits", [True, False], ids=["the first key waits", "the second does not"])
async def test_quitting_waits_for_a_write_unless_asked_twice(jobs_db: JobsDatabase, drive: Drive, waits: bool) -> None:
    deletion = Gate("delete_generation_jobs")
    async with drive(make=deletion.store) as driver:
        await driver.press("d", "y", until=lambda: deletion.calls)
        await driver.press("q", shows="Quitting after the last change is confirmed")
        show_message(driver.app, "Another result.")
        driver.app.messages.clear_passing()
        await driver.settle()
        await driver.shows("Quitting after the last change is confirmed. Press again to quit at once.")
        assert driver.app.is_running
        if waits:
            deletion.open()
        else:
            await driver.press("q")
        await driver.until(lambda: not driver.app.is_running)
        assert driver.app.return_code == 0

    assert jobs_db.status(1) is (None if waits else JobStatus.QUEUED)


async def test_details_count_as_drawn_with_their_job_and_report_that_it_left_the_list(
    dashboard: Driver, jobs_db: JobsDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[str] = []
    take = JobDetails._take_as_drawn

    def recorded(details: JobDetails) -> None:
        drawn.append(str(details.query_one("#state", Static).content))
        take(details)

    monkeypatch.setattr(JobDetails, "_take_as_drawn", recorded)
    await dashboard.press("enter", until=lambda: drawn)
    assert "Status" in drawn[0]
    jobs_db.sql("update generation_jobs set mode = 'packaging' where id = %s", job_id(1))
    jobs_db.set_status(1, "running")
    dashboard.app.poller.refresh()
    await dashboard.shows("Status       ▸ running", "changed, mode packaging")
    jobs_db.delete(1)
    dashboard.app.poller.refresh()
    await dashboard.shows("This job left the list. It is shown as last seen.", short(1))

    await dashboard.press("c", message=f"packaging {short(1)} is gone: nothing was changed.")


def hide(jobs_db: JobsDatabase, *numbers: int) -> None:
    """Give jobs to Ben, so that Ada no longer sees them."""
    for number in numbers:
        jobs_db.sql("update public.generation_jobs set user_id = %s where id = %s", BEN, job_id(number))


async def test_actions_report_if_a_job_or_project_is_hidden_or_gone(dashboard: Driver, jobs_db: JobsDatabase) -> None:
    jobs_db.jobs((11, 12))
    await dashboard.refreshes()
    await dashboard.mark(11, 12)
    hide(jobs_db, 11)
    await dashboard.press("s", dialog="Start these 2 jobs?")
    await dashboard.press("y", message=f"Started 1 of 2 jobs; 1 is hidden from ada@example.com: lifestyle {short(11)}.")
    assert (jobs_db.status(11), jobs_db.status(12)) == (JobStatus.QUEUED, JobStatus.RUNNING)
    await dashboard.press("escape", until=lambda: not dashboard.marked)

    await dashboard.go_to(5)
    jobs_db.delete(5)
    await dashboard.press("s", message=f"feature_callout {short(5)} is gone: nothing was changed.")
    await dashboard.go_to(1)
    hide(jobs_db, 1)
    await dashboard.press("s", message=f"lifestyle {short(1)} is hidden from ada@example.com: nothing was changed.")

    await dashboard.press("f", on=2, dialog=f"Fail packaging {short(2)}")
    hide(jobs_db, 2)
    await dashboard.type("Test error", "enter")
    await dashboard.shows(f"{job_id(2)} exists, but ada@example.com", "does not see it: nothing was changed.")
    await dashboard.press("escape")
    await dashboard.press("d", on=3, dialog="Delete this job?")
    hide(jobs_db, 3)
    await dashboard.press("y", message=f"{job_id(3)} exists, but ada@example.com does not see it: nothing was changed.")
    assert [jobs_db.status(number) for number in (1, 2, 3)] == ["queued", "running", "succeeded"]

    before = jobs_db.count()
    await dashboard.press("n", dialog="New job")
    jobs_db.sql("update public.projects set user_id = %s where id = %s", BEN, AUTUMN)
    await dashboard.focus_on("#cost")
    await dashboard.press("enter", shows=f"{AUTUMN} exists, but")
    assert jobs_db.count() == before


async def test_key_reports_a_policy_that_shows_a_job_and_forbids_the_change(
    attached_jobs_db: JobsDatabase, attached_database: Conninfo
) -> None:
    for verb in ("update", "delete"):
        attached_jobs_db.sql(f'drop policy "Users can {verb} own generation jobs" on public.generation_jobs')
    async with dashboard_on(attached_database) as driver:
        for keys in ("s", "dy"):
            await driver.press(*keys)
            await driver.shows_message(f"You can see job {job_id(1)}, but the database does not let you change it")
            assert attached_jobs_db.status(1) is JobStatus.QUEUED
            driver.clear_messages()


QUICK = 0.05


@pytest.fixture
async def live(drive: Drive) -> AsyncIterator[Driver]:
    """A dashboard that polls twenty times a second."""
    async with drive(interval=QUICK) as driver:
        yield driver


async def polls_are_answered(driver: Driver) -> None:
    """Wait until all queries that began before a pause are answered and shown."""
    connections = driver.session.operator.database.connections
    await driver.until(lambda: connections._slots._value == connections._size)
    await driver.settle()


async def test_paused_dashboard_polls_only_when_refreshed_as_any_user(live: Driver, jobs_db: JobsDatabase) -> None:
    await live.press("z", until=lambda: "‖ paused, seen 0 s ago" in live.header)
    await polls_are_answered(live)
    polls = live.app.polls
    jobs_db.delete(6)
    await live.pilot.pause(6 * QUICK)
    assert live.app.polls == polls
    assert live.rows == [1, 2, 3, 4, 5, 6]

    await live.press("f5", rows=[1, 2, 3, 4, 5])
    assert live.app.polls == polls + 1
    await live.until(lambda: "paused" in live.header)
    jobs_db.delete(5)
    await live.press("z", rows=[1, 2, 3, 4], until=lambda: "live every" in live.header)

    await live.press("z")
    await live.act_as(AS_BEN, shows=("as ben@example.com · ‖ paused", "Trail gear"))
    await polls_are_answered(live)
    polls = live.app.polls
    await live.pilot.pause(4 * QUICK)
    assert live.app.polls == polls


async def test_plus_and_minus_keys_change_the_interval_at_once(dashboard: Driver, jobs_db: JobsDatabase) -> None:
    jobs_db.delete(6)
    shown, chosen = [], []
    for key in ("plus", "plus", "plus", "minus", "plus", "plus", "plus", "plus", "plus"):
        await dashboard.press(key)
        shown.append(dashboard.header.strip().rpartition("every ")[2])
        chosen.append(dashboard.app.poller.interval)

    assert chosen == [30, 10, 5, 10, 5, 2, 1, 1, 1]
    # A busy machine answers too slowly for the shortest intervals, and the header says so.
    assert shown[:5] == ["30 s", "10 s", "5 s", "10 s", "5 s"]
    await dashboard.expects(rows=[1, 2, 3, 4, 5])
    await dashboard.press(*["minus"] * 6)
    assert dashboard.header.rstrip().endswith("live every 1 min")


async def test_ages_grow_without_polling(drive: Drive, monkeypatch: pytest.MonkeyPatch) -> None:
    # The change listener polls once when it starts.
    monkeypatch.setattr("gjobs.store.database.wake_ups.may_listen", lambda *_: False)
    now = [FROZEN]
    async with drive(clock=lambda: now[0]) as driver:
        assert "1 min ago" in driver.row(1)
        await driver.press("enter")
        now[0] = FROZEN + timedelta(minutes=4)
        await driver.until(lambda: "5 min ago" in driver.row(1))
        await driver.shows("Wait         5 min 00 s so far")
        assert driver.app.polls == 2, "one finds the newest project, one lists its jobs"


async def test_silence_wakes_one_poller_after_the_other_and_a_change_wakes_all(
    drive: Drive, monkeypatch: pytest.MonkeyPatch, words: asyncio.Queue[WakeUp]
) -> None:
    woken: list[object] = []
    monkeypatch.setattr(Poller, "wake", lambda poller: woken.append(poller))
    async with drive(interval=60.0) as driver:
        poller = driver.app.poller
        woken.clear()
        for word in (WakeUp.SILENT, WakeUp.SILENT, WakeUp.SILENT, WakeUp.CHANGED, WakeUp.LOST):
            words.put_nowait(word)
        await driver.until(lambda: words.empty() and not poller.is_woken)
        listing, totals = poller._listing, poller._totals
        assert woken == [listing, totals, listing, listing, totals]
