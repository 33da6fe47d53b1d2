"""A database that an earlier build migrated is taken over."""

from pathlib import Path

import pytest
from psycopg.sql import SQL, Identifier

from gjobs.migrations import HEAD
from gjobs.migrations.progress import Origin
from gjobs.migrations.runner import check_rollups, pending_sql, remove, upgrade, verify
from gjobs.migrations.status import read_status
from gjobs.store.errors import SchemaMissing
from tests.conftest import Conninfo, connect, run_file
from tests.migrations.conftest import catalogue, execute, run_with_psql

DUMP = Path(__file__).parent / "dumps" / "0013.sql"
TABLES = """
select schemaname, tablename from pg_tables
 where schemaname in ('auth', 'public', 'gjobs') and tablename not in ('alembic_version', 'made_tables')
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
    found = verify(earlier_build)
    assert (found.origin, found.matches) == (Origin.EARLIER_BUILD, True)
    messages: list[str] = []

    upgrade(earlier_build, report=messages.append)

    assert messages == ["The schema of the earlier build is recorded as revision 0002_gjobs."]
    assert catalogue(earlier_build) == catalogue(database)
    assert rows(earlier_build) == before
    found = verify(earlier_build)
    assert (found.revision, found.differences) == (HEAD, ())
    assert check_rollups(earlier_build).matches


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
