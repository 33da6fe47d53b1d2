"""A real server that recovers, as the store sees it."""

import logging

import pytest
from sqlalchemy import text

from store.database.database import Database
from store.database.query import Query
from store.embedded.clients import connection_info
from store.embedded.os_account import choose_account
from store.embedded.postgres_programs import clean_environment, find_binaries, launch
from store.embedded.server import _make_socket_directory, start_command
from store.errors import StoreError, Unreachable
from store.users.actor import OPERATOR
from tests.store.embedded.embedded_servers import Workbench, wait_for


async def test_recovering_embedded_server_is_unreachable_and_its_detail_is_logged(
    bench: Workbench, caplog: pytest.LogCaptureFixture
) -> None:
    """As a standby without a primary it recovers for ever, and lets nobody read meanwhile."""
    layout, binaries = bench.layout, find_binaries()
    account = choose_account(cluster=layout.cluster, home=layout.home, binaries=binaries.directory)
    (layout.cluster / "standby.signal").touch()
    account.give(layout.cluster / "standby.signal")
    sockets = _make_socket_directory(layout, account)
    launch(
        start_command(layout.cluster, sockets, binaries, {"fsync": "off"}),
        log=layout.log,
        environment=clean_environment(),
        account=account,
    )
    wait_for("a socket", lambda: (sockets / ".s.PGSQL.5432").exists())
    database = Database(connection_info(str(sockets)))
    seen: list[StoreError] = []
    with caplog.at_level(logging.INFO, logger="store.database.connection_errors"):
        while not any("not accepting connections" in str(error) for error in seen[-1:]):
            with pytest.raises(StoreError) as caught:
                await database.read(OPERATOR, Query(text("select 1"), tuple))
            seen.append(caught.value)
            assert len(seen) < 10_000
    assert {type(error) for error in seen} == {Unreachable}
    assert "Hot standby mode is disabled." in caplog.text
