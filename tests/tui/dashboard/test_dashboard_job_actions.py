"""Keys that act on jobs: questions, writes, messages and undo, also for jobs with an unknown status."""

from dataclasses import replace

import pytest
from textual import events
from textual.widgets import Static

from gjobs.store.jobs.job import JobStatus, UnknownStatus
from gjobs.store.statistics.statistics import JobStatistic, JobStatistics, exact_counts
from gjobs.store.users.actor import OPERATOR
from gjobs.tui.dashboard.widgets.widgets import TextField
from tests.conftest import Conninfo
from tests.tui.dashboard.dashboard_driver import AS_BEN, Drive, Driver, Gate, dashboard_on
from tests.tui.dashboard.keys.key_sending import rest, send
from tests.tui.dashboard.statistics.test_costs_panel import USUAL, cost_lines
from tests.tui.dashboard.test_dashboard_archive import open_cleanup
from tests.tui.jobs_database import ADA, AUTUMN, JobsDatabase, fill, job_id, short

NUMBERS = {"queued": 1, "succeeded": 3, "failed": 4}  # the first job in each status


async def test_status_key_changes_the_job_or_explains_why_not(dashboard: Driver, jobs_db: JobsDatabase) -> None:
    for key, status, why in (
        ("s", "succeeded", "Only a queued job can be started; this one has already succeeded."),
        ("c", "queued", "Only a running job can be completed; this one is queued."),
        ("f", "failed", "Only a running job can be failed; this one has already failed."),
        ("r", "queued", "Only a failed job can be retried; this one is "),
    ):
        number = NUMBERS[status]
        await dashboard.press(key, on=number, message=why, dialog="")
        assert jobs_db.status(number) == status
    assert jobs_db.sql("select count(*) from gjobs.job_links") == [(0,)]

    for key, number, message, status, costs in (
        ("s", 1, f"Started lifestyle {short(1)}.", "running", "$0.75 $4.75 "),
        ("c", 2, f"Completed packaging {short(2)}.", "succeeded", "$0.75 $2.25 $5.50 "),
    ):
        await dashboard.press(key, on=number, message=message)
        assert jobs_db.status(number) == status
        await dashboard.until(lambda number=number, status=status: status in dashboard.row(number))  # type: ignore[misc]
        await dashboard.until(lambda costs=costs: dashboard.costs[1].startswith(costs))  # type: ignore[misc]
        assert dashboard.cursor == number

    jobs_db.set_status(5, "succeeded")
    await dashboard.press("s", on=5, message=f"this one has already succeeded. (feature_callout {short(5)})")
    assert dashboard.warnings[-1].endswith(f" {short(5)})")
    assert jobs_db.status(5) is JobStatus.SUCCEEDED
    await dashboard.until(lambda: "succeeded" in dashboard.row(5))

    jobs_db.sql("delete from generation_jobs")
    await dashboard.refreshes()
    words = "No job under the cursor. Move to a job first."
    assert await dashboard.warnings_by_key("d", "y", "Y") == [words] * 3
    await dashboard.press("enter", dialog="")
    await dashboard.press("d", "d", "d")
    assert dashboard.warnings.count(words) == 1, "it is reported once"


async def test_fail_key_asks_for_an_error_and_stores_all_its_lines(dashboard: Driver, jobs_db: JobsDatabase) -> None:
    await dashboard.press("f", on=2, dialog=f"Fail packaging {short(2)}", shows="Autumn catalog")
    await dashboard.type("  ", "enter", shows="✗ Error text is empty.")
    await dashboard.type("half a character: \ud800", hides="is empty")
    await dashboard.press(
        "enter", shows="✗ The error contains an invalid character", dialog=f"Fail packaging {short(2)}"
    )
    assert jobs_db.status(2) is JobStatus.RUNNING
    await dashboard.type("Test error", "enter", message=f"Failed packaging {short(2)}.", dialog="")
    failed = "select status, error from generation_jobs where id = %s"
    assert jobs_db.sql(failed, job_id(2)) == [("failed", "Test error")]
    await dashboard.until(lambda: "Test error" in dashboard.row(2))
    await dashboard.until(lambda: "✗ failed 2" in dashboard.costs[0])

    stack = "Error: API timeout\n    at a.ts\n    at b.ts"
    await dashboard.press("f", on=6, dialog=f"Fail lifestyle {short(6)}")
    field = dashboard.app.focused
    assert isinstance(field, TextField)
    field.post_message(events.Paste(stack))
    await dashboard.until(lambda: field.value == stack)
    jobs_db.set_status(6, "succeeded")
    await dashboard.press("enter", shows="Only a running job can be failed; this one has already succeeded")
    assert field.value == stack, "the dialog keeps the text"
    assert jobs_db.status(6) is JobStatus.SUCCEEDED
    jobs_db.set_status(6, "running")
    await dashboard.press("enter", until=lambda: jobs_db.status(6) is JobStatus.FAILED)
    assert jobs_db.sql(failed, job_id(6)) == [("failed", stack)]


