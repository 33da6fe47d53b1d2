"""Upgrades of empty, hosted and app databases, and removals that restore the app's schema."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest
from psycopg.sql import SQL, Identifier

from gjobs.migrations import HEAD, runner
from gjobs.migrations.columns import lacking_columns
from gjobs.migrations.connection import SchemaDiffers
from gjobs.migrations.runner import add_columns, pending_sql, remove, upgrade
from gjobs.migrations.scripts import read
from gjobs.migrations.status import read_status
from gjobs.store.embedded.server_files import ADMINISTRATOR, OWNER, ServerHandle
from gjobs.store.errors import NoPrivilege, SchemaMissing
from gjobs.store.schema.schema_diff import compare, expected, read_catalogue
from tests.conftest import Conninfo, connect, temporary_database
from tests.migrations.conftest import ADA, Facts, add, app_schema, catalogue, execute, run_with_psql

ROLES = ("anon", "authenticated", "service_role")

APPLIED = ["Revision 0001_app (the app's schema) is applied.", "Revision 0002_gjobs (everything of gjobs) is applied."]


def administrator(conninfo: Conninfo) -> psycopg.Connection:
    return connect({**conninfo, "user": ADMINISTRATOR}, autocommit=True)


def test_first_revision_equals_the_schema_of_the_app(
    migrated_copy: Conninfo, server: ServerHandle, request: pytest.FixtureRequest
) -> None:
    remove(migrated_copy)
    migrated_facts = catalogue(migrated_copy)
    attached = request.getfixturevalue("attached_database")
    upgrade(attached)
    add_columns(attached, lacking_columns(attached))
    remove(attached)
    apps = catalogue(attached)

    for kind in ("columns", "constraints", "indexes", "triggers"):
        assert [fact for fact in migrated_facts[kind] if fact[0] == "public"] == [
            fact for fact in apps[kind] if fact[0] == "public"
        ]
    assert [definition for schema, _, definition in migrated_facts["views"] if schema == "public"] == [
        definition for schema, _, definition in apps["views"] if schema == "public"
    ]
    assert signatures(migrated_facts) == signatures(apps)
    # The policies that are added restrict the others, which evaluate the user once per statement.
    policies = {
        str(fact[2]): str(fact).replace("( SELECT auth.uid() AS uid)", "auth.uid()")
        for fact in migrated_facts["policies"]
        if fact[0] == "public"
    }
    apps_policies = {str(fact[2]): str(fact) for fact in apps["policies"]}
    assert {name: policies[name] for name in apps_policies} == apps_policies
    assert policies.keys() - apps_policies.keys() == {
        f"Own {things} in own projects, {command}"
        for things in ("assets", "generation jobs")
        for command in ("INSERT", "UPDATE")
    }


def signatures(found: dict[str, list[Facts]]) -> list[list[str]]:
    """Return the name, the arguments and the result of each function in the schema public."""
    return [str(fact[3]).splitlines()[:2] for fact in found["functions"] if fact[0] == "public"]


def test_migrating_role_is_no_superuser_and_can_set_the_request_roles(database: Conninfo) -> None:
    with connect(database) as connection:
        assert connection.execute("select rolsuper from pg_roles where rolname = current_user").fetchone() == (False,)
        for role in ROLES:
            connection.execute(SQL("set local role {}").format(Identifier(role)))
            assert connection.execute("select current_user").fetchone() == (role,)
            connection.execute("reset role")
        bypassing = connection.execute(
            "select rolname from pg_roles where rolbypassrls and rolname = any(%s)", [list(ROLES)]
        ).fetchall()
    assert bypassing == [("service_role",)]


def test_upgrade_keeps_the_auth_schema_of_a_hosted_project_and_a_second_one_changes_nothing(
    hosted_database: Conninfo,
) -> None:
    before = catalogue(hosted_database)
    messages: list[str] = []

    upgrade(hosted_database, report=messages.append)

    assert messages == APPLIED
    after = catalogue(hosted_database)
    for kind, facts in before.items():
        assert [fact for fact in after[kind] if fact[0] == "auth"] == [fact for fact in facts if fact[0] == "auth"]
    messages.clear()

    upgrade(hosted_database, report=messages.append)

    assert messages == []
    assert catalogue(hosted_database) == after


@pytest.fixture
def unprivileged_login(blank_database: Conninfo) -> Iterator[Conninfo]:
    """A login that owns nothing and may create nothing in the database."""
    with administrator(blank_database) as connection:
        connection.execute("create role unprivileged_login login")
    yield {**blank_database, "user": "unprivileged_login"}
    with administrator(blank_database) as connection:
        connection.execute("drop owned by unprivileged_login")
        connection.execute("drop role unprivileged_login")


def test_upgrade_without_privileges_prints_statements_for_an_administrator(
    blank_database: Conninfo, unprivileged_login: Conninfo
) -> None:
    with pytest.raises(SchemaMissing, match="unprivileged_login may not create the schema gjobs") as refusal:
        upgrade(unprivileged_login)
    assert refusal.value.hint is not None
    statement = refusal.value.hint.partition(": ")[2]
    assert statement == "CREATE SCHEMA gjobs AUTHORIZATION unprivileged_login;"

    with administrator(blank_database) as connection:
        connection.execute(statement.encode())
    with pytest.raises(NoPrivilege, match="unprivileged_login may not create anything in the schema public") as further:
        upgrade(unprivileged_login)
    assert further.value.hint == "An administrator can: GRANT CREATE ON SCHEMA public TO unprivileged_login;"


PROGRAM = (
    "import json, sys; from gjobs.migrations.runner import upgrade; upgrade(json.loads(sys.argv[1]), report=print)"
)


@contextmanager
def upgrading(observer: psycopg.Connection, *databases: Conninfo) -> Iterator[list[str]]:
    """Start an upgrade of each database in a process that waits during the block. Yield the list of their outputs."""
    runs = [
        subprocess.Popen([sys.executable, "-c", PROGRAM, json.dumps(dict(conninfo))], stdout=subprocess.PIPE, text=True)
        for conninfo in databases
    ]
    messages: list[str] = []
    try:
        waiting = (
            "select count(*) from pg_stat_activity where application_name = 'gjobs migrate'"
            " and (wait_event_type = 'Lock' or query like '%pg_try_advisory_lock%')"
        )
        while observer.execute(waiting).fetchone() != (len(runs),):
            assert [run.poll() for run in runs] == [None] * len(runs)
            time.sleep(0.01)
        yield messages
    finally:
        for run in runs:
            output, _ = run.communicate()
            messages += [line for line in output.splitlines() if line.startswith("Revision")]
    assert [run.returncode for run in runs] == [0] * len(runs)


@contextmanager
def roles_missing(conninfo: Conninfo) -> Iterator[None]:
    """Hide the request roles of the cluster during the block, and drop roles created meanwhile."""
    with administrator(conninfo) as connection:
        for role in ROLES:
            connection.execute(SQL("alter role {} rename to {}").format(Identifier(role), Identifier(f"{role}_kept")))
        try:
            yield
        finally:
            for role in ROLES:
                connection.execute(SQL("drop role if exists {}").format(Identifier(role)))
                connection.execute(
                    SQL("alter role {} rename to {}").format(Identifier(f"{role}_kept"), Identifier(role))
                )


def test_concurrent_upgrades_create_the_roles_and_apply_each_revision_once(server: ServerHandle, migrated: str) -> None:
    """Two upgrade the same database, and one upgrades another database of the cluster."""
    cluster = {**server.conninfo, "dbname": "postgres"}
    with roles_missing(cluster), temporary_database(server) as one, temporary_database(server) as other:
        with administrator(cluster) as first, connect(cluster | {"user": ADMINISTRATOR}) as maker:
            maker.execute("create role anon")
            with upgrading(first, one, one, other) as messages:
                maker.rollback()

        assert sorted(messages) == sorted(APPLIED * 2)
        for conninfo in (one, other):
            assert read_status(conninfo).current == HEAD
            with connect(conninfo) as connection:
                connection.execute("set role authenticated")
                assert connection.execute("select from public.generation_jobs").fetchall() == []


def test_upgrade_skips_service_role_when_it_cannot_be_created(server: ServerHandle, migrated: str) -> None:
    messages: list[str] = []
    cluster = {**server.conninfo, "dbname": "postgres"}
    with roles_missing(cluster), temporary_database(server) as conninfo, administrator(conninfo) as connection:
        connection.execute(SQL("alter role {} nobypassrls").format(Identifier(OWNER)))
        try:
            upgrade(conninfo, report=messages.append)
        finally:
            connection.execute(SQL("alter role {} bypassrls").format(Identifier(OWNER)))

    assert messages == [
        "The role service_role is not made: gjobs may not make one that bypasses row level security.",
        *APPLIED,
    ]


def test_upgrade_waits_for_a_writer_but_no_reader_and_changes_nothing_of_the_app_meanwhile(
    attached_database: Conninfo, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "PAUSE_SECONDS", 0.0)
    # To build the index concurrently would wait for the writer.
    execute(attached_database, read("indexes/gjobs_queue").rpartition("\n\n")[2].replace(" concurrently", ""))
    before = app_schema(catalogue(attached_database))
    messages: list[str] = []

    with connect(attached_database) as reader, connect(attached_database) as other:
        reader.execute("select from public.generation_jobs")
        other.execute("lock table public.generation_jobs in row exclusive mode")

        def report(message: str) -> None:
            messages.append(message)
            if message == "The tables are in use. Trying again.":
                found = app_schema(catalogue(attached_database))
                assert {kind for kind in found if found[kind] != before.get(kind, [])} <= {"indexes"}
                other.rollback()

        upgrade(attached_database, report=report)

    assert "The tables are in use. Trying again." in messages
    assert read_status(attached_database).current == HEAD


@pytest.fixture
def app(attached_database: Conninfo) -> Iterator[Conninfo]:
    """The app's own database with a row in each table, which each test must keep."""
    with connect(attached_database) as connection:
        add(connection, ADA)
    yield attached_database
    with connect(attached_database) as connection:
        assert connection.execute("select id from public.generation_jobs").fetchall() == [(ADA.job,)]


