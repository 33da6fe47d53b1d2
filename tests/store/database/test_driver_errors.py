"""Each error of the database, provoked on a real one, and as what it leaves the store."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from uuid import UUID

import pytest
from psycopg.sql import SQL, Identifier
from sqlalchemy import text

from store.database.connection_errors import advice
from store.database.database import Database
from store.database.query import Query, TimeLimits
from store.embedded.clients import ADMINISTRATOR
from store.errors import (
    Conflict,
    InvalidValue,
    Locked,
    NoPrivilege,
    SchemaMissing,
    SignInRefused,
    StoreError,
    TimedOut,
    UnexpectedError,
    Unreachable,
)
from store.store import Store
from store.users.actor import OPERATOR
from tests.conftest import Conninfo, connect
from tests.store.faulty_servers import RejectingServer, fatal, listening
from tests.store.store_fixtures import Db, MakeJob, Sql, error_of


def raw(statement: str) -> Query[object]:
    return Query(text(statement), lambda row: row[0] if row else None)


def adds_a_cent(job_id: UUID) -> Query[object]:
    statement = text("update generation_jobs set cost_cents = cost_cents + 1 where id = :id returning id")
    return Query(statement, lambda row: row[0], {"id": job_id})


@asynccontextmanager
async def opened(conninfo: Conninfo, limits: TimeLimits | None = None) -> AsyncIterator[Database]:
    database = Database(conninfo, limits=limits)
    yield database
    await database.close()


async def write_error(database: Database, statement: str) -> StoreError:
    async def write() -> None:
        async with database.write(OPERATOR) as transaction:
            await transaction.run(raw(statement))

    return await error_of(StoreError, write())


async def refusal_of(conninfo: Conninfo) -> StoreError:
    """Of an attempt to connect."""
    async with opened(conninfo) as database:
        return await error_of(StoreError, database.read(OPERATOR, raw("select 1")))


async def turned_away(refusal: bytes, *hosts: str, asks: bool = True, **login: str) -> tuple[StoreError, int]:
    """By a server that does so, and how often it was asked."""
    hosts = hosts or ("127.0.0.1",)
    doorkeeper = RejectingServer(refusal, asks_for_password=asks)
    async with listening(doorkeeper.serve, *hosts) as port:
        return await refusal_of({"host": ",".join(hosts), "port": port, "user": "ada", **login}), doorkeeper.visits


REFUSES = "do $$ begin raise exception 'no budget'{}; end $$"


@pytest.mark.parametrize(
    ("statement", "kind", "sqlstate", "words"),
    [
        ("select pg_read_file('PG_VERSION')", NoPrivilege, "42501", "Not permitted: permission denied for function"),
        ("do $$ begin raise serialization_failure; end $$", Conflict, "40001", ""),
        ("select id from public.jobs", SchemaMissing, "42P01", 'relation "public.jobs" does not exist'),
        ("select nothing from generation_jobs", SchemaMissing, "42703", ""),
        ("select no_such_function()", SchemaMissing, "42883", ""),
        ("select * from nowhere.jobs", SchemaMissing, "42P01", ""),
        ("select set_config('role', 'no_such_role', true)", SchemaMissing, "22023", ""),
        ("select 1 / 0", UnexpectedError, "22012", "The database answered with an error: division by zero."),
        (REFUSES.format(""), Conflict, "P0001", "The database refused: no budget. A rule of this database"),
        (REFUSES.format(" using hint = 'Pay first'"), Conflict, "P0001", "The database refused: no budget. Pay first"),
    ],
)
async def test_database_error_is_raised_as_its_kind(
    operator: Store, statement: str, kind: type[StoreError], sqlstate: str, words: str
) -> None:
    error = await write_error(operator.database, statement)
    assert (type(error), error.sqlstate) == (kind, sqlstate)
    assert words in f"{error} {error.hint}"


REFUSED, UNREACHABLE = "The database refused the sign-in: ", "The database is not reachable: "


@pytest.mark.parametrize(
    ("conninfo", "kind", "words"),
    [
        ({"dbname": "nope"}, SignInRefused, f'{REFUSED}database "nope" does not exist.'),
        ({"user": "nobody"}, SignInRefused, f'{REFUSED}role "nobody" does not exist.'),
        ({"host": "/nowhere"}, Unreachable, f"{UNREACHABLE}No such file or directory."),
        *(({"host": host}, Unreachable, "") for host in ("no-such-host.invalid", "n" * 70, "a..b")),
        ({"service": "nowhere"}, Unreachable, f'{UNREACHABLE}definition of service "nowhere" not found'),
        (
            {"connect_timeout": "soon"},
            InvalidValue,
            "The database's address cannot be read: bad value for connect_timeout: 'soon'.",
        ),
    ],
)
async def test_connection_that_cannot_be_opened_raises_its_kind_of_error(
    database: Conninfo, conninfo: Conninfo, kind: type[StoreError], words: str
) -> None:
    error = await refusal_of({**database, **conninfo})
    assert type(error) is kind
    assert str(error).startswith(words)
    if "service" in conninfo:
        assert "~/.pg_service.conf" in str(error.hint)


async def test_statement_timeout_raises_timed_out(database: Conninfo) -> None:
    async with opened(database, TimeLimits(statement=0.05)) as impatient:
        error = await write_error(impatient, "select pg_sleep(60)")
    assert type(error) is TimedOut
    assert error.sqlstate == "57014"


async def test_lock_timeout_raises_locked(db: Db) -> None:
    db.make_job()
    with connect(db.conninfo) as other:
        other.execute("select from generation_jobs for update")
        async with opened(db.conninfo, TimeLimits(lock=0.05)) as impatient:
            error = await write_error(impatient, "update generation_jobs set cost_cents = 1")
    assert (type(error), error.sqlstate) == (Locked, "55P03")


@pytest.fixture
def quick_deadlocks(database: Conninfo) -> Iterator[None]:
    """The server waits a second before it looks for a deadlock, unless its administrator says otherwise."""
    name = Identifier(str(database["dbname"]))
    with connect({**database, "user": ADMINISTRATOR}, autocommit=True) as administrator:
        administrator.execute(SQL("alter database {} set deadlock_timeout = '20ms'").format(name))
        yield
        administrator.execute(SQL("alter database {} reset deadlock_timeout").format(name))


async def test_a_deadlock_is_a_conflict(quick_deadlocks: None, db: Db) -> None:
    first, second = db.make_job(), db.make_job()
    both_have_one = asyncio.Barrier(2)

    async def change(*job_ids: UUID) -> None:
        async with db.operator.database.write(OPERATOR) as transaction:
            await transaction.run(adds_a_cent(job_ids[0]))
            await both_have_one.wait()
            await transaction.run(adds_a_cent(job_ids[1]))

    outcomes = await asyncio.gather(change(first, second), change(second, first), return_exceptions=True)
    (error,) = filter(None, outcomes)
    assert isinstance(error, Conflict)
    assert error.sqlstate == "40P01"


@pytest.mark.parametrize(
    ("statement", "sqlstate", "field"),
    [
        ("update generation_jobs set status = 'done'", "23514", "status"),
        ("update generation_jobs set mode = null", "23502", "mode"),
        ("update generation_jobs set project_id = gen_random_uuid()", "23503", "project_id"),
        ("update generation_jobs set cost_cents = 2147483648", "22003", "value"),
        ("select 'x'::uuid", "22P02", "value"),
        ("insert into projects select * from projects", "23505", "projects_pkey"),
    ],
)
async def test_rejected_value_raises_invalid_value_with_its_field(
    operator: Store, make_job: MakeJob, statement: str, sqlstate: str, field: str
) -> None:
    make_job()
    error = await write_error(operator.database, statement)
    assert isinstance(error, InvalidValue)
    assert (error.sqlstate, error.field) == (sqlstate, field)


async def test_closed_port_is_unreachable(unused_tcp_port: int) -> None:
    error = await refusal_of({"host": "127.0.0.1", "port": unused_tcp_port, "user": "ada"})
    assert isinstance(error, Unreachable)
    assert "Connection refused" in str(error)
    assert "\n" not in str(error)
    assert f"127.0.0.1:{unused_tcp_port}" in str(error.hint)


@pytest.mark.parametrize("hosts", [["127.0.0.1"], ["127.0.0.1", "127.0.0.2", "127.0.0.3"]])
async def test_a_wrong_password_is_tried_once(hosts: list[str]) -> None:
    """Also where the name has several addresses: whoever guesses passwords is banned."""
    failed = 'password authentication failed for user "ada"'
    error, visits = await turned_away(fatal("28P01", failed), *hosts, password="hunter2")
    assert isinstance(error, SignInRefused)
    assert (str(error), visits) == (f"The database refused the sign-in: {failed}.", 1)
    assert "hunter2" not in f"{error!r} {error} {error.hint}"


async def test_missing_password_is_refused_and_the_hint_names_its_sources() -> None:
    error, _ = await turned_away(fatal("28P01", "not used"), passfile="/nowhere")
    assert isinstance(error, SignInRefused)
    assert "no password supplied" in str(error)
    assert "~/.pgpass" in str(error.hint)
    assert "password_command" in str(error.hint)


async def test_connection_lost_during_the_sign_in_is_unreachable() -> None:
    error, visits = await turned_away(b"", password="right")
    assert isinstance(error, Unreachable)
    assert error.message == "The database is not reachable: server closed the connection unexpectedly."
    assert visits == 1


@pytest.mark.parametrize(
    ("said", "to_check"),
    [
        ('invalid sslmode value: "bogus"', "verify-full"),
        ("server does not support SSL, but SSL was required", "doesn't support it"),
        ('server certificate for "db" does not match host name "127.0.0.1"', "a host name in the server"),
        ('root certificate file "/nowhere.crt" does not exist', "sslrootcert"),
        ('could not read root certificate file "/x": no certificate or crl found', "sslrootcert"),
        ("SSL error: certificate verify failed", "sslrootcert"),
        ('service file "/nowhere" not found', "PGSERVICEFILE"),
    ],
)
def test_advice_explains_each_ssl_and_service_error(said: str, to_check: str) -> None:
    assert to_check in str(advice(said))


def test_advice_is_none_for_a_generic_failure() -> None:
    assert advice("Connection refused") is None


@pytest.mark.parametrize(
    ("sqlstate", "message"),
    [
        ("57P03", "the database system is starting up"),
        ("57P03", "the database system is shutting down"),
        ("57P03", "the database system is not yet accepting connections"),
        ("57P03", "the database system is in recovery mode"),
        ("53300", "sorry, too many clients already"),
        ("53300", "remaining connection slots are reserved for roles with the SUPERUSER attribute"),
        # Poolers': PgBouncer, then Supavisor.
        ("08P01", "no more connections allowed (max_client_conn)"),
        ("08P01", "server login has been failing, cached error: connect failed (server_login_retry)"),
        ("08P01", "client_login_timeout (server down)"),
        ("08P01", "pooler is shutting down"),
        ("XX000", "Max client connections reached"),
        ("XX000", "(EMAXCONN) max client connections reached, limit: 200"),
        ("XX000", "(EMAXCONNSESSION) max clients reached in session mode - max clients are limited to pool_size: 15"),
    ],
)
async def test_server_that_accepts_no_connections_is_unreachable(sqlstate: str, message: str) -> None:
    error, _ = await turned_away(fatal(sqlstate, message), asks=False)
    assert isinstance(error, Unreachable)
    assert str(error) == f"The database accepts no connections at the moment: {message}."


async def test_next_host_is_tried_when_one_does_not_answer(database: Conninfo, sql: Sql) -> None:
    async with opened({**database, "host": f"/nowhere,{database['host']}", "hostaddr": ""}) as reachable:
        assert await reachable.read(OPERATOR, raw("select 1")) == [1]
