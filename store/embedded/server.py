"""Opens, shows, keeps, stops and resets the embedded server."""

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from gjobs.store.embedded import server_files
from gjobs.store.embedded.cluster import (
    Binaries,
    Postmaster,
    clean_environment,
    complaint,
    ensure_cluster,
    ensured_watchdog,
    find_binaries,
    find_postmaster,
    is_postmaster,
    launch,
    remove_cluster,
    rotate,
    size,
    stop,
    wait_until_ready,
    was_shut_down,
    written_since,
)
from gjobs.store.embedded.server_files import (
    ADMINISTRATOR,
    OWNER,
    PORT,
    DataLayout,
    OsAccount,
    Report,
    ServerHandle,
    Ticker,
    choose_account,
    connection_info,
    exclusive,
    explaining,
    ignore,
    require_owned,
    server_uri,
    socket_directory,
    try_lock,
)
from gjobs.store.errors import EmbeddedUnavailable, ServerInUse

if TYPE_CHECKING:
    from typing import Any

    import psycopg


_SURVIVORS_PATIENCE = 20.0
"""Seconds. Processes of a killed postmaster end by themselves, except during a long statement."""


def start(
    layout: DataLayout, binaries: Binaries, account: OsAccount, settings: Mapping[str, str], report: Report
) -> Postmaster:
    """Start the server and wait until it accepts connections. The caller must hold the start lock, and no postmaster
    may be running.
    """
    lock = _lock_cluster(layout, report)
    try:
        sockets = _make_socket_directory(layout, account)
        # Remove files of a killed server. Postgres trusts the process ids in them, which may be reused by now. Only a
        # server on this cluster creates these files. While this process holds the lock, no such server is running.
        for path in (
            layout.cluster / "postmaster.pid",
            sockets / f".s.PGSQL.{PORT}.lock",
            sockets / f".s.PGSQL.{PORT}",
        ):
            path.unlink(missing_ok=True)
        rotate(layout.log)
        end_of_log = size(layout.log)
        process = launch(
            start_command(layout.cluster, sockets, binaries, settings),
            log=layout.log,
            environment=clean_environment(),
            account=account,
            pass_fds=[lock],
        )
    finally:
        os.close(lock)
    ready = wait_until_ready(layout.cluster, process.pid, lambda: process.poll() is None, report)
    if ready is None:
        why = complaint(written_since(layout.log, end_of_log))
        raise EmbeddedUnavailable(f"Postgres did not start: {why}", hint=f"Its log is {layout.log}.")
    return ready


def _lock_cluster(layout: DataLayout, report: Report) -> int:
    """Return the descriptor of the server's lock, which only one server can hold.

    The lock excludes a server that no process list shows, as in another container. It also excludes a server whose
    processes have outlived their postmaster.
    """
    ticker = Ticker(report)
    deadline = time.monotonic() + _SURVIVORS_PATIENCE
    while (lock := try_lock(layout.server_lock)) is None:
        if time.monotonic() > deadline:
            raise EmbeddedUnavailable(
                f"Processes of an earlier server, or of a server on another machine, still use {layout.cluster}.",
                hint="End them, set GJOBS_DATA_DIR to another directory, or give --database-url.",
            )
        ticker.tick("Waiting for the processes of an earlier server to end")
        time.sleep(0.02)
    return lock


def start_command(cluster: Path, sockets: Path, binaries: Binaries, settings: Mapping[str, str]) -> list[str]:
    """Return the program and its arguments. `settings` override the defaults."""
    quoted = str(sockets).replace('"', '""')
    ours = {
        "listen_addresses": "",
        # "ready" must mean that the server accepts writes.
        "hot_standby": "off",
        "port": PORT,
        "unix_socket_directories": f'"{quoted}"',
        "unix_socket_permissions": "0700",
        "logging_collector": "off",
        "log_destination": "stderr",
        "log_checkpoints": "off",
    }
    command = [binaries.program("postgres"), "-D", str(cluster)]
    for name, value in {**ours, **settings}.items():
        command += ["-c", f"{name}={value}"]
    return command


def _make_socket_directory(layout: DataLayout, account: OsAccount) -> Path:
    """Create a private directory for the socket, or check an existing one. Everyone who can enter it can connect."""
    sockets = socket_directory(layout)
    try:
        sockets.mkdir(mode=0o700)
    except FileExistsError:
        require_owned(sockets, account.owner)
        if sockets.stat().st_mode & 0o077:
            raise EmbeddedUnavailable(
                f"Other accounts can enter the socket's directory {sockets}. Remove this directory."
            ) from None
    else:
        account.give(sockets)
    return sockets


GRACE = 10.0
"""Seconds that the server stays up without clients, so that ten commands in a row need one start only."""


def open_server(
    data_dir: Path,
    *,
    report: Report = ignore,
    settings: Mapping[str, str] = MappingProxyType({}),
    grace: float = GRACE,
    remove_after: bool = False,
) -> ServerHandle:
    """Use the server of this data directory. Creates and starts it if needed.

    - Waits for any recovery. An exception from `report` ends the wait.
    - `settings` are names and values as in postgresql.conf. They apply if this call starts the server.
    - `grace` is in seconds, and applies if this call starts the watchdog.
    - `remove_after` deletes the data directory after the server has stopped, if this call created the directory.
    """
    layout = DataLayout.of(data_dir)
    with explaining(layout.data_dir):
        made = layout.make()
        with exclusive(layout.start_lock, report):
            if made and remove_after:
                layout.throw_away.touch(mode=0o600)
            with server_files.acquire(layout.client_locks) as acquired:
                server = _ensure_server(layout, settings, grace, report)
                client_lock = acquired.pop_all()

    def revive() -> bool:
        with explaining(layout.data_dir), exclusive(layout.start_lock, report):
            if find_postmaster(layout.cluster) is not None or was_shut_down(layout.cluster):
                return False
            _ensure_server(layout, settings, grace, report)
            return True

    return ServerHandle(layout, server.socket_dir, client_lock, report, revive)


