"""Failed connections: the kind of each error, a hint that names the remedy, and the second attempt."""

import asyncio
import logging
import os
import resource
import struct
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from psycopg import Error, OperationalError, errors

from gjobs.migrations.connection import connect
from gjobs.store.database import refusal_code
from gjobs.store.database.connection_pool import ConnectionPool
from gjobs.store.database.driver_errors import (
    ENDED_HINT,
    FULL_HINT,
    LOST_HINT,
    NOT_READY_HINT,
    UNKNOWN_ANSWER_HINT,
    advice,
    translate,
    translate_connecting,
)
from gjobs.store.errors import InvalidValue, SignInRefused, StoreError, Unreachable
from gjobs.store.users.actor import OPERATOR
from tests.conftest import Conninfo
from tests.store.database.conftest import connection_error, value_of
from tests.store.faulty_servers import RejectingServer, fatal, listening, proxied
from tests.store.store_fixtures import Sql, opened, until


@pytest.fixture(autouse=True)
def patient_second_attempt(monkeypatch: pytest.MonkeyPatch) -> None:
    """The process of a second attempt starts slowly on a loaded machine."""
    monkeypatch.setattr(refusal_code, "PATIENCE_SECONDS", 60.0)


async def rejection(server: RejectingServer, *hosts: str, **login: str) -> StoreError:
    """Return the error of a login on a server that rejects it."""
    hosts = hosts or ("127.0.0.1",)
    async with listening(server.serve, *hosts) as port:
        return await connection_error({"host": ",".join(hosts), "port": port, "user": "ada", **login})


async def errors_of_the_store_and_of_a_migration(server: RejectingServer) -> tuple[StoreError, StoreError]:
    """Return the errors of two logins on a server that rejects each in the same way."""
    async with listening(server.serve, "127.0.0.1") as port:
        login: Conninfo = {"host": "127.0.0.1", "port": port, "user": "ada", "password": "right", "sslmode": "disable"}
        error = await connection_error(login)
        server.visits = 0
        with pytest.raises(StoreError) as caught:
            await asyncio.to_thread(lambda: connect(login).__enter__())
    return error, caught.value


REFUSED, UNREACHABLE = "The database refused the sign-in: ", "The database is not reachable: "
LOST, ACCEPTS_NONE = "The connection was lost: ", "The database accepts no connections at the moment: "


@pytest.mark.parametrize(
    ("conninfo", "kind", "words", "hint"),
    [
        ({"dbname": "nope"}, SignInRefused, f'{REFUSED}database "nope" does not exist.', ""),
        ({"user": "nobody"}, SignInRefused, f'{REFUSED}role "nobody" does not exist.', ""),
        ({"host": "/nowhere"}, Unreachable, f"{UNREACHABLE}No such file or directory.", ""),
        ({"host": "no-such-host.invalid"}, Unreachable, "", "This machine can't resolve the host's name."),
        ({"host": "n" * 70}, Unreachable, "", ""),
        ({"host": "a..b"}, Unreachable, "", ""),
        (
            {"service": "nowhere"},
            Unreachable,
            f'{UNREACHABLE}definition of service "nowhere" not found',
            "~/.pg_service.conf",
        ),
        (
            {"connect_timeout": "soon"},
            InvalidValue,
            "The database's address cannot be read: bad value for connect_timeout: 'soon'.",
            "",
        ),
    ],
)
async def test_connection_that_cannot_be_opened_raises_its_kind_of_error(
    database: Conninfo, conninfo: Conninfo, kind: type[StoreError], words: str, hint: str
) -> None:
    error = await connection_error({**database, **conninfo})
    assert type(error) is kind
    assert str(error).startswith(words)
    assert hint in str(error.hint)


async def test_closed_port_or_connection_lost_during_the_sign_in_is_unreachable(unused_tcp_port: int) -> None:
    error = await connection_error({"host": "127.0.0.1", "port": unused_tcp_port, "user": "ada"})
    assert isinstance(error, Unreachable)
    assert "Connection refused" in str(error)
    assert "\n" not in str(error)
    assert f"127.0.0.1:{unused_tcp_port}" in str(error.hint)

    server = RejectingServer(b"", asks_for_password=True)
    error = await rejection(server, password="right")
    assert isinstance(error, Unreachable)
    assert error.message == f"{UNREACHABLE}server closed the connection unexpectedly."
    assert server.visits == 1


