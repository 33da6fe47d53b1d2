"""One attached database for all tests here, which undo what they change."""

from collections.abc import Iterator

import psycopg
import pytest

from store.embedded.clients import ADMINISTRATOR, ServerHandle
from tests.conftest import TESTS, Conninfo, connect, run_file, temporary_database


@pytest.fixture(scope="session")
def shared_attached_database(server: ServerHandle) -> Iterator[Conninfo]:
    with temporary_database(server) as conninfo:
        for file in ("auth_schema.sql", "hosted_project.sql"):
            run_file({**conninfo, "user": ADMINISTRATOR}, TESTS / file)
        run_file(conninfo, TESTS / "app_schema.sql")
        yield conninfo


@pytest.fixture
def attached(shared_attached_database: Conninfo) -> Iterator[psycopg.Connection]:
    """The owner's connection to the app's own database. Nothing is committed."""
    with connect(shared_attached_database) as connection:
        yield connection
        connection.rollback()


@pytest.fixture
def managed(database: Conninfo) -> Iterator[psycopg.Connection]:
    """The same on a migrated database."""
    with connect(database) as connection:
        yield connection
        connection.rollback()
