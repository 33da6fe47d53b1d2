"""Upgrades and downgrades of databases that an earlier build created."""

import re
from pathlib import Path

import psycopg
import pytest
from psycopg.sql import SQL, Identifier

from gjobs.migrations import HEAD, REVISIONS
from gjobs.migrations.runner import check_rollups, downgrade, upgrade, verify
from gjobs.migrations.status import read_status
from tests.conftest import Conninfo, connect, run_file
from tests.migrations.conftest import catalogue

DUMPS = sorted((Path(__file__).parent / "dumps").glob("0*.sql"))
TABLES = """
select schemaname, tablename from pg_tables
 where schemaname in ('auth', 'public', 'gjobs') and tablename not in ('alembic_version', 'replaced', 'job_folding')
   and tablename not like 'waste%'  -- counted again
 order by 1, 2
"""
OURS = """
select p.oid::regprocedure::text, pg_get_functiondef(p.oid)
  from pg_proc p join pg_namespace n on n.oid = p.pronamespace
 where n.nspname = 'gjobs' or n.nspname = 'public' and p.proname <> 'update_updated_at_column'
"""
TRIGGERS = """
select t.tgrelid::regclass::text, t.tgname
  from pg_trigger t join pg_proc p on p.oid = t.tgfoid join pg_namespace n on n.oid = p.pronamespace
 where n.nspname = 'gjobs'
"""

CHARGES = {("gjobs", "budget_deleted_jobs"): (("gjobs", "budget_charges"), {"cost_cents": "cents"})}
"""The tables and columns that the head has renamed."""

Rows = dict[tuple[str, str], list[dict[str, object]]]


def rows(conninfo: Conninfo) -> Rows:
    """Return all rows of all tables, except for the bookkeeping of migrations."""
    with connect(conninfo) as connection:
        tables = connection.execute(TABLES).fetchall()
        query = SQL("select to_jsonb(t) from {} t")
        return {table: [row for (row,) in connection.execute(query.format(Identifier(*table)))] for table in tables}


def lost(before: Rows, after: Rows) -> list[tuple[tuple[str, str], dict[str, object]]]:
    """Return the lost rows by table. The remaining rows may have more columns."""
    missing = []
    for table, known in before.items():
        kept_in, renamed = CHARGES.get(table, (table, {}))
        for row in known:
            kept = {renamed.get(column, column): value for column, value in row.items()}
            if not any(kept.items() <= found.items() for found in after[kept_in]):
                missing.append((table, row))
    return missing


@pytest.mark.parametrize("dump", DUMPS, ids=lambda dump: dump.stem)
def test_upgraded_database_of_an_earlier_build_has_the_schema_of_a_new_one(
    blank_database: Conninfo, database: Conninfo, dump: Path
) -> None:
    run_file(blank_database, dump)
    assert read_status(blank_database).current == dump.stem
    before = rows(blank_database)
    assert len(before["public", "generation_jobs"]) == (6 if dump.stem < "0008" else 5)

    upgrade(blank_database)

    assert catalogue(blank_database) == catalogue(database)
    assert lost(before, rows(blank_database)) == []
    assert (("gjobs", "budget_deleted_jobs") in before) == ("0007" <= dump.stem <= "0009")
    found = verify(blank_database)
    assert (found.revision, found.differences) == (HEAD, ())
    assert check_rollups(blank_database).matches


def test_each_revision_of_the_earlier_build_has_a_dump() -> None:
    assert [dump.stem for dump in DUMPS] == [*REVISIONS[:9], "0012"]


def test_upgraded_database_downgrades_like_a_new_one(blank_database: Conninfo, migrated_copy: Conninfo) -> None:
    """The earlier build stored another function body for the downgrade from revision 0004."""
    run_file(blank_database, next(dump for dump in DUMPS if dump.stem == "0004"))
    upgrade(blank_database)
    for conninfo in (blank_database, migrated_copy):
        downgrade(conninfo, "0003")

    assert catalogue(blank_database) == catalogue(migrated_copy)


def test_upgrade_to_the_head_replaces_functions_and_triggers_keeps_grants_and_waits_for_no_reader(
    migrated_copy: Conninfo,
) -> None:
    expected = catalogue(migrated_copy)
    downgrade(migrated_copy, "0009")
    intact = catalogue(migrated_copy)
    with connect(migrated_copy) as connection:
        spoiled = spoil(connection)
        connection.execute("revoke execute on function gjobs.archive_jobs(uuid[]) from public")
        connection.execute("grant execute on function gjobs.archive_jobs(uuid[]) to service_role")
    before = catalogue(migrated_copy)
    for kind, number in zip(("functions", "triggers"), spoiled, strict=True):
        assert number == len([facts for facts in intact[kind] if facts not in before[kind]]) > 0
    assert before["grants"] != intact["grants"]
    messages: list[str] = []

    with connect(migrated_copy) as reader:
        reader.execute("select from public.generation_jobs, gjobs.job_leases, gjobs.budgets")
        upgrade(migrated_copy, report=messages.append)

    after = catalogue(migrated_copy)
    # Revisions 0011 and 0012 create their objects again.
    known = {facts[1] for facts in before["grants"]}
    assert [facts for facts in after["grants"] if facts[1] in known] == before["grants"]
    assert after | {"grants": []} == expected | {"grants": []}
    steps = [message for message in messages if not re.fullmatch(r"The app's tables were locked for \d+ ms\.", message)]
    assert len(messages) - len(steps) == 2
    assert steps == [
        "Revision 0010 (functions) is applied.",
        "Counting the failed jobs and retries.",
        "Revision 0011 (waste) is applied.",
        "Revision 0012 (waste keys) is applied.",
        "Counting the failed jobs and retries.",
        f"Revision {HEAD} (error groups) is applied.",
    ]


def spoil(connection: psycopg.Connection) -> tuple[int, int]:
    """Replace the body and settings of each function of gjobs, disable each trigger, and return their number."""
    connection.execute("set local check_function_bodies = off")
    functions = connection.execute(OURS).fetchall()
    triggers = connection.execute(TRIGGERS).fetchall()
    for signature, definition in functions:
        old = re.sub(r"(AS \$function\$).*(\$function\$)", r"\1 old \2", definition, flags=re.DOTALL)
        connection.execute(old.encode())
        connection.execute(f"alter function {signature} reset all".encode())
    for table, trigger in triggers:
        connection.execute(f"alter table {table} disable trigger {trigger}".encode())
    return len(functions), len(triggers)
