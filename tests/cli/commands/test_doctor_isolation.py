"""`gjobs doctor --isolation` reports what one user can reach of another user's rows."""

import pytest

from tests.cli.cli_rows import ADA, BEN, fill
from tests.cli.command_line import Run, UseProfile, assert_refused
from tests.conftest import Conninfo, connect

LEAKS = {
    "job-insert-into": "warning",
    "asset-insert-into": "warning",
    "statistics-read": "problem",
    "summary-read": "problem",
}
"""The leaks of the app's own schema."""


@pytest.fixture
def attached_url(attached_database: Conninfo, use_profile: UseProfile) -> str:
    """The address of the app's own database, whose profile requires a write reason."""
    with connect(attached_database) as connection:
        fill(connection)
        connection.execute("insert into projects (user_id, name) values (%s, 'Empty')", [ADA])
    return use_profile("app", attached_database, write=False)


def isolation_findings(document: dict[str, list[dict[str, str]]]) -> dict[str, dict[str, str]]:
    """Return the findings of the isolation check by name."""
    return {finding["name"]: finding for finding in document["findings"] if finding["section"] == "isolation"}


def test_doctor_isolation_judges_writes_without_a_write_reason(gjobs: Run, attached_url: str) -> None:
    done = gjobs("doctor", "--isolation", "--json")
    found = isolation_findings(done.document)
    assert done.code == 8
    assert {name: found[name]["severity"] for name in found if found[name]["severity"] != "ok"} == LEAKS
    assert "--write REASON" in found["who"]["hint"]
    assert found["project-delete"]["sentence"] == (
        "Deletes a project of the owner: judged from the policies, not tried: own rows only."
    )
    assert found["summary-read"]["hint"].startswith("The SQL that fixes it is above")
    text = " ".join(gjobs("doctor", "--isolation").out.split())
    assert "Checked which of ada@example.com's rows ben@example.com can read or change" in text
    assert "✗ problem Calls get_job_statistics with the owner's id: read 4 jobs." in text


def test_doctor_isolation_probes_writes_with_a_reason_and_rolls_them_back(gjobs: Run, attached_url: str) -> None:
    done = gjobs("doctor", "--isolation", "--json", "--write", "ticket 7")
    found = isolation_findings(done.document)
    assert done.code == 8
    assert {name for name in found if found[name]["severity"] != "ok"} == set(LEAKS)
    assert found["job-delete"]["sentence"] == "Deletes a job of the owner: hidden (0 rows)."
    assert found["job-insert-into"]["sentence"].endswith("inserted 1 row — rolled back.")
    assert found["who"]["hint"] is None
    assert gjobs("journal", "--json").document == []


def test_doctor_isolation_uses_the_given_owner_and_other_user_or_refuses_them(gjobs: Run, attached_url: str) -> None:
    done = gjobs("doctor", "--isolation", "--owner", "ben@example.com", "--other", str(ADA), "--json")
    found = isolation_findings(done.document)
    assert found["who"]["sentence"].startswith("Checked which of ben@example.com's rows ada@example.com can read")
    assert found["summary-read"]["sentence"].endswith("read 1 job.")
    for users, code, words in (
        (("--owner", "ada@example.com"), 2, "--owner and --other need --isolation."),
        (("--isolation", "--owner", "zoe@example.com"), 1, "'zoe@example.com'"),
        (("--isolation", "--owner", "ben@example.com", "--other", str(BEN)), 2, "name the same user"),
    ):
        assert_refused(gjobs("doctor", *users), code, words)


def test_doctor_isolation_under_as_prints_no_other_users_email(gjobs: Run, attached_url: str) -> None:
    for options in (
        [],
        ["--owner", str(BEN), "--json"],
        ["--owner", "ada@example.com", "--other", str(BEN)],
    ):
        done = gjobs("doctor", "--isolation", "--as", "ada@example.com", *options)
        text = " ".join((done.out + done.err).split())
        assert "ben@example.com" not in text
        assert f"user {str(BEN)[:8]}" in text
        assert "ada@example.com" in text
        if not options:
            assert "rows ada@example.com can read or change" in text
