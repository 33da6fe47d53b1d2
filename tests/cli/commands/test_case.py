"""gjobs case: whom it finds, what it prints and writes, and what it leaves out."""

import csv
import io
import json
import zipfile
from pathlib import Path
from typing import Any
from uuid import UUID

from tests.cli.cli_rows import ADA, ASSET, BEN, BENS_JOB, FAILED, MISSING, RUNNING, SUCCEEDED
from tests.cli.command_line import Run, Sql, UseProfile, assert_refused
from tests.conftest import Conninfo, temporary_login

BENS_MAIL = "ben@example.com"


def text_and_document(gjobs: Run, who: str, directory: Path) -> tuple[str, dict[str, Any]]:
    """Return both forms of one case. A case is one of the slowest commands."""
    file = directory / "both.zip"
    assert gjobs("case", who, "--out", str(file), "--force").code == 0
    with zipfile.ZipFile(file) as packed:
        return packed.read("case.md").decode(), json.loads(packed.read("case.json"))


def test_case_is_of_the_named_user_or_of_the_owner_of_the_job(gjobs: Run, url: str, sql: Sql) -> None:
    """The start of an id or e-mail is enough. Several matches are listed."""
    for who, user, job in (
        ("ADA@example.com", ADA, None),
        (str(BEN), BEN, None),
        ("ben", BEN, None),
        (str(FAILED), ADA, FAILED),
    ):
        done = gjobs("case", who, "--json")
        assert (done.code, done.err) == (0, "Redaction found nothing to hide.\n")
        case = done.document
        assert (case["user"]["id"], case["job_id"]) == (str(user), str(job) if job else None), who
        assert job is None or case["jobs"][0]["id"] == str(job)
    new = UUID("f00dfeed-0000-4000-8000-000000000001")
    sql("update public.generation_jobs set id = %s where id = %s", new, RUNNING)
    assert gjobs("case", "f00d", "--json").document["job_id"] == str(new)
    assert_refused(gjobs("case", "0000"), 2, "users and jobs have an id that begins with 0000", f"user {ADA}")
    assert_refused(gjobs("case", "example"), 2, "Several users have an e-mail with 'example'.", "ada@example.com")
    assert_refused(gjobs("case", "en@example.com"), 1, "There is no user or job")
    assert_refused(gjobs("case", "f"), 1, "at least the first four digits of the id")
    for unknown in ("nobody@example.com", "dead", str(MISSING)):
        assert_refused(gjobs("case", unknown), 1, f"There is no user or job '{unknown}', or you may not read it.")


def test_case_of_an_archived_or_deleted_job_has_its_events(gjobs: Run, url: str, sql: Sql) -> None:
    new = "f00dfeed-0000-4000-8000-00000000000"
    sql("update public.generation_jobs set id = %s where id = %s", f"{new}3", FAILED)
    sql("select gjobs.archive_jobs(array[%s]::uuid[])", f"{new}3")
    case = gjobs("case", f"{new}3").out
    assert "The job was archived at " in case
    assert "`archived, was failed`" in case
    new = "cafefeed-0000-4000-8000-00000000000"
    sql("update public.generation_jobs set id = %s, error = 'boom 1', status = 'failed' where id = %s",
        f"{new}1", RUNNING)  # fmt: skip
    sql("delete from gjobs.archived_jobs")
    sql("delete from public.generation_jobs where id = %s", f"{new}1")
    done = gjobs("case", "cafefeed")
    assert done.code == 0
    head, problems, *_ = done.out.split("\n## ")
    assert f"- Job: `{new}1`" in head
    assert "\n- The job was deleted at " in problems
    assert "Z. It had failed: `boom 1`\n" in problems
    assert "The job was deleted at " in done.out.split("## The job\n\n")[1].splitlines()[0]
    assert "`deleted, was failed`" in done.out
    sql("update public.generation_jobs set id = %s where id = %s", f"{new}2", SUCCEEDED)
    sql("delete from public.generation_jobs where id = %s", f"{new}2")
    assert_refused(gjobs("case", "cafefeed"), 2, "2 deleted or archived jobs", f"job {new}1, job {new}2")


