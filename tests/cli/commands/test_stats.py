"""`gjobs projects`, `users`, `stats` and `errors`."""

import pytest

from gjobs.store.error_groups.error_group import error_group_id, group_id
from gjobs.store.errors import TimedOut
from gjobs.store.store import Store
from gjobs.tui.cli.commands.stats import SHORTER
from tests.cli.cli_rows import ADA, AUTUMN, BEN, BENS_JOB, FAILED, QUEUED, SPRING, SUCCEEDED, listed_ids, time_of
from tests.cli.command_line import Run, Sql, assert_refused

pytestmark = pytest.mark.usefixtures("url")

PROJECT_FIELDS = ["id", "user_id", "name", "created_at", "updated_at", "job_count", "total_cost_cents"]


def test_projects_lists_counts_and_costs_or_suggests_to_create_one(gjobs: Run, sql: Sql) -> None:
    (project,) = gjobs("projects", "--as", "ada@example.com", "--json").document
    assert list(project) == PROJECT_FIELDS
    assert list(project.values()) == [str(AUTUMN), str(ADA), "Autumn catalog", time_of(0), time_of(0), 4, 518]
    titles, *rows = gjobs("projects").out.splitlines()
    assert titles.split() == ["ID", "JOBS", "COST", "CREATED", "NAME"]
    assert [row.split()[0] for row in rows] == [str(SPRING), str(AUTUMN)]
    assert rows[1].split(maxsplit=5)[1:] == ["4", "$5.18", "2026-01-04", "12:00:00", "Autumn catalog"]

    sql("delete from public.projects")
    assert gjobs("projects", "--json").out == "[]\n"
    assert "gjobs projects create NAME" in gjobs("projects").err


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
    found = gjobs("stats", "--json").document
    assert [found[name] for name in ("by_status", "avg_cost_cents", "success_rate", "success_rate_finished")] == [
        *([], None, None, None)
    ]
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


WASTE = {"failed_count": 1, "failed_cents": 18, "retry_count": 1, "retry_cents": 250, "waste_cents": 268}
BOUNDS = {"has_more": False, "knows_retries": True, "days": None, "exact": True, "read_limit": None}


def test_stats_waste_shows_failed_jobs_and_retries_by_each_key(gjobs: Run, sql: Sql) -> None:
    sql("update generation_jobs set retry_count = 1 where id = %s", SUCCEEDED)
    total = {**WASTE, "all_cents": 618, "share": 268 / 618}
    failed = {**WASTE, "retry_count": 0, "retry_cents": 0, "waste_cents": 18}
    retried = {**WASTE, "failed_count": 0, "failed_cents": 0, "waste_cents": 250}

    assert gjobs("stats", "--waste", "--json").document == {
        "by": "mode",
        "rows": [
            {"mode": "main_white", **retried, "all_cents": 250, "share": 1.0},
            {"mode": "feature_callout", **failed, "all_cents": 18, "share": 1.0},
        ],
        "total": total,
        **BOUNDS,
    }
    by_group = gjobs("stats", "--waste", "--by", "group", "--json").document
    group = {"group": error_group_id("API timeout"), "fingerprint": "API timeout"}
    assert by_group["rows"] == [
        {"group": "", "fingerprint": None, **retried, "all_cents": None, "share": None},
        {**group, **failed, "all_cents": None, "share": None},
    ]
    assert by_group["total"] == total
    for key, value, label, name in (
        ("project", AUTUMN, "name", "Autumn catalog"),
        ("user", ADA, "email", "ada@example.com"),
    ):
        assert gjobs("stats", "--waste", "--by", key, "--json").document["rows"] == [
            {key: str(value), label: name, **WASTE, "all_cents": 518, "share": 268 / 518}
        ]
    assert gjobs("stats", "--waste", "--by", "day", "--json").document["days"] == 30

    def lines(*arguments: str) -> list[str]:
        return gjobs("stats", "--waste", *arguments).out.splitlines()

    cells = ["1", "$0.18", "1", "$2.50", "$2.68", "$5.18", "52", "%"]
    assert lines("--by", "project")[1].split() == ["Autumn", "catalog", *cells]
    assert lines("--by", "user", "--project", "Autumn catalog")[1].split() == ["ada@example.com", *cells]
    assert lines("--by", "group")[1].split()[:3] == ["(retries)", "0", "$0.00"]
    assert lines("--by", "group")[2].startswith(f"{group['group']} API timeout")
    assert lines()[-1].split() == ["total", "1", "$0.18", "1", "$2.50", "$2.68", "$6.18", "43", "%"]


