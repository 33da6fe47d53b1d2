"""An upgrade and a removal lose no rows, and the removal restores the objects of the app."""

import re

import psycopg
import pytest
from psycopg.sql import SQL, Identifier

from gjobs.migrations.connection import MigrationRefused
from gjobs.migrations.rollups import check_rollups
from gjobs.migrations.runner import remove, upgrade
from gjobs.migrations.status import read_status
from gjobs.migrations.verification import verify
from gjobs.migrations.warnings import removal_warnings, upgrade_warnings
from gjobs.store.embedded.server_files import ADMINISTRATOR
from tests.conftest import Conninfo, connect
from tests.migrations.conftest import ADA, BEN, add, app_schema, catalogue, execute

TABLES = (("auth", "users"), ("public", "projects"), ("public", "assets"), ("public", "generation_jobs"))


def rows(connection: psycopg.Connection) -> dict[str, list[tuple[object, ...]]]:
    """Return the rows of the tables, without the columns that migrations add."""
    row = SQL("select to_jsonb(t) - array['retry_count', 'completed_at'] from {} t order by id")
    return {table: connection.execute(row.format(Identifier(schema, table))).fetchall() for schema, table in TABLES}


def test_gjobs_works_with_a_publication_for_all_tables_and_warns_of_it(attached_database: Conninfo) -> None:
    """Each of its tables has a key, so each row can be replicated. Triggers do not repeat what is replicated."""
    administrator = {**attached_database, "user": ADMINISTRATOR}
    assert upgrade_warnings(attached_database) == []
    execute(administrator, "create publication everything for all tables")
    (warning,) = upgrade_warnings(attached_database)
    assert warning.startswith("All tables are published (everything), so those of gjobs will be, too.")
    with connect(attached_database) as connection:
        add(connection, ADA)
    upgrade(attached_database)
    execute(
        attached_database,
        "update public.generation_jobs set status = 'failed', error = 'x'",
        "select gjobs.fold_events()",
        "update gjobs.settings set keep_events = '30 days'",
        "select gjobs.count_again()",
    )
    execute(
        administrator,
        "set session_replication_role = replica",
        "insert into gjobs.budgets (user_id, period, limit_cents) values (gen_random_uuid(), 'all', 300)",
    )
    with connect(attached_database) as connection:
        assert connection.execute("select from gjobs.budget_spending").fetchall() == []
    remove(attached_database)


def test_removal_names_the_objects_that_depend_on_gjobs(attached_database: Conninfo) -> None:
    upgrade(attached_database)
    execute(attached_database, "create view public.limits as select * from gjobs.budgets")
    with pytest.raises(
        MigrationRefused, match=r"^Other objects depend .*: view public\.limits depends on table gjobs\.budgets\."
    ):
        remove(attached_database)
    execute(attached_database, "drop view public.limits")
    remove(attached_database)


def test_removal_refuses_while_the_schema_has_objects_that_gjobs_did_not_create(migrated_copy: Conninfo) -> None:
    execute(
        migrated_copy,
        "create table gjobs.notes (text text)",
        "create function gjobs.fold_events(text) returns text language sql as 'select text from gjobs.notes limit 1'",
        "create procedure gjobs.tidy(days integer) language sql as ''",
    )
    with pytest.raises(
        MigrationRefused,
        match=r"did not create: (function gjobs\.fold_events|function gjobs\.tidy|, |relation gjobs\.notes){5}\.$",
    ):
        remove(migrated_copy)
    execute(
        migrated_copy,
        "drop function gjobs.fold_events(text)",
        "drop procedure gjobs.tidy",
        "alter table gjobs.notes set schema public",
    )
    remove(migrated_copy)


@pytest.mark.parametrize(
    "taken",
    [
        "create table gjobs.budgets ()",
        "create function gjobs.record_changes() returns trigger language plpgsql as 'begin return null; end'",
    ],
)
def test_upgrade_refuses_a_name_that_another_object_has(attached_database: Conninfo, taken: str) -> None:
    execute(attached_database, "create schema gjobs", taken)
    with pytest.raises(MigrationRefused, match=r"^gjobs needs a name that another object has: .* already exists"):
        upgrade(attached_database)


@pytest.mark.parametrize("table", ["job_event_log", "job_leases", "archived_jobs", "budgets"])
def test_removal_and_upgrade_restore_a_schema_that_lacks_a_table(migrated_copy: Conninfo, table: str) -> None:
    with connect(migrated_copy) as connection:
        add(connection, ADA)
    execute(migrated_copy, f"drop table gjobs.{table} cascade")

    messages = removal_warnings(migrated_copy)
    remove(migrated_copy)
    assert not read_status(migrated_copy).managed
    upgrade(migrated_copy)

    assert any("event will be lost" in one for one in messages) is (table != "job_event_log")
    assert verify(migrated_copy).matches


