"""Another Postgres for the tests that use a server. GJOBS_TEST_POSTGRES_BIN is the directory of its programs.

It may be older than every embedded server, so this module creates its cluster.
"""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from gjobs.store.embedded import server_files
from gjobs.store.embedded.cluster import SETUP, Binaries, Postmaster, ensured_watchdog, run_tool
from gjobs.store.embedded.server import start
from gjobs.store.embedded.server_files import (
    ADMINISTRATOR,
    DataLayout,
    OsAccount,
    ServerHandle,
    choose_account,
    exclusive,
    ignore,
)

VARIABLE = "GJOBS_TEST_POSTGRES_BIN"


def other_programs() -> Path:
    return Path(os.environ[VARIABLE]).absolute()


def open_other_server(data_dir: Path, *, programs: Path, settings: Mapping[str, str], grace: float) -> ServerHandle:
    """Start it like `open_server` with `remove_after`: the watchdog always removes the new data directory."""
    layout = DataLayout.of(data_dir)
    layout.make()
    layout.throw_away.touch()
    with exclusive(layout.start_lock), server_files.acquire(layout.client_locks) as acquired:
        with ensured_watchdog(layout, grace):
            server = _start(layout, programs, settings)
        client_lock = acquired.pop_all()
    return ServerHandle(layout, server.socket_dir, client_lock, ignore, revive=lambda: False)


def _start(layout: DataLayout, directory: Path, settings: Mapping[str, str]) -> Postmaster:
    account = choose_account(cluster=layout.cluster, home=layout.home, binaries=directory)
    _make_cluster(layout.cluster, directory, account)
    binaries = Binaries(directory=directory, version=(layout.cluster / "PG_VERSION").read_text().strip())
    return start(layout, binaries, account, {"timezone": "UTC", "log_timezone": "UTC", **settings}, ignore)


def _make_cluster(cluster: Path, programs: Path, account: OsAccount) -> None:
    cluster.mkdir(mode=0o700)
    account.give(cluster)
    initdb = [
        *(str(programs / "initdb"), f"--pgdata={cluster}", f"--username={ADMINISTRATOR}"),
        *("--encoding=UTF8", "--locale=C", "--auth-local=trust", "--auth-host=reject", "--no-sync"),
    ]
    single_user = [str(programs / "postgres"), "--single", "-D", str(cluster), "-c", "exit_on_error=on"]
    _run(initdb, account)
    _run([*single_user, "-c", "fsync=off", "postgres"], account, text=SETUP)


def _run(command: Sequence[str], account: OsAccount, *, text: str = "") -> None:
    code, output = run_tool(command, account, text=text)
    assert code == 0, output


_SERVERS = {"server", "hosted_server", "killable_server"}


def uses_a_server(item: pytest.Item) -> bool:
    """Return whether a test uses a server fixture. A test that starts its own server chooses the programs itself."""
    return isinstance(item, pytest.Function) and not _SERVERS.isdisjoint(item.fixturenames)
