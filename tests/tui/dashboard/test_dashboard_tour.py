"""The tour of the first start: its steps, its end, and where it starts."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gjobs.store.configuration.settings import Settings, WriteMode, resolve
from gjobs.store.errors import TimedOut
from gjobs.store.users.actor import ANON
from gjobs.tui.dashboard.frame import run
from gjobs.tui.dashboard.frame.app import GjobsApp
from gjobs.tui.dashboard.panels.footer import MessageLine
from gjobs.tui.dashboard.panels.tour import TourStep
from gjobs.tui.dashboard.session.setup import DashboardSetup, StateFile, TourStart, load, save
from tests.tui.dashboard.dashboard_driver import AS_ADA, Drive, Driver, Gate
from tests.tui.jobs_database import SPRING, JobsDatabase

FIRST = DashboardSetup(tour=TourStart.ONCE)


@pytest.fixture
async def tour(drive: Drive, state_path: Path) -> AsyncIterator[Driver]:
    """The first start of a dashboard, as Ada."""
    async with drive(setup=FIRST, state_path=state_path) as driver:
        yield driver


async def test_tour_advances_when_each_step_is_done(tour: Driver, jobs_db: JobsDatabase, state_path: Path) -> None:
    await tour.shows("Tour 1/6 · Press p, type part of a project's name and press enter · esc ends")
    await tour.press("p", dialog="Show which project?")
    await tour.type("spring", "enter")
    await shows_step(tour, "Tour 2/6 · Press n and then enter to queue a new job · esc ends")
    await tour.press("n", dialog="New job")
    await tour.press("enter")
    await shows_step(tour, "Tour 3/6 · Press s to start the job under the cursor · esc ends")
    await tour.press("s")
    await shows_step(tour, "Tour 4/6 · Press c to complete it, or f to fail it · esc ends")
    await tour.press("c")
    await shows_step(tour, "Tour 5/6 · See the costs above, and press b for budgets · esc ends")
    await tour.press("b", dialog="Budgets · Spring lookbook")
    await tour.press("escape", dialog="")
    await shows_step(tour, "Tour 6/6 · Press i to check who can reach whose rows · esc ends")
    await tour.press("i", dialog="Check isolation as the operator?")
    await tour.press("n", dialog="")
    await shows_step(tour, "Tour 6/6")
    await tour.press("i", "y", shows="No leak, 17 kept.")
    assert not load(state_path).has_seen_tour
    await tour.press("escape", dialog="", shows="Finished the tour. Press ? for help. gjobs --tour repeats the tour.")
    assert load(state_path).has_seen_tour

    created = jobs_db.sql("select status from public.generation_jobs where project_id = %s order by created_at", SPRING)
    assert created[-1] == ("succeeded",)
    assert "Tour " not in tour.text


async def test_read_only_tour_has_only_the_steps_that_write_nothing(drive: Drive) -> None:
    setup = DashboardSetup(tour=TourStart.ALWAYS)
    async with drive(setup=setup, rule=WriteMode.CLOSED) as driver:
        await driver.shows("Tour 1/3 · Press p")
        driver.app.tour.do(TourStep.PROJECT)
        await driver.shows("Tour 2/3 · See the costs above, and press b for budgets")
        driver.app.tour.do(TourStep.COSTS)
        await driver.shows("Tour 3/3 · Press i to check who can reach whose rows")
        driver.app.tour.do(TourStep.ISOLATION)
        await driver.shows("Finished the tour.")


async def test_every_step_of_a_repeated_tour_is_readable_and_covers_no_row(drive: Drive, state_path: Path) -> None:
    save(state_path, StateFile(has_seen_tour=True))
    setup = DashboardSetup(tour=TourStart.ALWAYS)
    async with drive(size=(40, 12), setup=setup, state_path=state_path) as driver:
        await driver.press("end", until=lambda: driver.cursor == 6)
        for step in TourStep:
            await driver.until(lambda: step_on_screen(driver) == step_text(driver))
            table = driver.table.region
            assert not driver.app.screen.query_one(MessageLine).region.overlaps(table)
            assert any(line.startswith("│›") for line in driver.text.splitlines()[table.y : table.bottom])
            if step is TourStep.PROJECT:
                await driver.press("p", dialog="Show which project?")
                await driver.until(lambda: step_on_screen(driver) == step_text(driver))
                await driver.press("escape", dialog="")
            driver.app.tour.do(step)
        assert not driver.app.tour.is_on


async def test_tour_without_projects_begins_with_creating_one(drive: Drive, jobs_db: JobsDatabase) -> None:
    jobs_db.sql("delete from public.projects")
    async with drive(setup=DashboardSetup(tour=TourStart.ALWAYS)) as driver:
        await shows_step(driver, "Tour 1/6 · Press P to create a project · esc ends")
        await driver.press("P", dialog="New project")
        await driver.type("Winter sale", "enter", dialog="")
        await shows_step(driver, "Tour 2/6 · Press n and then enter to queue a new job")


async def test_tour_offers_only_what_anon_and_a_low_screen_allow(drive: Drive) -> None:
    setup = DashboardSetup(tour=TourStart.ALWAYS)
    async with drive(actor=ANON, setup=setup) as driver:
        await shows_step(driver, "Tour 1/2 · See the costs above, and press b for budgets")
        await driver.shows("No projects found. Press u to act as a user.")
        await driver.press("n", message="A job needs a project, and anon has none. Press u to act as a user.")
        await driver.press("P", message="A project needs an owner. Press u to act as a user.")
        assert not driver.dialog
        driver.clear_messages()
        await driver.resize(40, 12)
        await driver.until(lambda: "Press b to see the budgets, which limit costs" in step_on_screen(driver))
        await driver.act_as(AS_ADA)
        await driver.until(lambda: step_text(driver).startswith("Tour 1/6"))


def step_text(driver: Driver) -> str:
    pinned = driver.app.messages.pinned
    assert pinned is not None
    return pinned.text


def step_on_screen(driver: Driver) -> str:
    """Return the text of the top screen's message line, which may wrap."""
    region = driver.app.screen.query_one(MessageLine).region
    return " ".join(" ".join(driver.text.splitlines()[region.y : region.bottom]).split())


