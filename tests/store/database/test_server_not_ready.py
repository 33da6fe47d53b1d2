"""A server that starts, recovers or stops: never taken for a refused sign-in, whatever its version says."""

import asyncio
import logging

import pytest
from psycopg import errors

from migrations.connection import connect
from store.database.driver_errors import translate
from store.errors import SignInRefused, StoreError, Unreachable
from tests.conftest import Conninfo
from tests.store.database.test_driver_errors import refusal_of
from tests.store.faulty_servers import RejectingServer, fatal, listening

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


@pytest.mark.parametrize(("sqlstate", "message", "detail"), NOT_READY)
@pytest.mark.parametrize("asks_for_password", [False, True])
async def test_server_that_is_not_ready_is_no_refused_sign_in(
    sqlstate: str, message: str, detail: str, asks_for_password: bool, caplog: pytest.LogCaptureFixture
) -> None:
    server = RejectingServer(fatal(sqlstate, message, detail=detail), asks_for_password=asks_for_password)
    with caplog.at_level(logging.INFO, logger="store.database.driver_errors"):
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
