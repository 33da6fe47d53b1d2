"""`gjobs jobs create`, `update`, `transition`, `retry` and `delete`, and the question before a deletion."""

import json
import shlex
import signal
from datetime import datetime, timedelta
from uuid import UUID

import pytest

from gjobs.store.jobs.job import DEFAULT_COST_CENTS, JobStatus, why_refused
from gjobs.store.journal.journal import Journal
from tests.cli.cli_rows import (
    ADA,
    ALL,
    ASSET,
    AUTUMN,
    BENS_JOB,
    FAILED,
    MISSING,
    QUEUED,
    RUNNING,
    SPRING,
    SUCCEEDED,
    document,
    present,
)
from tests.cli.command_line import PROMPT, OpenTerminal, Result, Run, Sql, assert_refused, run_process
from tests.conftest import Conninfo, connect

pytestmark = pytest.mark.usefixtures("url")


def test_jobs_create_queues_a_job_for_the_project_owner(gjobs: Run, sql: Sql) -> None:
    asset = str(ASSET)
    created = gjobs("jobs", "create", "--project", "Autumn catalog", "--mode", "x", "--input-asset", asset, "--json")
    assert created.code == 0
    job = created.document
    assert list(job) == list(document(QUEUED))
    assert (job["user_id"], job["project_id"], job["status"]) == (str(ADA), str(AUTUMN), "queued")
    assert (job["mode"], job["cost_cents"], job["input_asset_id"]) == ("x", DEFAULT_COST_CENTS, asset)
    assert sql("select cost_cents from public.generation_jobs where id = %s", job["id"]) == [(DEFAULT_COST_CENTS,)]
    created = gjobs("jobs", "create", "--project", str(AUTUMN), "--mode", "lifestyle", "--cost-cents", "250")
    _, row = created.out.splitlines()
    assert row.split()[1:3] == ["queued", "$2.50"]
    assert row.endswith("lifestyle  Autumn catalog")


def test_refused_write_is_explained_and_changes_nothing(gjobs: Run, sql: Sql) -> None:
    before = sql("select * from public.generation_jobs order by id")
    for line, code, words in (
        (
            f"create --project {AUTUMN} --mode x --cost-cents 1.5 --json",
            2,
            "'1.5' is not a whole number. For dollars, use --cost",
        ),
        (f"create --project {AUTUMN} --mode x --cost 1 --cost-cents 1", 2, "not allowed with argument --cost"),
        (f"create --project {AUTUMN} --json", 2, "--mode"),
        (f"create --project {MISSING} --mode x --json", 1, "There is no project"),
        ("create --project 'autumn catalog' --mode x", 1, "'Autumn catalog'"),
        (f"create --project {SPRING} --mode x --as ada@example.com", 1, f"There is no project '{SPRING}'"),
        (f"update {QUEUED}", 2, ""),
        (f"update {QUEUED} --status failed", 2, "--status"),
        (f"update {QUEUED} --mode ''", 2, "mode"),
    ):
        refused = gjobs("jobs", *shlex.split(line))
        assert_refused(refused, code, words)
        assert refused.err, line
        assert sql("select * from public.generation_jobs order by id") == before, line


def test_ambiguous_project_name_lists_the_project_ids(gjobs: Run, sql: Sql) -> None:
    sql("update public.projects set name = 'Autumn catalog'")
    create = ("jobs", "create", "--project", "Autumn catalog", "--mode", "x")
    assert_refused(gjobs(*create), 2, str(AUTUMN), "2 projects have the name")
    assert gjobs(*create, "--as", "ada@example.com").code == 0


def test_jobs_update_changes_only_the_given_columns_and_an_empty_text_removes_a_value(gjobs: Run) -> None:
    updated = gjobs("jobs", "update", str(FAILED), "--cost-cents", "7", "--input-asset", str(ASSET), "--json")
    assert updated.code == 0
    changed = {"cost_cents": 7, "input_asset_id": str(ASSET), "updated_at": updated.document["updated_at"]}
    assert updated.document == {**document(FAILED), **changed}
    removed = gjobs("jobs", "update", str(FAILED), "--error", "", "--input-asset", "", "--json").document
    assert (removed["error"], removed["input_asset_id"]) == (None, None)


