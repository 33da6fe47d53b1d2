"""Commands on a database with periods, actions and event kinds that this version of gjobs does not know."""

import json
from uuid import UUID

import psycopg
import pytest

from gjobs.store.database.driver_errors import read_refusal, refusal_hint, refusal_words
from tests.cli.cli_rows import ADA, AUTUMN, QUEUED, SUCCEEDED, fill
from tests.cli.command_line import Configure, Run, profile, uri
from tests.conftest import Conninfo, connect

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


def test_refusal_of_an_unknown_period_is_explained() -> None:
    budget = {"budget_id": str(UUID(int=1)), "user_id": str(ADA), "project_id": None, "period": "week"}
    refusal = read_refusal(json.dumps({**budget, "limit_cents": 100, "spent_cents": 90, "asked_cents": 20}))
    assert refusal is not None
    assert refusal_words(refusal, "ada@example.com") == (
        "The week budget of user ada@example.com can't cover $0.20: $0.90 of $1.00 are spent."
    )
    assert refusal_hint(refusal).startswith("Press b in the dashboard to raise the limit")