async def shows_step(tour: Driver, text: str) -> None:
    """Wait for the step. The result of the last step hides it for a moment, which the test does not wait for."""
    await tour.until(lambda: tour.app.messages.pinned is not None and tour.app.messages.pinned.text.startswith(text))
    tour.app.messages.clear_passing()
    await tour.shows(text)


async def test_refused_keys_and_changes_by_others_do_not_advance_the_tour(tour: Driver, jobs_db: JobsDatabase) -> None:
    await tour.press("p", dialog="Show which project?")
    await tour.press("escape", dialog="")
    await tour.refreshes(shows="Tour 1/6")
    for step in (TourStep.PROJECT, TourStep.NEW_JOB):
        tour.app.tour.do(step)
    await tour.shows("Tour 3/6")
    jobs_db.set_status(1, "running")
    await tour.press("s", on=1, message="running")
    await tour.refreshes()
    await shows_step(tour, "Tour 3/6")
    await tour.press("f", on=2, until=lambda: tour.dialog)
    await tour.press("escape", dialog="")
    jobs_db.set_status(2, "failed")
    await tour.refreshes(until=lambda: tour.listed_jobs[1].status == "failed")
    await tour.press("s", on=5)
    await shows_step(tour, "Tour 4/6")


async def test_escape_ends_the_tour_for_good_after_its_other_uses(tour: Driver, drive: Drive, state_path: Path) -> None:
    await tour.resize(80, 24)
    await tour.press("n", dialog="New job", until=lambda: tour.text.count("Tour 1/6") == 1)
    await tour.press("escape", dialog="", until=lambda: tour.text.count("Tour 1/6") == 1)
    await tour.press("space", "escape", until=lambda: not tour.marked)
    await tour.filter("status:failed", "enter", rows=[4])
    await tour.press("escape", rows=[1, 2, 3, 4, 5, 6])
    await tour.shows("Tour 1/6")
    await tour.press("escape", hides="Tour 1/6", shows="Ended the tour. gjobs --tour repeats the tour.")

    assert load(state_path).has_seen_tour
    async with drive(setup=FIRST, state_path=state_path) as driver:
        assert "Tour" not in driver.text


async def test_tour_starts_with_the_first_list_and_again_until_it_has_ended(drive: Drive, state_path: Path) -> None:
    save(state_path, StateFile(theme="nord", has_seen_tour=False))
    failures = [TimedOut("too slow")]
    gate = Gate("get_listing", lambda *_: bool(failures), fails=failures[0])
    gate.open()
    async with drive(setup=FIRST, state_path=state_path, make=gate.store) as driver:
        assert (driver.app.failures, driver.app.tour.is_on) == (1, False)
        failures.clear()
        await driver.press("f5", shows="Tour 1/6")
        driver.app.tour.cancel()
    async with drive(setup=FIRST, state_path=state_path) as driver:
        assert driver.app.tour.is_on


@pytest.mark.parametrize(
    ("options", "with_tour", "expected"),
    [
        ({}, False, TourStart.ONCE),
        ({}, True, TourStart.ALWAYS),
        ({"read_only": True}, False, TourStart.NEVER),
        ({"database_url": "postgresql://app@db.example/app"}, False, TourStart.NEVER),
        ({"database_url": "postgresql://app@db.example/app"}, True, TourStart.ALWAYS),
    ],
)
def test_tour_starts_by_itself_only_on_a_writable_embedded_database(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: dict[str, str], with_tour: bool, expected: TourStart
) -> None:
    found: list[TourStart] = []

    def note(app: GjobsApp) -> int:
        found.append(app._setup.tour)
        return 0

    monkeypatch.setattr(run, "_run", note)
    monkeypatch.setattr(run, "log_to_file", lambda _: None)
    settings: Settings = resolve(data_dir=tmp_path, environment={}, **options)  # type: ignore[arg-type]
    run.run_dashboard(settings, with_tour=with_tour)
    assert found == [expected]
