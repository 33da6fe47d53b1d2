"""The advice of the doctor on a hosted project: correct for the login, permitted to the owner, and safe."""

import json
from collections.abc import Sequence

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from gjobs.migrations import HEAD
from gjobs.migrations.status import read_status
from gjobs.store.database.database import Database
from gjobs.store.doctor.findings import DoctorReport, Severity
from gjobs.store.store import Store
from gjobs.store.users.actor import ActingUser
from tests.cli.command_line import Run
from tests.conftest import Conninfo, connect
from tests.hosted.access_routes import Login
from tests.hosted.test_hosted_doctor import LEAKS, examined, faults, finding, run
from tests.tui.jobs_database import ADA, AUTUMN, BEN, JobsDatabase, fill

FUNCTIONS = """
create function get_derived_assets(the_asset uuid) returns table (storage_path text)
    language sql security definer set search_path = '' as 'select a.storage_path from public.assets a';
create function all_projects() returns bigint language plpgsql security definer set search_path = '' as
    'begin return (select count(*) from public.projects); end';
create function jobs_of_owner(owner uuid default null) returns bigint
    language sql security definer set search_path = '' as
    'select count(*) from public.generation_jobs where user_id = coalesce(owner, auth.uid())';
create function own_projects() returns bigint language sql security definer set search_path = '' as
    'select count(*) from public.projects where user_id = auth.uid()';
create function own_asset() returns trigger language plpgsql security definer set search_path = '' as
    'begin perform 1 from public.assets; return new; end';
create function for_jobs() returns bigint language sql security invoker as 'select count(*) from assets';
"""
OPEN = {"get_derived_assets": "unchecked-caller", "all_projects": "unchecked-caller", "jobs_of_owner": "unchecked-user"}


pytestmark = pytest.mark.usefixtures("one_idle_poll")


def of_function(report: DoctorReport, function: str) -> set[str]:
    return {one.name for one in report.findings if one.is_fault and f"function {function} " in one.sentence}


def answers(conninfo: Conninfo, role: str, user: object, query: str) -> object:
    """Return the result for the role, or the class of its error."""
    with connect(conninfo) as connection:
        connection.execute("select set_config('request.jwt.claims', %s, true)", [json.dumps({"sub": str(user)})])
        connection.execute(f"set local role {role}".encode())
        try:
            return connection.execute(query.encode()).fetchall()
        except psycopg.Error as error:
            return type(error)


async def test_doctor_prints_no_sql_for_a_function_that_another_role_owns(app_database: Conninfo, owner: Login) -> None:
    with connect(owner.server.administrator(owner.database)) as administrator:
        administrator.execute(FUNCTIONS.encode())

    found = finding(await examined(app_database), "unchecked-caller")

    assert found.sql is None
    assert str(found.hint).endswith("Only supabase_admin can change it. Ask someone who connects as that role.")


BROKEN: Sequence[str] = (
    FUNCTIONS,
    "alter table projects disable row level security",
    "create policy everything on assets for select using (true)",
    "create materialized view costs as select user_id, cost_cents from generation_jobs",
    "create policy mine on generation_jobs using (auth.uid() = user_id)",
)


REFUSED = (
    "select get_derived_assets(gen_random_uuid())",
    "select all_projects()",
    f"select jobs_of_owner('{ADA}')",
    "select * from costs",
)