def test_unreadable_email_is_explained(gjobs: Run, url: str, database: Conninfo, use_profile: UseProfile) -> None:
    with temporary_login(database, "emailless", "select on public.generation_jobs, public.projects") as login:
        use_profile("emailless", login)
        case = gjobs("case", str(FAILED)).out
    assert f"- User: e-mail not read, id `{ADA}`\n" in case
    assert "- Not read: e-mail" in case
    assert "\n- e-mail: `" in case.split("## Not read")[1]


def test_case_shows_what_is_hidden_and_the_policy_that_hides_it(gjobs: Run, url: str, sql: Sql, tmp_path: Path) -> None:
    sql("update public.generation_jobs set project_id = (select id from projects where user_id = %s) where id = %s",
        BEN, FAILED)  # fmt: skip
    case, document = text_and_document(gjobs, BENS_MAIL, tmp_path)
    assert "The user sees 1 of 2 of the jobs that concern them" in case
    assert f"| `{FAILED}` | `failed` | " in case
    assert "`The policy “Users can view own generation jobs” does not allow it.`" in case
    assert document["visibility"]["hidden_job_ids"] == [str(FAILED)]
    assert [policy["name"] for policy in document["visibility"]["policies"]] == ["Users can view own generation jobs"]


def test_secrets_are_replaced_everywhere_unless_asked_otherwise(gjobs: Run, url: str, sql: Sql, tmp_path: Path) -> None:
    key, file = "sk-proj-AbC123xyz456QwE789", str(tmp_path / "case.zip")
    sql("update public.generation_jobs set input_asset_id = %s, error = %s where id = %s",
        ASSET, f"{BENS_MAIL} used {key} for ada@example.com", FAILED)  # fmt: skip
    done = gjobs("case", str(FAILED), "--out", file)
    assert (done.code, done.out) == (0, "")
    assert done.err == f"Wrote the case to {file}.\nRedacted 3 values: 1 e-mail, 1 path, 1 key.\n"
    with zipfile.ZipFile(file) as packed:
        texts = {name: packed.read(name).decode() for name in packed.namelist()}
    assert list(texts) == ["case.md", "case.json", "jobs.csv", "jobs.json", "events.json"]
    assert [name for name, text in texts.items() if key in text or BENS_MAIL in text or "shoe.png" in text] == []
    assert all("[e-mail 1] used [key 1] for ada@example.com" in text for text in texts.values())
    jobs = list(csv.DictReader(io.StringIO(texts["jobs.csv"])))
    assert [job["id"] for job in jobs] == [job["id"] for job in json.loads(texts["jobs.json"])]
    assert json.loads(texts["case.json"])["redactions"] == {"e-mail": 1, "path": 1, "key": 1}
    assert Path(file).stat().st_mode & 0o777 == 0o600

    whole = gjobs("case", str(FAILED), "--no-redact", "--json")
    assert key in whole.out
    assert "shoe.png" in whole.out
    assert whole.err.startswith("The case is not redacted.")
    assert whole.document["redactions"] is None


JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U"


LONG_TRACEBACK = "log\n" * 250 + "Traceback (most recent call last):\n" + "  at x\n" * 500
NAMES = {
    "AIzaSyDaGmWKa4JsXZ-HjGw7ISLn_3namBGewQe refused": "[key] refused",
    "secret_key=wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY": "secret_key=[password]",
    f"JWT {JWT} of 3 expired, no object s3://customer-bucket/face.jpg": "JWT [token] of # expired, no object s#://[path]",
    f"{LONG_TRACEBACK}KeyError: xoxb-12-abcdefghijkl after 5 ms": "KeyError: # after #",
}
"""Errors with secrets, and the fingerprints that a redacted case shows."""


