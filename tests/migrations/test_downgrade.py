"""Upgrades and downgrades lose no rows, and restore the objects of the app."""

import re

import psycopg
import pytest
from psycopg.sql import SQL, Identifier

from gjobs.migrations import HEAD
from gjobs.migrations.connection import MigrationRefused
from gjobs.migrations.runner import downgrade, upgrade
from gjobs.migrations.status import read_status
from gjobs.store.errors import InvalidValue
from tests.conftest import Conninfo, connect
from tests.migrations.conftest import ADA, BEN, Facts, acting, add, app_schema, catalogue, execute

TABLES = (("auth", "users"), ("public", "projects"), ("public", "assets"), ("public", "generation_jobs"))


def rows(connection: psycopg.Connection) -> dict[str, list[tuple[object, ...]]]:
    """Return the rows of the tables, without the columns that migrations add."""
    row = SQL("select to_jsonb(t) - array['retry_count', 'completed_at'] from {} t order by id")
    return {table: connection.execute(row.format(Identifier(schema, table))).fetchall() for schema, table in TABLES}


def test_upgrade_and_downgrade_can_be_repeated_and_restore_what_the_app_changed(migrated_copy: Conninfo) -> None:
    with connect(migrated_copy) as connection:
        add(connection, ADA)
        add(connection, BEN)
        connection.execute("update public.generation_jobs set error = 'kept' where id = %s", [ADA.job])
        connection.commit()
        kept = rows(connection)
    upgraded = catalogue(migrated_copy)

    downgrade(migrated_copy, "0001")
    original = catalogue(migrated_copy)
    upgrade(migrated_copy)
    assert catalogue(migrated_copy) == upgraded
    downgrade(migrated_copy, "0001")
    assert catalogue(migrated_copy) == original

    execute(
        migrated_copy,
        "create or replace function public.get_recent_jobs(p_limit integer default 10)"
        " returns table (id uuid, project_id uuid, status text, mode text, cost_cents integer, created_at timestamptz)"
        " language sql stable security definer set search_path = public"
        " as $$ select null::uuid, null::uuid, 'it''s 100%', ':mode', 1, now() limit p_limit $$",
        'alter policy "Users can view own projects" on public.projects rename to "own; 100% \'mine\' ""quoted"""',
        'drop policy "Users can update own assets" on public.assets',
        'create policy "only using" on public.assets for update to authenticated, anon using (user_id = auth.uid())',
        "alter view public.generation_job_summary set (security_invoker = off, security_barrier = on)",
        "create policy visitors on public.projects for select to anon using (name = 'Public')",
        "create policy weekdays on public.generation_jobs as restrictive for insert"
        " with check (auth.uid() = user_id and extract(isodow from now()) < 8)",
    )
    before = catalogue(migrated_copy)
    assert len(extra_policies(before)) == 2

    upgrade(migrated_copy)
    assert app_schema(catalogue(migrated_copy)) != app_schema(before)
    assert extra_policies(catalogue(migrated_copy)) == extra_policies(before)
    downgrade(migrated_copy, "0001")

    assert app_schema(catalogue(migrated_copy)) == app_schema(before)
    with connect(migrated_copy) as connection:
        assert rows(connection) == kept


def extra_policies(found: dict[str, list[Facts]]) -> list[Facts]:
    """Return the policies of the app that gjobs does not replace."""
    return [fact for fact in found["policies"] if fact[2] in ("visitors", "weekdays")]


def test_upgrade_recognizes_app_policies_by_their_expression(migrated_copy: Conninfo) -> None:
    downgrade(migrated_copy, "0001")
    execute(
        migrated_copy,
        'drop policy "Users can insert own generation jobs" on public.generation_jobs',
        'drop policy "Users can update own generation jobs" on public.generation_jobs',
        "create policy everything on public.generation_jobs for all using (( select auth.uid()) = user_id)",
    )

    upgrade(migrated_copy)

    with connect(migrated_copy, autocommit=True) as connection:
        add(connection, ADA)
        add(connection, BEN)
        with pytest.raises(psycopg.errors.InsufficientPrivilege), acting(connection, BEN.id):
            connection.execute(
                "insert into public.generation_jobs (user_id, project_id, mode) values (%s, %s, 'lifestyle')",
                [BEN.id, ADA.project],
            )


def test_downgrade_to_base_drops_only_empty_tables_of_gjobs(migrated_copy: Conninfo) -> None:
    """It keeps the roles and the schema auth."""
    with connect(migrated_copy) as connection:
        add(connection, ADA)
    before = catalogue(migrated_copy)
    with pytest.raises(MigrationRefused, match="projects 1, assets 1, generation_jobs 1 rows"):
        downgrade(migrated_copy, "base")
    assert catalogue(migrated_copy) == before

    execute(migrated_copy, "delete from auth.users")
    messages: list[str] = []
    downgrade(migrated_copy, "base", report=messages.append)

    assert [sentence for sentence in messages if sentence.startswith("Revision")] == [
        "Revision 0013 (error groups) is undone.",
        "Revision 0012 (waste keys) is undone.",
        "Revision 0011 (waste) is undone.",
        "Revision 0010 (functions) is undone.",
        "Revision 0009 (leases by key) is undone.",
        "Revision 0008 (archive) is undone.",
        "Revision 0007 (budgets) is undone.",
        "Revision 0006 (leases) is undone.",
        "Revision 0005 (events) is undone.",
        "Revision 0004 (rollups) is undone.",
        "Revision 0003 (indexes) is undone.",
        "Revision 0002 (policies) is undone.",
        "Revision 0001 (app schema) is undone.",
    ]
    assert not [sentence for sentence in messages if sentence.startswith("Counting")]
    assert re.fullmatch(r"The app's tables were locked for \d+ ms\.", messages[-1])
    assert read_status(migrated_copy).managed is False
    left = catalogue(migrated_copy)
    assert [fact[:2] for fact in left["relations"]] == [["auth", "users"]]
    assert [fact[1] for fact in left["functions"]] == ["auth.jwt()", "auth.role()", "auth.uid()"]
    with connect(migrated_copy) as connection:
        connection.execute("set role authenticated")

    upgrade(migrated_copy)
    # The app's own database was stamped with revision 0001.
    execute(migrated_copy, "alter table gjobs.made_tables rename to others")
    with pytest.raises(MigrationRefused, match="did not make the tables"):
        downgrade(migrated_copy, "base")
    assert read_status(migrated_copy).pending == ()
    execute(
        migrated_copy,
        "alter table gjobs.others rename to made_tables",
        "create view public.queue as select id from public.generation_jobs",
    )
    with pytest.raises(MigrationRefused, match="queue"):
        downgrade(migrated_copy, "base")


def test_downgrade_refuses_unknown_current_and_unmigrated_revisions(
    database: Conninfo, blank_database: Conninfo
) -> None:
    with pytest.raises(InvalidValue, match="'0815'"):
        downgrade(database, "0815")
    with pytest.raises(MigrationRefused, match=f"{HEAD} is not an earlier one"):
        downgrade(database, HEAD)
    with pytest.raises(MigrationRefused, match="No migration"):
        downgrade(blank_database, "base")
