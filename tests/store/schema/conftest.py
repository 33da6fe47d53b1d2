"""One database with the app's schema for all tests here, which undo their changes."""

from collections.abc import Iterator

import psycopg
import pytest

from gjobs.store.embedded.server_files import ServerHandle
from tests.conftest import Conninfo, connect, temporary_database


@pytest.fixture(scope="session")
def shared_attached_database(server: ServerHandle, attached_template: str) -> Iterator[Conninfo]:
    with temporary_database(server, template=attached_template) as conninfo:
        yield conninfo


@pytest.fixture
def attached(shared_attached_database: Conninfo) -> Iterator[psycopg.Connection]:
    """The owner's connection to a database with the app's schema. Its changes are rolled back."""
    with connect(shared_attached_database) as connection:
        yield connection
        connection.rollback()


@pytest.fixture
def managed(database: Conninfo) -> Iterator[psycopg.Connection]:
    """The owner's connection to a migrated database. Its changes are rolled back."""
    with connect(database) as connection:
        yield connection
        connection.rollback()
