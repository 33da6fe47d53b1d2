"""Databases whose own encoding is not UTF-8: read as they are, and what they lack is refused as a value."""

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

import pytest
from psycopg.sql import SQL, Identifier, Literal

from store.database.database import Database
from store.embedded.clients import ADMINISTRATOR, OWNER, ServerHandle
from store.errors import InvalidValue, UnexpectedError
from store.store import Store
from tests.conftest import TESTS, Conninfo, connect, run_file
from tests.store.store_fixtures import ADA


@contextmanager
def app_database(server: ServerHandle, encoding: str) -> Iterator[Conninfo]:
    """The app's own, with one user."""
    name = f"test_{uuid4().hex}"
    create = "create database {} owner {} template template0 encoding {} locale_provider libc locale {}"
    with connect({**server.conninfo, "user": ADMINISTRATOR, "dbname": "postgres"}, autocommit=True) as administrator:
        administrator.execute(SQL(create).format(Identifier(name), Identifier(OWNER), Literal(encoding), Literal("C")))
        conninfo = {**server.conninfo, "dbname": name}
        for file in ("auth_schema.sql", "hosted_project.sql"):
            run_file({**conninfo, "user": ADMINISTRATOR}, TESTS / file)
        run_file(conninfo, TESTS / "app_schema.sql")
        with connect(conninfo) as owner:
            owner.execute("insert into auth.users (id, email) values (%s, 'ada@example.com')", [ADA])
        yield conninfo
        administrator.execute(SQL("drop database {} with (force)").format(Identifier(name)))


@pytest.fixture
def latin(server: ServerHandle) -> Iterator[Conninfo]:
    with app_database(server, "LATIN1") as conninfo:
        yield conninfo


@pytest.fixture
def undeclared(server: ServerHandle) -> Iterator[Conninfo]:
    """Takes bytes as they come."""
    with app_database(server, "SQL_ASCII") as conninfo:
        yield conninfo


@pytest.mark.parametrize("client_encoding", [None, "LATIN1"])
async def test_latin1_database_stores_its_text_and_refuses_other_characters(
    latin: Conninfo, client_encoding: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    if client_encoding:
        monkeypatch.setenv("PGCLIENTENCODING", client_encoding)
    async with Store(Database({key: value for key, value in latin.items() if key != "client_encoding"})) as operator:
        store = await operator.acting_as_user("ada@example.com")
        project = await store.create_project("Café à côté")
        assert [p.name for p in await store.get_projects_named("Café à côté")] == ["Café à côté"]
        with pytest.raises(InvalidValue, match="has no equivalent in encoding"):
            await store.create_project("製品")
        assert [p.id for p in await store.get_projects()] == [project.id]


async def test_invalid_text_in_an_sql_ascii_database_is_an_unexpected_error(undeclared: Conninfo) -> None:
    async with Store(Database(undeclared)) as store:
        await store.create_project("製品", owner_id=ADA)
        assert [project.name for project in await store.get_projects()] == ["製品"]
        with connect({**undeclared, "client_encoding": "SQL_ASCII"}) as owner:
            owner.execute(b"update projects set name = E'caf\\xe9'")
        with pytest.raises(UnexpectedError, match="invalid byte sequence"):
            await store.get_projects()
        assert await store.get_total_costs() == 0
