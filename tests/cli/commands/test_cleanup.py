"""`gjobs cleanup` and its policies, `gjobs archive`, and their words when they are interrupted."""

import asyncio
import json
import re
import signal
import sys
from collections.abc import AsyncGenerator, Iterator, Sequence
from typing import Any

import pytest

from gjobs.store.errors import Unreachable
from gjobs.store.retention.retention import BatchProgress
from tests.cli.cli_rows import ALL, AUTUMN, FAILED, MISSING, SPRING, SUCCEEDED, UNFINISHED, document, present, time_of
from tests.cli.command_line import PROMPT, OpenTerminal, Run, Sql, run_process
from tests.conftest import Conninfo, connect
from tests.store.store_fixtures import altered, until

pytestmark = pytest.mark.usefixtures("url")

DELETE_OLD = ("cleanup", "--older-than", "1d", "--delete")
"""Matches each finished job."""


def test_cleanup_dry_run_counts_jobs_and_changes_nothing(gjobs: Run, sql: Sql) -> None:
    counted = gjobs(*DELETE_OLD, "--dry-run")
    assert counted.code == 0
    assert [line.split() for line in counted.out.splitlines()] == [
        ["STATUS", "JOBS", "COST", "OLDEST"],
        ["succeeded", "1", "$2.50", "2026-01-04", "14:00:00", "UTC"],
        ["failed", "1", "$0.18", "2026-01-04", "13:00:00", "UTC"],
        ["total", "2", "$2.68"],
    ]
    assert counted.err.endswith(" Nothing was changed.\n")
    document = gjobs(
        *DELETE_OLD, "--dry-run", "--json", "--project", "Autumn catalog", "--status", "queued,failed"
    ).document
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
    done = gjobs(*DELETE_OLD, "--yes")
    assert (done.code, done.out, done.err) == (0, "", "Deleted 2 jobs.\n")
    assert present(sql) == UNFINISHED


def test_cleanup_question_names_the_job_count_the_actor_and_the_database(open_terminal: OpenTerminal, sql: Sql) -> None:
    table = "create table public.invoices (job_id uuid references public.generation_jobs on delete set null)"
    with altered(sql, table, "drop table public.invoices"):
        terminal = open_terminal(*DELETE_OLD, "--project", "Autumn catalog")
        terminal.read_until(PROMPT)
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
        done = gjobs(*DELETE_OLD, "--yes")
    assert done.code == 0
    assert done.err.splitlines() == [
        "Deleted 1 job.",
        "1 job was skipped, because other sessions were using it. Run the same command to continue.",
    ]
    assert present(sql) == UNFINISHED | {FAILED}


def test_cleanup_reports_jobs_that_the_database_refuses_to_delete(gjobs: Run, sql: Sql) -> None:
    table = "create table public.invoices (job_id uuid references public.generation_jobs)"
    with altered(sql, table, "drop table public.invoices"):
        sql("insert into public.invoices values (%s), (%s)", FAILED, SUCCEEDED)
        refused = gjobs(*DELETE_OLD, "--yes")
    assert refused.code == 1
    nothing, reason = refused.err.splitlines()
    assert nothing == "Deleted 0 jobs."
    assert reason.startswith(f"2 jobs were refused, for example {SUCCEEDED}: The database refused the value: ")
    assert present(sql) == ALL


async def test_stopped_cleanup_can_be_continued(open_terminal: OpenTerminal, database: Conninfo, sql: Sql) -> None:
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
            terminal = open_terminal(*DELETE_OLD, "--yes", "--json")
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
    assert run_process(*DELETE_OLD, "--yes", "--json").document["done"] == left
    assert present(sql) == UNFINISHED


SET = ("cleanup", "policies", "set", "--older-than", "30d")


@pytest.fixture(autouse=True)
def no_policies(sql: Sql) -> Iterator[None]:
    yield
    sql("delete from gjobs.retention_policies")


