"""Databases whose encoding is not UTF-8: their text is read, and characters that they lack are refused."""

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

import pytest
from psycopg.sql import SQL, Identifier, Literal

from gjobs.store.database.database import Database
from gjobs.store.embedded.server_files import ADMINISTRATOR, OWNER, ServerHandle
from gjobs.store.error_groups.error_group import error_group_id, group_id
from gjobs.store.errors import InvalidValue, UnexpectedError
from gjobs.store.store import Store
from tests.conftest import TESTS, Conninfo, connect, run_file
from tests.store.store_fixtures import ADA


@contextmanager
def app_database(server: ServerHandle, encoding: str) -> Iterator[Conninfo]:
    """A database of an app, with one user."""
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


async def test_latin1_database_stores_its_text_and_refuses_other_characters(
    server: ServerHandle, monkeypatch: pytest.MonkeyPatch
) -> None:
    with app_database(server, "LATIN1") as conninfo:
        without_encoding = {key: value for key, value in conninfo.items() if key != "client_encoding"}
        for name, client_encoding in (("Café", None), ("À côté", "LATIN1")):
            if client_encoding:
                monkeypatch.setenv("PGCLIENTENCODING", client_encoding)
            async with Store(Database(without_encoding)) as operator:
                store = await operator.acting_as_user("ada@example.com")
                project = await store.create_project(name)
                assert [found.name for found in await store.get_projects_named(name)] == [name]
                with pytest.raises(InvalidValue, match="has no equivalent in encoding"):
                    await store.create_project("製品")
                assert (await store.get_projects())[0].id == project.id


@pytest.mark.parametrize(("encoding", "plain"), [("LATIN1", "Café 7"), ("SQL_ASCII", "製品 7")])
async def test_error_groups_are_the_same_in_every_encoding(server: ServerHandle, encoding: str, plain: str) -> None:
    """Only a UTF-8 database decodes escaped characters. In other databases, errors with escaped characters get a
    different group.
    """
    with app_database(server, encoding) as conninfo:
        async with Store(Database(conninfo)) as store:
            project = await store.create_project("x", owner_id=ADA)
            for error in (plain, f'{{"message": "{plain}"}}', '{"message": "Caf\\u00e9 7"}'):
                job = await store.create_generation_job(project_id=project.id, mode="m")
                await store.transition_jobs([job.id], "running")
                await store.transition_jobs([job.id], "failed", error)
            groups = await store.get_error_groups()
            assert {group.id: group.count for group in groups} == {
                error_group_id(plain): 2,
                group_id("Caf\\u# #"): 1,
            }


async def test_invalid_text_in_an_sql_ascii_database_is_an_unexpected_error(server: ServerHandle) -> None:
    """The server stores bytes in this encoding without a check."""
    with app_database(server, "SQL_ASCII") as conninfo:
        async with Store(Database(conninfo)) as store:
            await store.create_project("製品", owner_id=ADA)
            assert [project.name for project in await store.get_projects()] == ["製品"]
            with connect({**conninfo, "client_encoding": "SQL_ASCII"}) as owner:
                owner.execute(b"update projects set name = E'caf\\xe9'")
            with pytest.raises(UnexpectedError, match="invalid byte sequence"):
                await store.get_projects()
            assert await store.get_total_costs() == 0
