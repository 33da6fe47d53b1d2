"""A key that changed nothing says whether the job is gone, hidden from these eyes, or elsewhere by now."""

import pytest

from store.jobs.job import JobStatus
from tests.conftest import Conninfo
from tests.tui.driving import Driver, dashboard_on
from tests.tui.world import AUTUMN, BEN, World, job_id, short


def hide(world: World, *numbers: int) -> None:
    """Ben has them by now, and Ada does not see them."""
    for number in numbers:
        world.sql("update public.generation_jobs set user_id = %s where id = %s", BEN, job_id(number))


@pytest.mark.parametrize("is_hidden", [True, False], ids=["hidden", "gone"])
async def test_start_reports_whether_the_job_is_hidden_or_gone(
    dashboard: Driver, world: World, is_hidden: bool
) -> None:
    (hide if is_hidden else World.delete)(world, 1)
    where = "hidden from ada@example.com" if is_hidden else "gone"
    await dashboard.press("s", told=f"lifestyle {short(1)} is {where}: nothing was changed.")
    assert world.status(1) is (JobStatus.QUEUED if is_hidden else None)


async def test_dialog_reports_a_job_that_was_hidden_while_it_was_open(dashboard: Driver, world: World) -> None:
    await dashboard.press("f", on=2, dialog=f"Fail packaging {short(2)}")
    hide(world, 2)
    await dashboard.type("Test error", "enter")
    await dashboard.sees(f"{job_id(2)} exists, but ada@example.com", "does not see it: nothing was changed.")
    assert world.status(2) is JobStatus.RUNNING
    await dashboard.press("escape")

    await dashboard.press("d", on=1, dialog="Delete this job?")
    hide(world, 1)
    await dashboard.press("y", told=f"{job_id(1)} exists, but ada@example.com does not see it: nothing was changed.")
    assert world.status(1) is JobStatus.QUEUED


async def test_bulk_start_reports_hidden_jobs(dashboard: Driver, world: World) -> None:
    for number in (1, 5):
        await dashboard.press("space", on=number)
    hide(world, 1)
    await dashboard.press("s", dialog="Start these 2 jobs?")
    await dashboard.press("y", told=f"Started 1 of 2 jobs; 1 is hidden from ada@example.com: lifestyle {short(1)}.")
    assert (world.status(1), world.status(5)) == (JobStatus.QUEUED, JobStatus.RUNNING)


async def test_new_job_form_reports_a_project_that_is_now_hidden(dashboard: Driver, world: World) -> None:
    await dashboard.press("n", dialog="New job")
    world.sql("update public.projects set user_id = %s where id = %s", BEN, AUTUMN)
    before = world.count()
    await dashboard.go_into("#cost")
    await dashboard.press("enter", sees=f"{AUTUMN} exists, but")
    assert world.count() == before


@pytest.mark.parametrize("keys", ["s", "d y"], ids=["start", "delete"])
async def test_key_reports_a_policy_that_shows_a_job_and_forbids_the_change(
    attached_world: World, attached_database: Conninfo, keys: str
) -> None:
    for verb in ("update", "delete"):
        attached_world.sql(f'drop policy "Users can {verb} own generation jobs" on public.generation_jobs')
    async with dashboard_on(attached_database) as driver:
        await driver.press(*keys.split())
        await driver.is_told(f"The database shows the job {job_id(1)}, but does not let it be changed")
        assert attached_world.status(1) is JobStatus.QUEUED
