"""Embedded servers for one test each, processes that use them, and the process table."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from gjobs.store.embedded.cluster import find_postmaster
from gjobs.store.embedded.server import open_server, stop_server
from gjobs.store.embedded.server_files import DataLayout, ServerHandle, is_free

USER = Path(__file__).with_name("client_process.py")

PATIENCE = 90.0
"""Seconds until a test stops waiting for a condition. This is enough on a busy machine."""

QUICK = {"fsync": "off"}


def wait_for(what: str, condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, f"timed out waiting for {what}"
        time.sleep(0.005)


def cannot_here(why: str) -> None:
    """Skip the test, or fail if every test is required to run."""
    if os.environ.get("GJOBS_REQUIRE_ALL"):
        pytest.fail(why)
    pytest.skip(why)


class User:
    """A process that uses the server, or waits for its start."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self.process = process

    def receive(self, kind: str) -> str:
        """Return the next message of this kind."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            message: dict[str, str] = json.loads(line)
            if kind in message:
                return message[kind]
        raise AssertionError(f"the process ended: {self.process.communicate()[1]}")

    def server_pid(self) -> int:
        return int(self.receive("pid"))

    def leave(self) -> int:
        """Stop using the server, and return the exit code."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        return self.process.wait(PATIENCE)

    def kill(self, number: signal.Signals = signal.SIGKILL) -> int:
        self.process.send_signal(number)
        return self.process.wait(PATIENCE)


class Workbench:
    """A data directory. `cleanup` ends every process that uses it."""

    def __init__(self, data_dir: Path, cleanup: ExitStack) -> None:
        self.data_dir = data_dir
        self.cleanup = cleanup
        cleanup.callback(lambda: kill_all(processes_of(data_dir)))
        # Stop the server first, because a killed server leaves shared memory behind.
        cleanup.callback(lambda: stop_server(data_dir))

    def copy_cluster(self, cluster: Path) -> None:
        self.layout.make()
        shutil.copytree(cluster, self.layout.cluster)

    @property
    def layout(self) -> DataLayout:
        return DataLayout.of(self.data_dir)

    @property
    def postmaster_pid(self) -> int | None:
        found = find_postmaster(self.layout.cluster)
        return found.pid if found is not None else None

    @property
    def is_watched(self) -> bool:
        return not is_free(self.layout.watch_lock)

    def open(self, **options: Any) -> ServerHandle:
        """Use the server in the process of the test."""
        lease = open_server(self.data_dir, **{"settings": QUICK, "grace": 0.1, **options})
        self.cleanup.callback(lease.release)
        return lease

    def user(
        self,
        *,
        grace: float = 0.1,
        settings: Mapping[str, str] | None = None,
        terminal: str = "",
        command: Sequence[str] = (sys.executable, "-P", str(USER)),
        **options: Any,
    ) -> User:
        """Use the server in another process. `options` are those of `subprocess.Popen`."""
        arguments = {
            "data_dir": str(self.data_dir),
            "settings": QUICK if settings is None else dict(settings),
            "grace": grace,
            "terminal": terminal,
        }
        process = subprocess.Popen(
            [*command, json.dumps(arguments)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            **options,
        )
        self.cleanup.enter_context(process)
        self.cleanup.callback(process.kill)
        return User(process)

    def wait_until_stopped(self) -> None:
        """Wait until neither a server nor a watchdog runs."""
        wait_for("the server's end", self._is_stopped)

    def _is_stopped(self) -> bool:
        try:
            return is_free(self.layout.watch_lock) and is_free(self.layout.server_lock)
        except FileNotFoundError:
            return not self.data_dir.exists()


def query(lease: ServerHandle, statement: str) -> object:
    """Return the first value of the first row."""
    with psycopg.connect(make_conninfo(**lease.conninfo)) as connection:
        row = connection.execute(statement).fetchone()
    assert row is not None
    return row[0]


def process_table() -> list[tuple[int, int, str]]:
    """Return the id, the parent's id and the command of each process. A zombie has an empty command."""
    shown = subprocess.run(
        ["/bin/ps", "-A", "-ww", "-o", "pid=", "-o", "ppid=", "-o", "args="],
        capture_output=True,
        check=True,
        env=os.environ | {"LC_ALL": "C.UTF-8" if sys.platform == "linux" else "en_US.UTF-8"},
    ).stdout
    rows = (line.split(None, 2) for line in os.fsdecode(shown).splitlines())
    return [(int(row[0]), int(row[1]), "" if "<defunct>" in row[-1] else row[-1]) for row in rows]


def watchdogs(data_dir: Path) -> set[int]:
    return {pid for pid, _, command in process_table() if f"gjobs.store.embedded.cluster {data_dir} " in command}


def processes_of(data_dir: Path) -> set[int]:
    """Return the processes of this directory: their command or their parent's command names it."""
    table = process_table()
    parents = {pid for pid, _, command in table if str(data_dir) in command}
    return parents | {pid for pid, parent, _ in table if parent in parents}


def with_descendants(pid: int) -> set[int]:
    """Return a process and all its descendants."""
    table = process_table()
    found = {pid}
    while new := {child for child, parent, _ in table if parent in found} - found:
        found |= new
    return found


def kill_all(processes: set[int]) -> None:
    """Kill the processes and wait until they have ended. Their parents may not have noticed yet."""
    for pid in processes:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
    wait_for(
        "the end of the processes", lambda: not processes & {pid for pid, _, command in process_table() if command}
    )
