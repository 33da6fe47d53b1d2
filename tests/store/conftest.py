"""Stores of different actors on one migrated database, and rows for them."""

from collections.abc import AsyncIterator, Iterator
from uuid import UUID

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from gjobs.store.blocking import BlockingStore
from gjobs.store.database.database import Database
from gjobs.store.store import Store
from tests.conftest import Conninfo, connect
from tests.store.poller_source import ControlledSource
from tests.store.store_fixtures import (
    ADA,
    ADA_HERSELF,
    BEN,
    BEN_HIMSELF,
    CLEO,
    NOW,
    Db,
    Sql,
    sql_of,
)


@pytest.fixture
def sql(operator_connection: psycopg.Connection) -> Sql:
    """Statements on `database`, which has three users."""
    run = sql_of(operator_connection)
    for user_id, email in ((ADA, "ada@example.com"), (BEN, "ben@example.com"), (CLEO, None)):
        run("insert into auth.users (id, email, created_at) values (%s, %s, %s)", (user_id, email, NOW))
    return run


@pytest.fixture
def app_sql(attached_database: Conninfo) -> Iterator[Sql]:
    """Statements on the app's schema, which is empty."""
    with connect(attached_database, autocommit=True) as connection:
        yield sql_of(connection)


@pytest.fixture
def operator_now(database: Conninfo, sql: Sql) -> Iterator[BlockingStore]:
    with BlockingStore.connect(make_conninfo("", **database)) as store:
        yield store


@pytest.fixture
async def operator(database: Conninfo, sql: Sql) -> AsyncIterator[Store]:
    async with Store(Database(database)) as store:
        yield store


@pytest.fixture
async def app_store(attached_database: Conninfo, app_sql: Sql) -> AsyncIterator[Store]:
    """The operator's store on the app's schema, which is empty."""
    async with Store(Database(attached_database)) as store:
        yield store


@pytest.fixture
def db(database: Conninfo, sql: Sql, operator: Store) -> Db:
    return Db(database, sql, operator)


@pytest.fixture
def ada(operator: Store) -> Store:
    return operator.acting_as(ADA_HERSELF)


@pytest.fixture
def ben(operator: Store) -> Store:
    return operator.acting_as(BEN_HIMSELF)


@pytest.fixture
def project(db: Db) -> UUID:
    return db.make_project()


@pytest.fixture
def no_policies(sql: Sql) -> Iterator[None]:
    """Delete the retention policies afterwards. A policy for all other projects isn't deleted with a user."""
    yield
    sql("delete from gjobs.retention_policies")


@pytest.fixture
def source() -> ControlledSource:
    return ControlledSource()
