"""`gjobs migrate sql` prints the SQL of `gjobs migrate up`."""

from gjobs.migrations.runner import pending_sql, remove
from gjobs.migrations.status import read_status
from tests.conftest import Conninfo, connect
from tests.migrations.conftest import catalogue, run_with_psql


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