def test_upgrade_takes_over_the_tables_of_an_app_and_a_removal_restores_its_schema(app: Conninfo) -> None:
    """Additions of the app stay, too."""
    execute(
        app,
        "alter table public.generation_jobs add column priority integer;"
        " create index by_priority on public.generation_jobs (priority);"
        " create policy staff on public.generation_jobs for select using (false);"
        " create table public.invoices (id integer)",
    )
    before = app_schema(catalogue(app))
    messages: list[str] = []

    upgrade(app, report=messages.append)
    assert read_status(app).current == HEAD
    assert messages[0] == "Recorded the app's own tables as revision 0001_app."
    assert messages[-1] == "Revision 0002_gjobs (everything of gjobs) is applied."
    with connect(app) as connection:
        assert not [one for one in compare(read_catalogue(connection), expected(HEAD)) if one.required]
    assert app_schema(catalogue(app)) != before

    remove(app)
    assert app_schema(catalogue(app)) == before
    assert read_status(app).managed is False


def test_printed_sql_takes_over_the_app_like_upgrade(app: Conninfo) -> None:
    script = pending_sql(app)

    done = run_with_psql(app, script)

    assert (done.returncode, done.stderr) == (0, "")
    assert read_status(app).current == HEAD
    by_psql = catalogue(app)
    remove(app)
    upgrade(app)
    assert catalogue(app) == by_psql