async def test_next_host_is_tried_when_one_does_not_answer(database: Conninfo, sql: Sql) -> None:
    async with opened({**database, "host": f"/nowhere,{database['host']}", "hostaddr": ""}) as reachable:
        assert await reachable.read(OPERATOR, value_of("select 1")) == [1]


STARTING = "the database system is not yet accepting connections"

NOT_READY = [
    # Servers 14 to 18.
    ("57P03", "the database system is starting up", ""),
    ("57P03", STARTING, "Consistent recovery state has not been yet reached."),
    ("57P03", STARTING, "Recovery snapshot is not yet ready for hot standby."),
    ("57P03", "the database system is not accepting connections", "Hot standby mode is disabled."),
    ("57P03", "the database system is shutting down", ""),
    ("57P03", "the database system is in recovery mode", ""),
    # The end of a sign-in that has begun.
    ("57P01", "terminating connection due to administrator command", ""),
    ("57P02", "terminating connection because of crash of another server process", ""),
    # Poolers.
    ("08P01", "server login has been failing, cached error: connect failed (server_login_retry)", ""),
    ("08P01", "client_login_timeout (server down)", ""),
    ("08P01", "pooler is shutting down", ""),
]

FULL = [
    ("53300", "sorry, too many clients already"),
    ("53300", "remaining connection slots are reserved for non-replication superuser connections"),
    ("53300", "remaining connection slots are reserved for roles with the SUPERUSER attribute"),
    ("53300", 'too many connections for role "ada"'),
    ("53300", 'too many connections for database "app"'),
    # PgBouncer and Supavisor.
    ("08P01", "no more connections allowed (max_client_conn)"),
    ("XX000", "Max client connections reached"),
    ("XX000", "MaxClientsInSessionMode: max clients reached"),
    ("XX000", "(EMAXCONN) max client connections reached, limit: 200"),
    ("XX000", "(EMAXCONNSESSION) max clients reached in session mode - max clients are limited to pool_size: 15"),
]


@pytest.mark.parametrize(
    ("sqlstate", "message", "detail", "hint"),
    [
        *((sqlstate, message, detail, NOT_READY_HINT) for sqlstate, message, detail in NOT_READY),
        *((sqlstate, message, "", FULL_HINT) for sqlstate, message in FULL),
    ],
)
async def test_server_that_is_not_ready_or_full_is_unreachable(
    sqlstate: str, message: str, detail: str, hint: str, caplog: pytest.LogCaptureFixture
) -> None:
    refusal = fatal(sqlstate, message, detail=detail)
    with caplog.at_level(logging.INFO, logger="gjobs.store.database.driver_errors"):
        for asks_for_password in (False, True):
            error = await rejection(RejectingServer(refusal, asks_for_password=asks_for_password), password="right")
            assert type(error) is Unreachable
            assert str(error) == f"The database accepts no connections at the moment: {message}."
            assert error.hint == hint
    assert detail in caplog.text


@pytest.mark.parametrize(
    ("sqlstate", "severity", "message", "kind", "hint"),
    [
        ("57P03", "FATAL", "das Datenbanksystem startet", Unreachable, NOT_READY_HINT),
        ("57P03", "ВАЖНО", "система баз данных запускается", Unreachable, NOT_READY_HINT),
        ("57P01", "致命錯誤", "由於管理員命令, 連線終止中", Unreachable, NOT_READY_HINT),
        ("53300", "FATAL", "tut mir leid, schon zu viele Verbindungen", Unreachable, FULL_HINT),
        ("53300", "致命錯誤", "抱歉，客戶端過多", Unreachable, FULL_HINT),
        ("3D000", "FATAL", "Datenbank »app« existiert nicht", SignInRefused, SignInRefused.hint),
        ("28000", "ВАЖНО", 'роль "ada" не существует', SignInRefused, SignInRefused.hint),
        ("42501", "FATAL", "keine Berechtigung für Datenbank »app«", SignInRefused, SignInRefused.hint),
        # A login event trigger may raise any SQLSTATE.
        *(
            (sqlstate, "FATAL", "Anmeldung abgebrochen", Unreachable, UNKNOWN_ANSWER_HINT)
            for sqlstate in ("0A000", "22023", "25006", "40001", "40P01", "42704", "54000", "55000", "55P03", "P0001")
        ),
    ],
)
def test_refused_connection_is_understood_by_its_sqlstate_in_any_language(
    sqlstate: str, severity: str, message: str, kind: type[StoreError], hint: str
) -> None:
    said = f'connection failed: connection to server at "db" (10.0.0.1), port 5432 failed: {severity}:  {message}'
    error = translate_connecting(OperationalError(said), sqlstate)
    assert type(error) is kind
    assert str(error).endswith(f": {message}.")
    assert error.hint == hint


