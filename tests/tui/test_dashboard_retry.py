"""Failed jobs are queued once more, from what the person saw."""

from tests.tui.driving import Driver
from tests.tui.world import World, job_id


def repetitions(world: World, number: int) -> list[tuple[object, ...]]:
    return world.sql(
        "select j.status, j.retry_count from gjobs.job_links l join generation_jobs j on j.id = l.job_id"
        " where l.repeats = %s order by j.created_at, j.id",
        job_id(number),
    )


async def test_retry_key_queues_a_new_job_linked_to_the_failed_one(dashboard: Driver, world: World) -> None:
    world.set_status(2, "failed")
    await dashboard.looks_again()
    await dashboard.press("r", on=2, told=", which repeats ")
    assert repetitions(world, 2) == [("queued", 1)]
    await dashboard.until(lambda: len(dashboard.rows) == 7)


async def test_retry_key_refuses_a_job_that_has_not_failed(dashboard: Driver, world: World) -> None:
    await dashboard.press("r", on=1, told="Only a failed job can be retried; this one is ")
    assert world.sql("select count(*) from gjobs.job_links") == [(0,)]


async def test_retried_job_is_retried_again_only_after_confirmation(dashboard: Driver, world: World) -> None:
    world.set_status(2, "failed")
    await dashboard.looks_again()
    await dashboard.press("r", on=2, told=", which repeats ")
    await dashboard.press("r", on=2, dialog="Retry this job once more?")
    await dashboard.sees("Another job repeats it by now.", "Database: testbase")
    await dashboard.press("n", dialog="")
    assert len(repetitions(world, 2)) == 1
    await dashboard.press("r", dialog="Retry this job once more?")
    await dashboard.press("y")
    await dashboard.until(lambda: len(repetitions(world, 2)) == 2)


async def test_bulk_retry_queues_the_failed_jobs_after_confirmation(dashboard: Driver, world: World) -> None:
    world.set_status(1, "failed")
    world.set_status(3, "failed")
    await dashboard.looks_again()
    await dashboard.press("space", "space", "space", "r", on=1, dialog="Retry 2 of these 3 jobs?")
    await dashboard.press("y", told="Retried 2 of 3 jobs")
    assert [len(repetitions(world, number)) for number in (1, 2, 3)] == [1, 0, 1]


async def test_details_of_a_job_and_its_retry_name_each_other(dashboard: Driver, world: World) -> None:
    world.set_status(2, "failed")
    await dashboard.looks_again()
    await dashboard.press("enter", on=2, sees="r retry")
    await dashboard.press("r", told=", which repeats ")
    ((new,),) = world.sql("select job_id from gjobs.job_links")
    await dashboard.press("enter", on=2, sees=("Repeated by", str(new)))
    await dashboard.press("escape")
    await dashboard.press("home", "enter", sees=("Repeats", str(job_id(2))))
