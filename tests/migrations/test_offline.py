"""`gjobs migrate sql` prints the SQL of `gjobs migrate up`."""

import pytest

from gjobs.migrations.runner import downgrade, pending_sql, upgrade
from gjobs.migrations.status import read_status
from tests.conftest import Conninfo, connect
from tests.migrations.conftest import catalogue, run_with_psql


def run(conninfo: Conninfo, script: str) -> None:
    with connect(conninfo, autocommit=True) as connection:
        connection.execute(script.encode())


@pytest.mark.parametrize("connected", [True, False], ids=["this database", "any empty database"])
def test_printed_sql_creates_the_schema_in_an_empty_database(
    blank_database: Conninfo, database: Conninfo, connected: bool
) -> None:
    run(blank_database, pending_sql(blank_database if connected else None))

    assert catalogue(blank_database) == catalogue(database)
    assert read_status(blank_database) == read_status(database)


def test_printed_sql_contains_only_pending_revisions(migrated_copy: Conninfo, database: Conninfo) -> None:
    downgrade(migrated_copy, "0001")

    script = pending_sql(migrated_copy)
    assert run_with_psql(migrated_copy, script).stderr == ""

    assert "create table public." not in script
    assert catalogue(migrated_copy) == catalogue(database)


def test_printed_sql_works_after_a_downgrade_to_base(migrated_copy: Conninfo, database: Conninfo) -> None:
    downgrade(migrated_copy, "base")

    run(migrated_copy, pending_sql(migrated_copy))

    assert catalogue(migrated_copy) == catalogue(database)


def test_printed_sql_is_empty_when_nothing_is_pending(database: Conninfo) -> None:
    assert pending_sql(database) == ""


def test_database_migrated_by_printed_sql_can_be_downgraded_and_upgraded(blank_database: Conninfo) -> None:
    run(blank_database, pending_sql(None))

    downgrade(blank_database, "base")
    upgrade(blank_database)

    assert read_status(blank_database).pending == ()
