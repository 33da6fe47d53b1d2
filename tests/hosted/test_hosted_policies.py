"""The doctor finds policies, views and table copies that show users the rows of others."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from string import ascii_lowercase

import pytest

from gjobs.store.doctor.findings import DoctorReport, Section, Severity
from tests.conftest import Conninfo, connect
from tests.hosted.access_routes import Login
from tests.hosted.cluster import Server
from tests.hosted.test_hosted_doctor import LEAKS, as_user, examined, faults, finding, fix, run
from tests.tui.jobs_database import ADA, BEN, JobsDatabase

pytestmark = pytest.mark.usefixtures("one_idle_poll")


@pytest.fixture
def healthy_database(app_database: Conninfo, jobs_db: JobsDatabase) -> Conninfo:
    """The app's database after the doctor's SQL, with rows and with a function that knows administrators."""
    run(
        app_database,
        "create table public.admins (id uuid)",
        "alter table public.admins enable row level security",
        "create function public.is_admin() returns boolean language sql stable as"
        " 'select exists (select from public.admins where id = auth.uid())'",
    )
    return app_database


def new_faults(report: DoctorReport) -> set[str]:
    return faults(report) - LEAKS


def rows_seen(conninfo: Conninfo, user: object, relation: str = "generation_jobs") -> int:
    with connect(conninfo) as connection:
        connection.execute("select set_config('role', 'authenticated', true)")
        claims = json.dumps({"sub": str(user), "role": "authenticated", "aud": "authenticated"})
        connection.execute("select set_config('request.jwt.claims', %s, true)", [claims])
        return len(connection.execute(f"table {relation}".encode()).fetchall())


def named(prefix: str, definitions: Sequence[str]) -> dict[str, str]:
    """Name each definition, so that one database can have them all. No name is part of another one."""
    letters = ascii_lowercase[: len(definitions)]
    return dict(zip((f"{prefix}_{letter}" for letter in letters), definitions, strict=True))


def create_policy(name: str, condition: str) -> str:
    return f"create policy {name} on generation_jobs for select using ({condition})"


@contextmanager
def policies(conninfo: Conninfo, *statements: str) -> Iterator[None]:
    """Create policies of the jobs, and drop them after the block."""
    names = [
        f'"{match[1] or match[2]}"' for match in re.finditer(r'create policy (?:"([^"]+)"|(\w+))', ";".join(statements))
    ]
    run(conninfo, *statements)
    yield
    run(conninfo, *(f"drop policy {name} on generation_jobs" for name in names))


def sentences(report: DoctorReport, name: str) -> list[str]:
    return sorted(one.sentence for one in report.findings if one.name == name)


def about(report: DoctorReport, name: str) -> list[tuple[str, Severity]]:
    """Return the findings on access that name an object."""
    return [
        (one.name, one.severity) for one in report.findings if one.section is Section.RULES and name in one.sentence
    ]


OPEN_TO_ALL = [
    "auth.role() = 'authenticated'",
    "'authenticated' = (select auth.role())",
    "auth.role() in ('authenticated', 'service_role')",
    "(auth.jwt() ->> 'role') = 'authenticated'",
    "auth.uid() is not null",
    "(select auth.uid()) is not null",
    "1=1",
    "'a' = 'a'",
    "true and (auth.jwt() is not null)",
    "auth.uid() = user_id or auth.uid() is not null",
    "(mode = 'x' or auth.uid() is not null) and (1 = 1 or status = 'failed')",
    "user_id is not null",
    "id = id and created_at <= now()",
    "(auth.jwt() ->> 'aud') = 'authenticated'",
    "current_setting('role') = 'authenticated'",
    "current_setting('request.jwt.claims', true)::jsonb ->> 'role' = 'authenticated'",
    "auth.uid() = auth.uid()",
    "coalesce(auth.uid()::text, '') <> ''",
    "not false",
    "length('a') = 1",
    "1 = 1 and 2 > 1",
    "'50% of :all' like '%:all'",
]


async def test_policies_that_every_user_meets_for_every_row_are_problems(healthy_database: Conninfo) -> None:
    policies = named("shown", OPEN_TO_ALL)
    for name, condition in policies.items():
        run(healthy_database, create_policy(name, condition))
        assert rows_seen(healthy_database, BEN) == 8, condition
        run(healthy_database, f"drop policy {name} on generation_jobs")
    run(healthy_database, *(create_policy(name, condition) for name, condition in policies.items()))

    report = await examined(healthy_database)

    assert new_faults(report) == {"open-policy"}
    assert finding(report, "open-policy").severity is Severity.PROBLEM
    assert sentences(report, "open-policy") == [
        f"The policy {name} on generation_jobs lets every user access rows of others (SELECT)." for name in policies
    ]
    fix(healthy_database, report, names={"open-policy"})
    assert new_faults(await examined(healthy_database)) == set()


WITHOUT_ROW = [
    "public.is_admin()",
    "exists (select from projects p where p.user_id = auth.uid())",
    # The name `id` means the column of the projects, not of the jobs.
    "exists (select from projects p where p.user_id = auth.uid() and p.id = id)",
    "auth.uid() = user_id or (auth.jwt() -> 'app_metadata' ->> 'role') = 'admin'",
    "exists (with mine as (select user_id from projects where user_id = auth.uid()) select from mine)",
    f"auth.uid() = '{ADA}'",
]


OWN_ROWS = [
    "auth.uid() = user_id",
    "user_id = (select auth.uid()) and auth.role() = 'authenticated'",
    "public.is_admin() and auth.uid() = user_id",
    "auth.role() = 'service_role'",
    "auth.uid() = user_id or auth.role() = 'service_role'",
    "(select auth.role()) = 'service_role' or auth.jwt() ->> 'role' = 'service_role'",
    "coalesce(generation_jobs is not null, true) and user_id = auth.uid()",
    "mode = 'a AND b' and user_id = auth.uid()",
    "false",
]


NOT_JUDGED = [
    "project_id in (select id from projects where user_id = auth.uid())",
    "exists (select from projects p where p.user_id = auth.uid() and p.id = generation_jobs.project_id)",
    "exists (select from (select project_id as job_project) j, projects p where p.id = j.job_project)",
    "auth.uid() = user_id or mode = 'shared'",
]


async def test_doctor_judges_whether_the_condition_of_a_policy_shows_own_rows(healthy_database: Conninfo) -> None:
    fix(healthy_database, await examined(healthy_database))

    shown = named("not by row", WITHOUT_ROW)
    with policies(healthy_database, *(create_policy(f'"{name}"', condition) for name, condition in shown.items())):
        report = await examined(healthy_database)
    assert new_faults(report) == {"policy-without-row"}
    found = finding(report, "policy-without-row")
    assert (found.severity, found.sql) == (Severity.WARNING, None)
    assert sentences(report, "policy-without-row") == sorted(
        f"{'A part of the condition' if 'user_id or' in condition else 'The condition'}"
        f' of the policy "{name}" on generation_jobs does not depend on the row.'
        " Every user who meets it can access every row (SELECT)."
        for name, condition in shown.items()
    )
    assert report.next_steps == (
        "Check who meets the policies that do not depend on the row. Keep those for administrators.",
    )

    own = named("own", OWN_ROWS)
    with policies(healthy_database, *(create_policy(name, condition) for name, condition in own.items())):
        report = await examined(healthy_database)
    assert faults(report) == set()
    assert finding(report, "no-leak").severity is Severity.OK

    not_judged = named("shown", NOT_JUDGED)
    with policies(healthy_database, *(create_policy(name, condition) for name, condition in not_judged.items())):
        report = await examined(healthy_database)
    assert faults(report) == set()
    for name, condition in not_judged.items():
        assert about(report, f"The policy {name} on generation_jobs") == [("not-judged", Severity.NOTE)], condition
    assert "no-leak" not in {one.name for one in report.findings}

    failing = create_policy("failing", "cost_cents / 0 = 1")
    slow = create_policy("slow", "mode = 'x' or pg_sleep(60)::text = cost_cents::text")
    with policies(healthy_database, failing, slow):
        report = await examined(healthy_database)
    assert about(report, "failing") == about(report, "slow") == [("not-judged", Severity.NOTE)]
    assert faults(report) == set()


async def test_login_that_cannot_act_as_a_user_never_reads_that_nothing_leaks(
    healthy_database: Conninfo, manual_reader: Login
) -> None:
    fix(healthy_database, await examined(healthy_database))
    run(healthy_database, create_policy("shown", "user_id is not null"))
    not_judged = await examined(manual_reader.conninfo)
    run(healthy_database, create_policy("everything", "true"))

    report = await examined(manual_reader.conninfo)

    assert about(not_judged, "policy shown") == about(report, "policy shown") == [("not-judged", Severity.NOTE)]
    assert about(report, "policy everything") == [("open-policy", Severity.PROBLEM)]
    assert "no-leak" not in {one.name for one in (*not_judged.findings, *report.findings)}


async def test_restrictive_policies_decide_whether_an_open_policy_is_a_problem(healthy_database: Conninfo) -> None:
    with policies(
        healthy_database,
        "create policy signed_in on generation_jobs for select using (auth.role() = 'authenticated')",
        "create policy own on generation_jobs as restrictive for select"
        " using (auth.uid() = user_id and status <> 'deleted')",
    ):
        assert rows_seen(healthy_database, BEN) == 1
        assert new_faults(await examined(healthy_database)) == set()

    for restriction in ("status <> 'deleted'", "user_id is distinct from auth.uid() or mode <> 'x'"):
        with policies(
            healthy_database,
            "create policy signed_in on generation_jobs for select using (auth.uid() is not null)",
            f"create policy narrower on generation_jobs as restrictive for select using ({restriction})",
        ):
            assert rows_seen(healthy_database, BEN) == 8
            assert new_faults(await examined(healthy_database)) == {"open-policy"}, restriction

    for restriction, does in (
        ("with check (auth.uid() = user_id)", "access rows of others"),
        ("using (auth.uid() = user_id) with check (true)", "store rows for any user"),
    ):
        with policies(
            healthy_database,
            "create policy shown on generation_jobs using (true)",
            f"create policy narrower on generation_jobs as restrictive {restriction}",
        ):
            assert rows_seen(healthy_database, BEN) == (8 if does == "access rows of others" else 1)
            found = finding(await examined(healthy_database), "open-policy")
        assert found.sentence == f"The policy shown on generation_jobs lets everybody {does} (ALL)."

    with policies(
        healthy_database, "create policy stored on generation_jobs for insert with check (auth.uid() is not null)"
    ):
        found = finding(await examined(healthy_database), "open-policy")
    assert found.sentence == "The policy stored on generation_jobs lets every user store rows for any user (INSERT)."


METADATA_FUNCTION = """
create function public.my_team() returns text language plpgsql stable as
    $$ begin return (select raw_user_meta_data ->> 'team' from auth.users where id = auth.uid()); end $$