@pytest.mark.parametrize(
    ("examiner", "is_migrated"),
    [
        pytest.param("least_privilege", False, id="least_privilege"),
        pytest.param("owner", True, marks=pytest.mark.migrated, id="owner, migrated"),
        pytest.param("manual_reader", True, marks=pytest.mark.migrated, id="manual_reader, migrated"),
    ],
)
async def test_sql_of_the_doctor_removes_all_findings_and_leaks(
    request: pytest.FixtureRequest, app_database: Conninfo, jobs_db: JobsDatabase, examiner: str, is_migrated: bool
) -> None:
    login: Login = request.getfixturevalue(examiner)
    assert (read_status(app_database).current == HEAD) is is_migrated
    run(app_database, *BROKEN)
    jobs_db.asset(AUTUMN, "secret.jpg")
    before = await examined(login.conninfo)
    assert before.is_well is False
    for name, kind in OPEN.items():
        assert of_function(before, name) == {kind}
    for name in ("own_projects", "own_asset", "for_jobs"):
        assert of_function(before, name) == set()
    open_to_anybody = finding(before, "unchecked-caller")
    assert open_to_anybody.severity is Severity.PROBLEM
    assert open_to_anybody.sentence.startswith("The function all_projects returns rows of any user to anon and auth")
    warnings: list[str | None] = []
    with connect(app_database) as owner:
        owner.add_notice_handler(lambda notice: warnings.append(notice.message_primary))
        for one in before.findings:
            owner.execute((one.sql or "").encode())

    after = await examined(login.conninfo)

    assert warnings == []
    assert faults(after) == set()
    for role in ("anon", "authenticated"):
        for query in REFUSED:
            assert answers(app_database, role, BEN, query) is psycopg.errors.InsufficientPrivilege, query
        for table in ("assets", "projects", "generation_jobs"):
            owners = answers(app_database, role, BEN, f"select distinct user_id from {table}")  # noqa: S608
            assert owners in ([], [(BEN,)]), table
    assert login.is_owner or is_no_member(login)


def is_no_member(login: Login) -> bool:
    with connect(login.conninfo) as connection:
        return connection.execute("select pg_has_role('authenticated', 'MEMBER')").fetchone() == (False,)


@pytest.mark.migrated
@pytest.mark.parametrize("examiner", ["least_privilege", "manual_reader"])
async def test_doctor_reports_only_the_leaks_of_the_app_to_a_login_that_cannot_read_the_revision(
    request: pytest.FixtureRequest, app_database: Conninfo, examiner: str, jobs_db: JobsDatabase
) -> None:
    login: Login = request.getfixturevalue(examiner)

    report = await examined(login.conninfo)

    assert faults(report) == LEAKS
    assert not any("migrate" in step for step in report.next_steps)
    assert finding(report, "revision").sentence == (
        "Migrations have run here, but this login may not read the revision, so the schema was not compared."
    )
    advised = " ".join(one.sql or "" for one in report.findings)
    assert "SCHEMA auth" not in advised
    assert "GRANT authenticated" not in advised


@pytest.mark.migrated
def test_migrate_tells_the_login_that_it_cannot_read_the_revision(least_privilege: Login, gjobs: Run) -> None:
    for command in ("status", "verify"):
        done = gjobs("migrate", command, "--database-url", least_privilege.url)

        assert (done.code, done.out) == (0 if command == "status" else 6, "")
        database, *answer = done.err.splitlines()
        assert database.startswith("Database: ")
        assert " ".join(answer) == (
            "Migrations have run here, but the login least_privilege may not read the revision (gjobs.alembic_version)."
            ' To allow it, run as the tables\' owner: GRANT USAGE ON SCHEMA gjobs TO "least_privilege";'
            ' GRANT SELECT ON gjobs.alembic_version TO "least_privilege";'
        )
    done = gjobs("migrate", "status", "--json", "--database-url", least_privilege.url)
    assert done.document == {"current": None, "head": HEAD, "pending": None, "managed": True}


