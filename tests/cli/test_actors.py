"""What --as, --aal, --write and the claims of a profile allow a command to see and to change."""

import shlex
from collections.abc import Iterator

import psycopg
import pytest

from tests.cli.cli_rows import ADA, ASSET, AUTUMN, FAILED, QUEUED, SUCCEEDED, fill
from tests.cli.command_line import Configure, Run, Sql, UseProfile, assert_refused, profile, uri
from tests.conftest import Conninfo, connect, temporary_login
from tests.statement_recording import AS_OPERATOR, StatementRecording, as_user

ANA = "00000000-0000-4000-8000-00000000000a"
PROJECT = "00000000-0000-4000-8000-0000000000aa"


@pytest.fixture
def app(
    attached_database: Conninfo, configure: Configure, monkeypatch: pytest.MonkeyPatch
) -> Iterator[psycopg.Connection]:
    """The app's own database with one job per organisation, visible to the members."""
    configure(profile("app", uri(attached_database)))
    monkeypatch.setenv("GJOBS_PROFILE", "app")
    with connect(attached_database, autocommit=True) as connection:
        connection.execute(
            "insert into auth.users (id, email, created_at, raw_app_meta_data)"
            " values (%s, 'ana@example.com', now(), '{\"org\": \"acme\"}')",
            [ANA],
        )
        connection.execute("insert into public.projects (id, user_id, name) values (%s, %s, 'P')", [PROJECT, ANA])
        for mode in ("acme", "globex"):
            connection.execute(
                "insert into public.generation_jobs (user_id, project_id, mode) values (%s, %s, %s)",
                [ANA, PROJECT, mode],
            )
        show_jobs_where(connection, "mode = (auth.jwt() -> 'app_metadata' ->> 'org')")
        yield connection


def show_jobs_where(app: psycopg.Connection, condition: str) -> None:
    app.execute('drop policy if exists "Users can view own generation jobs" on public.generation_jobs')
    app.execute("drop policy if exists shown on public.generation_jobs")
    app.execute(f"create policy shown on public.generation_jobs for select using ({condition})".encode())


@pytest.fixture
def without_metadata(app: psycopg.Connection, attached_database: Conninfo) -> Iterator[str]:
    """The address of a login that cannot read the users' metadata."""
    rights = (
        *("authenticated", "usage on schema auth, public", "select (id, email, created_at) on auth.users"),
        "select on public.generation_jobs, public.projects",
    )
    with temporary_login(attached_database, "metadata_less", *rights) as login:
        yield uri(login)


def modes(gjobs: Run, *options: str) -> set[str]:
    found = gjobs("--json", "jobs", "list", *options)
    assert found.code == 0, found.err
    return {job["mode"] for job in found.document}


def test_aal_option_sets_the_assurance_level_of_a_user_and_requires_one(gjobs: Run, app: psycopg.Connection) -> None:
    show_jobs_where(app, "(select auth.jwt() ->> 'aal') = 'aal2'")

    assert modes(gjobs, "--as", ANA) == set()
    assert modes(gjobs, "--as", ANA, "--aal", "1") == set()
    assert modes(gjobs, "--as", ANA, "--aal", "2") == {"acme", "globex"}
    for actor in ((), ("--as", "operator"), ("--as", "anon")):
        refused = gjobs("jobs", "list", "--aal", "2", *actor)
        assert refused.code == 2
        assert refused.err == "--aal needs a user.\nAdd --as WHO, or leave --aal out.\n"


def test_anon_sees_only_the_rows_of_a_visitor(gjobs: Run, app: psycopg.Connection) -> None:
    show_jobs_where(app, "auth.uid() is null and auth.role() = 'anon' and mode = 'globex'")

    assert modes(gjobs, "--as", "anon") == {"globex"}
    created = gjobs("projects", "create", "Mine", "--as", "anon")
    assert (created.code, created.err.splitlines()[0]) == (2, "A project belongs to a user, but anon is not a user.")
    assert "as anon" in gjobs("snapshot", "--as", "anon").out


def test_claims_of_the_profile_are_added_to_those_of_the_user(
    gjobs: Run, app: psycopg.Connection, attached_database: Conninfo, configure: Configure
) -> None:
    show_jobs_where(app, "mode = (auth.jwt() ->> 'org_id')")
    unknown = gjobs("--json", "jobs", "list", "--as", ANA)
    configure(profile("app", uri(attached_database)), 'claims = { org_id = "globex", seats = 3 }')

    known = gjobs("--json", "jobs", "list", "--as", ANA)

    assert unknown.document == []
    assert unknown.err == (
        "Partial claims: policies read org_id, which gjobs does not know. In the app, the user may see other rows."
        " Add the claims to the profile, or connect as a login that reads auth.users.\n"
    )
    assert ([job["mode"] for job in known.document], known.err) == (["globex"], "")


READING_COMMANDS = (
    ["jobs", "list"],
    ["stats"],
    ["stats", "--by", "project"],
    ["jobs", "export", "-", "--format", "csv"],
    ["projects"],
    ["watch", "--until", "left<5"],
    ["doctor"],
    ["cleanup", "--older-than", "1d", "--dry-run"],
)


def test_results_are_partial_without_a_claim(gjobs: Run, app: psycopg.Connection, without_metadata: str) -> None:
    with_login = ("--database-url", without_metadata, "--as", ANA)

    for command in READING_COMMANDS:
        assert "Partial claims: policies read app_metadata" in gjobs(*command, *with_login).err, command
    numbers = gjobs("--json", "stats", *with_login).document

    assert (numbers["exact"], numbers["partial_claims"]) == (False, ["app_metadata"])