@pytest.mark.parametrize(
    ("sqlstate", "severity", "message", "kind", "hint"),
    [
        ("53300", "致命錯誤", "抱歉，客戶端過多", Unreachable, FULL_HINT),
        ("28000", "ВАЖНО", 'роль "ada" не существует', SignInRefused, SignInRefused.hint),
    ],
)
async def test_sqlstate_of_a_refusal_in_another_language_is_found(
    sqlstate: str, severity: str, message: str, kind: type[StoreError], hint: str
) -> None:
    server = RejectingServer(fatal(sqlstate, message, severity=severity), asks_for_password=False)
    for found in await errors_of_the_store_and_of_a_migration(server):
        assert type(found) is kind
        assert f": {message}." in str(found)
        assert found.hint == hint


@pytest.mark.parametrize(
    ("sqlstate", "severity", "message"),
    [
        ("28P01", "FATAL", 'password authentication failed for user "ada"'),
        ("28P01", "ВАЖНО", 'пользователь "ada" не прошёл проверку подлинности (по паролю)'),
        ("28999", "FATAL", "a future server refuses ada"),
        # Poolers.
        ("XX000", "FATAL", 'database "app" is not currently accepting connections'),
        (
            "XX000",
            "FATAL",
            "(ECIRCUITBREAKER) too many authentication failures, new connections are temporarily blocked",
        ),
    ],
)
@pytest.mark.parametrize("hosts", [["127.0.0.1"], ["127.0.0.1", "127.0.0.2", "127.0.0.3"]])
async def test_refused_password_is_sent_only_once(sqlstate: str, severity: str, message: str, hosts: list[str]) -> None:
    """Servers ban addresses that repeat a wrong password."""
    server = RejectingServer(fatal(sqlstate, message, severity=severity), asks_for_password=True)
    error = await rejection(server, *hosts, password="hunter2")
    assert type(error) is SignInRefused
    assert str(error) == f"{REFUSED}{message}."
    assert (server.visits, server.passwords) == (1, 1)
    assert "hunter2" not in f"{error!r} {error} {error.hint}"


@pytest.mark.parametrize(
    ("sqlstate", "message", "kind"),
    [
        ("53300", "die verbleibenden Verbindungen sind für Superuser reserviert", Unreachable),
        ("53300", "zu viele Verbindungen von Rolle »ada«", Unreachable),
        ("53300", 'データベース"app"への接続が多すぎます', Unreachable),
        # The wording of a pooler, and then of its server.
        ("08P01", "server login failed: Baza danych jest uruchamiana", Unreachable),
        # A login event trigger fails after the sign-in.
        ("42P01", 'relation "logins" does not exist', Unreachable),
        ("42501", "permission denied for table logins", Unreachable),
        ("42501", "must be superuser to connect during database shutdown", Unreachable),
        ("42501", 'permission denied for database "app"', SignInRefused),
        ("28P01", "server login failed: password authentication failed", SignInRefused),
        ("28P01", "Passwort-Authentifizierung für Benutzer »ada« fehlgeschlagen", SignInRefused),
        ("3D000", 'データベース"app"は存在しません', SignInRefused),
    ],
)
async def test_answer_after_the_password_is_a_refused_sign_in_only_if_it_names_the_login(
    sqlstate: str, message: str, kind: type[StoreError]
) -> None:
    server = RejectingServer(fatal(sqlstate, message), asks_for_password=True)
    error = await rejection(server, dbname="app", password="right")
    assert type(error) is kind
    assert f": {message}." in str(error)
    assert server.passwords == 1


AT_DB = 'connection to server at "db" (10.0.0.1), port 5432 failed: '
ON_SOCKET = 'connection to server on socket "/run/failed: x/.s.PGSQL.5432" failed: '


