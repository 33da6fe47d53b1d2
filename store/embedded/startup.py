"""Starting a server on a cluster that has none."""

import os
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

from store.embedded.account import Account
from store.embedded.binaries import Binaries
from store.embedded.errors import EmbeddedUnavailable
from store.embedded.locks import try_lock
from store.embedded.logs import complaint, rotate, size, written_since
from store.embedded.paths import PORT, Layout, require_owned, socket_directory
from store.embedded.postmaster import Postmaster, wait_until_ready
from store.embedded.processes import clean_environment, launch
from store.embedded.report import Report, Ticker

_SURVIVORS_PATIENCE = 20.0
"""Seconds. What a killed postmaster leaves ends by itself, unless it is in the middle of a long statement."""


def start(
    layout: Layout, binaries: Binaries, account: Account, settings: Mapping[str, str], report: Report
) -> Postmaster:
    """Start it and wait until it takes connections. Under the start lock, with no postmaster on this cluster."""
    lock = _lock_cluster(layout, report)
    try:
        sockets = _make_socket_directory(layout, account)
        _remove_stale_files(layout.cluster, sockets)
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
    ready = wait_until_ready(layout.cluster, process.pid, lambda: _is_running(process), report)
    if ready is None:
        why = complaint(written_since(layout.log, end_of_log))
        raise EmbeddedUnavailable(f"Postgres did not start: {why}", hint=f"Its log is {layout.log}.")
    return ready


def _is_running(process: "subprocess.Popen[bytes]") -> bool:
    return process.poll() is None


def _lock_cluster(layout: Layout, report: Report) -> int:
    """The descriptor of the lock that the server is to hold. No two servers can: not one that a process list does
    not show, as in another container, nor one of whose processes some have outlived the postmaster.
    """
    ticker = Ticker(report)
    deadline = time.monotonic() + _SURVIVORS_PATIENCE
    while (lock := try_lock(layout.server_lock)) is None:
        if time.monotonic() > deadline:
            raise EmbeddedUnavailable(
                f"Processes of an earlier server, or of one on another machine, still use {layout.cluster}.",
                hint="End them, or set GJOBS_DATA_DIR to another directory, or give --database-url.",
            )
        ticker.tick("Waiting for the processes of an earlier server to end")
        time.sleep(0.02)
    return lock


def start_command(cluster: Path, sockets: Path, binaries: Binaries, settings: Mapping[str, str]) -> list[str]:
    """The program and its arguments. `settings` win over ours."""
    quoted = str(sockets).replace('"', '""')
    ours = {
        "listen_addresses": "",
        # Ready is to mean that it takes writes.
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


def _make_socket_directory(layout: Layout, account: Account) -> Path:
    """Private, for whoever can reach the socket is let in. One that is there is believed only if it is, too."""
    sockets = socket_directory(layout)
    try:
        sockets.mkdir(mode=0o700)
    except FileExistsError:
        require_owned(sockets, account.owner)
        if sockets.stat().st_mode & 0o077:
            raise EmbeddedUnavailable(f"Others may enter {sockets}, where the server's socket is to be.") from None
    else:
        account.give(sockets)
    return sockets


def _remove_stale_files(cluster: Path, sockets: Path) -> None:
    """What a killed server left. Postgres trusts the numbers in it, which another process may have meanwhile.

    Only a server on this cluster makes these files, and whoever holds the lock knows that there is none.
    """
    for path in (cluster / "postmaster.pid", sockets / f".s.PGSQL.{PORT}.lock", sockets / f".s.PGSQL.{PORT}"):
        path.unlink(missing_ok=True)
