"""An app of teams, whose policies let members write into shared projects: gjobs does not stop their writes."""

import json
from uuid import UUID

import psycopg
import pytest

from gjobs.migrations.rollups import check_rollups
from gjobs.migrations.runner import remove, upgrade
from tests.conftest import Conninfo, connect
from tests.hosted.test_hosted_doctor import LEAKS, examined, faults, fix, run
from tests.migrations.conftest import catalogue
from tests.migrations.test_interrupted_upgrade import STOPS, interrupting
from tests.tui.jobs_database import ADA, AUTUMN, BEN, SPRING, TRAIL, JobsDatabase, job_id

pytestmark = pytest.mark.usefixtures("one_idle_poll")

PHOTO = UUID("a3000000-0000-4000-8000-000000000000")
"""Ada's asset in the shared project."""

MINE = "in (select m.project_id from public.project_members m where m.user_id = auth.uid())"
SHARED = f"project_id {MINE}"
VISIBLE = "project_id in (select p.id from public.projects p)"
TEAMS = (
    "create table public.project_members (project_id uuid not null references public.projects, user_id uuid not null)",
    "alter table public.project_members enable row level security",
    "create policy mine on public.project_members for select using (auth.uid() = user_id)",
    f"create policy shared_view on public.projects for select using (id {MINE})",
    f"create policy shared_view on public.assets for select using ({SHARED})",
    f"create policy shared_view on public.generation_jobs for select using ({SHARED})",
    f"create policy shared_update on public.generation_jobs for update using ({SHARED}) with check ({SHARED})",
    f"create policy shared_delete on public.generation_jobs for delete using ({SHARED})",
    *(
        f"create policy visible_{command} on public.{table} as restrictive for {command} {using} with check ({VISIBLE})"
        for table in ("assets", "generation_jobs")
        for command, using in (("insert", ""), ("update", "using (true)"))
    ),
)
"""Members see and change what is in a shared project. What they add there is their own."""

JOB = "insert into public.generation_jobs (user_id, project_id, mode, input_asset_id) values (%s, %s, 'lifestyle', %s)"
ASSET = (
    "insert into public.assets (user_id, project_id, kind, mode, source_asset_id, prompt_version, prompt_payload,"
    " storage_path) values (%s, %s, 'output', 'lifestyle', %s, '1', '{}', 'autumn.jpg')"
)
WRITES: tuple[tuple[str, tuple[object, ...]], ...] = (
    (ASSET, (BEN, AUTUMN, PHOTO)),
    (JOB, (BEN, AUTUMN, PHOTO)),
    (JOB, (BEN, TRAIL, None)),
    ("update public.generation_jobs set project_id = %s where user_id = %s and project_id = %s", (AUTUMN, BEN, TRAIL)),
    ("update public.generation_jobs set status = 'running' where id = %s", (job_id(1),)),
    ("update public.generation_jobs set status = 'failed', error = 'Boom' where id = %s", (job_id(1),)),
    ("delete from public.generation_jobs where id = %s", (job_id(3),)),
)
"""The writes of Ben, a member of Ada's project. Each changes rows."""


@pytest.fixture
def team_database(app_database: Conninfo, jobs_db: JobsDatabase) -> Conninfo:
    """The database of an app of teams. Ben is a member of one project of Ada."""
    run(app_database, *TEAMS)
    jobs_db.sql("insert into public.project_members values (%s, %s)", AUTUMN, BEN)
    jobs_db.asset(PHOTO, "photo.jpg")
    return app_database


def write_as_member(conninfo: Conninfo) -> None:
    """Write as Ben into a shared project, and fail to write into one that is not shared."""
    with connect(conninfo) as connection:
        connection.execute("select set_config('role', 'authenticated', true)")
        claims = json.dumps({"sub": str(BEN), "role": "authenticated"})
        connection.execute("select set_config('request.jwt.claims', %s, true)", [claims])
        for statement, values in WRITES:
            assert connection.execute(statement.encode(), values).rowcount > 0, statement
        for statement in (JOB, ASSET):
            with pytest.raises(psycopg.errors.InsufficientPrivilege), connection.transaction():
                connection.execute(statement.encode(), (BEN, SPRING, None))


def restore_jobs(jobs_db: JobsDatabase) -> None:
    """Undo what the member's writes need to be repeated."""
    jobs_db.sql("delete from public.generation_jobs where user_id = %s", BEN)
    jobs_db.set_status(1, "queued")
    jobs_db.job(3)


def test_members_write_into_shared_projects_before_during_and_after_an_upgrade(
    team_database: Conninfo, jobs_db: JobsDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    policies = [fact for fact in catalogue(team_database)["policies"] if fact[0] == "public"]
    write_as_member(team_database)
    for stop in STOPS:
        restore_jobs(jobs_db)
        with interrupting(stop, monkeypatch):
            upgrade(team_database)
        write_as_member(team_database)

    restore_jobs(jobs_db)
    upgrade(team_database)
    write_as_member(team_database)

    assert [fact for fact in catalogue(team_database)["policies"] if fact[0] == "public"] == policies
    assert check_rollups(team_database).matches
    assert jobs_db.sql(
        "select user_id, actor_user_id from gjobs.job_events where job_id = %s and to_status = 'failed'"
        " order by id desc limit 1",
        job_id(1),
    ) == [(ADA, BEN)]

    restore_jobs(jobs_db)
    remove(team_database)
    write_as_member(team_database)


@pytest.mark.migrated
async def test_doctor_reports_no_policy_of_a_team_and_members_still_write_after_its_sql(
    team_database: Conninfo,
) -> None:
    report = await examined(team_database)
    assert faults(report) == LEAKS - {"foreign-project"}

    fix(team_database, report)
    assert faults(await examined(team_database)) == set()
    write_as_member(team_database)
