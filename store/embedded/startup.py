"""Starting a server on a cluster that has none."""

import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

from store.embedded.account import Account
from store.embedded.binaries import Binaries
from store.embedded.errors import EmbeddedUnavailable
from store.embedded.logs import last_complaint, rotate
from store.embedded.paths import PORT, Layout, require_owned, socket_directory
from store.embedded.postmaster import Postmaster, wait_until_ready
from store.embedded.processes import clean_environment, launch
from store.embedded.report import Report

_ORPHANS_PATIENCE = 10.0
"""Seconds. Processes of a killed postmaster end by themselves, and Postgres does not start beside them."""


def start(
    layout: Layout, binaries: Binaries, account: Account, settings: Mapping[str, str], report: Report
) -> Postmaster:
    """Start it and wait until it takes connections. Under the start lock, with no server on this cluster."""
    sockets = _make_socket_directory(layout, account)
    command = start_command(layout.cluster, sockets, binaries, settings)
    unclean = _remove_stale_files(layout.cluster, sockets)
    deadline = time.monotonic() + (_ORPHANS_PATIENCE if unclean else 0)
    rotate(layout.log)
    while True:
        end_of_log = layout.log.stat().st_size if layout.log.exists() else 0
        process = launch(command, log=layout.log, environment=clean_environment(), account=account)
        ready = _wait(layout.cluster, process, report)
        if ready is not None:
            return ready
        if time.monotonic() >= deadline:
            why = last_complaint(layout.log, end_of_log)
            raise EmbeddedUnavailable(f"Postgres did not start: {why}", hint=f"Its log is {layout.log}.")
        report("Waiting for the processes of the server before to end ...")
        time.sleep(0.2)


def _wait(cluster: Path, process: "subprocess.Popen[bytes]", report: Report) -> Postmaster | None:
    return wait_until_ready(cluster, process.pid, lambda: process.poll() is None, report)


def start_command(cluster: Path, sockets: Path, binaries: Binaries, settings: Mapping[str, str]) -> list[str]:
    """The program and its arguments; the later of two equal settings wins."""
    quoted = str(sockets).replace('"', '""')
    fixed = {
        "listen_addresses": "",
        "port": PORT,
        "unix_socket_directories": f'"{quoted}"',
        "unix_socket_permissions": "0700",
        "logging_collector": "off",
        "log_destination": "stderr",
        "log_checkpoints": "off",
    }
    command = [binaries.program("postgres"), "-D", str(cluster)]
    for name, value in {**fixed, **settings}.items():
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


def _remove_stale_files(cluster: Path, sockets: Path) -> bool:
    """What a killed server left; whether it left a postmaster.pid.

    Postgres trusts these files' numbers, which another process may have meanwhile. Nothing else than a server
    on this cluster makes them, and there is none; processes that it left are found by their shared memory.
    """
    pid_file = cluster / "postmaster.pid"
    unclean = pid_file.exists()
    for path in (pid_file, sockets / f".s.PGSQL.{PORT}.lock", sockets / f".s.PGSQL.{PORT}"):
        path.unlink(missing_ok=True)
    return unclean