"""


ON_METADATA = [
    "(auth.jwt() -> 'user_metadata' ->> 'is_admin')::boolean",
    "mode = (auth.jwt() -> 'user_metadata' ->> 'team')",
    "auth.uid() = user_id and (auth.jwt() #>> '{user_metadata,plan}') = 'pro'",
]


async def test_policies_on_user_metadata_are_problems(healthy_database: Conninfo) -> None:
    shown = named("shown", ON_METADATA)
    with policies(healthy_database, *(create_policy(name, condition) for name, condition in shown.items())):
        report = await examined(healthy_database)

    assert new_faults(report) == {"user-metadata"}
    assert sentences(report, "user-metadata") == [
        f"The policy {name} on generation_jobs trusts user_metadata. Users can change it themselves." for name in shown
    ]

    run(healthy_database, METADATA_FUNCTION, create_policy("shown", "mode = public.my_team()"))
    report = await examined(healthy_database)
    assert new_faults(report) == {"user-metadata"}
    assert finding(report, "user-metadata").severity is Severity.PROBLEM
    assert finding(report, "user-metadata").sentence.startswith("Policies call a function")


OWN_VIEWS = [
    "select * from generation_jobs where user_id = auth.uid()",
    "select j.* from generation_jobs j where (select auth.uid()) = j.user_id and mode <> 'x'",
    (
        "select j.id, p.name from generation_jobs j left join projects p on p.id = j.project_id"
        " where j.user_id = auth.uid()"
    ),
    (
        "select j.*, a.storage_path from generation_jobs j join projects p on j.project_id = p.id"
        " left join assets a on a.id = j.input_asset_id where j.user_id = auth.uid() and p.user_id = auth.uid()"
    ),
    "select status, count(*), sum(cost_cents) from generation_jobs where user_id = auth.uid() group by status",
]


async def test_views_that_filter_by_the_callers_id_do_not_leak(healthy_database: Conninfo) -> None:
    views = named("my_jobs", OWN_VIEWS)
    for name, query in views.items():
        run(healthy_database, f"create view {name} as {query}")
        run(healthy_database, f"revoke insert, update on {name} from anon, authenticated")
        assert rows_seen(healthy_database, BEN, name) == 1, query

    report = await examined(healthy_database)

    assert [query for name, query in views.items() if about(report, name)] == []


OTHER_VIEWS = [
    "select * from generation_jobs where user_id = auth.uid() or status = 'failed'",
    "select * from generation_jobs where id = auth.uid() or project_id is not null",
    "select * from generation_jobs where user_id = auth.uid() union all select * from generation_jobs",
    "select j.* from generation_jobs j, projects p where p.user_id = auth.uid()",
    "select j.* from generation_jobs j left join projects p on p.user_id = auth.uid()",
    "select j.* from generation_jobs j join projects p on p.id = j.project_id where p.user_id = auth.uid()",
    (
        "select o.* from generation_jobs j join generation_jobs o on o.project_id = j.project_id"
        " where j.user_id = auth.uid()"
    ),
    (
        "select j.* from projects p cross join generation_jobs j"
        " left join assets a on a.id = p.id and j.id = a.project_id where p.user_id = auth.uid()"
    ),
    (
        "select j.* from generation_jobs j, projects p where p.user_id = auth.uid()"
        " and exists (select from auth.users u, auth.users v where u.id = v.id)"
    ),
    "select p.*, (select count(*) from generation_jobs) from projects p where p.user_id = auth.uid()",
    "select * from generation_jobs where user_id is distinct from auth.uid()",
]


INDIRECT_READS = [
    query.format(relation)
    for relation in ("inner_view", "inner_function()")
    for query in (
        "select w.id, w.user_id, w.error from generation_jobs j cross join {} w where j.user_id = auth.uid()",
        "select j.id, (select max(w.error) from {} w) from generation_jobs j where j.user_id = auth.uid()",
    )
]


async def test_views_that_show_rows_of_others_are_problems(healthy_database: Conninfo) -> None:
    in_each_row = "select id, errors() from generation_jobs where user_id = auth.uid()"
    views = named("some_jobs", [*OTHER_VIEWS, *INDIRECT_READS, in_each_row])
    run(
        healthy_database,
        "create view inner_view as select * from generation_jobs",
        "create function inner_function() returns setof generation_jobs language sql security definer"
        " as 'select * from public.generation_jobs'",
        "create function errors() returns text language sql security definer"
        " as 'select string_agg(error, chr(44)) from public.generation_jobs'",
        *(f"create view {name} as {query}" for name, query in views.items()),
    )

    report = await examined(healthy_database)

    for name, query in views.items():
        assert about(report, name) == [("leaking-view", Severity.PROBLEM)], query


async def test_view_through_which_users_store_rows_of_others_is_a_warning(healthy_database: Conninfo) -> None:
    run(healthy_database, "create view my_jobs as select * from generation_jobs where user_id = auth.uid()")
    with connect(healthy_database) as connection:
        as_user(connection, BEN)
        taken = connection.execute("update my_jobs set user_id = %s", [ADA])
        assert taken.rowcount == 1
        connection.rollback()

    report = await examined(healthy_database)

    found = finding(report, "unchecked-view")
    assert (found.severity, found.sql) == (
        Severity.WARNING,
        "ALTER VIEW public.my_jobs SET (security_invoker = on);",
    )
    fix(healthy_database, report, names={"unchecked-view"})
    assert new_faults(await examined(healthy_database)) == set()


RENAMED = "alter table generation_jobs rename to jobs"
RENAMED_COLUMNS = "alter table jobs rename user_id to owner_id; alter table jobs rename status to state"
OF_OWNERS = "select id, owner_id as user_id, project_id, state as status, mode, cost_cents from jobs"


LEAKING = {
    "create view generation_jobs as select * from jobs": "generation_jobs",
    "create materialized view generation_jobs as select * from jobs": "generation_jobs",
    (
        "create view inner_jobs as select * from jobs;"
        " create view generation_jobs with (security_invoker = on) as select * from inner_jobs"
    ): "inner_jobs",
    (
        "create view inner_jobs with (security_invoker = on) as select * from jobs;"
        " create materialized view generation_jobs as select * from inner_jobs"
    ): "generation_jobs",
}
"""Relations with the name of the jobs that show rows of others, and the one that leaks."""
LEAKING_OF_OWNERS = {
    f"create view generation_jobs as {OF_OWNERS}": "generation_jobs",
    f"create materialized view generation_jobs as {OF_OWNERS}": "generation_jobs",
    (
        f"create view inner_jobs as {OF_OWNERS};"  # noqa: S608
        " create view generation_jobs with (security_invoker = on) as select * from inner_jobs"
    ): "inner_jobs",
}
HARMLESS = [
    "create view generation_jobs with (security_invoker = on) as select * from jobs",
    "create view generation_jobs as select * from jobs where user_id = auth.uid()",
]
HARMLESS_OF_OWNERS = [f"create view generation_jobs as {OF_OWNERS} where owner_id = auth.uid()"]


async def test_view_named_generation_jobs_is_a_problem_only_if_it_shows_rows_of_others(
    healthy_database: Conninfo,
) -> None:
    run(healthy_database, RENAMED)
    await assert_judged(healthy_database, LEAKING, HARMLESS)
    run(healthy_database, RENAMED_COLUMNS)
    await assert_judged(healthy_database, LEAKING_OF_OWNERS, HARMLESS_OF_OWNERS)


async def assert_judged(conninfo: Conninfo, leaking: Mapping[str, str], harmless: Sequence[str]) -> None:
    for views, leak in leaking.items():
        run(conninfo, views)
        assert rows_seen(conninfo, BEN) > 1
        report = await examined(conninfo)
        assert about(report, f"The view public.{leak} ") == [("leaking-view", Severity.PROBLEM)], views
        drop_views(conninfo)
    for view in harmless:
        run(conninfo, view)
        assert 0 < rows_seen(conninfo, BEN) < rows_seen(conninfo, ADA)
        judged = about(await examined(conninfo), "The view public.generation_jobs ")
        assert ("leaking-view", Severity.PROBLEM) not in judged, view
        drop_views(conninfo)


def drop_views(conninfo: Conninfo) -> None:
    """Drop generation_jobs and inner_jobs, which may be materialized."""
    with connect(conninfo) as connection:
        rows = connection.execute(
            "select relkind::text, oid::regclass::text from pg_class where relnamespace = 'public'::regnamespace"
            " and relname in ('generation_jobs', 'inner_jobs') order by relname"
        ).fetchall()
        for kind, name in rows:
            connection.execute(f"drop {'materialized view' if kind == 'm' else 'view'} {name}".encode())


async def test_view_of_another_table_that_generation_jobs_joins_is_no_problem(healthy_database: Conninfo) -> None:
    run(
        healthy_database,
        RENAMED,
        "create table profiles (user_id uuid, name text); alter table profiles enable row level security",
        "create view profile_names as select user_id, name from profiles",
        "create view generation_jobs with (security_invoker = on) as"
        " select j.*, p.name as owner from jobs j left join profiles p using (user_id)",
        "create view some_jobs as select * from jobs",
    )

    report = await examined(healthy_database)

    assert about(report, "profile_names") == []
    assert about(report, "some_jobs") == [("leaking-view", Severity.PROBLEM)]


COPIES = [
    "create table {} as select * from generation_jobs",
    "create table {} as select id, user_id, mode, error, cost_cents from generation_jobs",
    "create table {} as select *, now() as saved_at from projects",
    "create table {} as select id, user_id, status, mode, cost_cents from generation_jobs",
    "create materialized view {} as select id, user_id, status, mode, cost_cents, now() from private.jobs",
]


async def test_copies_of_a_table_without_row_level_security_are_problems(healthy_database: Conninfo) -> None:
    run(healthy_database, "create schema private", "create table private.jobs as select * from generation_jobs")
    copies = named("old_jobs", COPIES)
    for name, statement in copies.items():
        run(healthy_database, statement.format(name))
        assert rows_seen(healthy_database, BEN, name) > 1, statement

    report = await examined(healthy_database)

    assert new_faults(report) == {"unprotected-copy"}
    assert finding(report, "unprotected-copy").severity is Severity.PROBLEM
    found = sentences(report, "unprotected-copy")
    assert len(found) == len(copies)
    for name, statement in copies.items():
        kind = "materialized view" if "materialized" in statement else "table"
        (sentence,) = [one for one in found if one.startswith(f"The {kind} public.{name} has ")]
        assert sentence.endswith(" but no row level security: anon and authenticated may read every row.")
    fix(healthy_database, report, names={"unprotected-copy"})
    for name, statement in copies.items():
        assert "materialized" in statement or rows_seen(healthy_database, BEN, name) == 0
    assert new_faults(await examined(healthy_database)) == set()

    more = "alter table generation_jobs add column retry_count integer, add column completed_at timestamptz"
    run(healthy_database, more, COPIES[3].format("later_copy"))
    assert new_faults(await examined(healthy_database)) == {"unprotected-copy"}


async def test_other_tables_without_row_level_security_are_no_finding(healthy_database: Conninfo) -> None:
    run(
        healthy_database,
        "create table without_owners (id uuid, name text, created_at timestamptz, updated_at timestamptz)",
        "create table not_granted as select * from generation_jobs",
        "revoke all on not_granted from anon, authenticated",
        "create schema private",
        "create table private.old_jobs as select * from generation_jobs",
        "create table without_costs as select id, user_id, status, mode from generation_jobs",
    )

    assert new_faults(await examined(healthy_database)) == set()


async def test_partition_without_row_level_security_keeps_its_rows(healthy_database: Conninfo) -> None:
    run(
        healthy_database,
        RENAMED,
        "create table generation_jobs (like jobs including defaults) partition by list (status)",
        "alter table generation_jobs enable row level security",
        "create table jobs_2026 partition of generation_jobs default",
        "insert into generation_jobs select * from jobs",
    )

    found = finding(await examined(healthy_database), "unprotected-copy")

    assert (found.sql, found.hint) == ("ALTER TABLE public.jobs_2026 ENABLE ROW LEVEL SECURITY;", None)
    assert rows_seen(healthy_database, BEN, "jobs_2026") > 1
    fix(healthy_database, await examined(healthy_database), names={"unprotected-copy"})
    assert rows_seen(healthy_database, BEN, "jobs_2026") == 0


async def test_foreign_table_named_generation_jobs_is_no_copy(
    healthy_database: Conninfo, hosted_server: Server
) -> None:
    run(
        hosted_server.administrator(str(healthy_database["dbname"])),
        "create foreign data wrapper elsewhere; create server elsewhere foreign data wrapper elsewhere",
        "grant usage on foreign server elsewhere to postgres",
    )
    run(
        healthy_database,
        RENAMED,
        "create foreign table generation_jobs (id uuid, user_id uuid, project_id uuid, status text, mode text,"
        " cost_cents integer) server elsewhere",
    )

    (found,) = [one for one in (await examined(healthy_database)).findings if "generation_jobs can't" in one.sentence]

    assert found.sentence == (
        "The foreign table public.generation_jobs can't have row level security: anon and authenticated may read"
        " every row."
    )
    assert (found.name, found.severity, found.sql, found.hint) == (
        "no-row-security",
        Severity.PROBLEM,
        "REVOKE ALL ON public.generation_jobs FROM PUBLIC, anon, authenticated;",
        None,
    )
