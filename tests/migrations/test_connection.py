"""The connection of a migration, and its errors."""

import asyncio

import pytest

from gjobs.migrations.connection import connect
from gjobs.migrations.status import read_status
from gjobs.store.errors import SignInRefused, Unreachable
from tests.conftest import Conninfo
from tests.store.faulty_servers import RejectingServer, fatal, listening


async def test_wrong_password_is_tried_only_once() -> None:
    """The password is tried once even if the host name has several addresses. Hosting services ban clients after
    several attempts with a wrong password.
    """
    doorkeeper = RejectingServer(
        fatal("28P01", 'password authentication failed for user "ada"'), asks_for_password=True
    )
    hosts = ["127.0.0.1", "127.0.0.2"]
    async with listening(doorkeeper.serve, *hosts) as port:
        with pytest.raises(SignInRefused, match="password authentication failed"):
            await asyncio.to_thread(
                read_status, {"host": ",".join(hosts), "port": port, "user": "ada", "password": "hunter2"}
            )
    assert doorkeeper.visits == 1


def test_unreachable_address_falls_back_to_the_next_one(database: Conninfo) -> None:
    with connect({**database, "host": f"/nowhere,{database['host']}", "hostaddr": ""}) as connection:
        assert connection.execute("show application_name").fetchone() == ("gjobs migrate",)


@pytest.mark.parametrize("host", ["/nowhere", "no-such-host.invalid", "n" * 70, "a..b"])
def test_invalid_host_raises_unreachable(host: str) -> None:
    with pytest.raises(Unreachable):
        read_status({"host": host, "user": "ada"})


def test_migration_connection_has_a_tcp_timeout(database: Conninfo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGCONNECT_TIMEOUT", "33")
    with connect(database) as connection:
        parameters = {option.keyword: option.val for option in connection.pgconn.info}
    assert (parameters[b"tcp_user_timeout"], parameters[b"connect_timeout"]) == (b"20000", b"33")
