"""`gjobs projects`, `users` and `stats`."""

import pytest

from tests.cli.cli_rows import ADA, AUTUMN, BEN, FAILED, QUEUED, SPRING, listed_ids, time_of
from tests.cli.command_line import Run, Sql

pytestmark = pytest.mark.usefixtures("url")

PROJECT_FIELDS = ["id", "user_id", "name", "created_at", "updated_at", "job_count", "total_cost_cents"]


def test_projects_lists_counts_and_costs(gjobs: Run) -> None:
    (project,) = gjobs("projects", "--as", "ada@example.com", "--json").document
    assert list(project) == PROJECT_FIELDS
    assert list(project.values()) == [str(AUTUMN), str(ADA), "Autumn catalog", time_of(0), time_of(0), 4, 518]
    titles, *rows = gjobs("projects").out.splitlines()
    assert titles.split() == ["ID", "JOBS", "COST", "CREATED", "NAME"]
    assert [row.split()[0] for row in rows] == [str(SPRING), str(AUTUMN)]
    assert rows[1].split(maxsplit=5)[1:] == ["4", "$5.18", "2026-01-04", "12:00:00", "Autumn catalog"]


def test_projects_create_creates_a_project_of_the_acting_user(gjobs: Run, sql: Sql) -> None:
    created = gjobs("projects", "create", "Autumn catalog", "--as", "ben@example.com", "--json")
    assert created.code == 0
    project = created.document
    assert list(project) == PROJECT_FIELDS
    assert (project["user_id"], project["job_count"], project["total_cost_cents"]) == (str(BEN), 0, 0)
    assert sql("select name from public.projects where user_id = %s order by name", BEN) == [
        ("Autumn catalog",),
        ("Spring lookbook",),
    ]


def test_projects_suggests_the_create_command_when_there_are_none(gjobs: Run, sql: Sql) -> None:
    sql("delete from public.projects")
    assert gjobs("projects", "--json").out == "[]\n"
    assert "gjobs projects create NAME" in gjobs("projects").err


def test_users_lists_job_counts_and_users_without_email(gjobs: Run, sql: Sql) -> None:
    sql("update auth.users set email = null where id = %s", BEN)
    ada, ben = gjobs("users", "--json").document
    assert list(ada) == ["id", "email", "created_at", "job_count", "last_job_at"]
    assert list(ada.values()) == [str(ADA), "ada@example.com", time_of(0), 4, time_of(4)]
    assert list(ben.values()) == [str(BEN), None, time_of(0), 1, time_of(0)]
    assert gjobs("users").out.splitlines()[2].split() == [str(BEN), "1", "2026-01-04", "12:00:00", "-"]
    assert listed_ids(gjobs, "users", "ADA@") == [ADA]
    assert gjobs("users", "nobody").err == "No users.\n"


def test_users_command_ignores_gjobs_as_and_refuses_users(gjobs: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GJOBS_AS", "ada@example.com")
    assert len(gjobs("projects", "--json").document) == 1
    assert len(gjobs("users", "--json").document) == 2
    as_ada = gjobs("users", "--as", "ada@example.com")
    assert (as_ada.code, as_ada.out) == (6, "")


def test_stats_print_totals_by_status(gjobs: Run) -> None:
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
    lines = gjobs("stats").out.splitlines()
    assert lines[1].split() == ["queued", "2", "$3.00", "$1.50"]
    assert lines[-3].split() == ["total", "5", "$6.18", "$1.24"]
    assert lines[-1] == "Success: 50 % of the finished jobs, 20 % of all jobs."


def test_stats_round_averages_and_print_zeros_without_jobs(gjobs: Run, sql: Sql) -> None:
    sql("update public.generation_jobs set status = 'failed', cost_cents = 100")
    sql("update public.generation_jobs set cost_cents = 101 where id = %s", FAILED)
    sql("delete from public.generation_jobs where id = %s", QUEUED)
    document = gjobs("stats", "--as", "ada@example.com", "--json").document
    assert document["avg_cost_cents"] == 100.33
    assert (document["success_rate"], document["success_rate_finished"]) == (0.0, 0.0)

    sql("delete from public.generation_jobs")
    nothing = {
        "by_status": [],
        "total_count": 0,
        "total_cost_cents": 0,
        "exact": True,
        "partial_claims": [],
        "includes_archive": False,
    }
    undefined = {"avg_cost_cents": None, "success_rate": None, "success_rate_finished": None}
    assert gjobs("stats", "--json").document == nothing | undefined
    lines = gjobs("stats").out.splitlines()
    assert lines[1].split() == ["total", "0", "$0.00", "-"]
    assert lines[-1] == "No job has finished."


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
