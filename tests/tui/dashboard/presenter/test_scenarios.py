"""A scenario in the dashboard: captions, the acting user, the cursor and the space key."""

import asyncio
import math
import re
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from pathlib import Path
from random import Random
from typing import Any
from unittest.mock import ANY

import pytest

from gjobs.store.errors import Unreachable
from gjobs.store.jobs.job import USUAL_MODES
from gjobs.store.sample.simulation import plan_job
from gjobs.tui.dashboard.bindings import inherited_bindings
from gjobs.tui.dashboard.frame import scenario_player
from gjobs.tui.dashboard.frame.demo_app import DemoPresenter
from gjobs.tui.dashboard.frame.scenario_player import ScenarioPlayer
from gjobs.tui.dashboard.panels.footer import MessageLine
from gjobs.tui.dashboard.presenter import Presenter
from gjobs.tui.dashboard.widgets import message_board
from gjobs.tui.demo.demo_activity import DemoActivity, DemoControl, activity_for
from gjobs.tui.demo.scenario_steps import Say, load_scenario, parse_scenario, scenario_names
from gjobs.tui.manual.pages import page_source
from gjobs.tui.text.status_text import Position
from tests.conftest import Conninfo
from tests.tui.dashboard.dashboard_driver import Driver, Gate
from tests.tui.dashboard.keys.key_sending import send
from tests.tui.dashboard.presenter.demo_dashboard import ADA, WatchedDemo, cursor_job, demo_on, steps


@asynccontextmanager
async def playing(database: Conninfo, script: str, **opening: Any) -> AsyncIterator[tuple[Driver, WatchedDemo]]:
    """Play these steps on a database of the sample, with the options of `opener_of`."""
    scenario = parse_scenario(f'title = "Talk"\n{script}'.encode(), path=Path("talk.toml"))
    control = DemoControl(speed=10, scenario=scenario)

    def activity(conninfo: Conninfo, control: DemoControl) -> DemoActivity:
        return activity_for(control, conninfo)

    opening = {"actor": ADA, **opening}
    async with demo_on(database, control, activity=activity, interval=0.1, **opening) as (driver, app):
        yield driver, app


Play = Callable[..., AbstractAsyncContextManager[tuple[Driver, WatchedDemo]]]


@pytest.fixture
def play(demo_database: Conninfo) -> Play:
    return partial(playing, demo_database)


@pytest.fixture(autouse=True)
def brief_messages(monkeypatch: pytest.MonkeyPatch) -> None:
    """A message covers the caption only for a moment."""
    for name in ("MESSAGE_SECONDS", "_SECONDS_OVER_PINNED"):
        monkeypatch.setattr(message_board, name, 0.05)


def go_on(app: WatchedDemo) -> None:
    """Go on with the scenario as simulated time does, even while a dialog is open."""
    assert app._player is not None
    app._player.go_on()


async def test_steps_change_the_job_that_the_cursor_points_at_and_a_burst_shows_its_newest(play: Play) -> None:
    script = steps(
        'say = "First"',
        'create = "a"\nmode = "packaging"\ncost = 777',
        'point-at = "a"',
        'say = "Second"',
        'start = "a"',
        'say = "Third"\nseconds = 600',
        'fail = "a"\nerror = "Broken on stage"',
        'say = "Fourth"',
        "burst = 4",
    )
    async with play(script) as (driver, app):
        await driver.shows("First · space: next")
        await driver.press("space", shows="Second · space: next")
        assert (cursor_job(driver).mode, cursor_job(driver).cost_cents) == ("packaging", 777)
        assert cursor_job(driver).status == "queued"
        await driver.press("space", shows="Third")
        await driver.until(lambda: cursor_job(driver).status == "running")
        await driver.press("space", shows="Fourth")
        await driver.until(lambda: cursor_job(driver).error == "Broken on stage")
        assert "Third" not in driver.text
        failed = cursor_job(driver)
        await driver.press("space", message="The scenario has ended: Talk")
        await driver.until(lambda: driver.table.view.position == Position(number=1, is_exact=True, length=ANY))
        assert app.dashboard.listing is not None
        assert [job.id for job in app.dashboard.listing.window.jobs].index(failed.id) == 4