def test_numbers_are_not_exact_if_a_policy_reads_request_headers(gjobs: Run, app: psycopg.Connection) -> None:
    show_jobs_where(app, "mode = current_setting('request.headers', true)::json ->> 'x-tenant'")

    done = gjobs("--json", "stats", "--as", ANA)

    assert (done.document["total_count"], done.document["exact"]) == (0, False)
    assert done.err == (
        "Partial claims: policies read request.headers, which gjobs does not know. In the app, the user may see other"
        " rows.\n"
    )


COMMANDS = [
    "projects",
    "projects create Winter",
    "jobs list",
    "jobs list --status queued --limit 2",
    f"jobs list --project {AUTUMN}",
    "jobs list --project Autumn",
    f"jobs show {QUEUED}",
    f"jobs create --project Autumn --mode lifestyle --input-asset {ASSET}",
    f"jobs update {QUEUED} --cost-cents 5",
    f"jobs transition {QUEUED} running",
    f"jobs transition {SUCCEEDED} running",
    f"jobs delete {SUCCEEDED} --yes",
    "stats",
    "stats --by project",
    "stats --project Autumn",
]


@pytest.fixture
def recording(
    watched_database: Conninfo,
    reused_watched_database: Conninfo,
    recording: StatementRecording,
    use_profile: UseProfile,
) -> StatementRecording:
    """A recording of the statements on a database with rows."""
    with connect(reused_watched_database) as owner:
        fill(owner)
        owner.execute("update projects set name = 'Autumn' where id = %s", [AUTUMN])
    use_profile("watched", watched_database)
    return recording


def test_command_as_a_user_runs_every_statement_as_that_user(gjobs: Run, recording: StatementRecording) -> None:
    for command, name in (*((command, "ada@example.com") for command in COMMANDS), ("jobs list", str(ADA))):
        recording.forget()
        result = gjobs(*command.split(), "--as", name)
        assert result.code == (1 if str(SUCCEEDED) in command and "transition" in command else 0), result.err
        assert recording.actors == {as_user(ADA)}, command


def test_operators_command_runs_every_statement_as_the_operator(gjobs: Run, recording: StatementRecording) -> None:
    for command in ("projects", "users", "jobs list", "stats"):
        recording.forget()
        assert gjobs(*command.split(), "--as", "operator").code == 0
        assert recording.actors == {AS_OPERATOR}, command


def test_users_command_as_a_user_is_refused(gjobs: Run, recording: StatementRecording) -> None:
    assert gjobs("users", "--as", "ada@example.com").code == 6
    assert AS_OPERATOR not in recording.actors


def test_snapshot_as_a_user_reads_only_as_that_user(gjobs: Run, recording: StatementRecording) -> None:
    assert "as ada@example.com" in gjobs("snapshot", "--as", "ada@example.com").out
    assert recording.actors == {as_user(ADA)}


WRITES = (
    f"jobs create --project {AUTUMN} --mode lifestyle",
    f"jobs update {QUEUED} --cost-cents 7",
    f"jobs transition {QUEUED} running",
    f"jobs delete {FAILED} --yes",
    "projects create Winter --as ada@example.com",
    "cleanup --older-than 1d --delete --yes",
)

ALL_ROWS = (
    "select (select jsonb_agg(j order by id) from generation_jobs j), (select count(*) from projects),"
    " (select count(*) from gjobs.budgets), (select count(*) from gjobs.retention_policies)"
)


def test_address_without_a_profile_takes_only_writes_with_a_reason(gjobs: Run, url: str, sql: Sql) -> None:
    before = sql(ALL_ROWS)
    for write in WRITES:
        refused = gjobs(*shlex.split(write), "--database-url", url)
        assert_refused(refused, 6, "This session is read-only: nothing was changed.", "Give --write REASON")
    assert sql(ALL_ROWS) == before
    assert gjobs("journal", "--json").document == []

    for number, write in enumerate(WRITES):
        written = gjobs(*shlex.split(write), "--database-url", url, "--write", f"ticket {number}")
        assert written.code == 0, written.err
    entries = gjobs("journal", "--json").document
    assert [entry["reason"] for entry in entries] == [f"ticket {number}" for number in (5, 4, 3, 2, 1, 0)]
    assert {entry["outcome"] for entry in entries} == {"done"}
    assert gjobs("jobs", "update", str(QUEUED), "--cost-cents", "8", "--database-url", url).code == 6


def test_read_only_session_changes_nothing(gjobs: Run, sql: Sql) -> None:
    before = sql(ALL_ROWS)
    for line in (
        *WRITES,
        f"jobs retry {FAILED}",
        f"archive restore {FAILED}",
        "archive restore --all --yes",
        "budgets set --project 'Autumn catalog' --period all --limit 1",
        "cleanup policies set --older-than 30d --yes",
        "worker --simulate --once",
    ):
        refused = gjobs(*shlex.split(line), "--read-only")
        assert (refused.code, refused.out) == (6, ""), line
        # A worker names its database first.
        assert refused.err.splitlines()["worker" in line].startswith("This session is read-only"), line
        assert sql(ALL_ROWS) == before, line


def test_journal_records_a_reason_that_was_not_required(gjobs: Run, url: str, database: Conninfo) -> None:
    gjobs("jobs", "update", str(QUEUED), "--cost-cents", "7", "--write", "ticket 7")
    gjobs("jobs", "update", str(QUEUED), "--cost-cents", "8")
    entries = gjobs("journal", "--json").document
    assert [entry["reason"] for entry in entries] == [None, "ticket 7"]
    for entry in entries:
        assert entry["database"].startswith("world (")
        assert str(database["dbname"]) in entry["database"]
