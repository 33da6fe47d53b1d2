"""The catalogue is read alike on any connection, and leaves nothing behind."""

import psycopg
import pytest

from store.database.database import Database
from store.doctor.schema_checks import read_schema
from store.schema.schema_diff import read_catalogue
from store.users.actor import OPERATOR
from tests.conftest import Conninfo, connect


async def test_catalogue_reads_the_same_through_a_session_and_a_connection(shared_attached_database: Conninfo) -> None:
    database = Database(shared_attached_database)
    try:
        through = await read_schema(database, OPERATOR)
    finally:
        await database.close()
    with connect(shared_attached_database) as connection:
        assert read_catalogue(connection) == through


@pytest.mark.parametrize("autocommit", [True, False])
def test_reading_the_catalogue_keeps_the_search_path(shared_attached_database: Conninfo, autocommit: bool) -> None:
    with connect(shared_attached_database, autocommit=autocommit) as connection:
        before = connection.execute("show search_path").fetchone()
        read_catalogue(connection)
        assert connection.execute("show search_path").fetchone() == before


def test_catalogue_can_be_read_in_a_read_only_transaction(shared_attached_database: Conninfo) -> None:
    with connect(shared_attached_database) as connection:
        connection.read_only = True
        assert read_catalogue(connection)


def test_catalogue_can_be_read_by_a_role_without_other_rights(attached: psycopg.Connection) -> None:
    everything = read_catalogue(attached)
    attached.execute("set local role anon")

    assert read_catalogue(attached) == everything
