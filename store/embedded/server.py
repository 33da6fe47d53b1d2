"""The embedded server: opened by its users, started by the first of them, stopped after the last."""

from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from types import MappingProxyType

from store.embedded import seats
from store.embedded.account import choose_account
from store.embedded.binaries import find_binaries
from store.embedded.cluster import ensure_cluster
from store.embedded.errors import explaining
from store.embedded.lease import ServerLease
from store.embedded.locks import exclusive
from store.embedded.paths import Layout
from store.embedded.postmaster import Postmaster, find_postmaster, is_postmaster, stop, wait_until_ready, was_shut_down
from store.embedded.report import Report, ignore
from store.embedded.startup import start
from store.embedded.watching import ensure_watchdog

GRACE = 10.0
"""Seconds that a server without users stays up, so that ten commands in a row do not pay for ten starts."""

_NO_SETTINGS: Mapping[str, str] = MappingProxyType({})


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
    with explaining(layout.data_dir):
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

    def revive() -> bool:
        with explaining(layout.data_dir), exclusive(layout.start_lock, report):
            if find_postmaster(layout.cluster) is not None or was_shut_down(layout.cluster):
                return False
            _ensure_server(layout, settings, grace, report)
            return True

    return ServerLease(layout, server.socket_dir, seat, report, revive)


def _ensure_server(layout: Layout, settings: Mapping[str, str], grace: float, report: Report) -> Postmaster:
    server = _running_server(layout, report)
    if server is not None and layout.kept.exists():
        return server
    with closing(ensure_watchdog(layout, grace)) as watching:
        if server is None:
            server = _start_server(layout, settings, report)
        watching.confirm()
    return server


def _running_server(layout: Layout, report: Report) -> Postmaster | None:
    """The server, waited for if another process has started it; None if there is none.

    One that is about to end is none, nor is one whose socket was cleaned away: nobody can reach that any more.
    """
    cluster = layout.cluster
    found = find_postmaster(cluster)
    if found is None:
        return None
    if found.status == "stopping" or (found.status == "ready" and not found.socket.exists()):
        stop(layout, report)
        return None
    return wait_until_ready(cluster, found.pid, lambda: is_postmaster(found.pid, cluster), report)


def _start_server(layout: Layout, settings: Mapping[str, str], report: Report) -> Postmaster:
    binaries = find_binaries()
    account = choose_account(cluster=layout.cluster, home=layout.home, binaries=binaries.directory)
    ensure_cluster(layout, binaries, account, durable=settings.get("fsync") != "off", report=report)
    return start(layout, binaries, account, settings, report)
