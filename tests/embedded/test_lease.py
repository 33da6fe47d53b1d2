"""What a user of the server holds."""

import psycopg
from psycopg.conninfo import make_conninfo

from store.embedded.clients import ServerLease


def test_the_program_signs_in_as_an_owner_that_is_no_superuser(server: ServerLease) -> None:
    with psycopg.connect(make_conninfo(**server.conninfo)) as connection:
        row = connection.execute(
            "select rolsuper, rolcreaterole, rolbypassrls, rolcreatedb,"
            " pg_get_userbyid(datdba) = current_user and current_database() = 'gjobs'"
            " from pg_roles, pg_database where rolname = current_user and datname = current_database()"
        ).fetchone()
    assert row == (False, True, True, False, True)