def test_retention_policy_is_set_listed_applied_and_removed(gjobs: Run, sql: Sql) -> None:
    made = gjobs(*SET, "--project", "Autumn catalog", "--status", "failed", "--yes", "--json").document
    project, month = str(AUTUMN), 30 * 86_400
    kept = {"project_id": project, "statuses": ["failed"], "older_than_seconds": month, "action": "archive"}
    assert made == {"id": made["id"], **kept, "created_at": made["created_at"], "applied_at": None}
    gjobs(*SET, "--delete", "--yes")
    title, first, second = gjobs("cleanup", "policies", "list").out.splitlines()
    assert title.split() == ["OLDER", "THAN", "ACTION", "STATUS", "LAST", "APPLIED", "PROJECT"]
    assert first.split() == ["30d", "archive", "failed", "-", "Autumn", "catalog"]
    assert second.split() == ["30d", "delete", "succeeded,", "failed", "-", "all", "other", "projects"]
    applied = gjobs("cleanup", "policies", "apply", "--yes")
    assert (applied.code, applied.err) == (0, "Archived 1 job: Autumn catalog\n")
    assert sql("select status from gjobs.archived_jobs") == [("failed",)]
    assert gjobs("cleanup", "policies", "apply", "--yes").err == "No job is old enough for a policy.\n"
    unasked = gjobs("cleanup", "policies", "remove", "--project", "Autumn catalog")
    assert (unasked.code, unasked.err.splitlines()[1]) == (2, "Add --yes to confirm.")
    removed = gjobs("cleanup", "policies", "remove", "--project", "Autumn catalog", "--yes")
    assert removed.err == "The policy is removed.\n"
    assert gjobs("cleanup", "policies", "remove", "--project", "Autumn catalog").code == 1
    assert len(gjobs("cleanup", "policies", "list", "--json").document) == 1


def test_applied_policies_exit_with_1_if_the_database_refused_jobs(gjobs: Run, sql: Sql) -> None:
    gjobs(*SET, "--delete", "--yes")
    table = "create table public.invoices (job_id uuid references public.generation_jobs)"
    with altered(sql, table, "drop table public.invoices"):
        sql("insert into public.invoices values (%s)", SUCCEEDED)
        applied = gjobs("cleanup", "policies", "apply", "--yes")
    done, reason = applied.err.splitlines()
    assert (applied.code, done) == (1, "Deleted 1 job: all other projects")
    assert reason.startswith(f"1 job was refused, for example {SUCCEEDED}: ")


