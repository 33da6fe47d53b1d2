"""What to do where no connection is made: about the cause, and not about the address where that is right."""

import pytest
from psycopg import OperationalError, errors

from store.database.connection_errors import translate_connecting
from store.database.connection_pool import ConnectionPool
from store.database.database import Database
from store.database.driver_errors import FULL_HINT, translate
from store.errors import Unreachable
from store.users.actor import OPERATOR
from tests.conftest import Conninfo
from tests.store.database.test_driver_errors import raw, refusal_of
from tests.store.faulty_servers import RejectingServer, fatal, listening, proxied


@pytest.mark.parametrize(
    ("sqlstate", "message"),
    [
        ("53300", "sorry, too many clients already"),
        ("53300", "remaining connection slots are reserved for non-replication superuser connections"),
        ("53300", "remaining connection slots are reserved for roles with the SUPERUSER attribute"),
        ("53300", 'too many connections for role "ada"'),
        ("53300", 'too many connections for database "app"'),
        ("08P01", "no more connections allowed (max_client_conn)"),
        ("XX000", "MaxClientsInSessionMode: max clients reached"),
        ("XX000", "(EMAXCONNSESSION) max clients reached in session mode - max clients are limited to pool_size: 15"),
    ],
)
async def test_full_server_or_pooler_is_told_with_its_remedy(sqlstate: str, message: str) -> None:
    server = RejectingServer(fatal(sqlstate, message), asks_for_password=False)
    async with listening(server.serve, "127.0.0.1") as port:
        error = await refusal_of({"host": "127.0.0.1", "port": port, "user": "ada"})
    assert type(error) is Unreachable
    assert "Close some, or raise max_connections" in str(error.hint)


@pytest.mark.parametrize(
    "error",
    [
        errors.TooManyConnections("zu viele Verbindungen"),
        errors.ProtocolViolation("query_wait_timeout"),
        errors.InternalError_("(ECHECKOUTTIMEOUT) unable to check out connection from the pool after 15000ms"),
    ],
)
def test_statement_that_finds_no_free_connection_is_told_with_its_remedy(error: OperationalError) -> None:
    told = translate(error)
    assert type(told) is Unreachable
    assert told.hint == FULL_HINT


@pytest.mark.parametrize(
    "said",
    [
        "failed to resolve host 'db.abcdefghijklmnopqrst.supabase.co': [Errno -2] Name or service not known",
        "failed to resolve host 'db.abcdefghijklmnopqrst.supabase.co': [Errno -5] No address associated with hostname",
        (
            'connection to server at "db.abcdefghijklmnopqrst.supabase.co" (2a05:d014::1), port 5432 failed:'
            " Network is unreachable\n\tIs the server running on that host and accepting TCP/IP connections?"
        ),
    ],
)
def test_supabase_host_without_ipv4_is_told_with_the_pooler_as_the_remedy(said: str) -> None:
    error = translate_connecting(OperationalError(said))
    assert type(error) is Unreachable
    assert "only over IPv6" in str(error.hint)
    assert "session pooler" in str(error.hint)


async def test_host_name_that_does_not_resolve_is_told_with_its_remedy() -> None:
    error = await refusal_of({"host": "no-such-host.invalid", "user": "ada"})
    assert "no-such-host.invalid" in str(error)
    assert error.hint == "This machine can't resolve the host's name. Check its spelling, the DNS and the VPN."


def test_host_without_a_route_is_told_with_its_remedy() -> None:
    said = 'connection to server at "2001:db8::1", port 5432 failed: Network is unreachable'
    assert "no route" in str(translate_connecting(OperationalError(said)).hint)


@pytest.mark.parametrize("hint", [None, "It is started again by itself."])
async def test_server_of_our_own_that_died_is_told_without_address_and_network(
    database: Conninfo, hint: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with proxied(database) as (proxy, conninfo):
        store = Database(conninfo, hint_when_down=hint)
        await store.read(OPERATOR, raw("select 1"))
        proxy.go_away()

        async def socket_is_gone(self: ConnectionPool) -> None:
            raise Unreachable("The database is not reachable: No such file or directory.")

        monkeypatch.setattr(ConnectionPool, "connect", socket_is_gone)
        for _ in range(2):
            with pytest.raises(Unreachable) as caught:
                await store.read(OPERATOR, raw("select 1"))
            assert caught.value.hint == (hint or Unreachable.hint)
        await store.close()
