"""The presenter view, and the keys of a demo: speed, pause, steps and starting over."""

import re
from dataclasses import replace
from datetime import timedelta
from unittest.mock import ANY
from uuid import UUID

import pytest
from textual.content import Content
from textual.widgets import Digits, Static

from gjobs.store.job_list.list_query import Listing, ListQuery
from gjobs.store.jobs.job import GenerationJob, JobStatus
from gjobs.store.sample.simulation import SimulatedChange
from gjobs.store.store import Store
from gjobs.tui.dashboard.actions import key_queue
from gjobs.tui.dashboard.frame import demo_app, scenario_player
from gjobs.tui.dashboard.frame.demo_app import DemoApp
from gjobs.tui.dashboard.frame.help import all_entries, screen_entries
from gjobs.tui.dashboard.presenter import Caption, Presenter, TransitionLog
from gjobs.tui.dashboard.session.session_poller import TOTALS_SHARE
from gjobs.tui.dashboard.widgets.message_board import show_warning
from gjobs.tui.demo.demo_activity import DemoActivity, DemoControl
from gjobs.tui.text.format import short_id
from gjobs.tui.text.status_text import Position
from tests.conftest import Conninfo
from tests.tui.dashboard.dashboard_driver import Drive, Driver, behind_a_proxy
from tests.tui.dashboard.keys.key_sending import pass_seeing_time
from tests.tui.dashboard.presenter.demo_dashboard import ADA, cursor_job, demo_on
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
        dashboard.app.messages.pin(text, owner="caption", keys=keys, has_keys_in_presenter=True)

    text = "It failed. In the list, enter shows its error, and r retries"
    for keys in ("space: next", "space: skip the wait"):
        pin(text, keys)
        await dashboard.shows(keys)
        assert caption.region.height == 2, "the next keys move nothing"
    pin("word " * 60, "space: next")
    await dashboard.until(lambda: caption.region.height == 5)


async def test_last_transitions_have_state_color_age_and_id(drive: Drive, jobs_db: JobsDatabase) -> None:
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


