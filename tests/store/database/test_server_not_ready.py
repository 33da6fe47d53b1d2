"""A server that starts, recovers or stops: never taken for a refused sign-in, whatever its version says."""

import logging

import pytest
from psycopg import errors

from store.database.driver_errors import translate
from store.errors import SignInRefused, Unreachable
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
