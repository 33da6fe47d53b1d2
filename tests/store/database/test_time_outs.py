"""Shorter time-outs of a role or database apply to gjobs as well."""

from collections.abc import Iterator

import pytest
from psycopg.sql import SQL, Identifier
from sqlalchemy import text

from gjobs.store.database.query import Query, TimeLimits
from gjobs.store.embedded.server_files import ADMINISTRATOR
from gjobs.store.users.actor import OPERATOR, ActingUser, Actor
from tests.conftest import Conninfo, connect
from tests.store.database.conftest import opened, show
from tests.store.store_fixtures import ADA, Sql

SETTINGS = ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout")

_CALLS = ", ".join(f"current_setting('{name}')" for name in SETTINGS)

STATE = Query(text(f"select {_CALLS}"), tuple)


@pytest.fixture
def login(database: Conninfo, sql: Sql) -> Iterator[Conninfo]:
    """A login with a statement time-out shorter than gjobs' own, and a longer lock time-out."""
    name = Identifier(str(database["dbname"]))
    with connect({**database, "user": ADMINISTRATOR}, autocommit=True) as administrator:
        change = SQL("alter role gjobs in database {} set {} = {}")
        administrator.execute(change.format(name, Identifier("statement_timeout"), SQL("'1s'")))
        administrator.execute(change.format(name, Identifier("lock_timeout"), SQL("'1min'")))
        yield database
        administrator.execute(SQL("alter role gjobs in database {} reset all").format(name))


@pytest.mark.parametrize("actor", [OPERATOR, ActingUser(id=ADA)])
async def test_shorter_of_the_time_outs_of_role_and_gjobs_applies(login: Conninfo, actor: Actor) -> None:
    async with opened(login) as session:
        assert await session.read(actor, STATE) == [("1s", "2s", "13s")]
        async with session.write(actor) as transaction:
            assert await transaction.run(STATE) == [("1s", "2s", "13s")]
        async with session.snapshot() as snapshot:
            assert await snapshot.read(actor, STATE) == ([("1s", "2s", "13s")],)
            assert await snapshot.read(actor, STATE, within=0.2) == ([("200ms", "2s", "13s")],)
            assert await snapshot.read(actor, STATE, within=60.0) == ([("1s", "2s", "13s")],)


async def test_shorter_of_two_time_outs_in_any_unit_applies(database: Conninfo) -> None:
    for given, expected in (
        ("0", "8s"),
        ("7999", "7999ms"),
        ("8001", "8s"),
        ("250ms", "250ms"),
        ("2min", "8s"),
        ("1h", "8s"),
        ("1d", "8s"),
        ("2147483647", "8s"),
        ("1500000us", "1500ms"),
    ):
        options = f"-c statement_timeout={given} -c intervalstyle=sql_standard"
        async with opened({**database, "options": options}) as session:
            assert await session.read(OPERATOR, show("statement_timeout")) == [expected]

    longer = TimeLimits(statement=600.0)
    async with opened({**database, "options": "-c statement_timeout=3s"}, limits=longer) as session:
        assert await session.read(OPERATOR, show("statement_timeout")) == ["3s"]
