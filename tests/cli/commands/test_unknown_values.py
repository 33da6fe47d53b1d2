"""The command line on a database with values that gjobs does not know."""

import csv
import io
from collections.abc import Iterator
from uuid import UUID

import psycopg
import pytest

from tests.cli.cli_rows import AUTUMN, QUEUED, SUCCEEDED, fill
from tests.cli.command_line import Configure, OpenTerminal, Run, assert_refused, profile, uri
from tests.conftest import Conninfo, connect

CANCELLED = [UUID(int=0xCA00 + number) for number in range(20)]


@pytest.fixture
def cancelling_app(
    migrated_copy: Conninfo, configure: Configure, monkeypatch: pytest.MonkeyPatch
) -> Iterator[psycopg.Connection]:
    """A connection to a database with twenty jobs that the app has cancelled."""
    with connect(migrated_copy, autocommit=True) as connection:
        connection.execute("alter table generation_jobs drop constraint generation_jobs_status_check")
        connection.execute(
            "alter table generation_jobs add constraint generation_jobs_status_check"
            " check (status in ('queued', 'running', 'succeeded', 'failed', 'cancelled', E'\\x1b[31mred'))"
        )
        fill(connection)
        connection.execute(
            "update projects set created_at = now() where id = %s", [AUTUMN]
        )  # so the dashboard shows it
        for job_id in CANCELLED:
            connection.execute(
                "insert into generation_jobs (id, user_id, project_id, status, mode, cost_cents)"
                " select %s, user_id, id, 'cancelled', 'lifestyle', 5 from projects where id = %s",
                [job_id, AUTUMN],
            )
        configure(profile("app", uri(migrated_copy), write=True))
        monkeypatch.setenv("GJOBS_PROFILE", "app")
        yield connection


@pytest.mark.usefixtures("cancelling_app")
def test_reading_commands_show_jobs_of_an_unknown_status(gjobs: Run) -> None:
    for option in (("--status", "cancelled"), ("--filter", "status:cancelled")):
        listed = gjobs("jobs", "list", *option, "--json")
        assert (listed.code, [job["status"] for job in listed.document]) == (0, ["cancelled"] * 20)
    exported = gjobs("jobs", "export", "-", "--format", "csv")
    rows = list(csv.DictReader(io.StringIO(exported.out)))
    assert sum(row["status"] == "cancelled" for row in rows) == 20

    for command, words in (
        ("jobs list", "cancelled"),
        (f"jobs show {CANCELLED[0]} --events", "status       cancelled"),
        ("stats", "cancelled"),
        ("stats --archive", "cancelled"),
        ("stats --by project", "cancelled"),
        ("metrics", 'gjobs_jobs{status="cancelled"} 20.0'),
        ("snapshot", "∙ cancelled 20"),
    ):
        printed = gjobs(*command.split())
        assert printed.code == 0, printed.err
        assert words in printed.out, command


@pytest.mark.usefixtures("cancelling_app")
def test_commands_refuse_what_an_unknown_status_does_not_allow(gjobs: Run) -> None:
    outside = "this one is cancelled, a status outside the workflow."
    for command, code, words in (
        ("jobs list --status faild", 2, "failed"),
        ("jobs list --filter status:faild", 2, "failed"),
        (f"jobs transition {CANCELLED[0]} running", 1, outside),
        (f"jobs transition {QUEUED} cancelled", 2, "'cancelled' is not known"),
        ("cleanup policies set --older-than 1d --status cancelled --yes", 2, "'cancelled' is not one."),
    ):
        assert_refused(gjobs(*command.split()), code, words)


@pytest.mark.usefixtures("cancelling_app")
def test_unknown_status_without_jobs_names_the_known_statuses(gjobs: Run, open_terminal: OpenTerminal) -> None:
    for command in (
        "jobs list --status done",
        "jobs list --json --filter status:done",
        "jobs export - --format json --status done",
        "archive list --status done",
        "archive restore --status done --yes",
        "cleanup --older-than 1d --status done --yes",
        "watch --filter status:done --until left=0",
        "watch --until done>0 --until left<1000",
    ):
        done = gjobs(*command.split())
        assert done.code in (0, 8), done.err
        known = "'done' is not a status of the workflow, which has queued, running, succeeded, failed."
        assert known in done.err, command
    for command in ("jobs list", "archive list"):
        terminal = open_terminal(*command.split(), "--status", "done")
        assert terminal.finish() == 0
        titles, no_jobs, explanation = (terminal.screen.index(words) for words in ("STATUS", "No ", "'done' is not a"))
        assert explanation > max(titles, no_jobs), command