def test_interrupted_retention_run_reports_the_archived_jobs(gjobs: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    async def interrupted_cleanup(*_: object) -> AsyncGenerator[BatchProgress, None]:
        yield BatchProgress(done=3)
        raise Unreachable("The database is not reachable: gone.")

    gjobs(*SET, "--project", "Autumn catalog", "--yes")
    monkeypatch.setattr("gjobs.store.retention.cleanup.run_cleanup", interrupted_cleanup)
    applied = gjobs("cleanup", "policies", "apply", "--yes")
    assert applied.code == 3
    assert applied.err.splitlines()[:3] == [
        "Archived 3 jobs: Autumn catalog",
        "An error stopped the run. Run the same command to continue.",
        "The database is not reachable: gone.",
    ]


def test_policies_set_question_counts_the_jobs_it_would_affect(open_terminal: OpenTerminal, sql: Sql) -> None:
    terminal = open_terminal(*SET, "--delete")
    terminal.decline(
        "From now on, delete jobs older than 30d whenever policies are applied?",
        "This currently matches 2 jobs:",
        "Project: all other projects",
        "Database: world (",
        "This cannot be undone.",
    )
    assert sql("select 1 from gjobs.retention_policies") == []


def test_policies_remove_asks_if_the_general_policy_would_apply(
    gjobs: Run, open_terminal: OpenTerminal, sql: Sql
) -> None:
    gjobs(*SET, "--delete", "--yes")
    gjobs("cleanup", "policies", "set", "--older-than", "10000d", "--project", "Autumn catalog", "--yes")
    terminal = open_terminal("cleanup", "policies", "remove", "--project", "Autumn catalog")
    terminal.decline(
        "Remove the policy of Autumn catalog?",
        "The policy for all other projects will apply: delete jobs older than 30d.",
        "This currently matches 2 jobs:",
        "This cannot be undone.",
    )
    assert sql("select count(*) from gjobs.retention_policies") == [(2,)]


SWAP_NAMES = """
update public.projects set name = case id when %s then 'Spring lookbook' else 'Autumn catalog' end where id in (%s, %s)
"""


def test_policies_change_for_the_project_of_the_question_even_if_it_is_renamed(
    gjobs: Run, open_terminal: OpenTerminal, sql: Sql
) -> None:
    of_projects = "select project_id from gjobs.retention_policies where project_id is not null"
    terminal = open_terminal(*SET, "--delete", "--project", "Autumn catalog")
    terminal.read_until(PROMPT)
    sql(SWAP_NAMES, AUTUMN, AUTUMN, SPRING)
    terminal.agree("Project: Autumn catalog")
    assert sql(of_projects) == [(AUTUMN,)]

    gjobs(*SET, "--yes")
    gjobs(*SET, "--project", "Autumn catalog", "--yes")
    terminal = open_terminal("cleanup", "policies", "remove", "--project", "Spring lookbook")
    terminal.read_until(PROMPT)
    sql(SWAP_NAMES, SPRING, AUTUMN, SPRING)
    terminal.agree("Remove the policy of Spring lookbook?")
    assert sql(of_projects) == [(SPRING,)]


def test_policies_remove_asks_nothing_when_jobs_would_be_kept(gjobs: Run) -> None:
    gjobs(*SET, "--project", "Autumn catalog", "--yes")
    assert gjobs("cleanup", "policies", "remove", "--project", "Autumn catalog").code == 0
    gjobs(*SET, "--yes")
    assert gjobs("cleanup", "policies", "remove").code == 0


def test_policies_changed_since_the_question_are_not_applied(gjobs: Run, open_terminal: OpenTerminal, sql: Sql) -> None:
    gjobs("cleanup", "policies", "set", "--older-than", "10000d", "--yes")
    terminal = open_terminal("cleanup", "policies", "apply")
    terminal.read_until(PROMPT)
    gjobs(*SET, "--delete", "--yes")
    terminal.type("y\n")
    assert terminal.finish() == 1
    assert "The policies changed after you confirmed them. Nothing was applied." in terminal.screen
    assert sql("select applied_at from gjobs.retention_policies") == [(None,)]


ARCHIVE_OLD = ("cleanup", "--older-than", "1d")


@pytest.fixture
def archived_jobs(gjobs: Run, url: str) -> None:
    """Archive the two finished jobs."""
    done = gjobs(*ARCHIVE_OLD, "--yes")
    assert (done.code, done.err) == (0, "Archived 2 jobs.\n")


@pytest.mark.usefixtures("archived_jobs")
class TestArchivedJobs:
    def test_cleanup_archives_old_finished_jobs_and_archive_list_shows_them(self, gjobs: Run, sql: Sql) -> None:
        assert present(sql) == UNFINISHED
        listed = gjobs("archive", "list", "--json").document
        assert all(one["archived_at"] for one in listed)
        assert [one | document(job) for one, job in zip(listed, (SUCCEEDED, FAILED), strict=True)] == listed
        of_autumn = gjobs("archive", "list", "--status", "failed", "--project", "Autumn catalog")
        title, row = of_autumn.out.splitlines()
        assert title.split() == ["ID", "STATUS", "COST", "CREATED", "ARCHIVED", "MODE", "PROJECT", "ERROR"]
        assert row.startswith(str(FAILED))
        assert gjobs("archive", "list", "--as", "ben@example.com").err == "No archived jobs.\n"
        (first,) = gjobs("archive", "list", "--limit", "1", "--json").document
        (second,) = gjobs("archive", "list", "--after", f"{first['created_at']},{first['id']}", "--json").document
        assert [first["id"], second["id"]] == [str(SUCCEEDED), str(FAILED)]
        shown = gjobs("jobs", "show", str(FAILED))
        assert shown.code == 1
        assert shown.err.splitlines() == [
            f"The job {FAILED} is in the archive.",
            f"'gjobs archive restore {FAILED} --profile world' restores it. --events shows its events.",
        ]
        assert "is in the archive" not in gjobs("jobs", "show", str(FAILED), "--as", "ben@example.com").err

    def test_archive_restore_restores_all_given_ids_or_none(self, gjobs: Run, sql: Sql) -> None:
        refused = gjobs("archive", "restore", str(FAILED), str(MISSING), "--json")
        assert refused.code == 1
        assert refused.document == {"restored": [], "missing": [str(MISSING)], "dropped_columns": []}
        assert FAILED not in present(sql)
        done = gjobs("archive", "restore", str(FAILED), str(FAILED))
        assert (done.code, done.err) == (0, "Restored 1 job.\n")
        assert FAILED in present(sql)
        shown = gjobs("jobs", "show", str(FAILED), "--events")
        assert shown.code == 0
        assert "archived, was failed" in shown.out
        assert "restored, failed" in shown.out

    def test_archive_restore_all_asks_for_confirmation(self, open_terminal: OpenTerminal, sql: Sql) -> None:
        terminal = open_terminal("archive", "restore", "--all")
        terminal.agree("Restore 2 jobs from the archive?", "  1 succeeded, $2.50", "Project: all", "Database: world (")
        assert "Restored 2 jobs." in terminal.screen
        assert present(sql) == ALL

    def test_archive_restore_restores_only_matching_jobs(self, gjobs: Run, sql: Sql) -> None:
        done = gjobs("archive", "restore", "--status", "failed", "--since", "1h", "--yes", "--json")
        assert done.document == {"found": 1, "done": 1, "left": 0, "stopped": False, "dropped_columns": []}
        assert present(sql) == ALL - {SUCCEEDED}
        assert gjobs("archive", "restore", "--status", "failed", "--yes").err == "No archived job matches.\n"

    def test_stats_reports_whether_archived_jobs_are_included(self, gjobs: Run) -> None:
        def stats(*options: str) -> list[Any]:
            plain = gjobs("stats", *options, "--json").document
            by_project = gjobs("stats", "--by", "project", *options, "--json").document
            return [plain | {"includes_archive": True}, by_project]

        for by in ([], ["--by", "project"]):
            assert gjobs("stats", *by).err == "Excludes 2 archived jobs. Add --archive to include them.\n"
            assert gjobs("stats", *by, "--archive").err == "Includes the archived jobs.\n"
        assert gjobs("stats", "--json").document["includes_archive"] is False
        assert gjobs("stats", "--archive", "--json").document["includes_archive"] is True
        whole, of_autumn = stats("--archive"), stats("--archive", "--project", "Autumn catalog")
        gjobs("archive", "restore", "--all", "--yes")
        assert (whole, of_autumn) == (stats(), stats("--project", "Autumn catalog"))
        assert gjobs("stats").err + gjobs("stats", "--by", "project").err == ""


def test_cleanup_question_says_what_happens_to_unfinished_jobs_and_how_to_restore(
    gjobs: Run, open_terminal: OpenTerminal, url: str
) -> None:
    terminal = open_terminal(*ARCHIVE_OLD, "--status", "queued,running,failed")
    terminal.decline(
        "Archive 4 jobs, created before",
        "2 queued and 1 running jobs will never finish. Jobs that a worker holds stay.",
        "'gjobs archive restore --help --profile world' says how to restore them.",
    )
    assert "Nothing was archived." in terminal.screen
    assert gjobs("archive", "restore", "--help", "--profile", "world").code == 0


OLD_JOBS = ("--older-than", "1d")
COMMANDS: dict[str, tuple[Sequence[str], str, str]] = {
    "cleanup": (
        ("cleanup", *OLD_JOBS, "--yes"),
        "gjobs.store.retention.cleanup.run_cleanup",
        "Stopped: archived 3 jobs, ",
    ),
    "archive restore": (
        ("archive", "restore", "--all", "--yes"),
        "gjobs.store.retention.archive.restore_matching",
        "Stopped: restored 3 jobs, ",
    ),
    "cleanup policies apply": (
        ("cleanup", "policies", "apply", "--yes"),
        "gjobs.store.retention.cleanup.run_cleanup",
        "Stopped: the policies were applied to 3 jobs. ",
    ),
}


async def interrupted_once(*_: object) -> AsyncGenerator[BatchProgress, None]:
    signal.raise_signal(signal.SIGINT)
    while True:
        # The event loop handles the signal between two steps.
        await asyncio.sleep(0)
        yield BatchProgress(done=3)


async def interrupted_twice(*_: object) -> AsyncGenerator[BatchProgress, None]:
    yield BatchProgress(done=3)
    for _time in range(2):
        signal.raise_signal(signal.SIGTERM)
    await asyncio.Event().wait()


@pytest.fixture
def sigterm_exits() -> Iterator[int]:
    """Let SIGTERM exit the command line in this process with the code that a separate process would return. Return
    the exit code.
    """
    code = 128 + signal.SIGTERM
    before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(code))
    yield code
    signal.signal(signal.SIGTERM, before)