async def test_doctor_lists_the_claims_and_request_settings_that_policies_read(
    app_database: Conninfo, least_privilege: Login, owner: Login
) -> None:
    plain = finding(await examined(app_database), "claims")
    assert (plain.severity, plain.sentence) == (
        Severity.OK,
        "Policies read the claims sub. gjobs sends them as the auth server does.",
    )
    run(
        app_database,
        "create function org() returns text language sql stable as 'select auth.jwt() -> ''app_metadata'' ->> ''org'''",
        "create policy members on generation_jobs for select using"
        " (mode = org() or auth.jwt() ->> 'team' = mode or auth.jwt() ->> 'session_id' = mode)",
        "create policy second_factor on projects as restrictive using ((select auth.jwt() ->> 'aal') = 'aal2')",
    )

    of_owner = finding(await examined(app_database), "claims")
    of_reader = finding(await examined(least_privilege.conninfo), "claims")

    assert of_owner.severity is Severity.NOTE
    assert of_owner.sentence == (
        "Policies read the claims aal, app_metadata, session_id, sub, team. gjobs sends aal, app_metadata, sub as the"
        " auth server does. Made up: session_id, because there is no real sign-in. Unknown: team, because the auth"
        " server does not send it by default."
    )
    assert "Unknown: app_metadata, because this login can't read auth.users." in of_reader.sentence
    assert faults(await examined(app_database)) >= LEAKS

    run(
        app_database,
        "drop policy members on generation_jobs",
        "drop policy second_factor on projects",
        "create policy by_header on generation_jobs for select"
        " using (mode = current_setting('request.headers', true)::json ->> 'x-mode')",
    )
    report = await examined(app_database)
    assert finding(report, "request-settings").severity is Severity.NOTE
    assert finding(report, "request-settings").sentence == (
        "Policies read these settings of a request: request.headers. gjobs does not know what the app sets."
    )
    assert finding(report, "claims").severity is Severity.OK


async def test_doctor_says_which_claims_have_no_column_in_auth_users(app_database: Conninfo, owner: Login) -> None:
    with connect(owner.server.administrator(owner.database)) as administrator:
        administrator.execute("alter table auth.users drop raw_app_meta_data cascade")
    run(
        app_database,
        "create policy members on generation_jobs for select using"
        " (auth.jwt() -> 'app_metadata' ->> 'org' = mode or auth.jwt() ->> 'email' = mode)",
    )

    sentence = finding(await examined(app_database), "claims").sentence

    assert sentence == (
        "Policies read the claims app_metadata, email, sub. gjobs sends email, sub as the auth server does."
        " Unknown: app_metadata, because auth.users has no column for it."
    )
    async with Store(Database(app_database)) as store:
        user = store.acting_as(ActingUser(id=ADA))
        caution = (await user.capability_cache.get()).claims_caution(ActingUser(id=ADA))
    assert caution.endswith(" Add the claims to the profile.")


def test_no_advice_grants_anything_to_visitors(ungranted_database: Conninfo, gjobs: Run) -> None:
    fill_copy(ungranted_database)
    address = make_conninfo("", **ungranted_database)

    examined_as_anon = gjobs("doctor", "--json", "--as", "anon", "--database-url", address)
    listed = gjobs("jobs", "list", "--as", "anon", "--database-url", address)

    (seen,) = [one for one in examined_as_anon.document["findings"] if one["name"] == "seen-by"]
    assert (seen["severity"], seen["sentence"], seen["sql"]) == (
        "ok",
        "anon sees no jobs, because the role anon may not read them.",
        None,
    )
    assert "TO anon" not in examined_as_anon.out
    assert listed.code != 0
    assert listed.err == (
        "No grant: the role anon may not read generation_jobs.\n"
        "Nothing has to be done. Visitors who have not signed in usually see no rows.\n"
    )


async def test_grant_to_users_turns_on_row_level_security_first(ungranted_database: Conninfo) -> None:
    fill_copy(ungranted_database)
    run(ungranted_database, "alter table generation_jobs disable row level security")

    grants = str(finding(await examined(ungranted_database), "users-grants").sql)

    assert grants.splitlines()[0] == (
        "ALTER TABLE public.generation_jobs ENABLE ROW LEVEL SECURITY;"
        " GRANT SELECT ON public.generation_jobs TO authenticated;"
    )
    assert "ON public.projects TO authenticated" in grants
    assert "ALTER TABLE public.projects" not in grants
    run(ungranted_database, grants)
    assert answers(ungranted_database, "authenticated", BEN, "select distinct user_id from generation_jobs") == [(BEN,)]


def fill_copy(conninfo: Conninfo) -> None:
    jobs_db = JobsDatabase(conninfo)
    fill(jobs_db)
    jobs_db.close()
