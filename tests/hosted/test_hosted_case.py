"""gjobs case on the app's own database: every login gets a case, and none holds rows that the login may not read."""

import json
from typing import Any
from uuid import UUID

import pytest

from tests.cli.command_line import Run
from tests.conftest import connect
from tests.hosted.access_routes import SOME_LOGINS, Login
from tests.hosted.statement_log import record_transcript
from tests.tui.jobs_database import ADA, AUTUMN, SPRING, JobsDatabase, job_id

HIDDEN = "zebra"
"""A text in each row that the restricted login may not read."""


@pytest.mark.reads
@pytest.mark.parametrize("login", SOME_LOGINS, indirect=True)
def test_each_login_gets_a_case_and_leaves_no_trace(login: Login, gjobs: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GJOBS_DATABASE_URL", login.url)
    with record_transcript(login) as transcript:
        done = gjobs("case", str(ADA), "--json")
        recorded = transcript()

    assert done.code == 0
    case = done.document
    assert [job["id"] for job in case["jobs"]] == [str(job_id(number)) for number in range(1, 8)]
    assert case["user"]["email"] == ("ada@example.com" if login.is_owner else None)
    unread = {"visibility", "e-mail"} if not login.is_owner else set()
    assert {part["part"] for part in case["unread"]} == unread | {"timelines", "budgets", "workers"}
    assert (recorded.traces_of(login), recorded.problems, recorded.writes) == ([], [], 0)


@pytest.fixture
def restricted(reader_by_policies: Login, jobs_db: JobsDatabase) -> Login:
    """A login that reads through policies, which hide job 4, the project Spring with its job, and an asset."""
    jobs_db.asset(UUID(int=1), f"{HIDDEN}/a.png")
    jobs_db.sql("update public.generation_jobs set error = %s where id = %s", f"{HIDDEN} failed", job_id(4))
    jobs_db.sql("update public.generation_jobs set mode = %s where id = %s", f"{HIDDEN} mode", job_id(7))
    jobs_db.sql("update public.generation_jobs set input_asset_id = %s where id = %s", UUID(int=1), job_id(2))
    jobs_db.sql("update public.projects set name = %s where id = %s", HIDDEN, SPRING)
    jobs_db.sql(
        'alter policy "gjobs_reader reads jobs" on public.generation_jobs'
        f" using (project_id <> '{SPRING}' and id <> '{job_id(4)}')"
    )
    jobs_db.sql(f"alter policy \"gjobs_reader reads projects\" on public.projects using (id <> '{SPRING}')")
    jobs_db.sql('alter policy "gjobs_reader reads assets" on public.assets using (false)')
    return reader_by_policies


def rows(login: Login) -> set[str]:
    """Return the ids of all rows that the login reads."""
    with connect(login.conninfo) as connection:
        found = connection.execute(
            "select id from public.generation_jobs union all select id from public.projects"
            " union all select id from public.assets"
        ).fetchall()
    return {str(row[0]) for row in found}


def test_case_of_a_restricted_login_has_nothing_from_rows_that_it_may_not_read(
    restricted: Login, gjobs: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GJOBS_DATABASE_URL", restricted.url)
    readable = rows(restricted)
    assert str(job_id(2)) in readable
    assert str(job_id(4)) not in readable
    for who in (str(ADA), str(job_id(2))):
        done, text = gjobs("case", who, "--json", "--no-redact"), gjobs("case", who, "--no-redact").out
        assert done.code == 0
        case: dict[str, Any] = done.document
        for hidden in (HIDDEN, str(job_id(4)), str(job_id(7)), str(SPRING), "ada@example.com"):
            assert hidden not in json.dumps(case), (who, hidden)
            assert hidden not in text, (who, hidden)
        assert {job["id"] for job in case["jobs"]} <= readable
        assert [project["id"] for project in case["projects"]] == [str(AUTUMN)]
        assert (case["job_count"], case["visibility"]) == (5, None)
        assert case["failures"]["failures"] == 0
    hidden_job = gjobs("case", str(job_id(4)))
    assert (hidden_job.code, hidden_job.out) == (1, "")
