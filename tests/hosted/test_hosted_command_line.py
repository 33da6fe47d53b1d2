"""The command line on the app's own database with each login: it reads, explains refusals and leaves no trace."""

import json
from pathlib import Path

import pytest

from gjobs.tui.cli.output import ExitCode
from tests.cli.command_line import Run
from tests.hosted.access_routes import SOME_LOGINS, Login
from tests.hosted.statement_log import record_transcript
from tests.tui.jobs_database import ADA, JobsDatabase, job_id

READING = (
    ("jobs", "list"),
    ("jobs", "list", "--status", "failed", "--json"),
    ("jobs", "show", str(job_id(4))),
    ("stats",),
    ("stats", "--by", "project", "--json"),
    ("projects",),
    ("snapshot",),
)

EXAMINING = (("migrate", "status"), ("migrate", "verify"), ("migrate", "sql"), ("doctor",), ("doctor", "--json"))


@pytest.fixture(autouse=True)
def address(login: Login, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GJOBS_DATABASE_URL", login.url)


@pytest.mark.reads
@pytest.mark.parametrize("login", SOME_LOGINS, indirect=True)
def test_reading_commands_leave_no_trace(login: Login, gjobs: Run) -> None:
    who = "ada@example.com" if login.is_owner else "operator"
    with record_transcript(login) as transcript:
        for command in READING:
            done = gjobs(*command, "--as", who)
            assert (done.code, done.err) == (0, ""), command
        recorded = transcript()

    assert sum("FROM public.generation_jobs" in statement.sql for statement in recorded.statements) >= len(READING)
    assert (recorded.traces_of(login), recorded.problems, recorded.writes) == ([], [], 0)


@pytest.mark.reads
@pytest.mark.parametrize("login", SOME_LOGINS, indirect=True)
def test_diagnostic_commands_leave_no_trace(login: Login, gjobs: Run) -> None:
    with record_transcript(login) as transcript:
        for command in EXAMINING:
            done = gjobs(*command)
            assert done.code == (ExitCode.FOUND if "doctor" in command else ExitCode.DONE), (command, done.err)
        recorded = transcript()

    assert len(recorded.by_session) >= 1
    assert (recorded.traces_of(login), recorded.problems, recorded.writes) == ([], [], 0)


@pytest.mark.reads
@pytest.mark.parametrize("login", SOME_LOGINS, indirect=True)
def test_emails_are_shown_only_with_the_right_to_read_them(login: Login, gjobs: Run) -> None:
    owner = f"ada@example.com ({ADA})" if login.is_owner else str(ADA)
    for who in ("ada@example.com", "operator") if login.is_owner else ("operator",):
        done = gjobs("jobs", "show", str(job_id(4)), "--as", who)
        assert f"owner        {owner}\n" in done.out

    done = gjobs("users", "--json")
    if login.is_owner:
        assert [user["email"] for user in done.document] == ["ada@example.com", "ben@example.com"]
    else:
        assert [(user["email"], user["job_count"]) for user in done.document] == [(None, 7), (None, 1)]
        assert done.err.startswith(
            "Only users who own jobs or projects are listed, without their e-mails. No grant: the role "
        )
        assert "Only the owner of the schema auth can grant that." in done.err


@pytest.mark.parametrize("login", SOME_LOGINS, indirect=True)
def test_writes_need_a_reason_or_a_writing_profile_and_the_right(
    login: Login, jobs_db: JobsDatabase, gjobs: Run, tmp_path: Path
) -> None:
    with record_transcript(login) as transcript:
        done = gjobs("jobs", "transition", str(job_id(1)), "running")
        recorded = transcript()
    assert (done.code, jobs_db.status(1)) == (6, "queued")
    assert ("--write REASON" if login.writes else "replica" if login.is_owner else "read-only") in done.err
    assert (recorded.traces, recorded.writes) == ([], 0)

    configuration = tmp_path / "config.toml"
    configuration.touch(mode=0o600)
    configuration.write_text(f"[profiles.way]\nurl = {json.dumps(login.url)}\nwrite = true\n")
    at = ("--config", str(configuration), "--profile", "way")
    done = gjobs("jobs", "transition", str(job_id(1)), "running", *at)
    if login.writes:
        assert (done.code, done.err, jobs_db.status(1)) == (0, "", "running")
    else:
        assert (done.code, jobs_db.status(1)) == (6, "queued")
        assert any(reason in done.err for reason in ("No grant", "read-only", "replica"))