def test_words_of_the_client_library_lose_only_the_address_and_the_driver_words() -> None:
    for prefix in (
        f"connection failed: {AT_DB}",
        f"connection is bad: {AT_DB}",
        'connection failed: connection to server at "2001:db8::1", port 6543 failed: ',
        f"connection failed: {ON_SOCKET}",
        # Several addresses, or a second attempt without encryption.
        f"connection failed: {AT_DB}Connection refused\n\tIs the server running?\n{ON_SOCKET}",
        "connection failed: ",
        "connection is bad: ",
        "",
    ):
        answer = "SSL error: certificate verify failed: expired"
        error = translate_connecting(OperationalError(f"{prefix}{answer}\nDETAIL:  The check failed: no reason."))
        assert type(error) is Unreachable
        assert str(error) == f"{UNREACHABLE}{answer}."

    # By default libpq tries again without encryption. A connection may have ended by then.
    failed = 'connection to server at "db" (10.0.0.1), port 5432 failed: FATAL:  '
    full, refused = "sorry, too many clients already", 'no pg_hba.conf entry for host "10.0.0.2", no encryption'
    error = translate_connecting(OperationalError(f"connection failed: {failed}{full}\n{failed}{refused}"))
    assert type(error) is Unreachable
    assert (str(error), error.hint) == (f"The database accepts no connections at the moment: {full}.", FULL_HINT)

    for step in ("consuming input", "sending query and params", "flushing"):
        error = translate(
            OperationalError(f"{step} failed: server closed the connection unexpectedly\n\tThis probably")
        )
        assert error.message == f"{LOST}server closed the connection unexpectedly."


async def test_missing_password_is_refused_and_the_hint_names_its_sources() -> None:
    error = await rejection(RejectingServer(fatal("28P01", "not used"), asks_for_password=True), passfile="/nowhere")
    assert isinstance(error, SignInRefused)
    assert "no password supplied" in str(error)
    assert "~/.pgpass" in str(error.hint)
    assert "password_command" in str(error.hint)


@pytest.mark.parametrize(
    ("error", "what", "hint"),
    [
        (errors.TooManyConnections("zu viele Verbindungen"), ACCEPTS_NONE, FULL_HINT),
        (errors.ProtocolViolation("query_wait_timeout"), ACCEPTS_NONE, FULL_HINT),
        (
            errors.InternalError_("(ECHECKOUTTIMEOUT) unable to check out connection from the pool after 15000ms"),
            ACCEPTS_NONE,
            FULL_HINT,
        ),
        (errors.CannotConnectNow("das Datenbanksystem startet"), ACCEPTS_NONE, NOT_READY_HINT),
        (errors.AdminShutdown("das Datenbanksystem startet"), LOST, ENDED_HINT),
        (errors.CrashShutdown("das Datenbanksystem startet"), LOST, ENDED_HINT),
        (errors.IdleSessionTimeout("Zeit abgelaufen"), LOST, LOST_HINT),
    ],
)
def test_statement_without_a_connection_is_unreachable_with_a_remedy(error: Error, what: str, hint: str) -> None:
    translated = translate(error)
    assert type(translated) is Unreachable
    assert translated.message == f"{what}{error}."
    assert translated.hint == hint


SUPABASE = "db.abcdefghijklmnopqrst.supabase.co"


def test_hint_explains_unroutable_hosts_and_each_ssl_and_service_error() -> None:
    for message, hint in (
        (f"failed to resolve host '{SUPABASE}': [Errno -2] Name or service not known", "session pooler"),
        (f"failed to resolve host '{SUPABASE}': [Errno -5] No address associated with hostname", "session pooler"),
        (
            f'connection to server at "{SUPABASE}" (2a05:d014::1), port 5432 failed: Network is unreachable\n\tHint',
            "session pooler",
        ),
        ('connection to server at "2001:db8::1", port 5432 failed: Network is unreachable', "no route"),
    ):
        error = translate_connecting(OperationalError(message))
        assert type(error) is Unreachable
        assert hint in str(error.hint)
        assert ("only over IPv6" in str(error.hint)) is ("supabase" in message)

    for message, hint in (
        ('invalid sslmode value: "bogus"', "verify-full"),
        ("server does not support SSL, but SSL was required", "doesn't support it"),
        ('server certificate for "db" does not match host name "127.0.0.1"', "a host name in the server"),
        ('root certificate file "/nowhere.crt" does not exist', "sslrootcert"),
        ('could not read root certificate file "/x": no certificate or crl found', "sslrootcert"),
        ("SSL error: certificate verify failed", "sslrootcert"),
        ('service file "/nowhere" not found', "PGSERVICEFILE"),
        ("Connection refused", "None"),
    ):
        assert hint in str(advice(message))