def test_fingerprints_of_a_case_have_no_part_of_a_secret(gjobs: Run, url: str, sql: Sql) -> None:
    for place, error in enumerate(NAMES):
        sql("update public.generation_jobs set status = 'failed', error = %s where id ="
            " (select id from public.generation_jobs where user_id = %s order by id offset %s limit 1)",
            error, ADA, place)  # fmt: skip
    done, document = gjobs("case", "ada@example.com"), gjobs("case", "ada@example.com", "--json").document
    assert {group["fingerprint"] for group in document["failures"]["groups"]} == set(NAMES.values())
    listed = gjobs("errors", "--json").document
    assert document["failures"].keys() == listed.keys()
    assert document["failures"]["groups"][0].keys() == listed["groups"][0].keys()
    assert all(f"| `{name}` " in done.out for name in NAMES.values())
    parts = [
        "AIza",
        "HjGw",
        "namBGewQe",
        "wJalr",
        "MDENG",
        "bPxRf",
        "abcjgNryP",
        "THsR",
        "customer",
        "xoxb",
        "efghijkl",
    ]
    assert [part for part in parts if part in done.out or part in json.dumps(document)] == []
    # The JSON document has one more secret: the key at the end of the traceback.
    assert done.err == "Redacted 4 values: 1 path, 1 token, 1 key, 1 password.\n"
    assert document["redactions"] == {"path": 1, "token": 1, "key": 2, "password": 1}


def test_case_says_how_many_groups_of_failures_it_lists(gjobs: Run, url: str, sql: Sql) -> None:
    sql("insert into public.generation_jobs (project_id, user_id, mode, status, error)"
        " select project_id, user_id, mode, 'failed',"
        " case when n < 3 then repeat('z', 5000) else repeat('x', n) || ' broke' end"
        " from public.generation_jobs, generate_series(1, 25) as n where id = %s", FAILED)  # fmt: skip
    case = gjobs("case", str(FAILED)).out
    assert "The 20 groups that failed last are listed.\nThe newest errors of the first 10 follow the table.\n" in case
    assert case.count("The newest error of the group") == 10
    assert f"| `{'z' * 60}" in case
    assert f"\n{'z' * 1_000}" in case


def test_file_is_replaced_only_with_force_and_names_the_zone_of_the_profile(
    gjobs: Run, url: str, database: Conninfo, use_profile: UseProfile, tmp_path: Path
) -> None:
    use_profile("india", database, time_zone="Asia/Kolkata")
    file = tmp_path / "case.md"
    assert gjobs("case", "ada@example.com", "--out", str(file)).code == 0
    assert file.read_text().startswith("# Case: `ada@example.com`\n")
    assert_refused(gjobs("case", "ben@example.com", "--out", str(file)), 2, "already exists", "--force")
    assert gjobs("case", "ben@example.com", "--out", str(file), "--force").code == 0
    case = file.read_text()
    assert case.startswith("# Case: `ben@example.com`\n")
    assert "All times are in the zone Asia/Kolkata." in case
    assert "+05:30" in case
    assert_refused(gjobs("case", "ada@example.com", "--out", "case.pdf"), 2, "does not end with .md or .zip")


def test_operator_reads_the_case_while_acting_as_a_user(gjobs: Run, url: str) -> None:
    done = gjobs("case", "ada@example.com", "--as", "ada@example.com", "--json")
    case = done.document
    assert (case["reader"], case["unread"], len(case["jobs"])) == ("the operator", [], 4)
    assert case["visibility"]["seen"] == 4
    assert {project["is_seen"] for project in case["projects"]} == {True}
    assert_refused(gjobs("case", str(BENS_JOB), "--as", "ada@example.com"), 1, "or you may not read it")