async def test_error_text_is_sent_once_if_enter_is_pressed_twice(drive: Drive) -> None:
    change = Gate("transition_job_status")
    async with drive(make=change.store) as driver:
        await driver.press("f", on=2, dialog=f"Fail packaging {short(2)}")
        await driver.type("Test error", "enter", until=lambda: change.calls)
        await driver.press("enter")
        change.open()
        await driver.shows_message(f"Failed packaging {short(2)}.")
    assert change.calls == 1


async def test_deletion_dialog_names_the_job_and_needs_an_explicit_yes(
    dashboard: Driver, jobs_db: JobsDatabase
) -> None:
    await dashboard.press("d", on=1, dialog="Delete this job?")
    await dashboard.shows("◌ queued", short(1), "Autumn catalog", "Database: testbase", "U restores it")
    await dashboard.shows("This job is queued. It will never run.")
    await dashboard.press("escape", dialog="")
    dashboard.clear_messages()

    for keys in (["enter"], ["n"], ["escape"], ["right", "left", "enter"], ["tab", "tab", "enter"]):
        await dashboard.press("d", *keys)
        assert dashboard.dialog == "", keys
        # A user who presses Enter may have expected it to delete.
        assert dashboard.message == ("Nothing was deleted. y deletes." if keys[-1] == "enter" else ""), keys
        dashboard.clear_messages()
    await dashboard.refreshes()
    assert jobs_db.status(1) is JobStatus.QUEUED

    rows = [1, 2, 3, 4, 5, 6]
    for number, keys, costs in (
        (3, ["y"], "✓ succeeded 0 / 5 ✗ failed 1 Total 5"),
        (4, ["right", "enter"], "✓ succeeded 0 / 5 ✗ failed 0 Total 4"),
        (5, ["tab", "enter"], "✓ succeeded 0 / 5 ✗ failed 0 Total 3"),
    ):
        rows.remove(number)
        await dashboard.press("d", *keys, on=number, message=short(number), rows=rows)
        assert jobs_db.status(number) is None
        await dashboard.until(lambda costs=costs: dashboard.costs[0].endswith(costs))  # type: ignore[misc]
        assert dashboard.cursor == number + 1, "the cursor moves to the next row"
    assert dashboard.warnings == [], "the user deleted these jobs"

    dashboard.app.dashboard.action_act("delete")
    dashboard.app.dashboard.action_act("delete")
    await dashboard.has_dialog("Delete this job?")
    await dashboard.press("n", dialog="", until=lambda: jobs_db.status(6) is not None)
    await dashboard.press("d", dialog="Delete this job?")
    await dashboard.pilot.click("#agree")
    await dashboard.expects(rows=[1, 2])


RAISE_COST = "update public.generation_jobs set cost_cents = cost_cents + 50 where id = %s"