def _ensure_server(layout: DataLayout, settings: Mapping[str, str], grace: float, report: Report) -> Postmaster:
    server = _running_server(layout, report)
    if server is not None and layout.kept.exists():
        return server
    with ensured_watchdog(layout, grace):
        if server is not None:
            return server
        binaries = find_binaries()
        account = choose_account(cluster=layout.cluster, home=layout.home, binaries=binaries.directory)
        ensure_cluster(layout, binaries, account, durable=settings.get("fsync") != "off", report=report)
        return start(layout, binaries, account, settings, report)


def _running_server(layout: DataLayout, report: Report) -> Postmaster | None:
    """Return the running server, or None. Waits for a server that another process is starting.

    Stops a server without a socket, because nobody can reach it. Also waits for the end of one that is stopping.
    """
    cluster = layout.cluster
    found = find_postmaster(cluster)
    if found is None:
        return None
    if found.status == "stopping" or (found.status == "ready" and not found.socket.exists()):
        stop(layout, report)
        return None
    return wait_until_ready(cluster, found.pid, lambda: is_postmaster(found.pid, cluster), report)


_CONNECT_TIMEOUT = 5  # seconds

_CLIENTS = """\
select count(*) from pg_stat_activity where backend_type = 'client backend' and pid <> pg_backend_pid()"""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerStatus:
    running: bool
    uri: str | None
    """None if the server is not running."""
    data_dir: Path
    version: str | None
    """"18.4" from a server that accepts connections, else the cluster's "18"; None without a cluster."""
    pid: int | None
    kept: bool
    """Whether it keeps running without clients."""


def server_status(data_dir: Path) -> ServerStatus:
    """Return the server's status. Starts nothing, changes nothing, and waits for no lock."""
    layout = DataLayout.of(data_dir)
    with explaining(layout.data_dir):
        found = find_postmaster(layout.cluster)
        answer = _server_version(found) if found is not None and found.status == "ready" else None
        return ServerStatus(
            running=found is not None,
            uri=server_uri(found.socket_dir) if found is not None else None,
            data_dir=layout.data_dir,
            version=answer or _cluster_version(layout.cluster),
            pid=found.pid if found is not None else None,
            kept=layout.kept.exists(),
        )


def stop_server(data_dir: Path, *, report: Report = ignore) -> bool:
    """Stop the server even if it has clients, and keep it no longer. Return whether it was running."""
    layout = DataLayout.of(data_dir)
    if not layout.cluster.exists():
        return False
    with explaining(layout.data_dir), exclusive(layout.start_lock, report):
        layout.kept.unlink(missing_ok=True)
        return stop(layout, report)


def reset_server(data_dir: Path, *, report: Report = ignore) -> None:
    """Stop the server, and delete its cluster with all data.

    Raises `ServerInUse` and changes nothing if other processes use the server or are connected to it.
    """
    layout = DataLayout.of(data_dir)
    if not layout.cluster.exists():
        return
    with explaining(layout.data_dir), exclusive(layout.start_lock, report):
        _require_unused(layout)
        layout.kept.unlink(missing_ok=True)
        stop(layout, report)
        remove_cluster(layout)


def _require_unused(layout: DataLayout) -> None:
    if using := len(server_files.client_processes(layout.client_locks)):
        who = "1 process uses" if using == 1 else f"{using} processes use"
        raise ServerInUse(f"{who} the database in {layout.data_dir}.")
    found = find_postmaster(layout.cluster)
    if found is not None and found.status == "ready" and (connected := _count_clients(found)):
        who = "1 client is" if connected == 1 else f"{connected} clients are"
        raise ServerInUse(f"{who} connected to the database in {layout.data_dir}.")


def _count_clients(server: Postmaster) -> int:
    """Count the server's connections. Programs that use only the server's address hold no client lock, so only their
    connections reveal them.
    """
    import psycopg

    try:
        with _connect(server, ADMINISTRATOR) as connection:
            row = connection.execute(_CLIENTS).fetchone()
    except psycopg.OperationalError as error:
        raise EmbeddedUnavailable("The server does not report who is connected to it.") from error
    return row[0] if row is not None else 0


def _server_version(server: Postmaster) -> str | None:
    """Return the server's own version, or None if it does not answer."""
    import psycopg

    try:
        with _connect(server, OWNER) as connection:
            return connection.info.parameter_status("server_version")
    except psycopg.OperationalError:
        return None


def _connect(server: Postmaster, user: str) -> "psycopg.Connection[tuple[Any, ...]]":
    import psycopg
    from psycopg.conninfo import make_conninfo

    address = connection_info(server.socket_dir, user=user)
    return psycopg.connect(make_conninfo(**address, connect_timeout=_CONNECT_TIMEOUT))


def _cluster_version(cluster: Path) -> str | None:
    version = cluster / "PG_VERSION"
    return version.read_text().strip() if version.exists() else None
