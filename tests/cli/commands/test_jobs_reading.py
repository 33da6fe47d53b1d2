"""`gjobs jobs list` and `show`."""

import shlex
from uuid import UUID

import pytest

from tests.cli.cli_rows import (
    ADA,
    ALL,
    AUTUMN,
    BEN,
    BENS_JOB,
    FAILED,
    MISSING,
    QUEUED,
    RUNNING,
    SPRING,
    SUCCEEDED,
    document,
    present,
    time_of,
)
from tests.cli.command_line import Run, Sql, assert_refused

pytestmark = pytest.mark.usefixtures("url")


def test_jobs_list_prints_all_columns_with_the_newest_first_or_only_titles(gjobs: Run) -> None:
    listed = gjobs("jobs", "list", "--as", "ada@example.com", "--json")
    assert listed.code == 0
    assert listed.document == [document(job) for job in (QUEUED, RUNNING, SUCCEEDED, FAILED)]
    assert list(listed.document[0]) == list(document(QUEUED))
    assert listed.err == ""
    _, *rows = gjobs("jobs", "list", "--as", "ada@example.com").out.splitlines()
    assert rows[-1].split() == [
        *(str(FAILED), "failed", "$0.18", "2026-01-04", "13:00:00", "feature_callout"),
        *("Autumn", "catalog", "API", "timeout"),
    ]

    command = ("jobs", "list", "--project", "Spring lookbook", "--status", "failed")
    assert gjobs(*command, "--json").out == "[]\n"
    listed = gjobs(*command)
    assert (listed.code, listed.err) == (0, "No jobs.\n")
    assert listed.out.split() == ["ID", "STATUS", "COST", "CREATED", "MODE", "PROJECT", "ERROR"]


def test_huge_values_do_not_lengthen_the_lines_of_other_jobs(gjobs: Run, sql: Sql) -> None:
    sql("update public.generation_jobs set mode = repeat('m', 3000000) where id = %s", QUEUED)
    sql("update public.projects set name = repeat('p', 3000000) where id = %s", AUTUMN)
    for command in ("jobs list", "stats --by project", "stats --by mode", "projects", f"jobs show {QUEUED} --events"):
        length = len(gjobs(*command.split()).out)
        assert length < (6_100_000 if "show" in command else 20_000), command
    assert len(gjobs("jobs", "list", "--limit", "1", "--json").document[0]["mode"]) == 3_000_000


FAR_TIMES = [
    ("infinity", "infinity", "infinity"),
    ("-infinity", "-infinity", "-infinity"),
    ("294276-12-31 23:59:59.999999Z", "294276-12-31T23:59:59.999999Z", "294276-12-31 23:59:59 UTC (294276 AD)"),
    ("0044-03-15 12:00Z BC", "0044-03-15T12:00:00.000000Z BC", "0044-03-15 12:00:00 BC UTC (44 BC)"),
]


def test_times_outside_the_range_of_python_are_printed_like_in_the_database(gjobs: Run, sql: Sql) -> None:
    far_jobs = dict(zip(map(str, (QUEUED, RUNNING, SUCCEEDED, FAILED)), FAR_TIMES, strict=True))
    for job, (stored, _, _) in far_jobs.items():
        sql("update public.generation_jobs set created_at = %s, updated_at = %s where id = %s", stored, stored, job)
    listed = gjobs("jobs", "list").out.splitlines()
    for job, (_, exact, shown) in far_jobs.items():
        assert f"created      {shown}\n" in gjobs("jobs", "show", job).out
        assert [shown.partition(" (")[0] in row for row in listed if job in row] == [True], shown
        place = gjobs("jobs", "list", "--json", f"--after={exact},{job}")
        assert place.code == 0, place.err
        assert job not in [job["id"] for job in place.document]
    for line in ("snapshot", "stats", "stats --by project", "stats --by mode", "metrics"):
        done = gjobs(*line.split())
        assert done.code == 0, (line, done.err)


def test_after_option_continues_after_the_last_job_of_a_page(gjobs: Run, sql: Sql) -> None:
    key = f"{time_of(3)},{RUNNING}"
    assert gjobs("jobs", "list", "--limit", "2").err == f"There are more. Continue with --after={key}\n"
    assert gjobs("jobs", "list", "--after", key).err == ""
    for moment in (None, "2026-01-05T00:00:00Z"):
        sql("update public.generation_jobs set created_at = coalesce(%s, created_at)", moment)
        seen: list[str] = []
        after: list[str] = []
        while page := gjobs("jobs", "list", "--limit", "2", "--json", *after).document:
            seen += [job["id"] for job in page]
            after = ["--after", f"{page[-1]['created_at']},{page[-1]['id']}"]
        assert seen == [job["id"] for job in gjobs("jobs", "list", "--json").document], moment
        assert sorted(seen) == sorted(map(str, ALL)), moment


def test_jobs_show_prints_one_job_and_indents_a_json_error(gjobs: Run, sql: Sql) -> None:
    shown = gjobs("jobs", "show", str(FAILED), "--json").document
    assert shown == {**document(FAILED), "repeats": None, "repeated_by": []}
    sql("""update public.generation_jobs set error = '{"message": "Boom", "mode": "x"}' where id = %s""", FAILED)
    block = gjobs("jobs", "show", str(FAILED)).out
    assert "project      Autumn catalog" in block
    assert 'error        {\n               "message": "Boom",\n               "mode": "x"\n             }\n' in block
    assert '"message"' not in gjobs("jobs", "list").out


