"""A server that starts, recovers or stops: never taken for a refused sign-in, whatever its version says."""

import asyncio
import logging
import os
import resource
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest
from psycopg import OperationalError, errors

from migrations.connection import connect
from store.database import refusal_code
from store.database.connection_errors import translate_connecting
from store.database.driver_errors import FULL_HINT, translate
from store.errors import SignInRefused, StoreError, Unreachable
from tests.conftest import Conninfo
from tests.store.database.test_driver_errors import refusal_of
from tests.store.faulty_servers import RejectingServer, fatal, listening
from tests.store.store_fixtures import until

NOT_READY = [
    # What servers 14 to 18 say under 57P03, with their details.
    ("57P03", "the database system is starting up", ""),
    (
        "57P03",
        "the database system is not yet accepting connections",
        "Consistent recovery state has not been yet reached.",
    ),
    (
        "57P03",
        "the database system is not yet accepting connections",
        "Recovery snapshot is not yet ready for hot standby.",
    ),
    ("57P03", "the database system is not accepting connections", "Hot standby mode is disabled."),
    ("57P03", "the database system is shutting down", ""),
    ("57P03", "the database system is in recovery mode", ""),
    # What ends a sign-in that has begun.
    ("57P01", "terminating connection due to administrator command", ""),
    ("57P02", "terminating connection because of crash of another server process", ""),
]


@pytest.fixture(autouse=True)
def patient_second_attempt(monkeypatch: pytest.MonkeyPatch) -> None:
    """A loaded machine starts its process slowly."""
    monkeypatch.setattr(refusal_code, "PATIENCE_SECONDS", 60.0)


@pytest.mark.parametrize(("sqlstate", "message", "detail"), NOT_READY)
@pytest.mark.parametrize("asks_for_password", [False, True])
async def test_server_that_is_not_ready_is_no_refused_sign_in(
    sqlstate: str, message: str, detail: str, asks_for_password: bool, caplog: pytest.LogCaptureFixture
) -> None:
    server = RejectingServer(fatal(sqlstate, message, detail=detail), asks_for_password=asks_for_password)
    with caplog.at_level(logging.INFO, logger="store.database.connection_errors"):
        async with listening(server.serve, "127.0.0.1") as port:
            error = await refusal_of({"host": "127.0.0.1", "port": port, "user": "ada", "password": "right"})
    assert type(error) is Unreachable
    assert str(error) == f"The database accepts no connections at the moment: {message}."
    assert "Wait until it is ready" in str(error.hint)
    assert message in caplog.text
    assert detail in caplog.text


@pytest.mark.parametrize(
    ("sqlstate", "severity", "message", "kind", "hint"),
    [
        ("57P03", "FATAL", "das Datenbanksystem startet", Unreachable, "Wait until it is ready"),
        ("57P03", "ВАЖНО", "система баз данных запускается", Unreachable, "Wait until it is ready"),
        ("57P01", "致命錯誤", "由於管理員命令, 連線終止中", Unreachable, "Wait until it is ready"),
        ("53300", "FATAL", "tut mir leid, schon zu viele Verbindungen", Unreachable, "Close some"),
        ("53300", "致命錯誤", "抱歉，客戶端過多", Unreachable, "Close some"),
        ("3D000", "FATAL", "Datenbank »app« existiert nicht", SignInRefused, ""),
        ("28000", "ВАЖНО", 'роль "ada" не существует', SignInRefused, ""),
    ],
)
async def test_refused_connection_is_understood_in_any_language(
    sqlstate: str, severity: str, message: str, kind: type[StoreError], hint: str
) -> None:
    server = RejectingServer(fatal(sqlstate, message, severity=severity), asks_for_password=False)
    async with listening(server.serve, "127.0.0.1") as port:
        login: Conninfo = {"host": "127.0.0.1", "port": port, "user": "ada", "password": "right", "sslmode": "disable"}
        error = await refusal_of(login)
        with pytest.raises(kind) as caught:
            await asyncio.to_thread(lambda: connect(login).__enter__())
    for found in (error, caught.value):
        assert type(found) is kind
        assert f": {message}." in str(found)
        assert hint in str(found.hint)


FULL_IN_GERMAN = "tut mir leid, schon zu viele Klienten"


class FullAtFirst(RejectingServer):
    """Is full in unknown words at the first visit. Then it asks for a password, or says nothing more."""

    def __init__(self, *, then_asks: bool) -> None:
        super().__init__(fatal("53300", FULL_IN_GERMAN), asks_for_password=False)
        self._then_asks = then_asks

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.visits == 0:
            await super().serve(reader, writer)
            return
        self.visits += 1
        await reader.read(1)
        if self._then_asks:
            writer.write(b"R" + struct.pack("!ii", 8, 3))
        await reader.read()


