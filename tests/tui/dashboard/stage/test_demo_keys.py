"""The keys of a demo: speed, pause, steps and starting over."""

import re
from unittest.mock import ANY
from uuid import UUID

import pytest

from gjobs.store.jobs.job import GenerationJob, JobStatus
from gjobs.store.sample.sample_data import fill
from gjobs.store.sample.simulation import SimulatedChange
from gjobs.store.store import Store
from gjobs.store.values.formats import utc_now
from gjobs.tui.dashboard.actions import key_queue
from gjobs.tui.dashboard.frame import demo_app, scenario_player
from gjobs.tui.dashboard.frame.demo_app import DemoApp
from gjobs.tui.dashboard.frame.help import all_entries, screen_entries
from gjobs.tui.dashboard.presenter import Presenter
from gjobs.tui.dashboard.session.session_poller import TOTALS_SHARE
from gjobs.tui.demo.demo_activity import DemoActivity, DemoControl
from gjobs.tui.text.format import short_id
from gjobs.tui.text.status_text import Position
from tests.conftest import Conninfo
from tests.tui.dashboard.dashboard_driver import Drive, Driver
from tests.tui.dashboard.keys.key_sending import pass_seeing_time
from tests.tui.dashboard.stage.demo_dashboard import ADA, demo_on


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


async def test_keys_of_a_demo_pause_the_workers_in_the_list_and_in_the_presenter_view(database: Conninfo) -> None:
    control = DemoControl()
    async with demo_on(database, control, size=(80, 24)) as (driver, _):
        await driver.until(lambda: ", pause  . step  <> speed  B stage" in driver.text.splitlines()[-1])
        await driver.press("comma", shows=("simulation paused", ", resume  . step"))
        assert control.clock.is_paused
        await driver.press("B", until=lambda: isinstance(driver.app.screen, Presenter))
        await driver.until(lambda: ", resume  . step  <> speed" in driver.text.splitlines()[-1])
        await driver.press("greater_than_sign", until=lambda: control.clock.speed == 3)
        await driver.press("comma", shows=", pause")
        await driver.resize(40, 24)
        await driver.until(lambda: driver.text.splitlines()[-1].rstrip().endswith("? help"))
        await driver.resize(80, 24)
        await driver.press("B", until=lambda: driver.app.screen is driver.app.dashboard)
        await driver.shows("speed 3×", ", pause")
        assert not control.clock.is_paused
        await driver.press("full_stop", shows=(", resume", "Paused. The next press"))
        await driver.press("comma", shows=", pause")
        assert "Paused." not in driver.text
        await driver.press("full_stop", shows=", resume")
        await driver.press("ctrl+r", message="Started over", shows=", pause")


async def test_narrow_key_hints_leave_out_grey_keys_before_usable_ones(database: Conninfo) -> None:
    fill({name: str(value) for name, value in database.items()}, now=utc_now())
    async with demo_on(database, DemoControl(), size=(80, 24), actor=ADA) as (driver, app):
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


async def test_full_stop_pauses_first_and_then_makes_one_step(
    database: Conninfo, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(demo_app, "_STEP_SECONDS", 0.1)
    control = DemoControl(speed=0.5)
    async with demo_on(database, control) as (driver, app):
        waiting = app.run_worker(control.clock.sleep(5000, is_step=True))
        await driver.press("full_stop", shows="simulation paused")
        assert control.clock.now < 5000
        await driver.press("full_stop", until=lambda: waiting.is_finished)
        assert 5000 <= control.clock.now < 5001
        await driver.press("full_stop", message="Nothing is simulated")


async def test_each_step_changes_a_job_and_names_it(database: Conninfo) -> None:
    def with_customers(conninfo: Conninfo, control: DemoControl) -> DemoActivity:
        return DemoActivity(conninfo, control.clock, seed=control.seed, workers=(), has_crashes=False)

    fill({name: str(value) for name, value in database.items()}, now=utc_now())
    control = DemoControl()
    control.clock.set_paused(True)
    async with demo_on(database, control, activity=with_customers) as (driver, app):
        assert control.activity is not None
        for _ in range(3):
            before = await states(control.activity.operator)
            await driver.press("full_stop", message="Step: ")
            after = await states(control.activity.operator)
            (change, *_) = after - before
            assert driver.message.startswith(f"Step: {'queued' if change[1] == 'queued' else 'completed'} ")
            app.messages.clear_passing()


async def test_step_moves_the_cursor_to_a_listed_job_and_names_the_place_of_another(
    database: Conninfo, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The simulation reports a change before a worker has saved it."""
    monkeypatch.setattr(key_queue, "SEEING_SECONDS", 60.0)
    fill({name: str(value) for name, value in database.items()}, now=utc_now())
    control = DemoControl()
    control.clock.set_paused(True)
    async with demo_on(database, control, actor=ADA) as (driver, app):
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


async def test_step_says_if_its_result_is_not_saved(database: Conninfo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scenario_player, "_SAVE_SECONDS", 0.1)
    fill({name: str(value) for name, value in database.items()}, now=utc_now())
    control = DemoControl()
    control.clock.set_paused(True)
    async with demo_on(database, control, actor=ADA) as (driver, app):
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


async def test_cursor_stays_on_the_newest_job_while_nobody_touches_the_demo(
    database: Conninfo, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill({name: str(value) for name, value in database.items()}, now=utc_now())
    control = DemoControl()
    async with demo_on(database, control, interval=0.05, actor=ADA) as (driver, _):
        assert control.activity is not None
        operator = control.activity.operator
        before = cursor_job(driver)
        await operator.create_generation_job(project_id=before.project_id, mode="packaging", cost_cents=1)
        await driver.until(lambda: driver.table.position == Position(number=2, is_exact=True, length=ANY))
        assert cursor_job(driver).id == before.id
        monkeypatch.setattr(DemoApp, "follows_after", 0.0)
        monkeypatch.setattr(key_queue, "SEEING_SECONDS", 60.0)
        newest = await operator.create_generation_job(project_id=before.project_id, mode="packaging", cost_cents=1)
        await driver.until(lambda: cursor_job(driver).id == newest.id)
        await driver.press("d", message="The cursor had moved to the newest job.")
        assert driver.dialog == ""


def cursor_job(driver: Driver) -> GenerationJob:
    job = driver.table.cursor_job
    assert job is not None
    return job


async def test_other_dashboards_have_no_keys_of_a_demo(drive: Drive) -> None:
    async with drive() as driver:
        assert await driver.warnings_by_key("comma", "full_stop", "less_than_sign", "greater_than_sign") == []
        polls = driver.app.polls
        await driver.press("ctrl+r", until=lambda: driver.app.polls > polls)
        assert "speed" not in driver.header
        await driver.press("question_mark")
        assert "demo.pause" not in driver.text
