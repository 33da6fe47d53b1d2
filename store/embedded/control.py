"""Show, keep, stop and reset the embedded server, as 'gjobs db' does."""

from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from gjobs.store.embedded import clients
from gjobs.store.embedded.clients import (
    ADMINISTRATOR,
    OWNER,
    Report,
    connection_info,
    exclusive,
    explaining,
    ignore,
    server_uri,
)
from gjobs.store.embedded.cluster import remove_cluster
from gjobs.store.embedded.data_dir import DataLayout
from gjobs.store.embedded.postmaster import Postmaster, find_postmaster, stop
from gjobs.store.embedded.server import GRACE, open_server
from gjobs.store.embedded.watchdog import ensure_watchdog
from gjobs.store.errors import EmbeddedUnavailable, ServerInUse

if TYPE_CHECKING:
    from typing import Any

    import psycopg

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


def keep_server(data_dir: Path, *, report: Report = ignore) -> ServerStatus:
    """Start the server if needed, and keep it running until `stop_server` or `unkeep_server`."""
    with open_server(data_dir, report=report) as lease:
        layout = DataLayout.of(lease.data_dir)
        with explaining(layout.data_dir), exclusive(layout.start_lock, report):
            layout.kept.touch(mode=0o600)
        return server_status(lease.data_dir)


def unkeep_server(data_dir: Path, *, grace: float = GRACE) -> None:
    """Let a kept server stop again after its last client."""
    layout = DataLayout.of(data_dir)
    if not layout.kept.exists():
        return
    with explaining(layout.data_dir), exclusive(layout.start_lock):
        layout.kept.unlink(missing_ok=True)
        if find_postmaster(layout.cluster) is not None:
            with closing(ensure_watchdog(layout, grace)) as watching:
                watching.confirm()


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
    if using := len(clients.client_processes(layout.client_locks)):
        who = "1 process uses" if using == 1 else f"{using} processes use"
        raise ServerInUse(f"{who} the database in {layout.data_dir}.", using)
    found = find_postmaster(layout.cluster)
    if found is not None and found.status == "ready" and (connected := _count_clients(found)):
        who = "1 client is" if connected == 1 else f"{connected} clients are"
        raise ServerInUse(f"{who} connected to the database in {layout.data_dir}.", connected)


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
