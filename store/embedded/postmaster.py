"""Find the running postmaster, wait until it is ready, and shut it down."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from gjobs.store.embedded.clients import Report, Ticker, connection_info, ignore, is_free
from gjobs.store.embedded.data_dir import DataLayout
from gjobs.store.errors import EmbeddedUnavailable
from gjobs.store.value_class import dataclass

_PAUSE = 0.01  # seconds between two checks of a server that starts or stops
_FAST_SHUTDOWN = 60.0  # seconds for disconnecting clients and for the checkpoint
_IMMEDIATE_SHUTDOWN = 30.0
_PING_TIMEOUT = 2  # seconds, the shortest that libpq allows
_PG_CONTROL_STATE = slice(16, 20)
_SHUT_DOWN_STATES = (1, 2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Postmaster:
    pid: int
    port: str
    socket_dir: str
    """Empty until the server has made its socket."""
    status: str
    """"starting", "ready", "standby" or "stopping"."""

    @property
    def socket(self) -> Path:
        return Path(self.socket_dir) / f".s.PGSQL.{self.port}"


def read_pid_file(cluster: Path) -> Postmaster | None:
    """Return the contents of postmaster.pid, or None if it is missing or incomplete."""
    try:
        lines = (cluster / "postmaster.pid").read_bytes().decode("utf-8", "surrogateescape").split("\n")
    except FileNotFoundError:
        return None
    lines += [""] * (8 - len(lines))
    if not lines[0].strip().isdecimal():
        return None
    return Postmaster(pid=int(lines[0]), port=lines[3], socket_dir=lines[4], status=lines[7].strip())


def find_postmaster(cluster: Path) -> Postmaster | None:
    """Return the server that runs on this cluster. Ignores a process id that now belongs to another process."""
    found = read_pid_file(cluster)
    return found if found is not None and is_postmaster(found.pid, cluster) else None


def is_postmaster(pid: int, cluster: Path) -> bool:
    """Return whether the process is a running postgres that was started on this cluster."""
    if sys.platform == "linux":
        return _is_postmaster_by_proc(Path("/proc") / str(pid), cluster)
    shown = subprocess.run(
        ["/bin/ps", "-ww", "-o", "command=", "-p", str(pid)],
        capture_output=True,
        check=False,
        env={"LC_ALL": "en_US.UTF-8"},
    ).stdout
    program, _, arguments = os.fsdecode(shown).partition(" -D ")
    return "postgres" in program and f"{arguments.rstrip()} ".startswith(f"{cluster} ")


def _is_postmaster_by_proc(process: Path, cluster: Path) -> bool:
    """Check the arguments, which everyone may read. The working directory is hidden from other accounts.

    Returns False for a process that has just ended, and for a directory that this process can't see.
    """
    try:
        arguments = (process / "cmdline").read_bytes().split(b"\0")
        name = (process / "comm").read_bytes()
        if b"postgres" not in name or b"-D" not in arguments[:-1]:
            return False
        directory = arguments[arguments.index(b"-D") + 1]
        return cluster.samefile(os.fsdecode(directory))
    except (FileNotFoundError, ProcessLookupError, NotADirectoryError, PermissionError):
        return False


def wait_until_ready(cluster: Path, pid: int, is_alive: Callable[[], bool], report: Report) -> Postmaster | None:
    """Return the server when it accepts connections, or None if it ends first. Waits for any recovery."""
    ticker = Ticker(report)
    while is_alive():
        found = read_pid_file(cluster)
        if found is not None and found.pid == pid and found.status == "ready" and _lets_in(found):
            return found
        ticker.tick("Starting" if was_shut_down(cluster) else "Recovering after an unclean stop")
        time.sleep(_PAUSE)
    return None


def _lets_in(server: Postmaster) -> bool:
    """Return whether the server accepts connections, by asking it.

    The pid file is not enough: it still reads "ready" while the server recovers from a crashed child process. If the
    server can't be asked at all, return True. Connecting then reports the reason.
    """
    from psycopg import pq
    from psycopg.conninfo import make_conninfo

    address = make_conninfo(**connection_info(server.socket_dir), connect_timeout=_PING_TIMEOUT)
    return pq.PGconn.ping(address.encode("utf-8", "surrogateescape")) in (pq.Ping.OK, pq.Ping.NO_ATTEMPT)


def was_shut_down(cluster: Path) -> bool:
    """Return whether the control file records a clean shutdown."""
    with (cluster / "global" / "pg_control").open("rb") as control:
        state = control.read(_PG_CONTROL_STATE.stop)[_PG_CONTROL_STATE]
    return int.from_bytes(state, sys.byteorder) in _SHUT_DOWN_STATES


def stop(layout: DataLayout, report: Report = ignore) -> bool:
    """Stop the server and wait until its last process has ended. Return whether it was running.

    Disconnects its clients. Hold the start lock.
    """
    running = find_postmaster(layout.cluster)
    if running is None:
        return False
    ticker = Ticker(report)
    for request, patience in ((signal.SIGINT, _FAST_SHUTDOWN), (signal.SIGQUIT, _IMMEDIATE_SHUTDOWN)):
        deadline = time.monotonic() + patience
        _signal(layout.cluster, request)
        while time.monotonic() < deadline:
            if find_postmaster(layout.cluster) is None and is_free(layout.server_lock):
                _remove_socket_directory(running)
                return True
            ticker.tick("Stopping Postgres")
            time.sleep(_PAUSE)
    raise EmbeddedUnavailable(f"The server on {layout.cluster} does not stop.", hint=f"Its log is {layout.log}.")


def _remove_socket_directory(server: Postmaster) -> None:
    """Remove the directory. The next start creates it again."""
    if server.socket_dir:
        with contextlib.suppress(OSError):
            Path(server.socket_dir).rmdir()


def _signal(cluster: Path, number: signal.Signals) -> None:
    """Send a signal, after checking once more that the process is the postmaster."""
    found = find_postmaster(cluster)
    if found is not None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(found.pid, number)
