"""A database of its own, whose sessions other tests do not share."""

from collections.abc import AsyncIterator, Iterator

import pytest

from store.database.database import Database
from store.embedded.clients import ServerHandle
from tests.conftest import Conninfo, temporary_database
from tests.store.database.listening_sessions import Server


@pytest.fixture(scope="module")
def notifying_database(server: ServerHandle, migrated: str) -> Iterator[Conninfo]:
    with temporary_database(server, template=migrated) as conninfo:
        yield conninfo


@pytest.fixture
def notifying_server(notifying_database: Conninfo) -> Iterator[Server]:
    with Server.on(notifying_database) as server:
        yield server


@pytest.fixture
async def listener(notifying_database: Conninfo, notifying_server: Server) -> AsyncIterator[Database]:
    database = Database(notifying_database)
    yield database
    await database.close()
