"""Servers of a test's own, processes that use them, and a look at the process table."""

import json
import os
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

from store.embedded.clients import ServerHandle, is_free
from store.embedded.control import stop_server
from store.embedded.data_dir import DataLayout
from store.embedded.postmaster import find_postmaster
from store.embedded.server import open_server

USER = Path(__file__).with_name("client_process.py")

PATIENCE = 90.0

"""Seconds until a test gives a condition up: far more than it takes, on a busy machine as well."""

QUICK = {"fsync": "off"}


def wait_for(what: str, condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain for {what}"
        time.sleep(0.005)


def cannot_here(why: str) -> None:
    """Skip, or fail where everything is required to run."""
    if os.environ.get("GJOBS_REQUIRE_ALL"):
        pytest.fail(why)
    pytest.skip(why)


class User:
    """A process that has opened the server, or is about to."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self.process = process
        self.reports: list[str] = []

    def hear(self, word: str) -> str:
        """What it says under this word; collects its reports on the way."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            said: dict[str, str] = json.loads(line)
            if word in said:
                return said[word]
            self.reports.append(said.get("report", ""))
        raise AssertionError(f"it ended: {self.process.communicate()[1]}")

    def server_pid(self) -> int:
        return int(self.hear("pid"))

    def leave(self) -> int:
        """Its exit code."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        return self.process.wait(PATIENCE)

    def kill(self, number: signal.Signals = signal.SIGKILL) -> int:
        self.process.send_signal(number)
        return self.process.wait(PATIENCE)


class Workbench:
    """One data directory. `cleanup` ends all that uses it."""

    def __init__(self, data_dir: Path, cleanup: ExitStack) -> None:
        self.data_dir = data_dir
        self.cleanup = cleanup
        cleanup.callback(lambda: kill_all(family(data_dir)))
        # In good order first: a killed server leaves shared memory behind.
        cleanup.callback(lambda: stop_server(data_dir))

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
        """As the test's own process."""
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
        """As a process of its own. `options` are those of `subprocess.Popen`."""
        wanted = {
            "data_dir": str(self.data_dir),
            "settings": QUICK if settings is None else dict(settings),
            "grace": grace,
            "terminal": terminal,
        }
        process = subprocess.Popen(
            [*command, json.dumps(wanted)],
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
        """And until nobody watches it any more."""
        wait_for("the server's end", self._is_stopped)

    def _is_stopped(self) -> bool:
        try:
            return is_free(self.layout.watch_lock) and is_free(self.layout.server_lock)
        except FileNotFoundError:
            return not self.data_dir.exists()


def query(lease: ServerHandle, statement: str) -> object:
    """The first value of the answer."""
    with psycopg.connect(make_conninfo(**lease.conninfo)) as connection:
        row = connection.execute(statement).fetchone()
    assert row is not None
    return row[0]


def process_table() -> list[tuple[int, int, str]]:
    """Of each process: its number, its parent's, and its command; empty if it has ended."""
    shown = subprocess.run(
        ["/bin/ps", "-A", "-ww", "-o", "pid=", "-o", "ppid=", "-o", "args="],
        capture_output=True,
        check=True,
        env=os.environ | {"LC_ALL": "C.UTF-8" if sys.platform == "linux" else "en_US.UTF-8"},
    ).stdout
    rows = (line.split(None, 2) for line in os.fsdecode(shown).splitlines())
    return [(int(row[0]), int(row[1]), "" if "<defunct>" in row[-1] else row[-1]) for row in rows]


def watchdogs(data_dir: Path) -> set[int]:
    return {pid for pid, _, command in process_table() if f"store.embedded.watchdog {data_dir} " in command}


def family(data_dir: Path) -> set[int]:
    """Whatever was started for this directory: its command names it, or its parent's does."""
    table = process_table()
    heads = {pid for pid, _, command in table if str(data_dir) in command}
    return heads | {pid for pid, parent, _ in table if parent in heads}


def offspring(pid: int) -> set[int]:
    """A process and all that descend from it."""
    table = process_table()
    found = {pid}
    while new := {child for child, parent, _ in table if parent in found} - found:
        found |= new
    return found


def kill_all(processes: set[int]) -> None:
    """Without warning; on return they have ended, though their parents may not have noticed."""
    for pid in processes:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
    wait_for("their end", lambda: not processes & {pid for pid, _, command in process_table() if command})
