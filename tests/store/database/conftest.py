"""Sessions on databases, and a database with listeners that other tests don't share."""

from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from sqlalchemy import text

from gjobs.store.database.database import Database
from gjobs.store.database.query import Query
from gjobs.store.embedded.server_files import ServerHandle
from gjobs.store.errors import StoreError
from gjobs.store.users.actor import OPERATOR
from tests.conftest import Conninfo, temporary_database
from tests.store.database.listening_sessions import Server
from tests.store.store_fixtures import error_of, opened


async def connection_error(conninfo: Conninfo) -> StoreError:
    """Return the error of an attempt to connect."""
    async with opened(conninfo) as session:
        return await error_of(StoreError, session.read(OPERATOR, value_of("select 1")))


def value_of(statement: str, **parameters: object) -> Query[Any]:
    """Query for the first column of each row."""
    return Query(text(statement), lambda row: row[0] if row else None, parameters)


def show(setting: str) -> Query[str]:
    return value_of("select current_setting(:setting)", setting=setting)


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
    async with opened(notifying_database) as database:
        yield database
