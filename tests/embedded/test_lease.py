"""What a user of the server holds."""

import psycopg
from psycopg.conninfo import make_conninfo

from store.embedded.clients import ServerHandle


def test_server_login_owns_the_database_and_is_not_a_superuser(server: ServerHandle) -> None:
    with psycopg.connect(make_conninfo(**server.conninfo)) as connection:
        row = connection.execute(
            "select rolsuper, rolcreaterole, rolbypassrls, rolcreatedb,"
            " pg_get_userbyid(datdba) = current_user and current_database() = 'gjobs'"
            " from pg_roles, pg_database where rolname = current_user and datname = current_database()"
        ).fetchone()
    assert row == (False, True, True, False, True)
