"""A key that changed nothing says whether the job is gone, hidden from these eyes, or elsewhere by now."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from store.jobs.job import JobStatus
from tests.conftest import Conninfo
from tests.tui.driving import Driver, WatchedApp, driving, opener_of
from tests.tui.world import AUTUMN, BEN, World, fill, job_id, short


def hide(world: World, *numbers: int) -> None:
    """Ben has them by now, and Ada does not see them."""
    for number in numbers:
        world.sql("update public.generation_jobs set user_id = %s where id = %s", BEN, job_id(number))


@pytest.mark.parametrize("make_go", [hide, World.delete], ids=["hidden", "gone"])
async def test_start_reports_whether_the_job_is_hidden_or_gone(
    dashboard: Driver, world: World, make_go: object
) -> None:
    assert callable(make_go)
    make_go(world, 1)
    await dashboard.press("s")
    where = "hidden from ada@example.com" if make_go is hide else "gone"
    await dashboard.is_told(f"lifestyle {short(1)} is {where}: nothing was changed.")
    assert world.status(1) is (JobStatus.QUEUED if make_go is hide else None)


async def test_fail_dialog_stays_open_and_reports_a_hidden_job(dashboard: Driver, world: World) -> None:
    await dashboard.press("f", on=2, dialog=f"Fail packaging {short(2)}")
    hide(world, 2)
    await dashboard.type("Test error", "enter")
    await dashboard.sees(f"{job_id(2)} exists, but ada@example.com", "does not see it: nothing was changed.")
    assert world.status(2) is JobStatus.RUNNING


async def test_deletion_reports_a_hidden_job(dashboard: Driver, world: World) -> None:
    await dashboard.press("d")
    await dashboard.until(lambda: dashboard.dialog.startswith("Delete"))
    hide(world, 1)
    await dashboard.press("y", told=f"{job_id(1)} exists, but ada@example.com does not see it: nothing was changed.")
    assert world.status(1) is JobStatus.QUEUED


async def test_bulk_start_reports_hidden_jobs(dashboard: Driver, world: World) -> None:
    for number in (1, 5):
        await dashboard.press("space", on=number)
    hide(world, 1)
    await dashboard.press("s")
    await dashboard.until(lambda: dashboard.dialog != "")
    await dashboard.press("y", told=f"Started 1 of 2 jobs; 1 is hidden from ada@example.com: lifestyle {short(1)}.")
    assert (world.status(1), world.status(5)) == (JobStatus.QUEUED, JobStatus.RUNNING)


async def test_new_job_form_reports_a_project_that_is_now_hidden(dashboard: Driver, world: World) -> None:
    await dashboard.press("n", dialog="New job")
    world.sql("update public.projects set user_id = %s where id = %s", BEN, AUTUMN)
    before = world.count()
    await dashboard.go_into("#cost")
    await dashboard.press("enter", sees=f"{AUTUMN} exists, but")
    assert world.count() == before


class TestAppDatabase:
    """Whose policies may show a job and not let it be changed."""

    @pytest.fixture
    async def refusing(self, attached_database: Conninfo, tmp_path: Path) -> AsyncIterator[tuple[Driver, World]]:
        world = World(attached_database)
        fill(world)
        for verb in ("update", "delete"):
            world.sql(f'drop policy "Users can {verb} own generation jobs" on public.generation_jobs')
        async with driving(WatchedApp(opener_of(attached_database), state_path=tmp_path / "state.json")) as driver:
            yield driver, world
        world.close()

    async def test_start_reports_a_policy_that_forbids_the_change(self, refusing: tuple[Driver, World]) -> None:
        driver, world = refusing
        await driver.press("s", told=f"The database shows the job {job_id(1)}, but does not let it be changed")
        assert world.status(1) is JobStatus.QUEUED

    async def test_deletion_reports_a_policy_that_forbids_the_change(self, refusing: tuple[Driver, World]) -> None:
        driver, world = refusing
        await driver.press("d")
        await driver.until(lambda: driver.dialog.startswith("Delete"))
        await driver.press("y", told=f"The database shows the job {job_id(1)}, but does not let it be changed")
        assert world.count() == 8
