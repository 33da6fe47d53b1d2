"""`gjobs cleanup` counts old jobs, asks, and deletes them in batches."""

import re
import signal

import pytest

from tests.cli.cli_rows import ALL, AUTUMN, FAILED, SUCCEEDED, UNFINISHED, present, time_of
from tests.cli.command_line import PROMPT, OpenTerminal, Run, Sql, run_process
from tests.conftest import Conninfo, connect
from tests.store.store_fixtures import until

pytestmark = pytest.mark.usefixtures("url")

OLD = ("cleanup", "--older-than", "1d", "--delete")
"""Matches each finished job."""


def test_cleanup_dry_run_counts_jobs_and_changes_nothing(gjobs: Run, sql: Sql) -> None:
    counted = gjobs(*OLD, "--dry-run")
    assert counted.code == 0
    assert [line.split() for line in counted.out.splitlines()] == [
        ["STATUS", "JOBS", "COST", "OLDEST"],
        ["succeeded", "1", "$2.50", "2026-01-04", "14:00:00", "UTC"],
        ["failed", "1", "$0.18", "2026-01-04", "13:00:00", "UTC"],
        ["total", "2", "$2.68"],
    ]
    assert counted.err.endswith(" Nothing was changed.\n")
    document = gjobs(*OLD, "--dry-run", "--json", "--project", "Autumn catalog", "--status", "queued,failed").document
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", document.pop("created_before"))
    assert document == {
        "action": "delete",
        "dry_run": True,
        "project_id": str(AUTUMN),
        "by_status": [
            {"status": "queued", "count": 1, "total_cost_cents": 200, "oldest_at": time_of(4)},
            {"status": "failed", "count": 1, "total_cost_cents": 18, "oldest_at": time_of(1)},
        ],
        "found": 2,
        "done": 0,
        "left": 2,
        "stopped": False,
    }
    assert present(sql) == ALL


def test_cleanup_deletes_old_finished_jobs_and_ignores_environment_variables(
    gjobs: Run, open_terminal: OpenTerminal, sql: Sql, monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal = open_terminal("cleanup", "--older-than", "5200w", "--delete")
    assert terminal.finish() == 0
    assert "No succeeded or failed job was created before" in terminal.screen
    assert PROMPT not in terminal.screen, "without old jobs, there is no question"
    monkeypatch.setenv("DATABASE_URL", "postgresql://nobody@127.0.0.1:1/app")
    monkeypatch.setenv("GJOBS_AS", "ben@example.com")
    done = gjobs(*OLD, "--yes")
    assert (done.code, done.out, done.err) == (0, "", "Deleted 2 jobs.\n")
    assert present(sql) == UNFINISHED


def test_cleanup_question_names_the_job_count_the_actor_and_the_database(open_terminal: OpenTerminal, sql: Sql) -> None:
    sql("create table public.invoices (job_id uuid references public.generation_jobs on delete set null)")
    try:
        terminal = open_terminal(*OLD, "--project", "Autumn catalog")
        terminal.read_until(PROMPT)
    finally:
        sql("drop table public.invoices")
    assert present(sql) == ALL
    terminal.agree(
        "Delete 2 jobs, created before",
        "  1 succeeded, $2.50",
        "  1 failed, $0.18",
        "Project: Autumn catalog",
        "As: the operator",
        "Database: world (",
        "This cannot be undone.",
        "Rows of public.invoices that refer to them are permanently deleted or unlinked.",
    )
    assert "Deleting: 2 of 2" in terminal.screen
    assert "Deleted 2 jobs." in terminal.screen
    assert present(sql) == UNFINISHED


def test_cleanup_skips_and_reports_locked_jobs(gjobs: Run, database: Conninfo, sql: Sql) -> None:
    with connect(database) as other:
        other.execute("select from public.generation_jobs where id = %s for update", [FAILED])
        done = gjobs(*OLD, "--yes")
    assert done.code == 0
    assert done.err.splitlines() == [
        "Deleted 1 job.",
        "1 job was skipped, because other sessions were using it. Run the same command to continue.",
    ]
    assert present(sql) == UNFINISHED | {FAILED}


def test_cleanup_reports_jobs_that_the_database_refuses_to_delete(gjobs: Run, sql: Sql) -> None:
    sql("create table public.invoices (job_id uuid references public.generation_jobs)")
    try:
        sql("insert into public.invoices values (%s), (%s)", FAILED, SUCCEEDED)
        refused = gjobs(*OLD, "--yes")
    finally:
        sql("drop table public.invoices")
    assert refused.code == 1
    nothing, reason = refused.err.splitlines()
    assert nothing == "Deleted 0 jobs."
    assert reason.startswith(f"2 jobs were refused, for example {SUCCEEDED}: The database refused the value: ")
    assert present(sql) == ALL


async def test_stopped_cleanup_finishes_its_batch_and_can_be_continued(
    open_terminal: OpenTerminal, database: Conninfo, sql: Sql
) -> None:
    sql(
        "insert into public.generation_jobs (user_id, project_id, status, mode, created_at)"
        " select user_id, id, 'succeeded', 'packaging', '2026-01-03'"
        " from public.projects cross join generate_series(1, 300) where id = %s",
        AUTUMN,
    )
    with connect(database, autocommit=True) as other:
        # A trigger makes the first batch wait for an advisory lock after its first job.
        other.execute(
            "create function public.wait() returns trigger language plpgsql as"
            " $$ begin perform pg_advisory_xact_lock(7); return old; end $$;"
            "create trigger wait before delete on public.generation_jobs for each row execute function public.wait();"
            "select pg_advisory_lock(7)"
        )
        try:
            terminal = open_terminal(*OLD, "--yes", "--json")
            await until(lambda: bool(sql("select 1 from pg_locks where locktype = 'advisory' and not granted")))
            terminal.process.send_signal(signal.SIGTERM)
            other.execute("select pg_advisory_unlock(7)")
            assert terminal.finish() == -signal.SIGTERM
        finally:
            other.execute("drop function public.wait() cascade")
    left = len(present(sql) - UNFINISHED)
    assert 0 < left < 302
    assert f"Stopped: deleted {302 - left} jobs, {left} jobs left. Run the same command to continue." in terminal.screen
    assert '"stopped": true' in terminal.screen
    assert run_process(*OLD, "--yes", "--json").document["done"] == left
    assert present(sql) == UNFINISHED
