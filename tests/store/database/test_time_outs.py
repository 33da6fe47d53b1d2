"""Time-outs that the app's owner has given a role or a database hold for gjobs, too, where they are shorter."""

from collections.abc import Iterator

import pytest
from psycopg.sql import SQL, Identifier
from sqlalchemy import text

from store.database.database import Database
from store.database.query import Query, TimeLimits
from store.embedded.clients import ADMINISTRATOR
from store.errors import TimedOut
from store.users.actor import OPERATOR, ActingUser, Actor
from tests.conftest import Conninfo, connect
from tests.store.store_fixtures import ADA, Sql

SETTINGS = ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout")

_CALLS = ", ".join(f"current_setting('{name}')" for name in SETTINGS)

STATE = Query(text(f"select {_CALLS}"), tuple)


@pytest.fixture
def login(database: Conninfo, sql: Sql) -> Iterator[Conninfo]:
    """With time-outs of its own in this database: the first is shorter than ours, the second longer."""
    name = Identifier(str(database["dbname"]))
    with connect({**database, "user": ADMINISTRATOR}, autocommit=True) as administrator:
        change = SQL("alter role gjobs in database {} set {} = {}")
        administrator.execute(change.format(name, Identifier("statement_timeout"), SQL("'1s'")))
        administrator.execute(change.format(name, Identifier("lock_timeout"), SQL("'1min'")))
        yield database
        administrator.execute(SQL("alter role gjobs in database {} reset all").format(name))


@pytest.mark.parametrize("actor", [OPERATOR, ActingUser(id=ADA)])
async def test_shorter_of_the_roles_and_our_time_outs_holds(login: Conninfo, actor: Actor) -> None:
    database = Database(login)
    assert await database.read(actor, STATE) == [("1s", "2s", "13s")]
    async with database.write(actor) as transaction:
        assert await transaction.run(STATE) == [("1s", "2s", "13s")]
    async with database.snapshot() as snapshot:
        assert await snapshot.read(actor, STATE) == ([("1s", "2s", "13s")],)
        assert await snapshot.read(actor, STATE, within=0.2) == ([("200ms", "2s", "13s")],)
        assert await snapshot.read(actor, STATE, within=60.0) == ([("1s", "2s", "13s")],)
    await database.close()


async def test_statement_that_exceeds_the_roles_time_out_is_stopped(login: Conninfo) -> None:
    database = Database(login)
    with pytest.raises(TimedOut):
        await database.read(OPERATOR, Query(text("select 1 from pg_sleep(60)"), tuple))
    await database.close()


@pytest.mark.parametrize(
    ("given", "held"),
    [
        ("0", "8s"),
        ("7999", "7999ms"),
        ("8001", "8s"),
        ("250ms", "250ms"),
        ("2min", "8s"),
        ("1h", "8s"),
        ("1d", "8s"),
        ("2147483647", "8s"),
        ("1500000us", "1500ms"),
    ],
)
async def test_time_out_is_compared_whatever_its_unit(database: Conninfo, given: str, held: str) -> None:
    session = Database({**database, "options": f"-c statement_timeout={given} -c intervalstyle=sql_standard"})
    ((statement, _, _),) = await session.read(OPERATOR, STATE)
    assert statement == held
    await session.close()


async def test_longer_limit_of_ours_does_not_lift_the_databases(database: Conninfo) -> None:
    session = Database({**database, "options": "-c statement_timeout=3s"}, limits=TimeLimits(statement=600.0))
    ((statement, _, _),) = await session.read(OPERATOR, STATE)
    assert statement == "3s"
    await session.close()
