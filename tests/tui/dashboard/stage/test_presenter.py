"""The presenter view: states in large digits, costs, success rate and the last transitions."""

from dataclasses import replace
from datetime import timedelta

import pytest
from textual.content import Content
from textual.widgets import Digits, Static

from gjobs.store.job_list.list_query import Listing, ListQuery
from gjobs.store.jobs.job import JobStatus
from gjobs.tui.dashboard.presenter import Caption, Presenter, Transition, TransitionLog
from gjobs.tui.dashboard.widgets.message_board import show_warning
from tests.conftest import Conninfo
from tests.tui.dashboard.dashboard_driver import Drive, Driver, behind_a_proxy
from tests.tui.jobs_database import JobsDatabase, short
from tests.tui.sample_jobs import NOON, make_listed, make_listing


async def present(driver: Driver) -> None:
    await driver.press("B", until=lambda: isinstance(driver.app.screen, Presenter))


def digits(driver: Driver, name: str) -> str:
    return driver.app.screen.query_one(f"#{name} Digits", Digits).value


async def present_all(driver: Driver) -> Static:
    """Open the view, and return the widget of the transitions once all numbers are shown."""
    totals = driver.app.dashboard.totals
    assert totals is not None
    await present(driver)
    counts = [str(count.number) for status in JobStatus if (count := totals.count(status))]
    await driver.until(lambda: [digits(driver, f"state-{one}") for one in JobStatus] == counts)
    return driver.app.screen.query_one("#transitions", Static)


async def test_presenter_shows_states_costs_success_rate_and_captions_at_each_size(dashboard: Driver) -> None:
    transitions = await present_all(dashboard)
    for width, height in ((60, 18), (160, 45)):
        await dashboard.resize(width, height)
        await dashboard.until(lambda: len(str(transitions.render()).split("\n")) >= 5)
        assert digits(dashboard, "total-cost").startswith("$")
        assert digits(dashboard, "success").endswith("%")
        last = dashboard.text.splitlines()[-1]
        assert "B close" in last
        assert "? help" in last
        assert transitions.region.bottom < dashboard.app.screen.query_one("#keys").region.y
        for number in dashboard.app.screen.query(Digits):
            if number.display:
                assert number.region.width >= len(number.value) * 3 - 4
                assert number.region.bottom <= height

    await dashboard.resize(80, 24)
    caption = dashboard.app.screen.query_one(Caption)

    def pin(text: str, keys: str) -> None:
        dashboard.app.messages.pin(text, owner="caption", keys=keys, has_keys_on_stage=True)

    text = "It failed. In the list, enter shows its error, and r retries"
    for keys in ("space: next", "space: skip the wait"):
        pin(text, keys)
        await dashboard.shows(keys)
        assert caption.region.height == 2, "the next keys move nothing"
    pin("word " * 60, "space: next")
    await dashboard.until(lambda: caption.region.height == 5)


async def test_last_transitions_have_state_colour_age_and_id(drive: Drive, jobs_db: JobsDatabase) -> None:
    with jobs_db.at_once():
        jobs_db.job(10, "succeeded", mode="lifestyle", minutes_ago=0)
        jobs_db.job(11, "failed", mode="漢字 [red]mode", minutes_ago=0)
        jobs_db.job(12, "queued", mode="x" * 60, minutes_ago=0)
    async with drive() as driver:
        transitions = await present_all(driver)
        shown = transitions.render()
        assert isinstance(shown, Content)
        lines = [line for line in shown.plain.splitlines() if line]
        assert any(short(10) in line and "lifestyle" in line and "✓ succeeded" in line for line in lines)
        assert {span.style for span in shown.spans} >= {"$text-success", "$text-error"}
        assert any("漢字 [red]mode" in line and "✗ failed" in line for line in lines)
        assert any("xxx…" in line and "◌ queued" in line for line in lines)


async def test_presenter_closes_for_screens_to_read_and_with_its_keys_and_ignores_keys_for_jobs(
    dashboard: Driver, jobs_db: JobsDatabase
) -> None:
    before = jobs_db.sql("select id, status from generation_jobs order by id")
    await dashboard.press("B", "s", "d", "f", "n", "1", "slash")
    await dashboard.until(lambda: isinstance(dashboard.app.screen, Presenter))
    await dashboard.settle()
    assert dashboard.app.screen_stack[1:] == [dashboard.app.screen]
    assert jobs_db.sql("select id, status from generation_jobs order by id") == before
    for key in ("escape", "q"):
        await dashboard.press(key, until=lambda: dashboard.app.screen is dashboard.app.dashboard)
        await present(dashboard)

    for key, title in (("w", "Workers"), ("i", "Check isolation")):
        await dashboard.press(key, until=lambda title=title: dashboard.dialog.startswith(title))  # type: ignore[misc]
        assert dashboard.app.screen_stack[:-1] == [dashboard.app.dashboard]
        await dashboard.press("escape", dialog="")
        await present(dashboard)
    await dashboard.press("w", "escape", "B", until=lambda: isinstance(dashboard.app.screen, Presenter))
    assert dashboard.warnings == []

    await dashboard.press("B", until=lambda: dashboard.app.screen is dashboard.app.dashboard)
    await dashboard.command("Present (B)", until=lambda: isinstance(dashboard.app.screen, Presenter))
    await dashboard.until(lambda: digits(dashboard, "state-queued") != "")

    def shows_nothing_after_forgetting() -> bool:
        """Forget the data, as a switch of the actor does. Repeat it, because a running poll may show the jobs again."""
        dashboard.app.dashboard.forget()
        return "Loading …" in dashboard.text

    await dashboard.until(shows_nothing_after_forgetting)
    assert not dashboard.app.screen.query_one("#state-queued Digits").display


