"""The embedded server: opened by its users, started by the first of them, stopped after the last."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from store.embedded import seats
from store.embedded.account import choose_account
from store.embedded.binaries import find_binaries
from store.embedded.cluster import ensure_cluster, remove_cluster
from store.embedded.errors import EmbeddedUnavailable, ServerInUse
from store.embedded.lease import ServerLease, server_uri
from store.embedded.locks import exclusive
from store.embedded.paths import Layout
from store.embedded.postmaster import Postmaster, find_postmaster, is_postmaster, stop, wait_until_ready
from store.embedded.report import Report, ignore
from store.embedded.startup import start
from store.embedded.watching import ensure_watchdog

GRACE = 10.0
"""Seconds that a server without users stays up, so that ten commands in a row do not pay for ten starts."""

_NO_SETTINGS: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerStatus:
    running: bool
    uri: str | None
    """None unless it runs."""
    data_dir: Path
    version: str | None
    """Of the cluster: its major version. None without one."""
    pid: int | None
    kept: bool
    """Whether it stays up without users."""


def open_server(
    data_dir: Path,
    *,
    report: Report = ignore,
    settings: Mapping[str, str] = _NO_SETTINGS,
    grace: float = GRACE,
    remove_after: bool = False,
) -> ServerLease:
    """Use the server of this data directory, after making and starting what is missing.

    Waits as long as a recovery takes; a report that raises ends the wait. `settings` are for a server that this
    call starts: postgresql.conf's names and values. `grace`, in seconds, is for a watchdog that this call starts.
    `remove_after` removes the data directory, if this call made it, when the server has been stopped.
    """
    layout = Layout.of(data_dir)
    with _explaining(layout):
        made = layout.make()
        with exclusive(layout.start_lock, report):
            if made and remove_after:
                layout.throw_away.touch()
            seat = seats.take(layout.seats)
            try:
                server = _ensure_server(layout, settings, grace, report)
            except BaseException:
                seat.leave()
                raise
    return ServerLease(layout, server.socket_dir, seat, report)


def _ensure_server(layout: Layout, settings: Mapping[str, str], grace: float, report: Report) -> Postmaster:
    server = _running_server(layout.cluster, report)
    if server is not None and layout.kept.exists():
        return server
    watching = ensure_watchdog(layout, grace)
    if server is None:
        server = _start_server(layout, settings, report)
    watching.confirm()
    return server


def _running_server(cluster: Path, report: Report) -> Postmaster | None:
    """The server, waited for if someone else has started it; None if there is none or it is about to end."""
    found = find_postmaster(cluster)
    if found is None or found.status == "ready":
        return found
    if found.status == "stopping":
        stop(cluster, report)
        return None
    return wait_until_ready(cluster, found.pid, lambda: is_postmaster(found.pid, cluster), report)


def _start_server(layout: Layout, settings: Mapping[str, str], report: Report) -> Postmaster:
    binaries = find_binaries()
    account = choose_account(cluster=layout.cluster, home=layout.home, binaries=binaries.directory)
    ensure_cluster(layout, binaries, account, durable=settings.get("fsync") != "off", report=report)
    return start(layout, binaries, account, settings, report)


def keep_server(data_dir: Path, *, report: Report = ignore) -> ServerStatus:
    """Start the server if it does not run, and keep it up until `stop_server` or `unkeep_server`."""
    with open_server(data_dir, report=report) as lease:
        layout = Layout.of(data_dir)
        with _explaining(layout), exclusive(layout.start_lock, report):
            layout.kept.touch()
        return server_status(lease.data_dir)


def unkeep_server(data_dir: Path, *, grace: float = GRACE) -> None:
    """Let the server stop after its last user again."""
    layout = Layout.of(data_dir)
    if not layout.kept.exists():
        return
    with _explaining(layout), exclusive(layout.start_lock):
        layout.kept.unlink(missing_ok=True)
        if find_postmaster(layout.cluster) is not None:
            ensure_watchdog(layout, grace).confirm()


def stop_server(data_dir: Path, *, report: Report = ignore) -> bool:
    """Stop the server whoever uses it, and no longer keep it; whether one was running."""
    layout = Layout.of(data_dir)
    if not layout.home.exists():
        return False
    with _explaining(layout), exclusive(layout.start_lock, report):
        layout.kept.unlink(missing_ok=True)
        return stop(layout.cluster, report)


def reset_server(data_dir: Path, *, report: Report = ignore) -> None:
    """Stop the server and delete its cluster, with all that is in it.

    Raises `ServerInUse`, and deletes nothing, while any process uses it.
    """
    layout = Layout.of(data_dir)
    if not layout.home.exists():
        return
    with _explaining(layout), exclusive(layout.start_lock, report):
        if using := seats.processes(layout.seats):
            raise ServerInUse(layout.data_dir, len(using))
        layout.kept.unlink(missing_ok=True)
        stop(layout.cluster, report)
        if layout.cluster.exists():
            remove_cluster(layout)


def server_status(data_dir: Path) -> ServerStatus:
    """Looks without waiting, and changes nothing."""
    layout = Layout.of(data_dir)
    with _explaining(layout):
        found = find_postmaster(layout.cluster)
        version = layout.cluster / "PG_VERSION"
        return ServerStatus(
            running=found is not None,
            uri=server_uri(found.socket_dir) if found is not None else None,
            data_dir=layout.data_dir,
            version=version.read_text().strip() if version.exists() else None,
            pid=found.pid if found is not None else None,
            kept=layout.kept.exists(),
        )


def default_data_dir() -> Path:
    """What GJOBS_DATA_DIR names, else where this system keeps a user's data of a program called gjobs."""
    if chosen := os.environ.get("GJOBS_DATA_DIR"):
        return Path(chosen).expanduser().absolute()
    from platformdirs import user_data_path

    return user_data_path("gjobs")


@contextmanager
def _explaining(layout: Layout) -> Iterator[None]:
    """Say which directory could not be used: full, not writable, not a directory."""
    try:
        yield
    except OSError as error:
        raise EmbeddedUnavailable(
            f"A database cannot be kept in {layout.data_dir}: {error.strerror or error}."
        ) from error
