"""`gjobs jobs list` and `show`."""

import shlex
from uuid import UUID

import pytest

from tests.cli.cli_rows import (
    ADA,
    ALL,
    AUTUMN,
    BEN,
    BENS,
    FAILED,
    NOBODY,
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


def ids(jobs: list[dict[str, str]]) -> list[str]:
    return [job["id"] for job in jobs]


def test_jobs_list_prints_all_columns_with_the_newest_first(gjobs: Run) -> None:
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


def test_jobs_list_shows_the_operator_all_jobs_and_users_only_theirs(gjobs: Run) -> None:
    assert str(BENS) in gjobs("jobs", "list").out
    assert str(BENS) in gjobs("jobs", "list", "--as", "operator").out
    assert str(BENS) not in gjobs("jobs", "list", "--as", "ada@example.com").out
    assert gjobs("jobs", "list", "--as", "ben@example.com", "--json").document[0]["id"] == str(BENS)
    assert len(gjobs("jobs", "list", "--as", str(ADA), "--json").document) == 4


def test_jobs_list_without_jobs_prints_an_empty_document_or_only_titles(gjobs: Run) -> None:
    nothing = ("jobs", "list", "--project", "Spring lookbook", "--status", "failed")
    assert gjobs(*nothing, "--json").out == "[]\n"
    listed = gjobs(*nothing)
    assert (listed.code, listed.err) == (0, "No jobs.\n")
    assert listed.out.split() == ["ID", "STATUS", "COST", "CREATED", "MODE", "PROJECT", "ERROR"]


def test_one_huge_mode_makes_no_other_line_longer(gjobs: Run, sql: Sql) -> None:
    sql("update public.generation_jobs set mode = repeat('m', 3000000) where id = %s", QUEUED)
    sql("update public.projects set name = repeat('p', 3000000) where id = %s", AUTUMN)
    for command in ("jobs list", "stats --by project", "stats --by mode", "projects", f"jobs show {QUEUED} --events"):
        is_block = "show" in command
        lines = gjobs(*command.split()).out.splitlines()
        assert sum(map(len, lines)) < (6_100_000 if is_block else 20_000), command
    assert len(gjobs("jobs", "list", "--limit", "1", "--json").document[0]["mode"]) == 3_000_000


FAR_TIMES = [
    ("infinity", "infinity", "infinity"),
    ("-infinity", "-infinity", "-infinity"),
    ("294276-12-31 23:59:59.999999Z", "294276-12-31T23:59:59.999999Z", "294276-12-31 23:59:59 (294276 AD)"),
    ("0044-03-15 12:00Z BC", "0044-03-15T12:00:00.000000Z BC", "0044-03-15 12:00:00 BC (44 BC)"),
]


@pytest.mark.parametrize(("held", "document", "shown"), FAR_TIMES)
def test_times_beyond_the_years_of_python_are_printed_as_the_database_holds_them(
    gjobs: Run, sql: Sql, held: str, document: str, shown: str
) -> None:
    sql("update public.generation_jobs set created_at = %s, updated_at = %s where id = %s", held, held, FAILED)
    assert gjobs("jobs", "show", str(FAILED), "--json").document["created_at"] == document
    assert f"created      {shown}\n" in gjobs("jobs", "show", str(FAILED)).out
    listed = [row for row in gjobs("jobs", "list").out.splitlines() if str(FAILED) in row]
    assert shown.partition(" (")[0] in listed[0]
    for file_format, begin, end in (("ndjson", '"', '"'), ("csv", "", ",")):
        exported = gjobs("jobs", "export", "-", "--format", file_format)
        assert exported.code == 0, exported.err
        assert f"{begin}{document}{end}" in exported.out
    place = gjobs("jobs", "list", "--json", f"--after={document},{FAILED}")
    assert place.code == 0, place.err
    assert str(FAILED) not in ids(place.document)
    for command in (("snapshot",), ("stats",), ("stats", "--by", "project"), ("stats", "--by", "mode"), ("metrics",)):
        done = gjobs(*command)
        assert done.code == 0, done.err


@pytest.mark.parametrize("times", ["different", "equal"])
def test_after_option_continues_behind_the_last_job(gjobs: Run, sql: Sql, times: str) -> None:
    if times == "equal":
        sql("update public.generation_jobs set created_at = '2026-01-05T00:00:00Z'")
    seen: list[str] = []
    after: list[str] = []
    while page := gjobs("jobs", "list", "--limit", "2", "--json", *after).document:
        seen += ids(page)
        after = ["--after", f"{page[-1]['created_at']},{page[-1]['id']}"]
    assert seen == ids(gjobs("jobs", "list", "--json").document)
    assert sorted(seen) == sorted(map(str, ALL))


def test_jobs_list_names_the_option_that_lists_the_next_page(gjobs: Run) -> None:
    page = gjobs("jobs", "list", "--limit", "2")
    key = f"{time_of(3)},{RUNNING}"
    assert page.err == f"There are more. Continue with --after={key}\n"
    rest = gjobs("jobs", "list", "--after", key)
    assert str(SUCCEEDED) in rest.out
    assert rest.err == ""


def test_jobs_show_prints_one_job_and_indents_a_json_error(gjobs: Run, sql: Sql) -> None:
    shown = gjobs("jobs", "show", str(FAILED), "--json").document
    assert shown == {**document(FAILED), "repeats": None, "repeated_by": []}
    sql("""update public.generation_jobs set error = '{"message": "Boom", "mode": "x"}' where id = %s""", FAILED)
    block = gjobs("jobs", "show", str(FAILED)).out
    assert "project      Autumn catalog" in block
    assert 'error        {\n               "message": "Boom",\n               "mode": "x"\n             }\n' in block
    assert '"message"' not in gjobs("jobs", "list").out


@pytest.mark.parametrize(
    ("actor", "job", "words"),
    [
        ("ada@example.com", NOBODY, f"{NOBODY} does not exist.\n'gjobs jobs list' lists the jobs.\n"),
        (
            "ada@example.com",
            BENS,
            "but ada@example.com does not see it.\nThe operator sees hidden rows: press u in the dashboard,",
        ),
        ("operator", NOBODY, f"There is no job {NOBODY}"),
    ],
    ids=["gone", "hidden", "never there"],
)
def test_jobs_show_distinguishes_a_hidden_job_from_a_missing_one(
    gjobs: Run, actor: str, job: object, words: str
) -> None:
    assert_refused(gjobs("jobs", "show", str(job), "--as", actor), 1, words)


PREFIX = "3f2a9c1e"


@pytest.fixture
def others(sql: Sql) -> list[UUID]:
    """Two jobs of Ada and one of Ben, whose ids begin alike."""
    ids = [UUID(f"{PREFIX}-8d47-4b15-9a3e-{number:012}") for number in range(3)]
    for job_id, user, project in zip(ids, (ADA, ADA, BEN), (AUTUMN, AUTUMN, SPRING), strict=True):
        sql(
            "insert into public.generation_jobs (id, user_id, project_id, mode) values (%s, %s, %s, 'm')",
            *(job_id, user, project),
        )
    return ids


@pytest.mark.parametrize("options", [[], ["--events"]])
def test_jobs_show_takes_the_beginning_of_an_id_among_the_jobs_that_the_actor_sees(
    gjobs: Run, others: list[UUID], options: list[str]
) -> None:
    def shown(prefix: str, actor: str) -> str:
        document = gjobs("jobs", "show", prefix, *options, "--as", actor, "--json").document
        return str((document["job"] if options else document)["id"])

    assert shown(PREFIX[:4], "ben@example.com") == str(others[2])
    assert shown(str(others[2])[:-1].upper() + "2", "operator") == str(others[2])
    assert shown(str(others[0])[:-1].replace("-", ""), "ben@example.com") == str(others[2])
    assert_refused(
        *(gjobs("jobs", "show", PREFIX, *options, "--as", "ada@example.com"), 2),
        f"2 jobs have an id that begins with {PREFIX}.\nUse more digits: {others[0]}, {others[1]}\n",
    )
    assert_refused(
        *(gjobs("jobs", "show", "3F2B9C1E-8", *options), 1),
        "There is no job whose id begins with 3f2b9c1e8, or this user does not see it.\n'gjobs jobs list' lists",
    )


def test_beginning_of_many_ids_is_ambiguous(gjobs: Run) -> None:
    assert_refused(gjobs("jobs", "show", "0000"), 2, "5 jobs have an id that begins with 0000.")


@pytest.mark.parametrize("prefix", ["3f2", "3f2g", "x", f"{PREFIX}-8d47-4b15-9a3e-0000000000001"])
def test_text_that_begins_no_id_is_refused(gjobs: Run, prefix: str) -> None:
    words = f"{prefix!r} is not an id, and not the first 4 or more hexadecimal digits of one."
    assert_refused(gjobs("jobs", "show", prefix), 2, words)


@pytest.mark.parametrize(
    "line",
    [
        *("jobs update {} --mode x", "jobs transition {} running", "jobs retry {}", "jobs delete {} --yes"),
        *("archive restore {} --yes", "jobs create --project 'Autumn catalog' --mode x --input-asset {}"),
    ],
)
def test_command_that_writes_needs_the_whole_id(gjobs: Run, sql: Sql, others: list[UUID], line: str) -> None:
    before = present(sql)
    refused = gjobs(*shlex.split(line.format(PREFIX)))
    assert_refused(refused, 2, f"'{PREFIX}' is only the beginning of an id. Commands that write need the whole id")
    assert present(sql) == before


def test_project_is_found_by_the_beginning_of_its_id_only_to_read(gjobs: Run, sql: Sql) -> None:
    sql("insert into public.projects (id, user_id, name) values (%s, %s, 'N')", UUID(f"{PREFIX}{0:024}"), ADA)
    for reading in ("jobs list", "stats", "budgets", "budgets check", "archive list", "jobs export - --format csv"):
        assert gjobs(*reading.split(), "--project", PREFIX).code == 0, reading
    assert "2 projects have an id that begins with 0000." in gjobs("stats", "--project", "0000").err
    assert_refused(
        *(gjobs("jobs", "create", "--project", PREFIX, "--mode", "x"), 1),
        "Commands that write need a project's whole id or name.",
    )


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

    for_people = gjobs("jobs", "show", str(QUEUED), "--events")
    assert for_people.code == 0
    assert "queued → running" in for_people.out
    assert "\x1b" not in for_people.out
    assert for_people.err.startswith("Time in each status: queued ")


def test_events_of_a_deleted_job_are_visible_only_to_its_owner(gjobs: Run) -> None:
    assert gjobs("jobs", "delete", str(QUEUED), "--yes").code == 0
    told = gjobs("jobs", "show", str(QUEUED), "--events", "--json", "--as", "ada@example.com").document
    assert (told["job"], [event["kind"] for event in told["events"]]) == (None, ["created", "deleted"])
    assert gjobs("jobs", "show", str(QUEUED), "--events", "--as", "ben@example.com").code == 1
    assert gjobs("jobs", "show", str(QUEUED)).code == 1