async def test_presenter_follows_changes_of_jobs(drive: Drive, jobs_db: JobsDatabase) -> None:
    async with drive(interval=0.05, size=(80, 24)) as driver:
        await present(driver)
        before = int(digits(driver, "state-running"))
        jobs_db.set_status(1, "running")
        await driver.shows("◌ queued  →  ▸ running")
        driver.app.action_refresh()
        await driver.until(lambda: digits(driver, "state-running") == str(before + 1))
        jobs_db.set_status(5, "failed")
        await driver.shows("◌ queued  →  ▸ running  →  ✗ failed")
        await driver.resize(72, 24)
        await driver.shows_no_longer("◌ queued  →  ▸ running  →")
        assert "▸ running  →  ✗ failed" in driver.text


async def test_presenter_shows_a_lost_connection_and_messages_below_the_transitions(
    database: Conninfo,
) -> None:
    async with behind_a_proxy(database) as (driver, proxy):
        await present(driver)
        assert "no connection" not in driver.text
        proxy.go_away()
        await driver.shows("✗ no connection")
        show_warning(driver.app, "A refusal")
        await driver.shows("! A refusal")
        assert driver.app.screen.query_one("#heading").region.y == 0
        proxy.come_back()
        await driver.shows_no_longer("no connection")


def listing(*statuses: JobStatus, minutes: int = 0) -> Listing:
    """Return a listing of one job in each of these statuses, numbered from 1, changed `minutes` after noon."""
    jobs = [
        make_listed(number, status=status, updated_at=NOON + timedelta(minutes=minutes))
        for number, status in enumerate(statuses, start=1)
    ]
    made = make_listing(ListQuery())
    return replace(made, window=replace(made.window, jobs=tuple(jobs)), taken_at=NOON + timedelta(minutes=minutes))


QUEUED, RUNNING, FAILED = JobStatus.QUEUED, JobStatus.RUNNING, JobStatus.FAILED


def test_log_names_the_status_before_and_after() -> None:
    log = TransitionLog(5)
    log.follow(listing(QUEUED, RUNNING))
    assert [one.before for one in log.transitions] == [None, None], "a running job may have been inserted as running"
    log.follow(listing(RUNNING, RUNNING, minutes=1))
    newest = log.transitions[0]
    assert (newest.before, newest.job.status) == (QUEUED, RUNNING)
    log.follow(listing(FAILED, RUNNING, QUEUED, minutes=2))
    assert {(one.before, one.job.status) for one in log.transitions[:2]} == {(RUNNING, FAILED), (None, QUEUED)}


@pytest.mark.parametrize(
    ("before", "after", "path"),
    [
        (None, FAILED, (FAILED,)),
        (QUEUED, RUNNING, (QUEUED, RUNNING)),
        (QUEUED, FAILED, (QUEUED, RUNNING, FAILED)),
        (RUNNING, QUEUED, (RUNNING, QUEUED)),
    ],
)
def test_path_of_a_transition_has_the_status_that_no_listing_showed(
    before: JobStatus | None, after: JobStatus, path: tuple[JobStatus, ...]
) -> None:
    assert Transition(job=make_listed(1, status=after), before=before, at=NOON).path == path


def test_log_keeps_only_the_newest_transitions_of_its_list() -> None:
    log = TransitionLog(2)
    first = listing(QUEUED, QUEUED, QUEUED)
    log.follow(first)
    assert len(log.transitions) == 2
    log.follow(listing(QUEUED, RUNNING, QUEUED, minutes=1))
    assert [(one.before, one.job.status) for one in log.transitions] == [(QUEUED, RUNNING), (None, QUEUED)]

    window = first.query.window
    other = replace(window, listed=replace(window.listed, status=QUEUED))
    log.follow(replace(listing(RUNNING, minutes=2), query=replace(first.query, window=other)))
    assert len(log.transitions) == 1, "another list starts again"


def test_log_has_no_job_that_was_restored_or_imported() -> None:
    log = TransitionLog(5)
    log.follow(listing(QUEUED, FAILED))
    log.follow(listing(minutes=1))
    log.follow(replace(listing(QUEUED, FAILED), taken_at=NOON + timedelta(minutes=2)))
    assert len(log.transitions) == 2
    log.follow(listing(QUEUED, FAILED, RUNNING, minutes=3))
    assert log.transitions[0].job.status == RUNNING, "a new job that has started meanwhile"


def test_log_has_a_job_whose_transaction_began_before_the_last_listing() -> None:
    log = TransitionLog(5)
    log.follow(listing(QUEUED))
    log.follow(replace(listing(minutes=1)))
    late = listing(QUEUED, RUNNING, minutes=1)
    log.follow(replace(late, taken_at=late.taken_at + timedelta(seconds=10)))
    assert [one.job.status for one in log.transitions] == [RUNNING, QUEUED]
