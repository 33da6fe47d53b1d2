"""The workers dialog: workers, leased jobs and errors."""

from datetime import timedelta
from uuid import UUID

from gjobs.store.users.actor import OPERATOR
from tests.tui.dashboard.dashboard_driver import Driver
from tests.tui.jobs_database import FROZEN, JobsDatabase, job_id, short

WORKER_OF_ADA = UUID("fa000000-0000-4000-8000-000000000000")

WORKER_OF_OPERATOR = UUID("fb000000-0000-4000-8000-000000000000")


def add_worker(
    jobs_db: JobsDatabase,
    worker: UUID = WORKER_OF_ADA,
    name: str = "studio",
    *,
    seen_ago: float = 5,
) -> None:
    jobs_db.sql(
        "insert into gjobs.workers (id, name, host, process, concurrency, started_at, seen_at)"
        " values (%s, %s, 'build-7', 4711, 4, %s, %s)",
        *(worker, name, FROZEN - timedelta(hours=3), FROZEN - timedelta(seconds=seen_ago)),
    )


def lease(jobs_db: JobsDatabase, number: int, owner: UUID | None, *, note: str | None = None) -> None:
    jobs_db.sql(
        "insert into gjobs.job_leases (job_id, owner, attempt, acquired_at, expires_at, note)"
        " values (%s, %s, 1, %s, %s, %s)"
        " on conflict (job_id) do update set owner = excluded.owner, note = excluded.note",
        *(job_id(number), owner, FROZEN - timedelta(seconds=90), FROZEN + timedelta(seconds=30), note),
    )


async def test_workers_dialog_lists_leased_jobs_opens_their_details_and_keeps_its_cursor(
    dashboard: Driver, jobs_db: JobsDatabase
) -> None:
    add_worker(jobs_db)
    lease(jobs_db, 6, WORKER_OF_ADA, note="step 3 of 4")
    lease(jobs_db, 2, None, note="busy: 503")
    await dashboard.act_as(OPERATOR, shows=("as the operator", "Trail gear"))
    await dashboard.press("w", dialog="Workers · as the operator")
    await dashboard.shows("1 worker alive · 1 job held, the longest for 1 min · 1 job waiting for another attempt")
    await dashboard.shows("studio", "▸ alive", "holds 1 of 4", "all modes", short(6), "for 1 min", "step 3 of 4")
    await dashboard.shows(short(2), "retry in 30 s", "attempt 1 failed · busy: 503")
    await dashboard.press("enter", dialog="Job", shows=str(job_id(6)))
    await dashboard.press("escape")
    assert dashboard.cursor == 6

    await dashboard.show_project("Spring lookbook")
    await dashboard.press("w", shows=short(6))
    await dashboard.press("enter", dialog="Job", shows=(str(job_id(6)), "Autumn catalog"))
    await dashboard.press("escape")
    await dashboard.show_project("Spring lookbook")
    await dashboard.press("w", shows=short(6))
    lease(jobs_db, 2, WORKER_OF_ADA, note="step 1 of 4")
    await dashboard.press("r", shows=("step 1 of 4", f"{job_id(6)} in Autumn catalog"))
    lease(jobs_db, 2, WORKER_OF_ADA, note="step 2 of 4")
    await dashboard.press("f5", shows="step 2 of 4")
    jobs_db.set_status(6, "succeeded")
    await dashboard.press("r", shows="studio: process 4711 on build-7")
    assert short(2) in dashboard.text, "the cursor does not move to another job"
    await dashboard.press("enter", message="No job under the cursor")
    jobs_db.sql("delete from gjobs.workers")
    jobs_db.set_status(2, "succeeded")
    add_worker(jobs_db, WORKER_OF_OPERATOR, "another")
    await dashboard.press("r", shows=("another", "The line under the cursor is gone."))
    await dashboard.press("escape", dialog="")

    jobs_db.job(9, "running")
    lease(jobs_db, 9, WORKER_OF_OPERATOR)
    await dashboard.press("w", shows=short(9))
    jobs_db.delete(9)
    await dashboard.press("enter", message="is deleted or hidden")


async def test_workers_dialog_shows_how_to_start_a_worker_and_to_the_operator_the_workers(
    dashboard: Driver, jobs_db: JobsDatabase
) -> None:
    await dashboard.press("w", shows=("0 workers alive", "'gjobs worker MODULE:REGISTRY' starts a worker."))
    await dashboard.press("w", dialog="")
    add_worker(jobs_db, WORKER_OF_OPERATOR, "render [@click=app.quit]x[/]\x1b", seen_ago=190)
    lease(jobs_db, 6, WORKER_OF_OPERATOR)
    jobs_db.set_status(8, "running")
    lease(jobs_db, 8, WORKER_OF_OPERATOR)
    await dashboard.press("w", shows=("worker fb000000", "only the operator sees it", short(6)))
    await dashboard.shows("Only the operator sees the workers.")
    assert "render" not in dashboard.text
    assert short(8) not in dashboard.text
    await dashboard.press("escape", dialog="")

    add_worker(jobs_db)
    await dashboard.act_as(OPERATOR, shows=("as the operator", "Trail gear"))
    await dashboard.press("w", dialog="Workers · as the operator")
    await dashboard.shows("render [@click=app.quit]x[/]␛"[:20], "✗ silent 3 min", "studio", short(8))

    await dashboard.press("escape", dialog="")

    jobs_db.sql("delete from gjobs.job_leases")
    jobs_db.sql("delete from gjobs.workers")
    await dashboard.press("z", "w", shows=("0 workers alive", "Paused."))
    add_worker(jobs_db)
    await dashboard.press("r", shows=("1 worker alive", "studio: process 4711 on build-7; since "))
    await dashboard.shows("last seen 2026-11-24 11:59:55")
    await dashboard.press("enter", message="No job under the cursor")

    jobs_db.sql("alter view gjobs.visible_workers rename to elsewhere")
    await dashboard.press("r", shows="Seen 0 s ago. ")
    assert "studio" in dashboard.text, "an error keeps the last result"
    jobs_db.sql("alter view gjobs.elsewhere rename to visible_workers")
    await dashboard.press("r", hides="Seen 0 s ago. ")
    await dashboard.press("escape", dialog="")
