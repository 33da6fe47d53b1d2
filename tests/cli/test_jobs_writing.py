"""`gjobs jobs create`, `update` and `transition`."""

import pytest

from store.jobs.job import DEFAULT_COST_CENTS, JobStatus, why_refused
from tests.cli.support import Run, Sql
from tests.cli.world import ADA, ASSET, AUTUMN, BENS, FAILED, NOBODY, QUEUED, RUNNING, SPRING, SUCCEEDED, document
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


def test_jobs_create_prints_the_new_job_as_a_table(gjobs: Run) -> None:
    created = gjobs("jobs", "create", "--project", str(AUTUMN), "--mode", "lifestyle", "--cost-cents", "250")
    _, row = created.out.splitlines()
    assert row.split()[1:3] == ["queued", "$2.50"]
    assert row.endswith("lifestyle  Autumn catalog")


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--project", "Autumn catalog", "--mode", " "], 2, "The mode is empty."),
        (["--project", "Autumn catalog", "--mode", "x", "--cost-cents", "-1"], 2, "The cost must be"),
        (["--project", "Autumn catalog", "--mode", "x", "--cost-cents", "1.5"], 2, "'1.5' is not a whole number"),
        (["--project", "Autumn catalog", "--mode", "x", "--input-asset", str(NOBODY)], 2, "no asset"),
        (["--project", "Autumn catalog"], 2, "--mode"),
        (["--project", str(NOBODY), "--mode", "x"], 1, "There is no project"),
        (["--project", "Autumn", "--mode", "x"], 1, "'Autumn catalog'"),
        (["--project", "autumn catalog", "--mode", "x"], 1, "'Autumn catalog'"),
    ],
)
def test_jobs_create_explains_invalid_arguments(
    gjobs: Run, sql: Sql, arguments: list[str], code: int, words: str
) -> None:
    refused = gjobs("jobs", "create", *arguments, "--json")
    assert (refused.code, refused.out) == (code, "")
    assert words in refused.err
    assert sql("select count(*) from public.generation_jobs") == [(5,)]


def test_ambiguous_project_name_lists_the_project_ids(gjobs: Run, sql: Sql) -> None:
    sql("update public.projects set name = 'Autumn catalog'")
    refused = gjobs("jobs", "create", "--project", "Autumn catalog", "--mode", "x")
    assert refused.code == 2
    assert str(AUTUMN) in refused.err
    assert "2 projects have the name" in refused.err
    as_ada = gjobs("jobs", "create", "--project", "Autumn catalog", "--mode", "x", "--as", "ada@example.com")
    assert as_ada.code == 0


def test_jobs_update_changes_only_the_given_columns(gjobs: Run) -> None:
    updated = gjobs("jobs", "update", str(FAILED), "--cost-cents", "7", "--input-asset", str(ASSET), "--json")
    assert updated.code == 0
    changed = {"cost_cents": 7, "input_asset_id": str(ASSET), "updated_at": updated.document["updated_at"]}
    assert updated.document == {**document(FAILED), **changed}


def test_jobs_update_with_an_empty_text_removes_error_and_asset(gjobs: Run) -> None:
    gjobs("jobs", "update", str(FAILED), "--input-asset", str(ASSET))
    updated = gjobs("jobs", "update", str(FAILED), "--error", "", "--input-asset", "", "--json").document
    assert (updated["error"], updated["input_asset_id"]) == (None, None)


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ([str(QUEUED)], 2),
        ([str(QUEUED), "--status", "failed"], 2),
        ([str(QUEUED), "--mode", ""], 2),
        ([str(NOBODY), "--mode", "x"], 1),
        ([str(BENS), "--mode", "x", "--as", "ada@example.com"], 1),
        ([str(QUEUED), "--mode", "x", "--read-only"], 6),
    ],
)
def test_jobs_update_explains_invalid_arguments(gjobs: Run, sql: Sql, arguments: list[str], code: int) -> None:
    before = sql("select * from public.generation_jobs order by id")
    refused = gjobs("jobs", "update", *arguments)
    assert (refused.code, refused.out) == (code, "")
    assert refused.err
    assert sql("select * from public.generation_jobs order by id") == before