def test_removal_without_the_log_still_keeps_archived_jobs(migrated_copy: Conninfo) -> None:
    with connect(migrated_copy) as connection:
        add(connection, ADA)
        connection.execute("select gjobs.archive_jobs(array(select id from public.generation_jobs))")
    execute(migrated_copy, "drop table gjobs.job_event_log, gjobs.job_leases cascade")
    with pytest.raises(MigrationRefused, match="The archive holds 1 job"):
        remove(migrated_copy)


def test_upgrade_works_for_a_role_whose_transactions_are_read_only(attached_database: Conninfo) -> None:
    database = {**attached_database, "options": "-c default_transaction_read_only=on"}
    upgrade(database)
    assert not read_status(database).pending
    remove(database)


def test_upgrade_and_removal_can_be_repeated_and_leave_what_the_app_changed(attached_database: Conninfo) -> None:
    with connect(attached_database) as connection:
        add(connection, ADA)
        add(connection, BEN)
        connection.execute("update public.generation_jobs set error = 'kept' where id = %s", [ADA.job])
        connection.commit()
        kept = rows(connection)
    original = app_schema(catalogue(attached_database))
    upgrade(attached_database)
    upgraded = catalogue(attached_database)
    messages: list[str] = []
    remove(attached_database, report=messages.append)
    assert app_schema(catalogue(attached_database)) == original
    assert not [fact for fact in catalogue(attached_database)["relations"] if fact[0] == "gjobs"]
    assert messages[0] == "Everything of gjobs but its index is removed."
    assert re.fullmatch(r"The app's tables were locked for \d+ ms\.", messages[1])
    assert read_status(attached_database).managed is False
    upgrade(attached_database)
    assert catalogue(attached_database) == upgraded
    remove(attached_database)

    execute(
        attached_database,
        "create or replace function public.get_recent_jobs(p_limit integer default 10)"
        " returns table (id uuid, project_id uuid, status text, mode text, cost_cents integer, created_at timestamptz)"
        " language sql stable security definer set search_path = public"
        " as $$ select null::uuid, null::uuid, 'it''s 100%', ':mode', 1, now() limit p_limit $$",
        'alter policy "Users can view own projects" on public.projects rename to "own; 100% \'mine\' ""quoted"""',
        'drop policy "Users can update own assets" on public.assets',
        'create policy "only using" on public.assets for update to authenticated, anon using (user_id = auth.uid())',
        "alter view public.generation_job_summary set (security_invoker = off, security_barrier = on)",
        "create index by_mode on public.generation_jobs (mode) where error is null",
        "revoke execute on function public.get_job_statistics(uuid) from public",
        "create policy visitors on public.projects for select to anon using (name = 'Public')",
        "create policy weekdays on public.generation_jobs as restrictive for insert"
        " with check (auth.uid() = user_id and extract(isodow from now()) < 8)",
        "alter table public.generation_jobs add column completed_at timestamptz",
        "create view public.stuck_jobs as select id, user_id from public.generation_jobs where status = 'running'",
        "grant select on public.stuck_jobs to authenticated",
    )
    before = app_schema(catalogue(attached_database))

    upgrade(attached_database)
    upgraded = app_schema(catalogue(attached_database))
    for kind, facts in before.items():
        assert [fact for fact in facts if fact not in upgraded[kind]] == [], kind
    added = [(kind, fact) for kind, facts in upgraded.items() for fact in facts if fact not in before.get(kind, [])]
    assert [fact for _, fact in added if fact[1] != "generation_jobs" or "gjobs_" not in str(fact[2])] == []
    assert {kind for kind, _ in added} == {"indexes", "triggers"}
    remove(attached_database)

    assert app_schema(catalogue(attached_database)) == before
    with connect(attached_database) as connection:
        assert rows(connection) == kept


def test_removal_keeps_the_tables_and_rows_that_gjobs_created(migrated_copy: Conninfo) -> None:
    with connect(migrated_copy) as connection:
        add(connection, ADA)
        connection.commit()
        kept = rows(connection)

    remove(migrated_copy)

    with connect(migrated_copy) as connection:
        assert rows(connection) == kept
    upgrade(migrated_copy)
    assert verify(migrated_copy).matches
    assert check_rollups(migrated_copy).matches


def test_removal_from_a_database_without_migrations_is_refused(blank_database: Conninfo) -> None:
    with pytest.raises(MigrationRefused, match="nothing to remove"):
        remove(blank_database)
