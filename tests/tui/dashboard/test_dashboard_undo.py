"""The undo key restores deleted jobs with all their values."""

from tests.tui.dashboard.dashboard_driver import AS_BEN, Drive, Driver
from tests.tui.dashboard.keys.key_sending import rest, send
from tests.tui.jobs_database import JobsDatabase, job_id, short


def rows(jobs_db: JobsDatabase) -> list[tuple[object, ...]]:
    return jobs_db.sql("select * from generation_jobs order by id")


async def test_undo_restores_deletions_unchanged_and_in_reverse_order(dashboard: Driver, jobs_db: JobsDatabase) -> None:
    before = rows(jobs_db)
    await dashboard.press("d", on=2, shows="U restores it while this dashboard is open.")
    await dashboard.press("y", message="Deleted packaging", until=lambda: 2 not in dashboard.rows)
    await dashboard.press("asterisk", "d", shows="U restores them while this dashboard is open.")
    await dashboard.press("y", message="Deleted 5 of 5 jobs.")

    project = jobs_db.sql("delete from projects where name = 'Autumn catalog' returning *")
    await dashboard.press("U")
    await dashboard.has_shown("The project of a job no longer exists, or is hidden from this user.")
    jobs_db.sql("insert into projects values (%s, %s, %s, %s, %s)", *project[0])
    await dashboard.press("U", message="Restored 5 jobs.")
    await dashboard.act_as(AS_BEN, rows=[8])
    await dashboard.press("U", message=f"Restored packaging {short(2)}. It is not in this list.")
    assert rows(jobs_db) == before, "undo acts as the user who deleted the job"
    await dashboard.press("U", message="No deleted jobs to restore.")


async def test_only_a_deletion_offers_undo_which_moves_the_cursor_and_typed_keys_act_on_the_restored_job(
    dashboard: Driver, jobs_db: JobsDatabase
) -> None:
    await dashboard.press("d", "y", on=1, until=lambda: 1 not in dashboard.rows)
    await dashboard.go_to(6)
    send(dashboard.app, "U")
    send(dashboard.app, "s")
    await rest(dashboard)
    await dashboard.until(lambda: jobs_db.status(1) == "running")
    assert dashboard.cursor == 1

    await dashboard.press("space", on=5)
    await dashboard.press("space", on=2, shows="2 marked")
    await dashboard.press("d", "y", until=lambda: not {2, 5} & {*dashboard.rows})
    await dashboard.press("U", on=6, message="Restored 2 jobs.", until=lambda: dashboard.cursor == 2)

    await dashboard.press("s", on=5, message="Started ")
    assert "undo" not in dashboard.message, "a status change cannot be undone"
    await dashboard.press("d", "y", on=1, message="U undo")
    jobs_db.job(1, "failed", error="another")
    taken = f"Job {job_id(1)} exists already, maybe hidden from this user. Nothing was restored"
    await dashboard.press("U", message=taken)
    assert jobs_db.status(1) == "failed"


async def test_deletion_dialog_names_tables_whose_rows_undo_cannot_restore(jobs_db: JobsDatabase, drive: Drive) -> None:
    for rule in ("cascade", "set null", "no action"):
        name = rule.replace(" ", "_")
        jobs_db.sql(f"create table public.rows_{name} (job_id uuid references public.generation_jobs on delete {rule})")
    try:
        async with drive() as driver:
            await driver.until(lambda: driver.app.undo.cascading_tables)
            await driver.press("d")
            await driver.shows("U restores it while this dashboard is open. Rows of", "public.rows_cascade")
            await driver.shows("public.rows_set_null that refer to it are", "permanently deleted or unlinked")
            assert "no_action" not in driver.text
    finally:
        jobs_db.sql("drop table public.rows_cascade, public.rows_set_null, public.rows_no_action")
