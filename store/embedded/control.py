"""gjobs db: status, keep, stop, reset."""

from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from store.embedded import clients
from store.embedded.clients import (
    ADMINISTRATOR,
    OWNER,
    Report,
    connection_info,
    exclusive,
    explaining,
    ignore,
    server_uri,
)
from store.embedded.cluster import remove_cluster
from store.embedded.data_dir import DataLayout
from store.embedded.postmaster import Postmaster, find_postmaster, stop
from store.embedded.server import GRACE, open_server
from store.embedded.watchdog import ensure_watchdog
from store.errors import EmbeddedUnavailable, ServerInUse

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
    """None unless it runs."""
    data_dir: Path
    version: str | None
    """"18.4" of a server that takes connections, else the cluster's "18"; None without a cluster."""
    pid: int | None
    kept: bool
    """Whether it stays up without users."""


def server_status(data_dir: Path) -> ServerStatus:
    """Starts nothing, changes nothing and waits for nobody."""
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
    """Start the server if it does not run, and keep it up until `stop_server` or `unkeep_server`."""
    with open_server(data_dir, report=report) as lease:
        layout = DataLayout.of(lease.data_dir)
        with explaining(layout.data_dir), exclusive(layout.start_lock, report):
            layout.kept.touch(mode=0o600)
        return server_status(lease.data_dir)


def unkeep_server(data_dir: Path, *, grace: float = GRACE) -> None:
    """Let a server that was kept stop after its last user again."""
    layout = DataLayout.of(data_dir)
    if not layout.kept.exists():
        return
    with explaining(layout.data_dir), exclusive(layout.start_lock):
        layout.kept.unlink(missing_ok=True)
        if find_postmaster(layout.cluster) is not None:
            with closing(ensure_watchdog(layout, grace)) as watching:
                watching.confirm()


def stop_server(data_dir: Path, *, report: Report = ignore) -> bool:
    """Stop the server whoever uses it, and keep it no longer; whether one was running."""
    layout = DataLayout.of(data_dir)
    if not layout.cluster.exists():
        return False
    with explaining(layout.data_dir), exclusive(layout.start_lock, report):
        layout.kept.unlink(missing_ok=True)
        return stop(layout, report)


def reset_server(data_dir: Path, *, report: Report = ignore) -> None:
    """Stop the server and delete its cluster, with all that is in it.

    Raises `ServerInUse`, and does nothing, while other processes use it or are connected to it.
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
    """Those that were given the server's address, for they leave no other trace."""
    import psycopg

    try:
        with _connect(server, ADMINISTRATOR) as connection:
            row = connection.execute(_CLIENTS).fetchone()
    except psycopg.OperationalError as error:
        raise EmbeddedUnavailable("The server does not say who is connected to it.") from error
    return row[0] if row is not None else 0


def _server_version(server: Postmaster) -> str | None:
    """As the server says it; None if it does not answer just now."""
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
