"""The pool keeps few connections, resets them after use, replaces broken ones and knows their transport."""

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest
from psycopg import AsyncConnection
from sqlalchemy import text

from gjobs.store.capabilities.capability import Transport
from gjobs.store.configuration.settings import WriteAccess, WriteMode
from gjobs.store.database.connection_pool import ConnectionPool, is_local
from gjobs.store.database.database import Database
from gjobs.store.database.query import Query
from gjobs.store.errors import StoreError, Unreachable
from gjobs.store.job_list.list_query import ListingQuery
from gjobs.store.jobs import job_sql
from gjobs.store.jobs.job import JobStatus
from gjobs.store.store import Store
from gjobs.store.users.actor import ActingUser
from tests.conftest import Conninfo
from tests.store.database.conftest import value_of
from tests.store.faulty_servers import listening
from tests.store.store_fixtures import ADA, NOTHING, Db, Sql, opened, until

Sessions = Callable[[], list[tuple[int, str]]]
"""Returns the process id and state of each session of the store on the database."""


@pytest.fixture
def sessions(sql: Sql) -> Sessions:
    return lambda: [
        (pid, state)
        for pid, state in sql(
            "select pid, state from pg_stat_activity where datname = current_database() and application_name = 'gjobs'"
        )
    ]


@pytest.fixture
async def connections(database: Conninfo) -> AsyncIterator[ConnectionPool]:
    connections = ConnectionPool(database)
    yield connections
    await connections.close()


async def backend(connection: AsyncConnection) -> int:
    row = await (await connection.execute("select pg_backend_pid()")).fetchone()
    assert row is not None
    return int(row[0])


async def test_pool_opens_at_most_two_connections_at_once(connections: ConnectionPool, sessions: Sessions) -> None:
    used: set[int] = set()
    in_use = most = 0
    pair = asyncio.Barrier(2)  # Otherwise one connection may serve all tasks before the other is open.

    async def use() -> None:
        nonlocal in_use, most
        async with connections.connection() as connection:
            in_use += 1
            most = max(most, in_use)
            await pair.wait()
            used.add(await backend(connection))
            in_use -= 1

    async with asyncio.timeout(60):
        await asyncio.gather(*(use() for _ in range(20)))
    assert most == 2
    assert len(used) == 2
    await until(lambda: used == {pid for pid, _ in sessions()})


async def test_spare_connection_serves_only_the_urgent_borrower_who_would_wait(
    connections: ConnectionPool, sessions: Sessions, sql: Sql
) -> None:
    async def backend_of_urgent() -> int:
        async with connections.urgent_connection() as urgent:
            return await backend(urgent)

    await asyncio.gather(connections.keep_spare(), connections.keep_spare())
    ((spare, _),) = sessions()
    async with connections.connection() as one:
        async with connections.urgent_connection() as urgent:
            assert await backend(urgent) == spare, "no other connection is open yet"
        async with connections.connection() as other:
            assert spare not in {await backend(one), await backend(other)}
            async with connections.urgent_connection() as urgent:
                assert await backend(urgent) == spare
        async with connections.urgent_connection() as urgent:
            assert urgent is other
        sql("select pg_terminate_backend(%s)", [spare])
        await until(lambda: spare not in {pid for pid, _ in sessions()})
        async with connections.connection():
            waiting = asyncio.create_task(backend_of_urgent())
            await until(lambda: not connections.has_spare)
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.1):
                    await asyncio.shield(waiting)
            assert len(sessions()) == 2, "it waits, and opens no connection"
        assert await waiting in {pid for pid, _ in sessions()}
    await connections.keep_spare()
    assert len(sessions()) == 3
    await connections.close()
    await until(lambda: not sessions())


@pytest.mark.parametrize(
    ("slow_from", "rule", "network_time", "is_prepared"),
    [
        (0.0, WriteMode.OPEN, 60.0, True),
        (0.0, WriteMode.PERMIT_REQUIRED, 60.0, False),
        (0.0, WriteMode.OPEN, 0.0, False),
        (3600.0, WriteMode.OPEN, 7200.0, False),
    ],
)
async def test_spare_connection_is_opened_for_writes_over_a_slow_network(
    database: Conninfo,
    monkeypatch: pytest.MonkeyPatch,
    slow_from: float,
    rule: WriteMode,
    network_time: float,
    is_prepared: bool,
) -> None:
    monkeypatch.setattr("gjobs.store.database.database.SLOW_ROUND_TRIP", slow_from)
    async with Store(Database(database, access=WriteAccess(rule))) as store:
        await store.get_listing(ListingQuery())
        await store.database.prepare_write(network_time)
        assert store.database.connections.has_spare is is_prepared


