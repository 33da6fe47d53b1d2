"""Users keep their privileges after `migrate up`, even in projects that grant them no new objects by default."""

import asyncio

import pytest
from psycopg.conninfo import make_conninfo
from psycopg.errors import InsufficientPrivilege

from gjobs.migrations.runner import remove, upgrade
from tests.cli.command_line import Run
from tests.conftest import Conninfo, connect
from tests.hosted.test_hosted_doctor import LEAKS, examined, faults, finding, fix
from tests.migrations.conftest import catalogue
from tests.tui.jobs_database import ADA, JobsDatabase, fill, job_id

TABLES = """
grant select, insert, update, delete on public.projects, public.assets, public.generation_jobs
   to authenticated, service_role;
"""
"""The grants of the app's own migration: its tables, but not the view."""
FROM_THE_START = (
    ("jobs", "list"),
    ("jobs", "show", str(job_id(4))),
    ("stats",),
    ("stats", "--by", "project"),
    ("stats", "--by", "mode"),
    ("stats", "--waste", "--by", "group"),
    ("projects",),
    ("snapshot",),
)
MIGRATED = (
    ("jobs", "show", str(job_id(4)), "--events"),
    ("budgets",),
    ("archive", "list"),
    ("stats", "--archive"),
    ("workers",),
    ("cleanup", "policies", "list"),
)


@pytest.fixture
def project(ungranted_database: Conninfo, monkeypatch: pytest.MonkeyPatch) -> Conninfo:
    jobs_db = JobsDatabase(ungranted_database)
    fill(jobs_db)
    jobs_db.close()
    monkeypatch.setenv("GJOBS_DATABASE_URL", make_conninfo("", **ungranted_database))
    return ungranted_database


def grant(conninfo: Conninfo) -> None:
    with connect(conninfo) as owner:
        owner.execute(TABLES.encode())


def refused(gjobs: Run, *commands: tuple[str, ...]) -> list[tuple[str, str]]:
    """Return the commands that are refused to Ada, with the errors."""
    done = {" ".join(command): gjobs(*command, "--as", "ada@example.com") for command in commands}
    return [(command, result.err) for command, result in done.items() if result.code]


def test_users_keep_their_privileges_after_migrating(project: Conninfo, gjobs: Run) -> None:
    grant(project)
    assert refused(gjobs, *FROM_THE_START) == []
    before = catalogue(project)["grants"]

    upgrade(project)
    assert refused(gjobs, *FROM_THE_START, *MIGRATED) == []
    users_can_write_but_run_no_jobs(project)

    remove(project)
    assert refused(gjobs, ("jobs", "list"), ("stats",)) == []
    assert [one for one in catalogue(project)["grants"] if one[0] != "gjobs"] == before


def users_can_write_but_run_no_jobs(project: Conninfo) -> None:
    with connect(project, autocommit=True) as owner, owner.transaction(force_rollback=True):
        owner.execute("select set_config('role', 'authenticated', true)")
        owner.execute("select set_config('request.jwt.claims', %s, true)", [f'{{"sub": "{ADA}"}}'])
        owner.execute("update public.generation_jobs set status = 'running' where status = 'queued'")
        owner.execute("update public.projects set name = 'Winter' where user_id = %s", [ADA])
        owner.execute(
            "insert into public.generation_jobs (user_id, project_id, mode)"
            " select user_id, id, 'lifestyle' from public.projects"
        )
        owner.execute("select gjobs.archive_jobs(array(select id from public.generation_jobs where status = 'failed'))")
        owner.execute("select gjobs.restore_jobs(array(select id from gjobs.visible_archive))")
        owner.execute("delete from public.projects where user_id = %s", [ADA])
        with pytest.raises(InsufficientPrivilege):
            owner.execute("select gjobs.claim_jobs(gen_random_uuid(), null, 1, 60)")


def test_reading_commands_work_for_a_grown_app_and_the_doctor_finds_only_its_leaks_and_its_open_function(
    grown_database: Conninfo, gjobs: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs_db = JobsDatabase(grown_database)
    fill(jobs_db)
    jobs_db.sql("update generation_jobs set status = 'paused', org = 'acme' where id = %s", job_id(4))
    jobs_db.close()
    monkeypatch.setenv("GJOBS_DATABASE_URL", make_conninfo("", **grown_database))
    assert refused(gjobs, *FROM_THE_START) == []
    assert faults(asyncio.run(examined(grown_database))) == {*LEAKS, "unchecked-caller"}

    upgrade(grown_database)
    assert refused(gjobs, *FROM_THE_START[:3], *MIGRATED) == []
    report = asyncio.run(examined(grown_database))
    assert faults(report) == {*LEAKS, "unchecked-caller"}

    fix(grown_database, report)
    assert refused(gjobs, *FROM_THE_START[:3], *MIGRATED) == []
    assert faults(asyncio.run(examined(grown_database))) == set()


def test_grants_after_an_upgrade_suffice_for_everything_of_gjobs(project: Conninfo, gjobs: Run) -> None:
    upgrade(project)
    grant(project)
    assert refused(gjobs, *MIGRATED) == []
    assert finding(asyncio.run(examined(project)), "users-grants").sql is None


@pytest.mark.migrated
def test_refused_command_works_after_its_suggested_sql(project: Conninfo, gjobs: Run) -> None:
    for command in (*FROM_THE_START[:3], *FROM_THE_START[5:], *MIGRATED):
        with connect(project) as owner:
            owner.execute("revoke all on all tables in schema public, gjobs from authenticated")
            owner.execute("revoke all on all functions in schema public, gjobs from authenticated")
        for _ in range(3):
            done = gjobs(*command, "--as", "ada@example.com")
            if done.code == 0:
                break
            _, _, statements = done.err.partition("To fix it, run: ")
            with connect(project) as owner:
                owner.execute(statements.encode())
        assert done.code == 0, done.err
