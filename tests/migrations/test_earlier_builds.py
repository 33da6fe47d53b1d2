"""A database that an earlier build migrated is taken over."""

from pathlib import Path

import pytest
from psycopg.sql import SQL, Identifier

from gjobs.migrations import HEAD
from gjobs.migrations.progress import Origin
from gjobs.migrations.runner import (
    cautions_remove,
    cautions_up,
    check_rollups,
    export_archive,
    pending_sql,
    remove,
    upgrade,
    verify,
)
from gjobs.migrations.status import read_status
from gjobs.store.errors import SchemaMissing
from tests.conftest import Conninfo, connect, run_file
from tests.migrations.conftest import Facts, catalogue, execute, run_with_psql

DUMP = Path(__file__).parent / "dumps" / "0013.sql"
TABLES = """
select schemaname, tablename from pg_tables
 where schemaname in ('auth', 'public', 'gjobs') and tablename not in ('alembic_version', 'made_tables', 'replaced')
 order by 1, 2
"""

Rows = dict[tuple[str, str], list[dict[str, object]]]


@pytest.fixture
def earlier_build(blank_database: Conninfo) -> Conninfo:
    run_file(blank_database, DUMP)
    return blank_database


def rows(conninfo: Conninfo) -> Rows:
    """Return all rows of all tables, except for the bookkeeping of migrations."""
    with connect(conninfo) as connection:
        tables = connection.execute(TABLES).fetchall()
        query = SQL("select to_jsonb(t) from {} t")
        return {table: [row for (row,) in connection.execute(query.format(Identifier(*table)))] for table in tables}


def test_upgrade_takes_over_an_earlier_build_and_loses_no_row(earlier_build: Conninfo, database: Conninfo) -> None:
    before = rows(earlier_build)
    assert len(before["public", "generation_jobs"]) == 5
    status = read_status(earlier_build)
    assert (status.current, status.pending) == ("0013", (HEAD,))
    assert verify(earlier_build).origin is Origin.EARLIER_BUILD
    messages: list[str] = []

    upgrade(earlier_build, report=messages.append)

    assert messages[0] == "The schema of the earlier build became that of revision 0002_gjobs."
    assert catalogue(earlier_build) == catalogue(database)
    assert rows(earlier_build) == before
    found = verify(earlier_build)
    assert (found.revision, found.differences) == (HEAD, ())
    assert check_rollups(earlier_build).matches


def test_upgrade_gives_an_app_back_what_an_earlier_build_replaced(
    earlier_build: Conninfo, attached_database: Conninfo
) -> None:
    """As if the build had not created the app's tables itself."""
    execute(earlier_build, "delete from gjobs.made_tables")
    upgrade(attached_database)

    upgrade(earlier_build)

    assert public(earlier_build) == public(attached_database)
    execute(earlier_build, "delete from gjobs.job_leases", "delete from gjobs.archived_jobs")
    for conninfo in (earlier_build, attached_database):
        remove(conninfo)
    assert public(earlier_build) == public(attached_database)


def public(conninfo: Conninfo) -> dict[str, list[Facts]]:
    """Return the objects in the schema public. The grants of a database depend on the role that created it."""
    found = catalogue(conninfo)
    return {kind: [fact for fact in found[kind] if fact[0] == "public"] for kind in found if kind != "grants"}


def test_printed_sql_takes_over_an_earlier_build(earlier_build: Conninfo, database: Conninfo) -> None:
    assert run_with_psql(earlier_build, pending_sql(earlier_build)).stderr == ""
    assert read_status(earlier_build).current == HEAD
    assert catalogue(earlier_build) == catalogue(database)


def test_other_revisions_of_an_earlier_build_are_refused(migrated_copy: Conninfo) -> None:
    execute(migrated_copy, "update gjobs.alembic_version set version_num = '0007'")
    before = catalogue(migrated_copy)
    for run in (upgrade, pending_sql, remove):
        with pytest.raises(SchemaMissing, match=r"revision 0007\. Only its last revision, 0013, can be taken over"):
            run(migrated_copy)
    assert catalogue(migrated_copy) == before


def test_upgrade_of_an_earlier_build_keeps_policies_of_other_tables_and_those_that_the_doctor_advised(
    earlier_build: Conninfo,
) -> None:
    execute(
        earlier_build,
        "create table public.profiles (user_id uuid)",
        'create policy "Users can view own profiles" on public.profiles for select using (user_id = auth.uid())',
        'create policy "Own assets in own projects, INSERT" on public.assets for insert with check (true)',
    )
    upgrade(earlier_build)
    policies = {(fact[1], fact[2]) for fact in catalogue(earlier_build)["policies"]}
    assert ("profiles", "Users can view own profiles") in policies
    assert verify(earlier_build).matches


def test_removal_of_an_earlier_build_says_what_is_lost_and_exports_its_archive(
    earlier_build: Conninfo, tmp_path: Path
) -> None:
    (taken_over,) = cautions_up(earlier_build)
    assert taken_over.startswith("An earlier build of gjobs had replaced functions")
    assert len(cautions_remove(earlier_build)) == 2
    execute(earlier_build, "delete from gjobs.job_leases")
    remove(earlier_build, exported=export_archive(earlier_build, tmp_path / "archive.jsonl"))
    assert read_status(earlier_build).current is None