async def test_details_show_every_column_and_run_applicable_actions(dashboard: Driver, jobs_db: JobsDatabase) -> None:
    jobs_db.sql("update generation_jobs set error = %s where id = %s", '{"message": "boom", "mode": "x"}', job_id(4))
    await dashboard.refreshes()
    await dashboard.press("enter", on=4)
    await dashboard.shows("✗ failed", "$0.50", "4 min ago   2026-11-24 11:56:00 UTC", str(job_id(4)))
    await dashboard.shows(f"Autumn catalog  {AUTUMN}", str(ADA), "Input asset  none", '  "message": "boom",')
    await dashboard.press("q", dialog="")

    await dashboard.press("enter", on=2, dialog="Job", shows=("c complete  f fail  d delete", "Events", "created, "))
    assert "s start  d" not in dashboard.text
    jobs_db.sql(RAISE_COST, job_id(2))
    await dashboard.refreshes_behind(shows=("cost changed", "+$0.50 = "))
    await dashboard.press("c", message=f"Completed packaging {short(2)}.", dialog="")
    assert jobs_db.status(2) is JobStatus.SUCCEEDED


async def test_database_without_migrations_shows_observed_changes_and_says_what_a_migration_adds(
    attached_jobs_db: JobsDatabase, attached_database: Conninfo
) -> None:
    async with dashboard_on(attached_database) as driver:
        attached_jobs_db.sql(RAISE_COST, job_id(1))
        await driver.refreshes()
        await driver.press("enter", shows=("cost changed", "+$0.50 = ", "observed", "Observed here.", "to add it"))
        await driver.press("escape", dialog="")
        await driver.press("at", dialog="Show an earlier moment")
        await driver.press("enter", shows=("This database lacks what gjobs adds", "gjobs migrate up"))
        await driver.press("escape", dialog="")
        assert driver.session.access.may_write
        lacks = "Not possible here: This database lacks what gjobs adds: events, workers, budgets, and the archive. Run"
        await driver.command("Archived jobs", message=lacks)
        await open_cleanup(driver)
        await driver.press("enter", shows=("✗ This database lacks what gjobs adds", "to add it.", "Or delete them."))
        await driver.press("escape", dialog="")
        await driver.act_as(OPERATOR, shows="as the operator")
        await driver.refreshes()
        await driver.press("w", message="to add it", dialog="")
        await driver.press("b", message="This database lacks what gjobs adds", dialog="")


def retries(jobs_db: JobsDatabase, number: int) -> list[tuple[object, ...]]:
    return jobs_db.sql(
        "select j.status, j.retry_count from gjobs.job_links l join generation_jobs j on j.id = l.job_id"
        " where l.repeats = %s order by j.created_at, j.id",
        job_id(number),
    )


@pytest.fixture
async def failed(dashboard: Driver, jobs_db: JobsDatabase) -> Driver:
    """The dashboard, in which job 2 has failed too."""
    jobs_db.set_status(2, "failed")
    await dashboard.refreshes()
    return dashboard


async def test_retry_key_queues_a_new_job_linked_to_the_failed_one(failed: Driver, jobs_db: JobsDatabase) -> None:
    await failed.press("enter", on=2, shows="r retry")
    await failed.press("r", message=" as a retry of ", until=lambda: len(failed.rows) == 7)
    assert retries(jobs_db, 2) == [("queued", 1)]
    ((new,),) = jobs_db.sql("select job_id from gjobs.job_links")
    await failed.until(lambda: failed.table.cursor_job and failed.table.cursor_job.id == new)
    await failed.press("enter", on=2, shows=("Repeated by", str(new)))
    await failed.press("escape", "home", "enter", shows=("Repeats", str(job_id(2))))
    await failed.press("escape", dialog="")

    await failed.press("r", on=2, dialog="Retry this job again?")
    await failed.shows("This job was already retried.", "Database: testbase")
    await failed.press("n", dialog="")
    assert len(retries(jobs_db, 2)) == 1
    await failed.press("r", dialog="Retry this job again?")
    await failed.press("y", until=lambda: len(retries(jobs_db, 2)) == 2)

    await failed.until(lambda: failed.table.cursor_job and failed.table.cursor_job.id not in (job_id(2), new))
    jobs_db.sql("delete from gjobs.job_links")
    await failed.refreshes()
    await failed.press("space", "space", "space", "r", on=2, dialog="Retry 2 of these 3 jobs?")
    await failed.press("y", message="Retried 2 of 3 jobs")
    assert [len(retries(jobs_db, number)) for number in (2, 3, 4)] == [1, 0, 1]