def test_jobs_show_distinguishes_a_hidden_job_from_a_missing_one(gjobs: Run) -> None:
    for actor, job, words in (
        ("ada@example.com", MISSING, f"{MISSING} does not exist.\n'gjobs jobs list --profile world' lists the jobs.\n"),
        (
            "ada@example.com",
            BENS_JOB,
            "but ada@example.com does not see it.\nThe operator sees hidden rows: press u in the dashboard,",
        ),
        ("operator", MISSING, f"There is no job {MISSING}"),
    ):
        assert_refused(gjobs("jobs", "show", str(job), "--as", actor), 1, words)


PREFIX = "3f2a9c1e"


@pytest.fixture
def similar_ids(sql: Sql) -> list[UUID]:
    """Two jobs of Ada and one of Ben, whose ids have the same beginning."""
    ids = [UUID(f"{PREFIX}-8d47-4b15-9a3e-{number:012}") for number in range(3)]
    for job_id, user, project in zip(ids, (ADA, ADA, BEN), (AUTUMN, AUTUMN, SPRING), strict=True):
        sql(
            "insert into public.generation_jobs (id, user_id, project_id, mode) values (%s, %s, %s, 'm')",
            *(job_id, user, project),
        )
    return ids


def test_jobs_show_resolves_the_beginning_of_an_id_among_visible_jobs(gjobs: Run, similar_ids: list[UUID]) -> None:
    def shown(prefix: str, actor: str) -> str:
        document, with_events = (
            gjobs("jobs", "show", prefix, *options, "--as", actor, "--json").document for options in ([], ["--events"])
        )
        assert with_events["job"]["id"] == document["id"]
        return str(document["id"])

    assert shown(PREFIX[:4], "ben@example.com") == str(similar_ids[2])
    assert shown(str(similar_ids[2])[:-1].upper() + "2", "operator") == str(similar_ids[2])
    assert shown(str(similar_ids[0])[:-1].replace("-", ""), "ben@example.com") == str(similar_ids[2])
    ambiguous = f"2 jobs have an id that begins with {PREFIX}.\nUse more digits: {similar_ids[0]}, {similar_ids[1]}\n"
    missing = (
        "There is no job whose id begins with 3f2b9c1e8, or this user does not see it.\n'gjobs jobs list --profile"
    )
    for options in ([], ["--events"]):
        assert_refused(gjobs("jobs", "show", PREFIX, *options, "--as", "ada@example.com"), 2, ambiguous)
        assert_refused(gjobs("jobs", "show", "3F2B9C1E-8", *options), 1, missing)
        assert_refused(gjobs("jobs", "show", "0000", *options), 2, "5 jobs have an id that begins with 0000.")


def test_command_that_writes_needs_the_whole_id(gjobs: Run, sql: Sql, similar_ids: list[UUID]) -> None:
    before = present(sql)
    for line in (
        *("jobs update {} --mode x", "jobs transition {} running", "jobs retry {}", "jobs delete {} --yes"),
        *("archive restore {} --yes", "jobs create --project 'Autumn catalog' --mode x --input-asset {}"),
    ):
        refused = gjobs(*shlex.split(line.format(PREFIX)))
        assert_refused(refused, 2, f"'{PREFIX}' is only the beginning of an id. Commands that write need the whole id")
    assert present(sql) == before


def test_only_commands_that_read_take_the_beginning_of_a_project_id(gjobs: Run, sql: Sql) -> None:
    sql("insert into public.projects (id, user_id, name) values (%s, %s, 'N')", UUID(f"{PREFIX}{0:024}"), ADA)
    for reading in ("jobs list", "stats", "budgets", "budgets check", "archive list", "jobs export - --format csv"):
        assert gjobs(*reading.split(), "--project", PREFIX).code == 0, reading
    assert "2 projects have an id that begins with 0000." in gjobs("stats", "--project", "0000").err
    refused = gjobs("jobs", "create", "--project", PREFIX, "--mode", "x")
    assert_refused(refused, 1, "Commands that write need a project's whole id or name.")


def test_jobs_show_prints_the_events_of_a_job(gjobs: Run) -> None:
    assert gjobs("jobs", "transition", str(QUEUED), "running", "--as", "ada@example.com").code == 0
    assert gjobs("jobs", "transition", str(QUEUED), "failed", "--error", "Out of\x1b paper").code == 0

    shown = gjobs("jobs", "show", str(QUEUED), "--events", "--json").document
    assert shown["job"]["status"] == "failed"
    assert [(event["kind"], event["from_status"], event["to_status"]) for event in shown["events"]] == [
        ("created", None, "queued"),
        ("status", "queued", "running"),
        ("status", "running", "failed"),
    ]
    assert [event["actor_user_id"] for event in shown["events"]] == [None, str(ADA), None]
    assert shown["started_at"] == shown["events"][1]["at"]
    assert list(shown["seconds_in_status"]) == ["queued", "running", "failed"]

    as_text = gjobs("jobs", "show", str(QUEUED), "--events")
    assert as_text.code == 0
    assert "queued → running" in as_text.out
    assert f"owner        ada@example.com ({ADA})" in as_text.out
    assert "  ada@example.com in " in as_text.out
    assert "\x1b" not in as_text.out
    assert as_text.err.startswith("Time in each status: queued ")


def test_events_of_a_deleted_job_are_visible_only_to_its_owner(gjobs: Run) -> None:
    assert gjobs("jobs", "delete", str(QUEUED), "--yes").code == 0
    shown = gjobs("jobs", "show", str(QUEUED), "--events", "--json", "--as", "ada@example.com").document
    assert (shown["job"], [event["kind"] for event in shown["events"]]) == (None, ["created", "deleted"])
    assert gjobs("jobs", "show", str(QUEUED), "--events", "--as", "ben@example.com").code == 1
    assert gjobs("jobs", "show", str(QUEUED)).code == 1
