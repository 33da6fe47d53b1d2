"""What a migration shows without changing anything: its differences, its SQL and its warnings."""

import pytest

from gjobs.migrations import HEAD
from gjobs.migrations.connection import MigrationRefused
from gjobs.migrations.progress import Origin
from gjobs.migrations.runner import pending_sql, remove, upgrade
from gjobs.migrations.status import read_status
from gjobs.migrations.verification import verify
from gjobs.migrations.warnings import columns_warnings, removal_warnings, upgrade_warnings
from tests.conftest import Conninfo, connect
from tests.hosted.cluster import Server
from tests.hosted.pooler import Pooler
from tests.hosted.replica import start_replica
from tests.migrations.conftest import ADA, BEN, add, catalogue, execute, run_with_psql


def test_verify_finds_an_app_database_adoptable(app_database: Conninfo) -> None:
    found = verify(app_database)

    assert (found.revision, found.origin, found.obstacle) == ("0001_app", Origin.APP, None)
    assert found.matches
    assert found.adoptable
    assert found.confirmed == found.promised


def test_verify_names_a_column_whose_type_up_refuses(attached_database: Conninfo) -> None:
    execute(attached_database, "alter table generation_jobs add retry_count text")
    found = verify(attached_database)
    assert found.matches
    assert not found.adoptable
    with pytest.raises(MigrationRefused) as refusal:
        upgrade(attached_database)
    assert found.obstacle == refusal.value.message


def test_verify_tolerates_missing_grants_to_request_roles(ungranted_database: Conninfo) -> None:
    found = verify(ungranted_database)

    assert {one.object for one in found.differences} == {"grant"}
    assert found.adoptable


def test_verify_by_a_login_without_ownership_names_the_obstacle(hosted_server: Server, app_database: Conninfo) -> None:
    for role in ("least_privilege", "under_policies", "authenticator"):
        found = verify(hosted_server.login(str(app_database["dbname"]), role))

        assert found.matches, role
        assert not found.adoptable, role
        assert found.obstacle == (
            f"The app's tables belong to postgres. Only their owner can migrate them, and you are connected as {role}."
        )


def test_verify_works_through_a_transaction_pooler_and_on_a_replica(
    hosted_server: Server, app_database: Conninfo, transaction_pooler: Pooler
) -> None:
    name = str(app_database["dbname"])

    pooled = verify(transaction_pooler.login(name))
    assert pooled.matches
    assert pooled.obstacle == "'gjobs migrate up' needs a direct connection, or a pooler in session mode."
    # A replica of its own: the shared one repeats the writes of all earlier tests, which took minutes in some runs.
    with start_replica(hosted_server, f"of_{name}") as replica:
        replica.catch_up()
        replicated = verify(replica.login(name))
    assert replicated.matches
    assert replicated.obstacle == "This server is a read replica. Migrate on its primary."


def test_verify_compares_a_migrated_database_with_its_revision(database: Conninfo) -> None:
    found = verify(database)

    assert (found.revision, found.origin, found.matches, found.adoptable) == (HEAD, Origin.MIGRATED, True, False)


def test_verify_finds_an_empty_database_not_adoptable(blank_database: Conninfo) -> None:
    found = verify(blank_database)

    assert (found.revision, found.origin, found.matches, found.adoptable) == ("0001_app", Origin.NOTHING, False, False)
    assert found.confirmed == ()


def run(conninfo: Conninfo, script: str) -> None:
    with connect(conninfo, autocommit=True) as connection:
        connection.execute(script.encode())


def test_printed_sql_migrates_an_empty_database_and_one_without_gjobs(
    blank_database: Conninfo, database: Conninfo
) -> None:
    migrated = catalogue(database)
    script = pending_sql(blank_database)
    assert script == pending_sql(None), "the SQL for any empty database"
    run(blank_database, script)
    assert catalogue(blank_database) == migrated
    assert read_status(blank_database) == read_status(database)

    remove(blank_database)
    script = pending_sql(blank_database)
    assert run_with_psql(blank_database, script).stderr == ""
    assert "create table public." not in script, "only pending revisions"
    assert catalogue(blank_database) == migrated
    assert pending_sql(blank_database) == ""


COLUMNS = (
    "id uuid, user_id uuid, project_id uuid, status text, mode text, input_asset_id uuid, error text,"
    " cost_cents integer, created_at timestamptz, updated_at timestamptz"
)

TABLE = f"returns table ({COLUMNS})"


APP_FUNCTIONS = (
    (TABLE, "sql as 'select * from public.generation_jobs'", True),
    (TABLE, "plpgsql as 'begin return query select j.* from generation_jobs j; end'", True),
    ("returns setof public.generation_jobs", "sql as 'select * from generation_jobs'", False),
    ("returns bigint", "sql as 'select count( * ) from generation_jobs'", False),
    ("returns setof uuid", "sql as 'select id from generation_jobs'", False),
)
"""The type and body of a function, and whether two more columns would break it."""


def test_new_columns_warn_about_functions_that_they_would_break(
    attached_database: Conninfo,
) -> None:
    with connect(attached_database, autocommit=True) as connection:
        for returns, body, is_named in APP_FUNCTIONS:
            connection.execute(f"create function public.app_jobs() {returns} language {body}".encode())

            messages = columns_warnings(attached_database)

            assert ["app_jobs()" in one for one in messages] == [False, *([True] if is_named else [])], body
            connection.execute("drop function public.app_jobs")


def test_removal_warns_about_events_and_budgets_that_will_be_lost(
    migrated_copy: Conninfo, attached_database: Conninfo
) -> None:
    assert upgrade_warnings(migrated_copy) == []
    assert removal_warnings(migrated_copy) == []
    assert removal_warnings(attached_database) == []
    with connect(migrated_copy) as connection:
        add(connection, ADA)
        add(connection, BEN)
        connection.execute("insert into gjobs.budgets (user_id, period, limit_cents) values (%s, 'day', 5)", [ADA.id])

    events, budgets = removal_warnings(migrated_copy)
    assert events.startswith("2 events will be lost")
    assert budgets == "1 budget will be lost, along with the amounts spent. Nothing will limit the cost of jobs."