def test_queued_modes_that_no_living_worker_accepts_and_retries_are_named(gjobs: Run, url: str, sql: Sql) -> None:
    sql("insert into gjobs.workers (id, name, host, process, concurrency, modes)"
        " values (gen_random_uuid(), 'w', 'h', 1, 1, '{packaging}')")  # fmt: skip
    case = gjobs("case", "ada@example.com").out
    assert "1 of 1 known workers are alive.\nNo living worker accepts these modes of queued jobs: `lifestyle`." in case
    assert gjobs("jobs", "retry", str(FAILED)).code == 0
    assert "|\n\n- The job `" in gjobs("case", str(FAILED)).out, "links to retries are a list of their own"


def test_case_begins_with_what_is_wrong_and_the_newest_errors(gjobs: Run, url: str, sql: Sql, tmp_path: Path) -> None:
    assert "No failed job in the last 24 hours, no stuck or hidden job," in gjobs("case", BENS_MAIL).out
    sql("insert into public.generation_jobs (project_id, user_id, mode, status, error, created_at, updated_at)"
        " select project_id, user_id, mode, 'failed', 'kind ' || repeat(chr(96 + n), 3), moment, moment"
        " from public.generation_jobs, generate_series(1, 20) as n,"
        " lateral (select now() - n * interval '1 h' as moment) as moments where id = %s", FAILED)  # fmt: skip
    sql("insert into public.generation_jobs (project_id, user_id, mode, status, error, created_at, updated_at)"
        " select project_id, user_id, mode, 'failed', 'older', now() - interval '3 d', now() - interval '3 d'"
        " from public.generation_jobs, generate_series(1, 30) as n where id = %s", FAILED)  # fmt: skip
    # The stuck job is older than the 100 newest jobs.
    sql("insert into public.generation_jobs (project_id, user_id, mode, status) select project_id, user_id, mode,"
        " 'succeeded' from public.generation_jobs, generate_series(1, 100) where id = %s", FAILED)  # fmt: skip
    stuck = UUID(int=0x57)
    sql("insert into public.generation_jobs (id, project_id, user_id, mode, status, created_at, updated_at)"
        " select %s, project_id, user_id, mode, 'running', now() - interval '9 d', now() - interval '5 h'"
        " from public.generation_jobs where id = %s", stuck, FAILED)  # fmt: skip
    sql("insert into gjobs.budgets (user_id, period, limit_cents) values (%s, 'all', 600)", ADA)
    case, document = text_and_document(gjobs, "ada@example.com", tmp_path)
    head, problems, *_ = case.split("\n## ")
    assert problems.startswith("What is wrong\n\n- 20 jobs failed in the last 24 hours. The last one at ")
    assert "`kind aaa`" in problems
    assert f"- Job `{stuck}`. Stuck: no update for 5 h 00 min. It counts as stuck after" in problems
    assert "- The budget of `ada@example.com`: " in problems
    assert "Not included" not in head
    failures = next(part for part in case.split("\n## ") if part.startswith("Failures"))
    shown = [line for line in failures.splitlines() if line.startswith("kind ")]
    assert shown == [f"kind {letter * 3}" for letter in "abcdefghij"]
    assert document["failures_in_last_day"] == 20
    assert document["stuck_job_ids"] == sorted(map(str, (stuck, RUNNING)))


def test_case_says_how_many_archived_jobs_it_leaves_out(gjobs: Run, url: str, sql: Sql, tmp_path: Path) -> None:
    sql("select gjobs.archive_jobs(array[%s, %s]::uuid[])", FAILED, SUCCEEDED)
    case, document = text_and_document(gjobs, "ada@example.com", tmp_path)
    assert "\n- Not included: 2 archived jobs of the user, 1 of them failed.\n" in case
    assert "\n- Not included: 1 archived job of the user.\n" in gjobs("case", str(FAILED)).out
    assert {row["status"]: (row["count"], row["cost_cents"]) for row in document["archived"]} == {
        "failed": (1, 18),
        "succeeded": (1, 250),
    }
