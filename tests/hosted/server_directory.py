"""Where servers of a run's own live, and the process that ends them with it."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from random import randrange
from socket import AF_INET, SOCK_STREAM, socket

from store.embedded.os_account import OsAccount, choose_account
from store.embedded.postgres_programs import clean_environment, run_tool
from tests.hosted import supervisor

LOCALHOST = "127.0.0.1"

PATIENCE = 90.0

"""Seconds for what takes far less than one."""


class Place:
    """A directory in which programs run as an account that they do not refuse to be."""

    def __init__(self, directory: Path, orders: "subprocess.Popen[str]") -> None:
        self.directory = directory
        self._keeper = orders

    def account(self, programs: Path) -> OsAccount:
        return choose_account(cluster=self.directory / "none", home=self.directory, binaries=programs)

    def make_directory(self, name: str, account: OsAccount) -> Path:
        directory = self.directory / name
        directory.mkdir(mode=0o700)
        account.give(directory)
        return directory

    def run(self, account: OsAccount, *command: str) -> str:
        """What it says; it must succeed."""
        code, said = run_tool(command, account)
        assert code == 0, said
        return said

    def start(self, account: OsAccount, command: Sequence[str], *, log: Path) -> int:
        """The process id of a program that goes on until it is told, or until the run ends."""
        order = {
            "command": [*account.prefix, *command],
            "log": str(log),
            "environment": clean_environment(),
            "options": account.child_options(),
        }
        assert self._keeper.stdin is not None
        assert self._keeper.stdout is not None
        self._keeper.stdin.write(json.dumps(order) + "\n")
        self._keeper.stdin.flush()
        return int(self._keeper.stdout.readline())


@contextmanager
def opened_place(parent: Path) -> Iterator[Place]:
    directory = Path(tempfile.mkdtemp(prefix="gjobs-", dir=parent))
    if os.geteuid() == 0:  # Where user namespaces are forbidden, another account has to enter.
        directory.chmod(0o711)
    command = [sys.executable, "-I", str(supervisor.__file__), str(directory)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as orders:
        yield Place(directory, orders)
    # On leaving, its input is closed and its end waited for.


def until(condition: Callable[[], object], *, logs: Sequence[Path] = (), pid: int | None = None) -> None:
    """Waits, as long as the process lives where one is named; fails with the ends of its logs."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        lives = pid is None or is_running(pid)
        assert lives, f"it has ended: {_ends_of(logs)}"
        assert time.monotonic() < deadline, f"waited in vain: {_ends_of(logs)}"
        time.sleep(0.01)


def _ends_of(logs: Sequence[Path]) -> str:
    return "\n".join(log.read_text(errors="replace")[-2000:] for log in logs if log.exists())


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def end(pid: int, request: signal.Signals) -> None:
    os.kill(pid, request)
    until(lambda: not is_running(pid))


def free_port() -> int:
    """Below those that the system gives to clients, so that only another server can take it meanwhile."""
    while True:
        port = randrange(15_000, 32_000)  # noqa: S311
        with socket(AF_INET, SOCK_STREAM) as probe:
            try:
                probe.bind((LOCALHOST, port))
            except OSError:
                continue
            return port
