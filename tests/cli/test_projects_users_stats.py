"""`gjobs projects`, `users` and `stats`."""

import pytest

from tests.cli.support import Run, Sql
from tests.cli.world import ADA, AUTUMN, BEN, FAILED, QUEUED, SPRING, time_of

pytestmark = pytest.mark.usefixtures("url")


def test_projects_json_lists_counts_and_costs(gjobs: Run) -> None:
    assert gjobs("projects", "--as", "ada@example.com", "--json").document == [
        {
            "id": str(AUTUMN),
            "user_id": str(ADA),
            "name": "Autumn catalog",
            "created_at": time_of(0),
            "updated_at": time_of(0),
            "job_count": 4,
            "total_cost_cents": 518,
        }
    ]


def test_projects_prints_a_table(gjobs: Run) -> None:
    titles, *rows = gjobs("projects").out.splitlines()
    assert titles.split() == ["ID", "JOBS", "COST", "CREATED", "NAME"]
    assert [row.split()[0] for row in rows] == [str(SPRING), str(AUTUMN)]
    assert rows[1].split(maxsplit=5)[1:] == ["4", "$5.18", "2026-01-04", "12:00:00", "Autumn catalog"]


def test_projects_create_creates_a_project_of_the_acting_user(gjobs: Run, sql: Sql) -> None:
    created = gjobs("projects", "create", "Autumn catalog", "--as", "ben@example.com", "--json")
    assert created.code == 0
    project = created.document
    assert list(project) == ["id", "user_id", "name", "created_at", "updated_at", "job_count", "total_cost_cents"]
    assert (project["user_id"], project["job_count"], project["total_cost_cents"]) == (str(BEN), 0, 0)
    assert sql("select name from public.projects where user_id = %s order by name", BEN) == [
        ("Autumn catalog",),
        ("Spring lookbook",),
    ]


def test_projects_create_as_the_operator_requires_a_user(gjobs: Run) -> None:
    refused = gjobs("projects", "create", "Winter")
    assert (refused.code, refused.out) == (2, "")
    assert "--as EMAIL" in refused.err


@pytest.mark.parametrize(("name", "words"), [("  ", "is empty"), ("x" * 201, "at most 200")])
def test_projects_create_explains_an_invalid_name(gjobs: Run, name: str, words: str) -> None:
    refused = gjobs("projects", "create", name, "--as", "ada@example.com")
    assert refused.code == 2
    assert words in refused.err


def test_projects_without_projects_prints_how_to_create_one(gjobs: Run, sql: Sql) -> None:
    sql("delete from public.projects")
    assert gjobs("projects", "--json").out == "[]\n"
    assert "gjobs projects create NAME" in gjobs("projects").err


def test_users_lists_job_counts_and_users_without_email(gjobs: Run, sql: Sql) -> None:
    sql("update auth.users set email = null where id = %s", BEN)
    listed = gjobs("users", "--json")
    assert listed.document == [
        {
            "id": str(ADA),
            "email": "ada@example.com",
            "created_at": time_of(0),
            "job_count": 4,
            "last_job_at": time_of(4),
        },
        {"id": str(BEN), "email": None, "created_at": time_of(0), "job_count": 1, "last_job_at": time_of(0)},
    ]
    assert gjobs("users").out.splitlines()[2].split() == [str(BEN), "1", "2026-01-04", "12:00:00", "-"]


@pytest.mark.parametrize("search", ["ben", "BEN@", str(BEN), str(BEN)[:36].replace("-", "")])
def test_users_can_be_searched_by_email_and_id(gjobs: Run, search: str) -> None:
    (user,) = gjobs("users", search, "--json").document
    assert (user["id"], user["job_count"]) == (str(BEN), 1)


@pytest.mark.parametrize("search", ["nobody", "%", "b_n"])
def test_users_search_without_a_match_prints_no_rows(gjobs: Run, search: str) -> None:
    found = gjobs("users", search)
    assert (found.code, found.out.splitlines()[1:], found.err) == (0, [], "No users.\n")


def test_users_command_ignores_gjobs_as_and_refuses_users(gjobs: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GJOBS_AS", "ada@example.com")
    assert len(gjobs("projects", "--json").document) == 1
    assert len(gjobs("users", "--json").document) == 2
    as_ada = gjobs("users", "--as", "ada@example.com")
    assert (as_ada.code, as_ada.out) == (6, "")


def test_stats_json_lists_totals_by_status(gjobs: Run) -> None:
    rows = [("queued", 200), ("running", 50), ("succeeded", 250), ("failed", 18)]
    assert gjobs("stats", "--project", "Autumn catalog", "--json").document == {
        "by_status": [
            {"status": status, "count": 1, "total_cost_cents": cost, "avg_cost_cents": cost} for status, cost in rows
        ],
        "total_count": 4,
        "total_cost_cents": 518,
        "avg_cost_cents": 129.5,
        "success_rate": 0.25,
        "success_rate_finished": 0.5,
        "exact": True,
        "partial_claims": [],
        "includes_archive": False,
    }


def test_stats_round_averages_to_two_decimals(gjobs: Run, sql: Sql) -> None:
    sql("update public.generation_jobs set status = 'failed', cost_cents = 100")
    sql("update public.generation_jobs set cost_cents = 101 where id = %s", FAILED)
    sql("delete from public.generation_jobs where id = %s", QUEUED)
    document = gjobs("stats", "--as", "ada@example.com", "--json").document
    assert document["avg_cost_cents"] == 100.33
    assert (document["success_rate"], document["success_rate_finished"]) == (0.0, 0.0)


def test_stats_without_jobs_print_zeros(gjobs: Run, sql: Sql) -> None:
    sql("delete from public.generation_jobs")
    assert gjobs("stats", "--json").document == {
        "by_status": [],
        "total_count": 0,
        "total_cost_cents": 0,
        "avg_cost_cents": None,
        "success_rate": None,
        "success_rate_finished": None,
        "exact": True,
        "partial_claims": [],
        "includes_archive": False,
    }
    lines = gjobs("stats").out.splitlines()
    assert lines[1].split() == ["total", "0", "$0.00", "-"]
    assert lines[-1] == "Nothing has finished."


def test_stats_print_a_table(gjobs: Run) -> None:
    lines = gjobs("stats").out.splitlines()
    assert lines[1].split() == ["queued", "2", "$3.00", "$1.50"]
    assert lines[-3].split() == ["total", "5", "$6.18", "$1.24"]
    assert lines[-1] == "Succeeded: 50 % of the finished jobs, 20 % of all."


def test_stats_by_project_list_the_rows_of_the_summary_view(gjobs: Run) -> None:
    rows = gjobs("stats", "--by", "project", "--json").document
    assert [(row["project_id"], row["status"], row["total_cost_cents"]) for row in rows] == [
        (str(AUTUMN), "succeeded", 250),
        (str(AUTUMN), "queued", 200),
        (str(SPRING), "queued", 100),
        (str(AUTUMN), "running", 50),
        (str(AUTUMN), "failed", 18),
    ]
    assert rows[2] == {
        "user_id": str(BEN),
        "project_id": str(SPRING),
        "status": "queued",
        "job_count": 1,
        "total_cost_cents": 100,
        "avg_cost_cents": 100.0,
        "first_job_at": time_of(0),
        "last_job_at": time_of(0),
    }
    assert len(gjobs("stats", "--by", "project", "--project", "Spring lookbook", "--json").document) == 1
    assert "Spring lookbook  queued" in gjobs("stats", "--by", "project").out
