"""`gjobs jobs list` and `show`."""

import pytest

from tests.cli.support import Run, Sql
from tests.cli.world import ADA, AUTUMN, BENS, FAILED, NOBODY, QUEUED, RUNNING, SUCCEEDED, document, time_of

pytestmark = pytest.mark.usefixtures("url")


def ids(jobs: list[dict[str, str]]) -> list[str]:
    return [job["id"] for job in jobs]


def test_jobs_list_prints_all_columns_with_the_newest_first(gjobs: Run) -> None:
    listed = gjobs("jobs", "list", "--as", "ada@example.com", "--json")
    assert listed.code == 0
    assert listed.document == [document(job) for job in (QUEUED, RUNNING, SUCCEEDED, FAILED)]
    assert list(listed.document[0]) == list(document(QUEUED))
    assert listed.err == ""


def test_jobs_list_shows_the_operator_all_jobs_and_users_only_theirs(gjobs: Run) -> None:
    assert str(BENS) in gjobs("jobs", "list").out
    assert str(BENS) in gjobs("jobs", "list", "--as", "operator").out
    assert str(BENS) not in gjobs("jobs", "list", "--as", "ada@example.com").out
    assert gjobs("jobs", "list", "--as", "ben@example.com", "--json").document[0]["id"] == str(BENS)
    assert len(gjobs("jobs", "list", "--as", str(ADA), "--json").document) == 4


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        (["--status", "failed"], [FAILED]),
        (["--project", "Autumn catalog", "--status", "queued"], [QUEUED]),
        (["--project", str(AUTUMN), "--limit", "2"], [QUEUED, RUNNING]),
        (["--project", "Spring lookbook"], [BENS]),
        (["--project", "Spring lookbook", "--status", "running"], []),
    ],
)
def test_jobs_list_filters_by_project_and_status(gjobs: Run, filters: list[str], expected: list[object]) -> None:
    listed = gjobs("jobs", "list", *filters, "--json")
    assert listed.code == 0
    assert ids(listed.document) == list(map(str, expected))


def test_jobs_list_without_jobs_prints_an_empty_document_or_only_titles(gjobs: Run) -> None:
    assert gjobs("jobs", "list", "--project", "Spring lookbook", "--status", "failed", "--json").out == "[]\n"
    listed = gjobs("jobs", "list", "--project", "Spring lookbook", "--status", "failed")
    assert listed.code == 0
    assert listed.out.split() == ["ID", "STATUS", "COST", "CREATED", "MODE", "PROJECT", "ERROR"]
    assert listed.err == "No jobs.\n"


def test_after_option_continues_behind_the_last_job(gjobs: Run) -> None:
    seen: list[str] = []
    after: list[str] = []
    while page := gjobs("jobs", "list", "--limit", "2", "--json", *after).document:
        seen += ids(page)
        after = ["--after", f"{page[-1]['created_at']},{page[-1]['id']}"]
    assert seen == list(map(str, [QUEUED, RUNNING, SUCCEEDED, FAILED, BENS]))


def test_jobs_list_names_the_option_that_lists_the_next_page(gjobs: Run) -> None:
    page = gjobs("jobs", "list", "--limit", "2")
    key = f"{time_of(3)},{RUNNING}"
    assert page.err == f"There are more. The next ones: --after {key}\n"
    rest = gjobs("jobs", "list", "--after", key)
    assert str(SUCCEEDED) in rest.out
    assert rest.err == ""


def test_jobs_with_equal_times_are_paged_by_id(gjobs: Run, sql: Sql) -> None:
    sql("update public.generation_jobs set created_at = '2026-01-05T00:00:00Z'")
    first = gjobs("jobs", "list", "--limit", "3", "--json").document
    last = first[-1]
    rest = gjobs("jobs", "list", "--after", f"{last['created_at']},{last['id']}", "--json").document
    assert sorted(ids(first) + ids(rest)) == sorted(map(str, [QUEUED, RUNNING, SUCCEEDED, FAILED, BENS]))


def test_jobs_list_table_shows_project_and_error(gjobs: Run) -> None:
    _, *rows = gjobs("jobs", "list", "--as", "ada@example.com").out.splitlines()
    assert rows[-1].split() == [
        *(str(FAILED), "failed", "$0.18", "2026-01-04", "13:00:00", "feature_callout"),
        *("Autumn", "catalog", "API", "timeout"),
    ]


def test_jobs_show_prints_one_job_as_json(gjobs: Run) -> None:
    assert gjobs("jobs", "show", str(FAILED), "--json").document == {
        **document(FAILED),
        "repeats": None,
        "repeated_by": [],
    }


def test_jobs_show_indents_a_json_error(gjobs: Run, sql: Sql) -> None:
    sql("""update public.generation_jobs set error = '{"message": "Boom", "mode": "x"}' where id = %s""", FAILED)
    shown = gjobs("jobs", "show", str(FAILED)).out
    assert "project      Autumn catalog" in shown
    assert 'error        {\n               "message": "Boom",\n               "mode": "x"\n             }\n' in shown
    assert '"message"' not in gjobs("jobs", "list").out


@pytest.mark.parametrize(
    ("job", "words"),
    [
        (NOBODY, f"{NOBODY} is not there, or not any more.\n'gjobs jobs list' lists them.\n"),
        (BENS, f"{BENS} exists, but ada@example.com does not see it.\nAs the operator you see what is there.\n"),
    ],
    ids=["gone", "hidden"],
)
def test_jobs_show_distinguishes_a_hidden_job_from_a_deleted_one(gjobs: Run, job: object, words: str) -> None:
    shown = gjobs("jobs", "show", str(job), "--as", "ada@example.com", "--json")
    assert (shown.code, shown.out, shown.err) == (1, "", words)


def test_jobs_show_as_the_operator_reports_a_job_that_does_not_exist(gjobs: Run) -> None:
    shown = gjobs("jobs", "show", str(NOBODY), "--as", "operator")
    assert shown.err.startswith(f"There is no job {NOBODY}")


@pytest.mark.parametrize("limit", ["0", "10001", "-1", "many"])
def test_invalid_limit_is_explained(gjobs: Run, limit: str) -> None:
    listed = gjobs("jobs", "list", "--limit", limit)
    assert (listed.code, listed.out) == (2, "")
    assert "imit" in listed.err


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
    assert for_people.err.startswith("In each status: queued ")


def test_events_of_a_deleted_job_are_visible_only_to_its_owner(gjobs: Run) -> None:
    assert gjobs("jobs", "delete", str(QUEUED), "--yes").code == 0
    told = gjobs("jobs", "show", str(QUEUED), "--events", "--json", "--as", "ada@example.com").document
    assert (told["job"], [event["kind"] for event in told["events"]]) == (None, ["created", "deleted"])
    assert gjobs("jobs", "show", str(QUEUED), "--events", "--as", "ben@example.com").code == 1
    assert gjobs("jobs", "show", str(QUEUED)).code == 1