async def test_retry_among_failed_jobs_names_the_new_job_and_keeps_the_cursor(
    failed: Driver, jobs_db: JobsDatabase
) -> None:
    """The next key acts on the failed job, which cannot be started, and on no other job."""
    await failed.press("5", rows=[2, 4])
    await failed.go_to(2)
    send(failed.app, "r", "s")
    await failed.expects(message="Only a queued job can be started; this one has already failed", shows="m 1 more")
    assert failed.messages[-2].endswith("It is not in this list. Press 1 to list all statuses.")
    assert failed.cursor == 2
    assert retries(jobs_db, 2) == [("queued", 1)]
    await failed.press("q", until=lambda: not failed.app.is_running)
    (printed,) = failed.app.tasks.exit_messages
    assert " as a retry of " in printed
    assert printed.endswith(f" {str(job_id(2))[:8]}.")


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

    await dashboard.mark(5, 2)
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


async def test_jobs_with_an_unknown_status_can_be_deleted_but_not_moved(migrated_copy: Conninfo) -> None:
    jobs_db = JobsDatabase(migrated_copy)
    jobs_db.sql("alter table generation_jobs drop constraint generation_jobs_status_check")
    jobs_db.sql("alter table gjobs.budgets drop constraint budgets_period_check")
    fill(jobs_db)
    jobs_db.job(10, "cancelled", minutes_ago=0.1, cost_cents=11)
    jobs_db.job(11, "cancelled", minutes_ago=0.2, cost_cents=11)
    jobs_db.sql("insert into gjobs.budgets (project_id, period, limit_cents) values (%s, 'week', 100)", AUTUMN)
    jobs_db.close()
    async with dashboard_on(migrated_copy) as driver:
        await driver.shows("∙ cancelled")
        assert driver.rows[:2] == [10, 11]
        assert "∙ cancelled 2" in driver.costs[0]
        assert "Total 8" in driver.costs[0]

        await driver.press("B", shows="2 ∙ cancelled")
        await driver.press("B", until=lambda: driver.app.screen is driver.app.dashboard)

        await driver.go_to(10)
        assert await driver.warnings_by_key("s", "c", "f", "r") == [
            "Only a queued job can be started; this one is cancelled, a status outside the workflow.",
            "Only a running job can be completed; this one is cancelled, a status outside the workflow.",
            "Only a running job can be failed; this one is cancelled, a status outside the workflow.",
            "Only a failed job can be retried; this one is cancelled.",
        ]
        await driver.press("enter", dialog="Job", shows=("∙ cancelled", "created, cancelled"))
        keys = str(driver.app.screen.query_one("#keys", Static).render())
        assert "d delete" in keys
        for word in ("start", "complete", "fail", "retry"):
            assert word not in keys
        await driver.press("escape", dialog="")

        await driver.filter("status:cancelled", "enter", rows=[10, 11])
        await driver.press("d", on=10, dialog="Delete this job?")
        await driver.press("y", rows=[11])
        await driver.press("U", rows=[10, 11])

        await driver.act_as(OPERATOR, shows=("as the operator", "Trail gear"))
        await driver.press("b", dialog="Budgets · Autumn catalog", shows="Autumn catalog per 'week'")
        await driver.press("enter", message="This version of gjobs does not know the period 'week'")
        assert driver.dialog == "Budgets · Autumn catalog"


def test_many_unknown_statuses_share_one_column() -> None:
    unknown = [UnknownStatus(f"state {number}") for number in range(30)]
    rows = [
        JobStatistic(status=status, count=1, total_cost_cents=10, avg_cost_cents=10.0)
        for status in (*JobStatus, *unknown)
    ]
    statistics = JobStatistics(by_status=tuple(rows))
    totals = replace(USUAL, statistics=statistics, counts=exact_counts(statistics))
    first = cost_lines(totals, width=120, height=4)[0]
    assert "∙ other 30" in first
    assert "Total 34" in first
    for width in range(50, 120):
        assert all(len(line) <= width for line in cost_lines(totals, width=width, height=4))
