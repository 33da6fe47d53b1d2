"""`gjobs cleanup policies` lists, sets, applies and removes retention policies."""

from collections.abc import AsyncGenerator, Iterator

import pytest

from gjobs.store.errors import Unreachable
from gjobs.store.retention.retention import BatchProgress
from tests.cli.cli_rows import AUTUMN
from tests.cli.command_line import PROMPT, OpenTerminal, Run, Sql

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


def test_interrupted_retention_run_reports_the_jobs_already_archived(
    gjobs: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
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


def test_policies_remove_asks_when_the_policy_for_all_other_projects_would_apply(
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


def test_policies_remove_asks_nothing_when_jobs_would_be_kept(gjobs: Run) -> None:
    gjobs(*SET, "--project", "Autumn catalog", "--yes")
    assert gjobs("cleanup", "policies", "remove", "--project", "Autumn catalog").code == 0
    gjobs(*SET, "--yes")
    assert gjobs("cleanup", "policies", "remove").code == 0


def test_policies_apply_refuses_policies_changed_since_the_question(
    gjobs: Run, open_terminal: OpenTerminal, sql: Sql
) -> None:
    gjobs("cleanup", "policies", "set", "--older-than", "10000d", "--yes")
    terminal = open_terminal("cleanup", "policies", "apply")
    terminal.read_until(PROMPT)
    gjobs(*SET, "--delete", "--yes")
    terminal.type("y\n")
    assert terminal.finish() == 1
    assert "The policies changed after you confirmed them. Nothing was applied." in terminal.screen
    assert sql("select applied_at from gjobs.retention_policies") == [(None,)]