def test_jobs_transition_prints_the_changed_job_as_json(gjobs: Run, sql: Sql) -> None:
    moved = gjobs("jobs", "transition", str(RUNNING), "failed", "--error", "Boom", "--json")
    assert moved.code == 0
    job = {
        **document(RUNNING),
        "status": "failed",
        "error": "Boom",
        "updated_at": moved.document["job"]["updated_at"],
        "completed_at": moved.document["job"]["updated_at"],
    }
    assert moved.document == {"applied": True, "job": job, "reason": None}
    assert sql("select status, error from public.generation_jobs where id = %s", RUNNING) == [("failed", "Boom")]


def test_jobs_transition_prints_the_changed_job_as_a_table(gjobs: Run) -> None:
    moved = gjobs("jobs", "transition", str(QUEUED), "running")
    assert (moved.code, moved.err) == (0, "")
    assert moved.out.splitlines()[1].split()[:2] == [str(QUEUED), "running"]


def test_refused_transition_prints_the_reason(gjobs: Run) -> None:
    reason = why_refused(JobStatus.QUEUED, JobStatus.SUCCEEDED)
    refused = gjobs("jobs", "transition", str(QUEUED), "succeeded", "--json")
    assert refused.code == 1
    assert refused.document == {"applied": False, "job": document(QUEUED), "reason": reason}
    assert refused.err == f"{reason}\nIt may become running.\n"
    for_people = gjobs("jobs", "transition", str(QUEUED), "succeeded")
    assert (for_people.code, for_people.out, for_people.err) == (1, "", refused.err)


def test_transition_of_a_finished_job_is_refused(gjobs: Run) -> None:
    refused = gjobs("jobs", "transition", str(SUCCEEDED), "failed")
    assert refused.code == 1
    assert "which is final" in refused.err


@pytest.mark.parametrize("job", [NOBODY, BENS])
def test_transition_of_a_missing_or_hidden_job_is_refused(gjobs: Run, job: object) -> None:
    missing = gjobs("jobs", "transition", str(job), "running", "--as", "ada@example.com", "--json")
    reason = f"There is no job {job}, or none that this user sees."
    assert missing.code == 1
    assert missing.document == {"applied": False, "job": None, "reason": reason}
    assert missing.err.startswith(f"{job} is not there" if job == NOBODY else f"{job} exists, but ada@example.com")


@pytest.mark.parametrize(
    "command", [["jobs", "update", str(BENS), "--cost-cents", "5"], ["jobs", "delete", str(BENS), "--yes"]]
)
def test_write_to_a_hidden_job_reports_that_it_exists(gjobs: Run, sql: Sql, command: list[str]) -> None:
    refused = gjobs(*command, "--as", "ada@example.com")
    assert refused.code == 1
    assert refused.err.startswith(f"{BENS} exists, but ada@example.com does not see it.")
    assert sql("select cost_cents from public.generation_jobs where id = %s", BENS) == [(100,)]


def test_jobs_create_in_a_hidden_project_reports_no_such_project(gjobs: Run) -> None:
    refused = gjobs("jobs", "create", "--project", str(SPRING), "--mode", "x", "--as", "ada@example.com")
    assert refused.code == 1
    assert refused.err.startswith(f"There is no project '{SPRING}'")


def test_unknown_target_status_is_explained(gjobs: Run) -> None:
    refused = gjobs("jobs", "transition", str(QUEUED), "runing")
    assert refused.code == 2
    assert "did you mean 'running'?" in refused.err


def test_read_only_session_changes_no_job(gjobs: Run, sql: Sql) -> None:
    assert gjobs("--read-only", "jobs", "transition", str(QUEUED), "running").code == 6
    assert gjobs("jobs", "create", "--project", str(AUTUMN), "--mode", "x", "--read-only").code == 6
    assert sql("select count(*) from public.generation_jobs where status = 'queued'") == [(2,)]


def test_transition_of_a_locked_job_times_out(gjobs: Run, database: Conninfo) -> None:
    with connect(database) as other:
        other.execute("select from public.generation_jobs where id = %s for update", [QUEUED])
        locked = gjobs("jobs", "transition", str(QUEUED), "running")
    assert (locked.code, locked.out) == (4, "")
    assert "locked by another transaction" in locked.err