async def test_captions_of_the_example_in_the_manual_agree_with_its_job(play: Play) -> None:
    (example,) = re.findall(r"```toml\n(.*?)```", page_source("demo"), re.DOTALL)
    async with play(example.partition("\n")[2]) as (driver, _):
        await driver.shows("The job is queued. A worker would claim it. · space: next")
        assert (cursor_job(driver).status, cursor_job(driver).cost_cents) == ("queued", 250)
        await driver.press("space", shows="It runs now. Its duration counts up in the list.")
        await driver.until(lambda: cursor_job(driver).status == "running")
        await driver.press("space", shows="It has succeeded. · space: next")
        await driver.until(lambda: cursor_job(driver).status == "succeeded")


async def test_act_as_shows_what_the_user_sees_closes_a_question_and_drops_keys(play: Play) -> None:
    async with play(f'{TO_BEN}[[step]]\nact-as = "operator"\n') as (driver, app):
        await driver.shows("First · space: next")
        await driver.press("w", dialog="Workers · as ada@example.com", shows="First", hides="space: next")
        await driver.press("escape", dialog="", shows="First · space: next")
        await driver.press("p", dialog="Show which project?")
        go_on(app)
        await driver.until(lambda: app.screen is app.dashboard)
        await driver.press("w", message="The scenario changed the user.")
        assert driver.dialog == ""
        await driver.shows("Second · space: next", "as ben@example.com")
        await driver.until(lambda: not app.key_queue.is_dropping)
        await driver.press("p", dialog="Show which project?")
        await driver.press("escape", dialog="")
        await driver.press("space", shows="as the operator")


async def test_scenario_waits_for_a_failure_and_points_at_it(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scenario_player, "_FAST", 200.0)
    script = 'workers = ["render-1"]\n' + steps(
        'say = "First"',
        'outage = "lifestyle"\nseconds = 600',
        'burst = 2\nmode = "lifestyle"',
        'wait-for = "failure"\nseconds = 600',
        'say = "Second"',
    )
    async with play(script) as (driver, app):
        await driver.shows("First · space: next")
        app.control.clock.set_speed(0.5)
        await driver.press("space", shows="First · space: faster")
        await driver.press("comma", hides="First · space: faster")
        await driver.press("space", message="The scenario waits for the workers. , resume")
        await driver.press("comma", shows="First · space: faster")
        monkeypatch.setattr(scenario_player, "_FAST", 0.5)
        await driver.shows_no_longer("space: faster")
        await driver.press("space", message="The scenario waits for the workers. Time already runs fast.")
        monkeypatch.setattr(scenario_player, "_FAST", 200.0)
        await driver.shows("First · space: faster")
        await driver.press("space", until=lambda: app.control.clock.speed == 200)
        await driver.shows("Second · space: next")
        assert cursor_job(driver).status == "failed"
        assert app.control.clock.speed == 0.5