def test_jobs_transition_prints_the_changed_job(gjobs: Run, sql: Sql) -> None:
    moved = gjobs("jobs", "transition", str(RUNNING), "failed", "--error", "Boom", "--json")
    assert moved.code == 0
    now = moved.document["job"]["updated_at"]
    changed = {"status": "failed", "error": "Boom", "updated_at": now, "completed_at": now}
    started_at = datetime.fromisoformat(document(RUNNING)["created_at"]) + timedelta(hours=1)
    changed["run_seconds"] = (datetime.fromisoformat(now) - started_at).total_seconds()
    assert moved.document == {"applied": True, "job": document(RUNNING) | changed, "reason": None}
    assert sql("select status, error from public.generation_jobs where id = %s", RUNNING) == [("failed", "Boom")]
    moved = gjobs("jobs", "transition", str(QUEUED), "running")
    assert (moved.code, moved.err) == (0, "")
    assert moved.out.splitlines()[1].split()[:2] == [str(QUEUED), "running"]
    updated = gjobs("jobs", "update", str(QUEUED), "--cost-cents", "7")
    assert all("Autumn catalog" in one.out for one in (moved, updated))


def test_refused_transition_prints_the_reason(gjobs: Run) -> None:
    reason = why_refused(JobStatus.QUEUED, JobStatus.SUCCEEDED)
    refused = gjobs("jobs", "transition", str(QUEUED), "succeeded", "--json")
    assert refused.code == 1
    assert refused.document == {"applied": False, "job": document(QUEUED), "reason": reason}
    hint = "It can change to running."
    error = {"kind": "declined", "message": reason, "hint": hint, "exit_code": 1}
    assert json.loads(refused.err) == {"error": error}
    as_text = gjobs("jobs", "transition", str(QUEUED), "succeeded")
    assert (as_text.code, as_text.out, as_text.err) == (1, "", f"{reason}\n{hint}\n")

    for job, words in ((MISSING, "does not exist"), (BENS_JOB, "exists, but ada@example.com")):
        missing = gjobs("jobs", "transition", str(job), "running", "--as", "ada@example.com", "--json")
        reason = f"There is no job {job}, or this user does not see it."
        assert missing.code == 1
        assert missing.document == {"applied": False, "job": None, "reason": reason}
        assert json.loads(missing.err)["error"]["message"].startswith(f"{job} {words}")


def test_transition_of_a_locked_job_times_out(gjobs: Run, database: Conninfo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Journal, "writes_done", 0)
    with connect(database) as other:
        other.execute("select from public.generation_jobs where id = %s for update", [QUEUED])
        refused = gjobs("jobs", "transition", str(QUEUED), "running")
        assert_refused(refused, 4, "locked by another transaction.\nNothing was changed.\n")


def test_retry_links_the_new_job_to_the_failed_one_and_a_second_retry_requires_again(gjobs: Run) -> None:
    (done,) = gjobs("jobs", "retry", str(FAILED), "--json").document
    new = done["job"]
    assert (done["repeats"], done["applied"], done["repeated_by"]) == (str(FAILED), True, None)
    assert (new["status"], new["mode"], new["retry_count"]) == ("queued", "feature_callout", 1)
    assert gjobs("jobs", "show", new["id"], "--json").document["repeats"] == str(FAILED)
    assert gjobs("jobs", "show", str(FAILED), "--json").document["repeated_by"] == [new["id"]]
    assert f"repeats      {FAILED}" in gjobs("jobs", "show", new["id"]).out
    assert f"repeated by  {new['id']}" in gjobs("jobs", "show", str(FAILED)).out

    refused = gjobs("jobs", "retry", str(FAILED))
    assert (refused.code, refused.out) == (1, "")
    assert refused.err == f"The job {FAILED} was already retried as {new['id']}. Add --again to retry it again.\n"
    assert gjobs("jobs", "retry", str(FAILED), "--again").code == 0