@pytest.mark.parametrize("hint", [None, "It is restarted automatically."])
async def test_dead_embedded_server_is_reported_without_a_hint_about_address_and_network(
    database: Conninfo, hint: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with proxied(database) as (proxy, conninfo), opened(conninfo, hint_when_down=hint) as session:
        await session.read(OPERATOR, value_of("select 1"))
        proxy.go_away()

        async def find_no_socket(self: ConnectionPool) -> None:
            raise Unreachable("The database is not reachable: No such file or directory.")

        monkeypatch.setattr(ConnectionPool, "connect", find_no_socket)
        for _ in range(2):
            with pytest.raises(Unreachable) as caught:
                await session.read(OPERATOR, value_of("select 1"))
            assert caught.value.hint in ((hint,) if hint else (LOST_HINT, Unreachable.hint))


FULL_IN_GERMAN = "tut mir leid, schon zu viele Klienten"


class FullAtFirst(RejectingServer):
    """A server that refuses the first client with "too many clients" in a language unknown to gjobs. Then it asks for a
    password, or stays silent.
    """

    def __init__(self, *, then_asks: bool) -> None:
        super().__init__(fatal("53300", FULL_IN_GERMAN), asks_for_password=False)
        self._then_asks = then_asks
        self.was_left = False
        """Whether a later visitor has closed its connection."""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.visits == 0:
            await super().serve(reader, writer)
            return
        self.visits += 1
        await reader.read(1)
        if self._then_asks:
            writer.write(b"R" + struct.pack("!ii", 8, 3))
        await reader.read()
        self.was_left = True


@pytest.mark.parametrize("then_asks", [True, False])
async def test_full_server_stays_unreachable_if_the_second_attempt_is_not_refused(
    then_asks: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refusal_code, "PATIENCE_SECONDS", 60.0 if then_asks else 0.2)
    for found in await errors_of_the_store_and_of_a_migration(FullAtFirst(then_asks=then_asks)):
        assert type(found) is Unreachable
        assert str(found) == f"The database accepts no connections at the moment: {FULL_IN_GERMAN}."
        assert "Try again" in str(found.hint)


def test_cancelling_the_second_attempt_ends_its_process_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A signal cancels a command, which then must end at once. A thread would delay the end of the event loop, so the
    attempt is a process.
    """
    monkeypatch.setattr(refusal_code, "PATIENCE_SECONDS", 40.0)

    async def cancelled_at() -> float:
        server = FullAtFirst(then_asks=False)
        async with listening(server.serve, "127.0.0.1") as port:
            login: Conninfo = {"host": "127.0.0.1", "port": port, "user": "ada", "sslmode": "disable"}
            connecting = asyncio.create_task(connection_error(login))
            await until(lambda: server.visits == 2)
            began = time.monotonic()
            connecting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await connecting
            await until(lambda: server.was_left)
        return began

    began = asyncio.run(cancelled_at())
    assert time.monotonic() - began < 20


@pytest.fixture
def descriptors_above_1024() -> Iterator[None]:
    """Open all file descriptors that `select` supports, so that new ones are above 1024."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    limit = 2_048
    if hard not in (-1, resource.RLIM_INFINITY) and hard < limit:
        pytest.skip("The system allows too few descriptors.")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, limit), hard))
    opened = [os.open(os.devnull, os.O_RDONLY)]
    try:
        while opened[-1] <= 1_024:
            opened.append(os.dup(opened[0]))
        yield
    finally:
        for descriptor in opened:
            os.close(descriptor)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def open_descriptors() -> set[str]:
    return {path.name for path in Path("/dev/fd").iterdir()}


@pytest.mark.usefixtures("descriptors_above_1024")
async def test_second_attempt_works_above_1024_descriptors_and_leaves_none() -> None:
    server = RejectingServer(fatal("3D000", "Datenbank »app« fehlt"), asks_for_password=False)
    async with listening(server.serve, "127.0.0.1") as port:
        parameters = {"host": "127.0.0.1", "port": port, "user": "ada", "sslmode": "disable"}
        before = open_descriptors()
        codes = [
            await refusal_code.refusal_code_async(parameters),
            await asyncio.to_thread(refusal_code.refusal_code, parameters),
        ]
        assert codes == ["3D000", "3D000"]
        # This process also holds the server's end of each connection.
        await until(lambda: open_descriptors() == before)