async def test_presenter_closes_for_other_screens_and_ignores_keys_for_jobs(
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


async def test_presenter_shows_a_lost_connection_and_messages_below_the_transitions(database: Conninfo) -> None:
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


async def test_demo_lists_its_keys_which_change_the_speed_and_open_a_new_database(database: Conninfo) -> None:
    control = DemoControl(speed=2, seed=7)
    async with demo_on(database, control) as (driver, app):
        assert app.poller._totals is not None
        assert app.poller._totals._settings.share == TOTALS_SHARE / 20, "its numbers follow its list closely"
        assert "speed 2×" in driver.header
        await driver.press("greater_than_sign", shows="speed 3×")
        await driver.press(*["greater_than_sign"] * 3, shows="speed 10×")
        assert control.clock.speed == 10
        await driver.press(*["less_than_sign"] * 9, shows="speed 0.5×")
        assert control.clock.speed == 0.5

        former, clock = app.poller.session, control.clock
        await driver.press("greater_than_sign", "ctrl+r", message="Started over with new sample data, seed 7")
        await driver.until(lambda: app.poller.session not in (None, former))
        assert control.clock is not clock
        assert control.clock.speed == 1
        assert "speed 1×" in driver.header

        listed = {entry.binding_id: entry.keys for entry in all_entries(app)}
        assert (listed["demo.pause"], listed["demo.restart"], listed["app.refresh"]) == (",", "^r", "f5")
        works = ["demo.pause", "demo.step", "demo.slower", "demo.faster", "demo.restart"]
        assert [entry.binding_id for entry in screen_entries(app.screen)][:6] == [*works, "job.start"]
        await pass_seeing_time(driver)
        await driver.press("B", until=lambda: isinstance(app.screen, Presenter))
        assert [entry.binding_id for entry in screen_entries(app.screen)][:6] == [*works, "presenter.close"]
        await driver.press("question_mark", shows="Make one step of the paused simulation")


async def test_narrow_key_hints_leave_out_grey_keys_before_usable_ones(demo_database: Conninfo) -> None:
    async with demo_on(demo_database, DemoControl(), size=(80, 24), actor=ADA) as (driver, app):
        for tab, keys in (
            ("2", "s start  n new  d delete  / find  , pause  B stage"),
            ("3", "c complete  f fail  n new  / find  , pause  B stage"),
            ("4", "n new  d delete  / find  , pause  <> speed  B stage"),
        ):
            await driver.press(tab, shows=f"⏎ details  {keys}")
            assert driver.text.splitlines()[-1].rstrip().endswith("? help  q quit")
        start = driver.text.splitlines()[-1].index("<>")
        for cell, speed in ((start + 1, 3), (start, 2)):
            await driver.pilot.click("#keys", offset=(cell, 0))
            await driver.until(lambda speed=speed: app.control.clock.speed == speed)  # type: ignore[misc]
        await driver.resize(120, 36)
        await driver.shows("d delete", "<> speed  B stage")
        await driver.press("B", until=lambda: isinstance(app.screen, Presenter))
        assert "B stage" not in driver.text


async def test_full_stop_pauses_and_then_makes_one_step(database: Conninfo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo_app, "_STEP_SECONDS", 0.1)
    control = DemoControl(speed=0.5)
    async with demo_on(database, control) as (driver, app):
        waiting = app.run_worker(control.clock.sleep(5000, is_step=True))
        await driver.press("full_stop", shows="simulation paused")
        assert control.clock.now < 5000
        await driver.press("full_stop", until=lambda: waiting.is_finished)
        assert 5000 <= control.clock.now < 5001
        await driver.press("full_stop", message="Nothing is simulated")


async def test_comma_pauses_and_resumes_in_the_list_and_in_the_presenter_view(database: Conninfo) -> None:
    control = DemoControl()
    async with demo_on(database, control, size=(80, 24)) as (driver, app):
        await driver.press("comma", shows=("simulation paused", ", resume  . step"))
        await driver.press("B", until=lambda: isinstance(app.screen, Presenter))
        await driver.shows(", resume  . step  <> speed")
        await driver.press("comma", shows=", pause")
        assert not control.clock.is_paused


async def test_each_step_changes_a_job_and_names_it(demo_database: Conninfo) -> None:
    def with_customers(conninfo: Conninfo, control: DemoControl) -> DemoActivity:
        return DemoActivity(conninfo, control.clock, seed=control.seed, workers=(), has_crashes=False)

    control = DemoControl()
    control.clock.set_paused(True)
    async with demo_on(demo_database, control, activity=with_customers) as (driver, app):
        assert control.activity is not None
        for _ in range(3):
            before = await states(control.activity.operator)
            await driver.press("full_stop", message="Step: ")
            after = await states(control.activity.operator)
            (change, *_) = after - before
            assert driver.message.startswith(f"Step: {'queued' if change[1] == 'queued' else 'completed'} ")
            app.messages.clear_passing()


async def test_step_moves_the_cursor_to_a_listed_job_and_names_the_place_of_another(
    demo_database: Conninfo, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The simulation reports a change before a worker has saved it."""
    monkeypatch.setattr(key_queue, "SEEING_SECONDS", 60.0)
    control = DemoControl()
    control.clock.set_paused(True)
    async with demo_on(demo_database, control, actor=ADA) as (driver, app):
        assert control.activity is not None
        operator, simulation = control.activity.operator, control.activity.simulation

        async def complete(job: GenerationJob) -> None:
            await control.clock.sleep(5, is_step=True)
            simulation.report(SimulatedChange(what="completed", jobs=[job]))
            await operator.transition_job_status(job.id, JobStatus.SUCCEEDED)

        running = await operator.get_jobs_by_status(JobStatus.RUNNING)
        (own, *_) = [job for job in running if driver.app.dashboard.jobs.job(job.id)]
        (other, *_) = [job for job in running if job.user_id != ADA.id]
        first, second = app.run_worker(complete(other)), app.run_worker(complete(own))
        await driver.press("full_stop", "full_stop", until=lambda: first.is_finished and second.is_finished)
        await driver.until(lambda: (cursor_job(driver).id, cursor_job(driver).status) == (own.id, "succeeded"))
        await driver.press("d", message="The step moved the cursor.")
        await driver.until(lambda: f"Step: completed {own.mode} {short_id(own.id)}." in kept(app))
        (place,) = [text for text in kept(app) if short_id(other.id) in text]
        assert re.fullmatch(rf"Step: completed {other.mode} \S+ in \w.* of \S+@example\.com\.", place)


async def test_step_says_if_its_result_is_not_saved(demo_database: Conninfo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scenario_player, "_SAVE_SECONDS", 0.1)
    control = DemoControl()
    control.clock.set_paused(True)
    async with demo_on(demo_database, control, actor=ADA) as (driver, app):
        assert control.activity is not None
        operator, simulation = control.activity.operator, control.activity.simulation
        stays, deleted, *_ = await operator.get_jobs_by_status(JobStatus.RUNNING)
        await operator.delete_generation_job(deleted.id)

        async def complete_without_saving() -> None:
            for job in (stays, deleted):
                await control.clock.sleep(5, is_step=True)
                simulation.report(SimulatedChange(what="completed", jobs=[job]))

        app.run_worker(complete_without_saving())
        for job in (stays, deleted):
            await driver.press("full_stop")
            await driver.has_shown(f"Step: completed {job.mode} {short_id(job.id)}")
            (message,) = [one for one in driver.warnings if one.startswith("Step")]
            assert message.endswith(". The result is not saved.")
            driver.clear_messages()


def kept(app: DemoApp) -> list[str]:
    return [message.text for message in app.messages.kept]


async def states(operator: Store) -> set[tuple[UUID, str]]:
    """Return the newest jobs with their states."""
    return {(job.id, job.status) for job in (await operator.get_generation_jobs(limit=100)).items}


async def test_cursor_follows_the_newest_job_of_an_idle_demo(
    demo_database: Conninfo, monkeypatch: pytest.MonkeyPatch
) -> None:
    control = DemoControl()
    async with demo_on(demo_database, control, interval=0.05, actor=ADA) as (driver, _):
        assert control.activity is not None
        operator = control.activity.operator
        before = cursor_job(driver)
        await operator.create_generation_job(project_id=before.project_id, mode="packaging", cost_cents=1)
        await driver.until(lambda: driver.table.view.position == Position(number=2, is_exact=True, length=ANY))
        assert cursor_job(driver).id == before.id
        monkeypatch.setattr(DemoApp, "follows_after", 0.0)
        monkeypatch.setattr(key_queue, "SEEING_SECONDS", 60.0)
        newest = await operator.create_generation_job(project_id=before.project_id, mode="packaging", cost_cents=1)
        await driver.until(lambda: cursor_job(driver).id == newest.id)
        await driver.press("d", message="The cursor had moved to the newest job.")
        assert driver.dialog == ""


async def test_other_dashboards_have_no_keys_of_a_demo(drive: Drive) -> None:
    async with drive() as driver:
        assert await driver.warnings_by_key("comma", "full_stop", "less_than_sign", "greater_than_sign") == []
        polls = driver.app.polls
        await driver.press("ctrl+r", until=lambda: driver.app.polls > polls)
        assert "speed" not in driver.header
        await driver.press("question_mark")
        assert "demo.pause" not in driver.text