async def test_killed_worker_leaves_a_job_even_if_the_queue_is_empty(
    play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Simulated time runs on while the worker waits for the database, so the test sets no limit on it."""
    monkeypatch.setattr(scenario_player, "_LONGEST_CLAIM", math.inf)
    script = 'workers = ["render-1", "render-2"]\n[[step]]\nkill-worker = "render-1"\n[[step]]\nsay = "Dead"\n'
    async with play(script) as (driver, app):
        app.control.clock.set_speed(100)
        await driver.shows("Dead · space: next")
        assert app.control.activity is not None
        assert app._player is not None
        overview = await app.control.activity.operator.get_workers_overview()
        (dead,) = [one.id for one in overview.workers if one.name == "render-1"]
        assert {one.job_id for one in overview.held if one.owner == dead} & app._player._own


async def test_space_types_a_character_in_a_field_and_shows_that_the_scenario_ended(play: Play) -> None:
    async with play('[[step]]\nsay = "Only"') as (driver, app):
        await driver.press("slash", "a", "space", "b", shows="a b")
        assert "Only · space: next" in driver.text
        await driver.press("escape", "escape", hides="a b")
        await driver.press("space", message="The scenario has ended: Talk. ^r play again")
        driver.clear_messages()
        await driver.press("space", message="The scenario has ended: Talk. ^r play again")
        assert len(driver.table.marked_jobs) == 0
        await driver.press("B", until=lambda: isinstance(app.screen, Presenter))
        assert "space continue" not in driver.text


async def test_presenter_view_shows_the_caption_and_stays_open_while_space_continues(play: Play) -> None:
    long = " ".join(["A long caption"] * 12)
    async with play(TO_BEN.replace("First", long)) as (driver, app):
        for size in ((80, 24), (120, 36)):
            await driver.resize(*size)
            await driver.shows("caption · space: next")
            lines = driver.text.splitlines()
            assert sum(line.count("A long caption") for line in lines[-4:]) >= 9
            assert " ".join(driver.text.split()).count("A long caption") == 12
            assert not driver.table.region.overlaps(app.screen.query_one(MessageLine).region)
        await driver.press("B", until=lambda: isinstance(app.screen, Presenter))
        await driver.until(lambda: " ".join(driver.text.split()).count("A long caption") == 12)
        assert "B close" in driver.text.splitlines()[-1]
        await driver.press("space", shows="Second")
        await driver.shows("space: next")
        assert isinstance(app.screen, Presenter), "acting as another user keeps the view open"
        await start_over(driver)
        await driver.until(lambda: " ".join(driver.text.split()).count("A long caption") == 12)
        assert isinstance(app.screen, Presenter), "starting over keeps the view open"


async def test_step_that_cannot_be_done_is_reported_and_the_next_one_follows(play: Play) -> None:
    script = steps(
        "wait = 600",
        'say = "Ready"',
        'burst = 3\nproject = "Bike accessories"',
        'create = "first"\nmode = "main_white"\nproject = "Autumn catalog"',
        "wait = 600",
        'say = "Created"',
        'start = "first"',
        'create = "second"\nmode = "packaging"\nproject = "Marketplace listings"',
        'point-at = "second"',
        'act-as = "operator"',
        'say = "Done"',
    )
    async with play(script) as (driver, app):
        app.control.clock.set_speed(0.5)
        await driver.shows("Waiting … · space: skip the wait")
        await driver.press("space", shows="Ready · space: next")
        assert app.control.activity is not None
        operator = app.control.activity.operator
        project = next(one for one in await operator.get_projects() if one.name == "Bike accessories")
        plans = Random("0 scenario")  # noqa: S311
        first, second = (plan_job(plans, plans.choice(USUAL_MODES)).cost_cents for _ in range(2))
        limit = project.total_cost_cents + first + second - 1
        await operator.set_budget(project_id=project.id, period="all", limit_cents=limit)
        await driver.press("space", message="The burst queued 1 of 3 jobs. ", shows="Ready · space: skip the wait")
        await driver.press("space", shows="Created · space: next")

        (newest,) = (await operator.get_generation_jobs(limit=1)).items
        await operator.delete_generation_job(newest.id)
        await driver.press("space", message="The scenario skipped a step. The job 'first' can no longer start.")
        await driver.shows("Done · space: next", "as the operator")
        assert re.fullmatch(
            r"The scenario points at packaging [0-9a-f]{8}\. It belongs to another user\. Press u to switch\.",
            driver.warnings[-1],
        )
        (newest,) = (await operator.get_generation_jobs(limit=1)).items
        assert app.dashboard.listing is not None
        assert (newest.mode, newest.id) == ("packaging", app.dashboard.listing.window.jobs[0].id)


async def test_starting_over_during_a_write_skips_no_step(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    """A write that is stopped during its commit raises a StoreError. The former scenario must end there."""
    begun = asyncio.Event()

    async def stopped(*_: object, **__: object) -> None:
        begun.set()
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            raise Unreachable("The connection was lost.") from None

    script = '[[step]]\nsay = "First"\n[[step]]\ncreate = "a"\n[[step]]\nsay = "Second"'
    async with play(script) as (driver, _):
        await driver.shows("First · space: next")
        monkeypatch.setattr(ScenarioPlayer, "_write", stopped)
        await driver.press("space", until=begun.is_set)
        await start_over(driver)
        await driver.shows("First · space: next")
        assert driver.warnings == []


@pytest.mark.parametrize("name", scenario_names())
def test_keys_that_captions_offer_work_in_the_presenter_view_or_are_keys_of_the_list(name: str) -> None:
    captions = " ".join(step.text for step in load_scenario(name).steps if isinstance(step, Say))
    bound = {one.key for one in inherited_bindings(DemoPresenter)}
    assert {key for key in re.findall(r"Press (\S+)", captions) if key not in bound} == set()
    for sentence in re.findall(r"[^.]*\b(?:enter|r)\b [^.]*", captions):
        assert "In the list" in sentence


async def start_over(driver: Driver) -> None:
    """Start over, and end the message that hides the first caption."""
    await driver.press("ctrl+r", message="Started over")
    driver.clear_messages()


TO_BEN = steps('say = "First"', 'act-as = "ben@example.com"', 'say = "Second"')
TO_A_NEW_JOB = steps('say = "First"', 'create = "a"', 'point-at = "a"', 'say = "Second"')


async def test_running_write_opens_no_dialog_once_the_user_has_changed(play: Play) -> None:
    retry, change = Gate("retry_generation_jobs"), Gate("transition_jobs")
    script = steps(
        'say = "First"',
        'act-as = "ben@example.com"',
        'say = "Second"',
        'act-as = "ada@example.com"',
        'say = "Third"',
        'act-as = "ben@example.com"',
        'say = "Fourth"',
    )
    async with play(script, make=type("GatedStore", (retry.store, change.store), {})) as (driver, app):

        async def ends_after_the_user_has_changed(gate: Gate, caption: str) -> None:
            driver.clear_messages()
            go_on(app)
            await driver.shows(f"{caption} · space", "as ben@example.com")
            gate.open()
            await driver.until(lambda: not app.tasks.is_writing)
            await driver.settle()
            assert driver.dialog == ""

        await driver.shows("First · space")
        await driver.press("5", until=lambda: driver.listed and driver.listed.status == "failed")
        await driver.press("r", until=lambda: retry.calls)
        retry.release()
        await driver.until(lambda: not app.tasks.is_writing)
        await driver.press("r", until=lambda: retry.calls == 2)
        await ends_after_the_user_has_changed(retry, "Second")

        await driver.press("space", shows=("Third · space", "as ada@example.com"))
        await driver.until(lambda: not app.key_queue.is_dropping)
        await driver.press("1", until=lambda: driver.listed and driver.listed.status is None)
        await driver.press("A", shows="jobs selected")
        await driver.press("s", until=lambda: driver.dialog.startswith("Start "))
        await driver.press("y", until=lambda: change.calls)
        await ends_after_the_user_has_changed(change, "Fourth")


async def test_keys_typed_while_the_list_changes_are_dropped(play: Play) -> None:
    """A key for a job would act on an unseen row. A key for the filter would act on the dashboard."""
    read = Gate("get_listing", lambda *_: bool(former) and driver.listed == former[-1])
    former: list[object] = []
    script = TO_A_NEW_JOB + TO_A_NEW_JOB.partition('say = "First"')[2].replace('"a"', '"b"').replace("Second", "Third")
    async with play(script, make=read.store) as (driver, app):
        await driver.shows("First · space")
        first = driver.listed
        for before, key, caption in ((["2"], "d", "Second"), (["slash", "z"], "n", "Third")):
            calls = read.calls
            await driver.until(lambda: not app.key_queue.is_dropping)
            await driver.press(*before, until=lambda: driver.listed != first)
            former.append(driver.listed)
            go_on(app)
            await driver.until(lambda: app.dashboard.listed == first and app.dashboard.awaits_list)
            await driver.press(key, message="The scenario moved the cursor.")
            await driver.until(lambda calls=calls: read.calls > calls)  # type: ignore[misc]
            former.clear()
            read.release()
            await driver.shows(f"{caption} · space")
            assert driver.dialog == ""


async def test_space_continues_right_after_a_view_closed_and_point_at_clears_the_filter(play: Play) -> None:
    """Other keys for rows are dropped after the scenario moved the cursor."""
    async with play(f'{TO_A_NEW_JOB}[[step]]\nsay = "Third"\n') as (driver, app):
        await driver.shows("First · space")
        first = driver.listed
        await driver.filter("status:failed", "enter", until=lambda: driver.listed != first)
        await driver.press("w", "escape", "space", shows="Second · space")
        assert driver.listed == first
        assert not app.dashboard.jobs.bar.display
        assert "status:failed" not in driver.text
        send(app, "B", "escape", "space")
        await driver.shows("Third · space")
        assert driver.warnings == []
        assert len(driver.table.marked_jobs) == 0


async def test_scenario_starts_over_once_the_new_list_is_shown(play: Play) -> None:
    restarts: list[bool] = []
    read = Gate("get_listing", lambda *_: bool(restarts))
    script = '[[step]]\nsay = "First"\n[[step]]\nsay = "Second"\n'
    async with play(script, make=read.store) as (driver, _):
        await driver.shows("First · space")
        await driver.press("space", shows="Second · space")
        restarts.append(True)
        await driver.press("ctrl+r", message="Started over", until=lambda: read.calls)
        driver.clear_messages()
        await driver.settle()
        assert "First" not in driver.text
        read.open()
        await driver.shows("First · space")