TIMEOUT = group_id("API timeout")
HOSTILE = "[/red]\x1b[2J\u202eno 7\n" + "\x07" * 1_000_000
GROUP_FIELDS = [
    "id",
    "fingerprint",
    "count",
    "first_seen",
    "last_seen",
    "modes",
    "mode_count",
    "users",
    "user_count",
    "cost_cents",
    "trend",
    "example_job_id",
    "example",
]


def test_errors_groups_failures_as_json_and_as_a_table(gjobs: Run, sql: Sql) -> None:
    sql("update generation_jobs set completed_at = now(), updated_at = now() where status = 'failed'")
    for job, error in ((SUCCEEDED, '{"message": "API timeout"}'), (BENS_JOB, HOSTILE)):
        sql(
            "update generation_jobs set status = 'failed', error = %s, completed_at = now() - interval '2 days',"
            " updated_at = now() where id = %s",
            *(error, job),
        )
    found = gjobs("errors", "--json").document
    assert [found[name] for name in ("window", "limit", "complete", "failures", "group_count")] == [
        "7d",
        20_000,
        True,
        3,
        2,
    ]
    timeout, other = found["groups"]
    assert list(timeout) == GROUP_FIELDS
    assert [timeout[name] for name in ("id", "fingerprint", "count", "modes", "users", "cost_cents")] == [
        *(TIMEOUT, "API timeout", 2, ["feature_callout", "main_white"], [str(ADA)], 268),
    ]
    assert (timeout["example_job_id"], timeout["example"]) == (str(FAILED), "API timeout")
    assert other["example"] == HOSTILE[:4_000]
    assert (other["fingerprint"], other["users"]) == ("[/red]\x1b[#J\u202eno #", [str(BEN)])

    shown = gjobs("errors")
    titles, first, second = shown.out.splitlines()
    assert titles.split() == ["GROUP", "FAILED", "TREND", "LAST", "FIRST", "USERS", "COST", "ERROR", "MODES"]
    assert first.split()[:2] == [TIMEOUT, "2"]
    assert first.split()[-9:] == ["2", "d", "ago", "1", "$2.68", "API", "timeout", "feature_callout,", "main_white"]
    assert "[/red]␛[#J␦no #" in second
    assert shown.err == "3 failures in the last 7 d, 2 groups. At most 20,000 are read.\n"

    as_ben = gjobs("errors", "--as", "ben@example.com", "--json").document
    assert [group["id"] for group in as_ben["groups"]] == [other["id"]]
    narrowed = gjobs(
        "errors", "--project", str(AUTUMN), "--filter", "mode:main_white", "--window", "3d", "--json"
    ).document
    assert (narrowed["window"], [group["count"] for group in narrowed["groups"]]) == ("3d", [1])
    statuses = "The term status: does not apply, because only failed jobs are grouped.\n"
    for terms, sentences in (
        (
            "mode:main_white",
            "1 failure in the last 3 d that matches mode:main_white, 1 group. At most 20,000 are read.\n",
        ),
        (
            "-mode:main_white",
            "2 failures in the last 3 d that match -mode:main_white, 2 groups. At most 20,000 are read.\n",
        ),
        ("status:queued", f"{statuses}3 failures in the last 3 d, 2 groups. At most 20,000 are read.\n"),
        ("status:queued mode:none", f"{statuses}No job that matches mode:none failed in the last 3 d.\n"),
    ):
        assert gjobs("errors", f"--filter={terms}", "--window", "3d").err == sentences
    listed = gjobs("jobs", "list", "--filter", f"error-group:{TIMEOUT}", "--json").document
    assert {job["id"] for job in listed} == {str(FAILED), str(SUCCEEDED)}


def test_errors_that_take_too_long_name_a_way_out(gjobs: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    async def take_too_long(*_: object, **__: object) -> None:
        raise TimedOut("The database took too long.", sqlstate="57014")

    monkeypatch.setattr(Store, "get_error_groups", take_too_long)
    assert_refused(gjobs("errors"), 4, "The database took too long.", SHORTER)


def test_errors_without_failures_say_so(gjobs: Run, sql: Sql) -> None:
    empty = gjobs("errors", "--window", "1h")
    assert (empty.code, empty.out) == (0, "")
    assert empty.err == "No job failed in the last 1 h.\n"
    assert gjobs("errors", "--json").document["groups"] == []


def test_table_of_errors_stays_narrow_in_a_pipe(gjobs: Run, sql: Sql) -> None:
    sql(
        "update generation_jobs set status = 'failed', error = %s, mode = %s, completed_at = now(), updated_at = now()",
        *("a long error " * 30, "a_long_mode_" * 10),
    )
    lines = gjobs("errors").out.splitlines()
    assert len(lines) == 2
    assert max(map(len, lines)) <= 120
    assert "a long error" in lines[1]
