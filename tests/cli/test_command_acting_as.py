"""`--as`: each command reads and writes the app's tables only as the given user."""

import pytest

from tests.cli.cli_rows import ADA, ASSET, AUTUMN, QUEUED, SUCCEEDED, fill
from tests.cli.command_line import Run, UseProfile
from tests.conftest import Conninfo, connect
from tests.statement_recording import AS_OPERATOR, StatementRecording, as_user

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


@pytest.fixture(autouse=True)
def recorded_database(
    watched_database: Conninfo,
    reused_watched_database: Conninfo,
    recording: StatementRecording,
    use_profile: UseProfile,
) -> None:
    """Fill the database that records each statement."""
    with connect(reused_watched_database) as owner:
        fill(owner)
        owner.execute("update projects set name = 'Autumn' where id = %s", [AUTUMN])
    use_profile("watched", watched_database)


def test_command_as_a_user_runs_every_statement_as_that_user(gjobs: Run, recording: StatementRecording) -> None:
    for command, name in (*((command, "ada@example.com") for command in COMMANDS), ("jobs list", str(ADA))):
        recording.forget()
        result = gjobs(*command.split(), "--as", name)
        assert result.code == (1 if str(SUCCEEDED) in command and "transition" in command else 0), result.err
        assert recording.actors == {as_user(ADA)}, command


def test_command_as_the_operator_runs_every_statement_as_the_operator(
    gjobs: Run, recording: StatementRecording
) -> None:
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
