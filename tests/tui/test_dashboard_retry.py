"""Failed jobs are queued once more, from what the person saw."""

from tests.tui.driving import Driver
from tests.tui.world import JobsDatabase, job_id


def repetitions(jobs_db: JobsDatabase, number: int) -> list[tuple[object, ...]]:
    return jobs_db.sql(
        "select j.status, j.retry_count from gjobs.job_links l join generation_jobs j on j.id = l.job_id"
        " where l.repeats = %s order by j.created_at, j.id",
        job_id(number),
    )


async def test_retry_key_queues_a_new_job_linked_to_the_failed_one(dashboard: Driver, jobs_db: JobsDatabase) -> None:
    jobs_db.set_status(2, "failed")
    await dashboard.refreshes()
    await dashboard.go_to(2)
    await dashboard.press("r")
    await dashboard.shows_toast(", which repeats ")
    assert repetitions(jobs_db, 2) == [("queued", 1)]
    await dashboard.until(lambda: len(dashboard.rows) == 7)


async def test_retry_key_refuses_a_job_that_has_not_failed(dashboard: Driver, jobs_db: JobsDatabase) -> None:
    await dashboard.go_to(1)
    await dashboard.press("r")
    await dashboard.shows_toast("Only a failed job can be retried; this one is ")
    assert jobs_db.sql("select count(*) from gjobs.job_links") == [(0,)]


async def test_retried_job_is_retried_again_only_after_confirmation(dashboard: Driver, jobs_db: JobsDatabase) -> None:
    jobs_db.set_status(2, "failed")
    await dashboard.refreshes()
    await dashboard.go_to(2)
    await dashboard.press("r")
    await dashboard.shows_toast(", which repeats ")
    await dashboard.go_to(2)
    await dashboard.press("r")
    await dashboard.has_dialog("Retry this job once more?")
    await dashboard.shows("Another job repeats it by now.", "Database: testbase")
    await dashboard.press("n")
    await dashboard.has_dialog("")
    assert len(repetitions(jobs_db, 2)) == 1
    await dashboard.press("r")
    await dashboard.has_dialog("Retry this job once more?")
    await dashboard.press("y")
    await dashboard.until(lambda: len(repetitions(jobs_db, 2)) == 2)


async def test_bulk_retry_queues_the_failed_jobs_after_confirmation(dashboard: Driver, jobs_db: JobsDatabase) -> None:
    jobs_db.set_status(1, "failed")
    jobs_db.set_status(3, "failed")
    await dashboard.refreshes()
    await dashboard.go_to(1)
    await dashboard.press("space", "space", "space", "r")
    await dashboard.has_dialog("Retry 2 of these 3 jobs?")
    await dashboard.press("y")
    await dashboard.shows_toast("Retried 2 of 3 jobs")
    assert [len(repetitions(jobs_db, number)) for number in (1, 2, 3)] == [1, 0, 1]


async def test_details_of_a_job_and_its_retry_name_each_other(dashboard: Driver, jobs_db: JobsDatabase) -> None:
    jobs_db.set_status(2, "failed")
    await dashboard.refreshes()
    await dashboard.go_to(2)
    await dashboard.press("enter")
    await dashboard.shows("r retry")
    await dashboard.press("r")
    await dashboard.shows_toast(", which repeats ")
    ((new,),) = jobs_db.sql("select job_id from gjobs.job_links")
    await dashboard.go_to(2)
    await dashboard.press("enter")
    await dashboard.shows("Repeated by", str(new))
    await dashboard.press("escape")
    await dashboard.press("home", "enter")
    await dashboard.shows("Repeats", str(job_id(2)))