def test_retry_reports_each_job_that_cannot_be_retried(gjobs: Run) -> None:
    done = gjobs("jobs", "retry", str(FAILED), str(QUEUED), str(MISSING))
    assert done.code == 1
    _, row = done.out.splitlines()
    assert row.endswith("Autumn catalog")
    assert done.err.splitlines() == [
        f"Only a failed job can be retried; {QUEUED} is queued.",
        f"There is no job {MISSING}, or this user does not see it.",
    ]


DELETE = ("jobs", "delete", str(FAILED))

CLEANUP = ("cleanup", "--older-than", "1d", "--delete")


def test_jobs_delete_deletes_all_given_jobs_or_none(gjobs: Run, sql: Sql) -> None:
    for other in (MISSING, BENS_JOB):
        refused = gjobs("jobs", "delete", str(FAILED), str(other), "--as", "ada@example.com", "--yes", "--json")
        assert refused.code == 1
        assert refused.document == {"deleted": [], "missing": [str(other)]}
        assert str(other) in refused.err
        assert present(sql) == ALL
    assert_refused(gjobs(*DELETE, "--yes", "--json", "--as", "nobody@example.com"), 1, "nobody@example.com")

    deleted = gjobs("jobs", "delete", str(FAILED), str(SUCCEEDED), str(FAILED), "--yes", "--json")
    assert deleted.code == 0
    assert deleted.document == {"deleted": [str(FAILED), str(SUCCEEDED)], "missing": []}
    assert present(sql) == ALL - {FAILED, SUCCEEDED}
    assert gjobs("jobs", "delete", str(QUEUED), "--yes") == Result(code=0, out="", err="Deleted 1 job.\n")


def test_jobs_delete_question_names_each_job_and_the_database(open_terminal: OpenTerminal, sql: Sql) -> None:
    extra = [UUID(int=0xC0 + number) for number in range(6)]
    sql(
        "insert into public.generation_jobs (id, user_id, project_id, mode)"
        " select unnest(%s::uuid[]), user_id, id, 'packaging' from public.projects where name = 'Autumn catalog'",
        extra,
    )
    jobs = [FAILED, RUNNING, *extra]
    terminal = open_terminal("jobs", "delete", *map(str, jobs))
    shown = ("these 8 jobs", "Autumn catalog", "failed", "test_", "6 queued and 1 running")
    terminal.agree(*shown, *(job.hex[:8] for job in jobs))
    assert "Deleted 8 jobs." in terminal.screen
    assert FAILED not in present(sql)


def test_deletion_deletes_nothing_unless_the_answer_is_yes(open_terminal: OpenTerminal, sql: Sql) -> None:
    for command, answer in ((CLEANUP, "n\n"), *((DELETE, answer) for answer in ("\x04", "yess\n"))):
        terminal = open_terminal(*command)
        assert terminal.answer(answer) == 1
        assert "Nothing was deleted." in terminal.screen, answer
        assert present(sql) == ALL, answer
    typed_before = open_terminal(*DELETE)
    typed_before.type("y\n")
    typed_before.decline()
    assert present(sql) == ALL
    for command in (DELETE, CLEANUP):
        assert_refused(run_process(*command, stdin="y\n"), 2, "--yes")
        assert present(sql) == ALL, "deletion without a terminal requires --yes"


def test_jobs_delete_deletes_nothing_if_a_job_changed_meanwhile(open_terminal: OpenTerminal, sql: Sql) -> None:
    terminal = open_terminal("jobs", "delete", str(FAILED), str(QUEUED), "--json")
    terminal.read_until(PROMPT)
    sql("update public.generation_jobs set status = 'running' where id = %s", QUEUED)
    terminal.type("y\n")
    assert terminal.finish() == 1
    assert "is now running, not queued. Nothing was deleted." in terminal.screen
    assert '"deleted": []' in terminal.screen
    assert present(sql) == ALL


def test_signal_during_the_question_deletes_nothing(open_terminal: OpenTerminal, sql: Sql) -> None:
    for number, code in ((signal.SIGINT, 130), (signal.SIGTERM, -signal.SIGTERM)):
        terminal = open_terminal(*DELETE)
        terminal.read_until(PROMPT)
        terminal.process.send_signal(number)
        assert terminal.finish() == code
        assert "Traceback" not in terminal.screen
        assert present(sql) == ALL
