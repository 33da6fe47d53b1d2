"""Who works and on what, in the dashboard."""

from datetime import timedelta
from uuid import UUID

from store.users.actor import OPERATOR
from tests.tui.driving import Drive, Driver
from tests.tui.world import ADA, FROZEN, World, job_id, short

HERS = UUID("fa000000-0000-4000-8000-000000000000")  # acts as Ada

THEIRS = UUID("fb000000-0000-4000-8000-000000000000")  # the operator's


def add_worker(
    world: World, worker: UUID = HERS, name: str = "studio", *, user: UUID | None = ADA, seen_ago: float = 5
) -> None:
    world.sql(
        "insert into gjobs.workers (id, user_id, name, host, process, concurrency, started_at, seen_at)"
        " values (%s, %s, %s, 'build-7', 4711, 4, %s, %s)",
        *(worker, user, name, FROZEN - timedelta(hours=3), FROZEN - timedelta(seconds=seen_ago)),
    )


def lease(world: World, number: int, owner: UUID | None, *, note: str | None = None) -> None:
    world.sql(
        "insert into gjobs.job_leases (job_id, owner, attempt, acquired_at, expires_at, note)"
        " values (%s, %s, 1, %s, %s, %s)"
        " on conflict (job_id) do update set owner = excluded.owner, note = excluded.note",
        *(job_id(number), owner, FROZEN - timedelta(seconds=90), FROZEN + timedelta(seconds=30), note),
    )


async def test_workers_dialog_lists_leased_jobs_and_opens_their_details(dashboard: Driver, world: World) -> None:
    add_worker(world)
    lease(world, 6, HERS, note="step 3 of 4")
    lease(world, 2, None, note="busy: 503")
    await dashboard.press("w", dialog="Workers · as ada@example.com")
    await dashboard.sees("1 worker alive · 1 job held, the longest for 1 min · 1 job between two attempts")
    await dashboard.sees("studio", "▸ alive", "holds 1 of 4", "all modes", short(6), "for 1 min", "step 3 of 4")
    await dashboard.sees(short(2), "again in 30 s", "attempt 1 failed · busy: 503")
    await dashboard.press("enter", dialog="Job", sees=str(job_id(6)))
    await dashboard.press("escape")
    assert dashboard.cursor == 6


async def test_workers_dialog_opens_a_job_of_another_project_or_reports_that_it_is_gone(
    dashboard: Driver, world: World
) -> None:
    add_worker(world)
    lease(world, 6, HERS)
    await dashboard.show_project("Spring lookbook")
    await dashboard.press("w", sees=short(6))
    await dashboard.press("enter", dialog="Job", sees=(str(job_id(6)), "Autumn catalog"))
    await dashboard.press("escape")
    await dashboard.show_project("Spring lookbook")
    await dashboard.press("w", sees=short(6))
    world.delete(6)
    await dashboard.press("enter", told="is gone, or hidden")


async def test_workers_dialog_refreshes_and_keeps_the_cursor_on_its_job(dashboard: Driver, world: World) -> None:
    add_worker(world)
    lease(world, 6, HERS)
    await dashboard.press("w", sees=short(6))
    lease(world, 2, HERS, note="step 1 of 4")
    await dashboard.press("r", sees=(short(2), "step 1 of 4", f"{job_id(6)} in Autumn catalog"))
    lease(world, 2, HERS, note="step 2 of 4")
    await dashboard.press("f5", sees="step 2 of 4")
    world.set_status(6, "succeeded")
    await dashboard.press("r", sees="studio: process 4711 on build-7")
    assert short(2) in dashboard.text, "no other job takes its place"
    await dashboard.press("enter", told="No job is under the cursor")
    world.sql("delete from gjobs.workers")
    world.set_status(2, "succeeded")
    add_worker(world, THEIRS, "another")
    await dashboard.press("r", sees=("another", "What was under the cursor is gone."))


async def test_workers_dialog_without_workers_shows_how_to_start_one(dashboard: Driver, world: World) -> None:
    await dashboard.press("w", sees=("0 workers alive", "'gjobs worker MODULE:REGISTRY' starts a worker."))
    await dashboard.press("w", dialog="")

    await dashboard.press("z", "w", sees=("0 workers alive", "Paused."))
    add_worker(world)
    await dashboard.press("r", sees=("1 worker alive", "studio: process 4711 on build-7; for user "))
    await dashboard.sees("last seen 2026-11-24 11:59:55")
    await dashboard.press("enter", told="No job is under the cursor")


async def test_user_sees_own_jobs_leased_by_workers_of_the_operator(dashboard: Driver, world: World) -> None:
    add_worker(world, THEIRS, "render", user=None)
    lease(world, 6, THEIRS)
    lease(world, 8, THEIRS)
    await dashboard.press("w", sees=("worker fb000000", "of somebody else", short(6)))
    await dashboard.sees("Workers that do not act as ada@example.com are the operator's to see.")
    assert "render" not in dashboard.text
    assert short(8) not in dashboard.text


async def test_operator_sees_all_workers_including_silent_ones(world: World, drive: Drive) -> None:
    add_worker(world, THEIRS, "render [@click=app.quit]x[/]\x1b", user=None, seen_ago=190)
    add_worker(world)
    async with drive(actor=OPERATOR) as driver:
        await driver.press("w", dialog="Workers · as the operator")
        await driver.sees("render [@click=app.quit]x[/]␛"[:20], "✗ silent 3 min", "studio")


async def test_workers_dialog_shows_a_database_error_and_can_retry(dashboard: Driver, world: World) -> None:
    add_worker(world)
    await dashboard.press("w", sees="studio")
    world.sql("alter table gjobs.workers rename to elsewhere")
    await dashboard.press("r", sees="Seen 0 s ago. ")
    assert "studio" in dashboard.text, "what was seen stays"
    world.sql("alter table gjobs.elsewhere rename to workers")
    await dashboard.press("r", hides="Seen 0 s ago. ")