async def test_resize_enlarges_the_pool_and_never_shrinks_it(connections: ConnectionPool, sessions: Sessions) -> None:
    connections.resize(3)
    connections.resize(1)
    async with connections.connection(), connections.connection(), connections.connection():
        assert len(sessions()) == 3
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01), connections.connection():
                pass


async def test_pool_reuses_a_connection_unless_it_broke_or_is_inside_a_transaction(
    connections: ConnectionPool, sql: Sql, sessions: Sessions
) -> None:
    async def used() -> int:
        async with connections.connection() as connection:
            return await backend(connection)

    first = await used()
    assert await used() == first
    sql("select pg_terminate_backend(%s)", [first])
    await until(lambda: not sessions())
    assert await used() != first

    async with connections.connection() as connection:
        await connection.execute("begin")
    await until(lambda: not sessions())


async def test_connection_that_breaks_in_use_raises_once_and_is_replaced(db: Db, sessions: Sessions) -> None:
    async def write() -> None:
        async with db.operator.database.write(db.operator.actor) as transaction:
            await transaction.run(job_sql.job_statements(job_sql.ALL_COLUMNS).these([NOTHING]))
            await until(lambda: len(sessions()) == 1)
            ((pid, _),) = sessions()
            db.sql("select pg_terminate_backend(%s)", [pid])
            await until(lambda: not sessions())
            await transaction.run(job_sql.job_statements(job_sql.ALL_COLUMNS).these([NOTHING]))

    with pytest.raises(Unreachable, match="terminating connection"):
        await write()
    assert await db.operator.get_generation_job(NOTHING) is None


async def test_cancelled_caller_leaves_its_session_idle(operator: Store, sql: Sql, sessions: Sessions) -> None:
    """The statement is stopped, the transaction is rolled back, and the connection stays open."""
    sleep = value_of("select pg_sleep(60)")
    sleeping = "select count(*) from pg_stat_activity"

    async def write() -> None:
        async with operator.database.write(operator.actor) as transaction:
            await transaction.run(sleep)

    for work in (operator.database.read(operator.actor, sleep), write()):
        task = asyncio.ensure_future(work)
        # The session is already active with the statements that precede this one.
        await until(lambda: sql(f"{sleeping} where datname = current_database() and wait_event = 'PgSleep'") == [(1,)])
        ((pid, _),) = sessions()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert sessions() == [(pid, "idle")]


async def test_no_session_stays_in_a_transaction(db: Db, sessions: Sessions) -> None:
    job_id = db.make_job()
    await db.ada.get_listing(ListingQuery())
    await db.ada.transition_job_status(job_id, "succeeded")
    await db.ada.transition_job_status(NOTHING, "running")
    await db.operator.transition_job_status(job_id, "running")
    for refused in (
        db.ada.get_users(),
        db.ada.create_generation_job(project_id=NOTHING, mode="lifestyle"),
        db.ada.update_generation_job(job_id, input_asset_id=NOTHING),
        db.ada.delete_generation_jobs({job_id: JobStatus.FAILED}),
        db.operator.create_project("Catalog", owner_id=NOTHING),
    ):
        with pytest.raises(StoreError):
            await refused
        assert {state for _, state in sessions()} == {"idle"}


async def test_acting_user_and_time_limits_end_with_the_transaction(database: Conninfo, sql: Sql) -> None:
    state = text(
        "select current_user, current_setting('request.jwt.claims', true), current_setting('statement_timeout'),"
        " current_setting('lock_timeout'), current_setting('idle_in_transaction_session_timeout')"
    )
    async with opened(database) as session:
        session.connections = ConnectionPool(database, size=1)
        (acting,) = await session.read(ActingUser(id=ADA), Query(state, tuple))
        async with session.connections.connection() as connection:
            after = await (await connection.execute(str(state))).fetchone()
    assert acting[0] == "authenticated"
    assert str(ADA) in acting[1]
    assert acting[2:] == ("8s", "2s", "13s")
    assert after == ("gjobs", "", "0", "0", "0")


async def test_closed_pool_ends_busy_connections_on_their_return(
    connections: ConnectionPool, sessions: Sessions
) -> None:
    async with connections.connection() as one:
        async with connections.connection() as other:
            await backend(other)
        await backend(one)
        await connections.close()
        await until(lambda: len(sessions()) == 1)
        await backend(one)
    await until(lambda: not sessions())