@pytest.fixture(params=COMMANDS)
def interrupted(request: pytest.FixtureRequest, gjobs: Run, sql: Sql) -> Iterator[tuple[Sequence[str], str, str]]:
    """A command with matching jobs, the function that it runs, and the beginning of its message."""
    if request.param == "archive restore":
        gjobs("cleanup", *OLD_JOBS, "--yes")
    if request.param == "cleanup policies apply":
        gjobs("cleanup", "policies", "set", *OLD_JOBS, "--yes")
    yield COMMANDS[request.param]
    sql("delete from gjobs.retention_policies")


def test_interrupted_command_reports_what_was_done(
    interrupted: tuple[Sequence[str], str, str], gjobs: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    command, function, words = interrupted
    monkeypatch.setattr(function, interrupted_once)
    stopped = gjobs(*command, "--json")
    assert stopped.code == 130
    assert stopped.document
    error = json.loads(stopped.err.splitlines()[-1])["error"]
    assert (error["kind"], error["hint"], error["exit_code"]) == ("interrupted", None, 130)
    assert error["message"].startswith(words)
    assert error["message"].endswith("Run the same command to continue.")
    assert gjobs(*command).err.splitlines()[-1] == error["message"]


def test_second_signal_ends_the_command_at_once_and_reports_what_was_done(
    interrupted: tuple[Sequence[str], str, str],
    gjobs: Run,
    monkeypatch: pytest.MonkeyPatch,
    sigterm_exits: int,
) -> None:
    command, function, _ = interrupted
    monkeypatch.setattr(function, interrupted_twice)
    ended = gjobs(*command, "--json")
    assert (ended.code, ended.out) == (sigterm_exits, "")
    (document,) = (line for line in ended.err.splitlines() if line.startswith("{"))
    error = json.loads(document)["error"]
    assert (error["kind"], error["exit_code"]) == ("interrupted", 130)
    assert error["message"].endswith(" 3 jobs before the interrupt. Run the same command to continue.")
    assert gjobs(*command).err.splitlines()[-1] == error["message"]