def test_printed_sql_stops_at_the_first_error_and_changes_nothing(app: Conninfo) -> None:
    script = pending_sql(app)
    execute(app, "alter table public.projects rename to others")
    before = catalogue(app)

    done = run_with_psql(app, script)

    assert done.returncode == 3
    assert "public.projects" in done.stderr
    assert catalogue(app) == before


DIFFERENT = [
    ("alter table public.generation_jobs alter column cost_cents drop default",
     "column public.generation_jobs.cost_cents is integer not null instead of integer not null default 0"),
    ("drop index public.idx_assets_kind", "index idx_assets_kind on public.assets is missing"),
    ("alter table public.assets rename to files; create view public.assets as select * from public.files",
     "relation public.assets is a view instead of a table"),
    ("drop table public.generation_jobs cascade", "relation public.generation_jobs is missing"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "sentence"), DIFFERENT)
def test_upgrade_refuses_a_different_schema_and_names_the_difference(
    attached_database: Conninfo, change: str, sentence: str
) -> None:
    execute(attached_database, change)
    before = catalogue(attached_database)

    for run in (upgrade, pending_sql):
        with pytest.raises(SchemaDiffers, match=sentence) as refusal:
            run(attached_database)
        hint = refusal.value.hint or ""
        assert hint.endswith(
            "Change these objects in your app, then try again. gjobs also works here without the migration."
        )
        # The error names the first differences. A person need not run a command that names no others.
        assert ("gjobs migrate verify" in hint) is refusal.value.message.endswith(" more.")

    assert catalogue(attached_database) == before


def test_upgrade_by_another_role_names_the_owner_of_the_tables(app: Conninfo) -> None:
    with connect(app) as connection:
        (creator,) = connection.execute("select current_user").fetchone() or ("",)
    with connect({**app, "user": ADMINISTRATOR}, autocommit=True) as administrator:
        administrator.execute("create role deputy login")
        try:
            administrator.execute("create schema gjobs authorization deputy")
            with pytest.raises(NoPrivilege, match=f"belong to {creator}. Only their owner") as refusal:
                upgrade({**app, "user": "deputy"})
            assert f"Connect as {creator}" in (refusal.value.hint or "")
        finally:
            administrator.execute("drop schema gjobs")
            administrator.execute("drop role deputy")


def test_failed_upgrade_leaves_the_database_unchanged(app: Conninfo) -> None:
    """A function that the comparison of schemas ignores has a name that the upgrade needs."""
    execute(
        app, "create schema gjobs; create function gjobs.owns_project(p uuid) returns text language sql as 'select 1'"
    )
    before = catalogue(app)

    with pytest.raises(Exception, match="already exists"):
        upgrade(app)

    assert catalogue(app) == before
    assert read_status(app).managed is False
    execute(app, "drop function gjobs.owns_project")
    upgrade(app)
    assert read_status(app).current == HEAD
