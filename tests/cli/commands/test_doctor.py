"""`gjobs doctor`: exit code, JSON document, report, and `--isolation`: what a user can reach of another user's rows."""

import re

import pytest
from rich.cells import cell_len

from gjobs.store.doctor.findings import DoctorReport, Finding, Section, Severity
from gjobs.tui.cli.commands.doctor import report_text
from tests.cli.cli_rows import ADA, BEN, fill
from tests.cli.command_line import Run, UseProfile, assert_refused, uri
from tests.conftest import Conninfo, connect

KEYS = {"section", "name", "severity", "sentence", "sql", "hint"}


@pytest.fixture
def attached_url(attached_database: Conninfo, use_profile: UseProfile) -> str:
    """The address of the app's own database, which has problems. Its profile requires a write reason."""
    with connect(attached_database) as connection:
        fill(connection)
        connection.execute("insert into projects (user_id, name) values (%s, 'Empty')", [ADA])
    return use_profile("app", attached_database, write=False)


def test_doctor_reports_no_problem_for_a_healthy_database(gjobs: Run, url: str) -> None:
    done = gjobs("doctor", "--json")
    assert (done.code, done.err) == (0, "")
    assert done.document["ok"] is True
    assert (done.document["counts"]["problem"], done.document["counts"]["warning"]) == (0, 0)
    assert done.document["next_steps"] == ["Nothing has to be done."]


def test_doctor_lists_findings_with_their_sql_and_counts_visible_jobs(gjobs: Run, attached_url: str) -> None:
    done = gjobs("doctor", "--json")
    document = done.document
    assert (done.code, done.err) == (8, "")
    assert set(document) == {"database", "ok", "counts", "findings", "next_steps"}
    assert (document["ok"], set(document["counts"])) == (False, {"ok", "note", "warning", "problem"})
    assert all(set(finding) == KEYS for finding in document["findings"])
    assert {finding["section"] for finding in document["findings"]} == {
        *("server", "link", "role", "schema", "rows", "rules"),
    }
    (leak,) = [finding for finding in document["findings"] if finding["name"] == "leaking-view"]
    assert leak["severity"] == "problem"
    assert leak["sql"] == "ALTER VIEW public.generation_job_summary SET (security_invoker = on);"

    done = gjobs("doctor")
    assert (done.code, done.err) == (8, "")
    lines = done.out.splitlines()
    assert {"Database", "Server", "Connection", "Login and users", "Schema", "Access rules", "Next steps"} <= set(lines)
    assert "✗ problem  The view public.generation_job_summary runs with its owner's rights," in lines
    assert f"               {leak['sql']}" in lines
    assert "\x1b" not in done.out
    words = [line for line in lines if not line.startswith(" " * 15) and " " in line.strip()]
    assert max(map(cell_len, words)) <= 80

    for actor, sentences in (
        ("ada@example.com", ["ada@example.com sees 4 jobs."]),
        ("ben@example.com", ["ben@example.com sees 1 job."]),
        ("operator", []),
    ):
        findings = gjobs("doctor", "--json", "--as", actor).document["findings"]
        assert [finding["sentence"] for finding in findings if finding["name"] == "seen-by"] == sentences


def test_doctor_escapes_hostile_names_from_the_database(gjobs: Run, attached_database: Conninfo) -> None:
    with connect(attached_database) as owner:
        owner.execute('create policy "a\x1b[2J\u202eb" on projects for select using (true)'.encode())
    done = gjobs("doctor", "--database-url", uri(attached_database))
    assert "open-policy" not in done.out
    assert "lets everybody access rows of others" in " ".join(done.out.split())
    assert re.search("[\x00-\x09\x0b-\x1f\x7f\u202e]", done.out) is None


def test_doctor_report_does_not_break_a_long_name_that_users_copy() -> None:
    name = "n" * 100
    found = Finding(section=Section.ROLE, name="login", severity=Severity.NOTE, sentence=f"The login {name} is one.")
    text = report_text(DoctorReport(findings=(found,), next_steps=()), database="shop", color=False)
    assert f"\n           {name}\n           is one." in text
    colored = report_text(DoctorReport(findings=(found,), next_steps=()), database="shop", color=True)
    assert any(line.startswith("\x1b[") and "The login" in line for line in colored.splitlines())
    assert "\x1b[" not in text
    assert text.endswith("1 note.")


def test_doctor_report_keeps_a_command_on_one_line() -> None:
    command = "'gjobs migrate up --database-url postgresql://app@db.example.com/app --write REASON'"
    text = report_text(
        DoctorReport(findings=(), next_steps=(f"{command} migrates. Then {command} has nothing to do.",)),
        database="shop",
        color=False,
    )
    assert [line.strip("- ") for line in text.splitlines() if "gjobs" in line] == [
        command,
        command,
    ]


LEAKS = {
    "job-insert-into": "warning",
    "asset-insert-into": "warning",
    "statistics-read": "problem",
    "summary-read": "problem",
}
"""The leaks of the app's own schema."""


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