NEWER = """
alter table gjobs.budgets drop constraint budgets_period_check;
alter table gjobs.retention_policies drop constraint retention_policies_action_check;
alter table gjobs.retention_policies drop constraint retention_policies_statuses_check;
"""


@pytest.fixture
def newer_database(migrated_copy: Conninfo, configure: Configure, monkeypatch: pytest.MonkeyPatch) -> None:
    """Open a database with one unknown value of each kind."""
    with connect(migrated_copy, autocommit=True) as connection:
        connection.execute(NEWER.encode())
        fill(connection)
        connection.execute("update projects set created_at = now() where id = %s", [AUTUMN])
        _add_unknown(connection)
    configure(profile("newer", uri(migrated_copy), write=True))
    monkeypatch.setenv("GJOBS_PROFILE", "newer")


def _add_unknown(connection: psycopg.Connection) -> None:
    connection.execute(
        "insert into gjobs.job_event_log (transaction_id, job_id, project_id, mode, kind, actor_role, application)"
        " values (pg_current_xact_id(), %s, %s, 'lifestyle', 'merged', 'gjobs', 'newer')",
        [QUEUED, AUTUMN],
    )
    connection.execute("insert into gjobs.budgets (project_id, period, limit_cents) values (%s, 'week', 100)", [AUTUMN])
    connection.execute(
        "insert into gjobs.retention_policies (project_id, older_than, action, statuses)"
        " values (%s, '1 day', 'compress', '{succeeded,paused}')",
        [AUTUMN],
    )


@pytest.mark.usefixtures("newer_database")
def test_commands_print_unknown_values_unchanged(gjobs: Run) -> None:
    for command, words in (
        (f"jobs show {QUEUED} --events", "merged"),
        (f"jobs show {QUEUED} --events --json", '"merged"'),
        ("budgets", "week"),
        ("cleanup policies list", "succeeded, paused"),
        ("cleanup policies list --json", '"compress"'),
        ("snapshot", "per 'week'"),
        ("cleanup --older-than 1d --dry-run", "succeeded"),
    ):
        printed = gjobs(*command.split())
        assert printed.code == 0, printed.err
        assert words in printed.out + printed.err


@pytest.mark.usefixtures("newer_database")
def test_policy_with_an_unknown_action_is_skipped_and_can_be_removed(gjobs: Run) -> None:
    applied = gjobs("cleanup", "policies", "apply", "--yes")
    assert applied.code == 0, applied.err
    assert (
        "The policy of Autumn catalog is skipped: this version of gjobs does not know its action 'compress'."
        in applied.err
    )
    assert str(SUCCEEDED) in gjobs("jobs", "list").out
    policy = gjobs("cleanup", "policies", "list", "--json").document[0]
    assert policy["applied_at"] is None
    removed = gjobs("cleanup", "policies", "remove", "--project", "Autumn catalog", "--yes")
    assert removed.code == 0, removed.err


def test_table_that_gjobs_never_writes_is_read_with_a_write_reason_too(
    attached_database: Conninfo,
    configure: Configure,
    monkeypatch: pytest.MonkeyPatch,
    gjobs: Run,
    open_terminal: OpenTerminal,
) -> None:
    with connect(attached_database, autocommit=True) as connection:
        fill(connection)
        for statement in (
            "create type job_status as enum ('queued', 'running', 'succeeded', 'failed', 'größer')",
            "drop view generation_job_summary",
            "alter table generation_jobs drop constraint generation_jobs_status_check, alter status drop default",
            "alter table generation_jobs alter status type job_status using status::job_status",
        ):
            connection.execute(statement.encode())
    configure(profile("app", uri(attached_database)))
    monkeypatch.setenv("GJOBS_PROFILE", "app")
    for command in ("stats", "jobs list"):
        printed = gjobs(*command.split(), "--json", "--write", "ticket 7")
        assert (printed.code, '"status": "queued"' in printed.out) == (0, True), printed.err
    report = gjobs("doctor", "--write", "ticket 7")
    assert (report.code, "status is job_status" in report.out) == (8, True)
    terminal = open_terminal("jobs", "delete", str(QUEUED), "--write", "ticket 7")
    assert terminal.finish() == 6
    assert terminal.screen.startswith("gjobs does not write here, because generation_jobs has unexpected types")