@pytest.mark.parametrize("then_asks", [True, False])
async def test_full_server_stays_unreachable_if_the_second_attempt_is_not_refused(
    then_asks: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not then_asks:
        monkeypatch.setattr(refusal_code, "PATIENCE_SECONDS", 0.5)
    server = FullAtFirst(then_asks=then_asks)
    async with listening(server.serve, "127.0.0.1") as port:
        login: Conninfo = {"host": "127.0.0.1", "port": port, "user": "ada", "password": "right", "sslmode": "disable"}
        error = await refusal_of(login)
        server.visits = 0
        with pytest.raises(Unreachable) as caught:
            await asyncio.to_thread(lambda: connect(login).__enter__())
    for found in (error, caught.value):
        assert type(found) is Unreachable
        assert str(found) == f"The database accepts no connections at the moment: {FULL_IN_GERMAN}."
        assert "Try again" in str(found.hint)


@pytest.mark.parametrize(
    ("sqlstate", "message", "kind"),
    [
        ("53300", "die verbleibenden Verbindungen sind für Superuser reserviert", Unreachable),
        ("53300", "zu viele Verbindungen von Rolle »ada«", Unreachable),
        ("53300", 'データベース"app"への接続が多すぎます', Unreachable),
        ("28P01", "Passwort-Authentifizierung für Benutzer »ada« fehlgeschlagen", SignInRefused),
        ("3D000", 'データベース"app"は存在しません', SignInRefused),
    ],
)
async def test_answer_after_the_password_is_a_refused_sign_in_only_if_it_names_the_login(
    sqlstate: str, message: str, kind: type[StoreError]
) -> None:
    server = RejectingServer(fatal(sqlstate, message), asks_for_password=True)
    async with listening(server.serve, "127.0.0.1") as port:
        login: Conninfo = {"host": "127.0.0.1", "port": port, "user": "ada", "dbname": "app", "password": "right"}
        error = await refusal_of(login)
    assert type(error) is kind
    assert message in str(error)
    assert server.passwords == 1


def test_server_that_is_full_for_the_encrypted_attempt_only_is_unreachable() -> None:
    """libpq tries again without encryption by default. A connection may have ended by then."""
    failed = 'connection to server at "db" (10.0.0.1), port 5432 failed: FATAL:  '
    full, refused = "sorry, too many clients already", 'no pg_hba.conf entry for host "10.0.0.2", no encryption'
    error = translate_connecting(OperationalError(f"connection failed: {failed}{full}\n{failed}{refused}"))
    assert type(error) is Unreachable
    assert (str(error), error.hint) == (f"The database accepts no connections at the moment: {full}.", FULL_HINT)


@pytest.fixture
def descriptors_above_1024() -> Iterator[None]:
    """Fill the descriptors that `select` can wait for."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 2_048
    if hard not in (-1, resource.RLIM_INFINITY) and hard < wanted:
        pytest.skip("The system allows too few descriptors.")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))
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
async def test_second_attempt_works_above_1024_descriptors_and_leaves_none_open() -> None:
    server = RejectingServer(fatal("3D000", "Datenbank »app« fehlt"), asks_for_password=False)
    async with listening(server.serve, "127.0.0.1") as port:
        parameters = {"host": "127.0.0.1", "port": port, "user": "ada", "sslmode": "disable"}
        before = open_descriptors()
        codes = [await asyncio.to_thread(refusal_code.refusal_code, parameters) for _ in range(2)]
        assert codes == ["3D000", "3D000"]
        # The other end of the connection is in this process, too.
        await until(lambda: open_descriptors() == before)


async def test_wrong_password_is_sent_once_in_any_language() -> None:
    message = 'пользователь "ada" не прошёл проверку подлинности (по паролю)'
    server = RejectingServer(fatal("28P01", message, severity="ВАЖНО"), asks_for_password=True)
    async with listening(server.serve, "127.0.0.1") as port:
        error = await refusal_of({"host": "127.0.0.1", "port": port, "user": "ada", "password": "wrong"})
    assert type(error) is SignInRefused
    assert str(error) == f"The database refused the sign-in: {message}."
    assert server.passwords == 1


@pytest.mark.parametrize("kind", [errors.CannotConnectNow, errors.AdminShutdown, errors.CrashShutdown])
def test_statement_that_meets_a_server_that_is_not_ready_is_unreachable(kind: type[errors.OperationalError]) -> None:
    error = translate(kind("das Datenbanksystem startet"))
    assert type(error) is Unreachable
    assert "Wait until it is ready" in str(error.hint)


@pytest.mark.parametrize(
    "message",
    [
        'database "app" is not currently accepting connections',
        'password authentication failed for user "ada"',
        "(ECIRCUITBREAKER) too many authentication failures, new connections are temporarily blocked",
    ],
)
async def test_refusal_of_one_database_or_login_stays_a_refused_sign_in(message: str) -> None:
    server = RejectingServer(fatal("XX000", message), asks_for_password=True)
    async with listening(server.serve, "127.0.0.1") as port:
        error = await refusal_of({"host": "127.0.0.1", "port": port, "user": "ada", "password": "right"})
    assert type(error) is SignInRefused