@pytest.mark.parametrize(
    ("given", "name", "seconds"),
    [({}, "gjobs", "33"), ({"application_name": "mine", "connect_timeout": 5}, "mine", "5")],
)
async def test_url_and_environment_override_connection_defaults(
    database: Conninfo, monkeypatch: pytest.MonkeyPatch, given: Conninfo, name: str, seconds: str
) -> None:
    monkeypatch.setenv("PGCONNECT_TIMEOUT", "33")
    connections = ConnectionPool({**database, **given})
    async with connections.connection() as connection:
        parameters = {option.keyword: option.val for option in connection.pgconn.info}
        assert connection.info.parameter_status("application_name") == name
        assert parameters[b"connect_timeout"] == seconds.encode()
    await connections.close()


async def test_closed_store_opens_no_connection(database: Conninfo, sessions: Sessions) -> None:
    store = Store(Database(database))
    await store.get_users()
    await store.close()
    with pytest.raises(Unreachable, match=r"The store is closed\."):
        await store.get_users()
    await until(lambda: sessions() == [])


async def test_cancelled_connection_attempt_closes_its_socket() -> None:
    """The socket is closed even while a reference to the error, and so to its traceback, is kept."""
    is_connected, is_closed = asyncio.Event(), asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        is_connected.set()
        while await reader.read(1024):
            pass
        is_closed.set()

    async with asyncio.timeout(60), listening(serve, "127.0.0.1") as port:
        connections = ConnectionPool({"host": "127.0.0.1", "port": port, "sslmode": "disable"})
        connecting = asyncio.create_task(connections.connect())
        await is_connected.wait()
        connecting.cancel()
        with pytest.raises(asyncio.CancelledError) as caught:
            await connecting
        await is_closed.wait()
        assert caught.tb is not None, "the traceback is still referenced"


@pytest.mark.parametrize(
    ("host", "address", "local"),
    [
        ("/run/postgresql", "", True),
        ("@abstract", "", True),
        ("localhost", "127.0.0.1", True),
        ("db.example.com", "127.0.0.2", True),
        ("localhost", "::1", True),
        ("db.example.com", "192.0.2.7", False),
        ("localhost", "10.0.0.1", False),
        ("db.example.com", "fe80::1%eth0", False),
        ("db.example.com", "", False),
    ],
)
def test_transport_is_exposed_unless_it_is_local_or_encrypted(host: str, address: str, local: bool) -> None:
    assert is_local(host, address) is local
    assert Transport(is_encrypted=False, is_local=local).is_exposed is not local
    assert not Transport(is_encrypted=True, is_local=local).is_exposed


async def test_connection_that_is_opened_early_serves_the_first_borrower(
    connections: ConnectionPool, database: Conninfo, sessions: Sessions
) -> None:
    connections.connect_early()
    await until(lambda: len(sessions()) == 1)
    async with connections.connection() as connection:
        assert await backend(connection) in {pid for pid, _ in sessions()}
        assert len(sessions()) == 1
    nowhere = ConnectionPool({**database, "host": "/nowhere"})
    nowhere.connect_early()
    with pytest.raises(Unreachable, match="No such file"):
        async with nowhere.connection():
            pass
    await nowhere.close()


async def test_early_connection_that_broke_before_its_first_use_is_replaced(
    connections: ConnectionPool, sessions: Sessions, sql: Sql
) -> None:
    connections.connect_early()
    await until(lambda: [state for _, state in sessions()] == ["idle"])
    ((broken, _),) = sessions()
    sql("select pg_terminate_backend(%s)", [broken])
    await until(lambda: not sessions())
    async with connections.connection() as connection:
        assert await backend(connection) != broken


@pytest.mark.parametrize("is_open", [False, True])
async def test_connection_that_is_opened_early_and_never_borrowed_is_closed(
    database: Conninfo, sessions: Sessions, is_open: bool
) -> None:
    connections = ConnectionPool(database)
    connections.connect_early()
    if is_open:
        await until(lambda: len(sessions()) == 1)
    await connections.close()
    await until(lambda: not sessions())


async def test_borrower_that_stops_waiting_leaves_no_connection(
    connections: ConnectionPool, sessions: Sessions
) -> None:
    async def borrow() -> None:
        async with connections.connection():
            pass

    connections.connect_early()
    task = asyncio.create_task(borrow())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await until(lambda: not sessions())
    await borrow()
    await until(lambda: len(sessions()) == 1)
