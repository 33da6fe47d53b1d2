"""The directory of the servers of a test run, and the process that stops them."""

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

from gjobs.store.embedded.cluster import clean_environment, run_tool
from gjobs.store.embedded.server_files import OsAccount, choose_account
from tests.hosted import supervisor

LOCALHOST = "127.0.0.1"

PATIENCE = 90.0
"""Seconds until a wait fails; it normally takes far less than one."""


class Place:
    """A directory in which programs run under an account that Postgres accepts, which is not root."""

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
        """Run a program, which must succeed, and return its output."""
        code, output = run_tool(command, account)
        assert code == 0, output
        return output

    def start(self, account: OsAccount, command: Sequence[str], *, log: Path) -> int:
        """Start a program that runs until it is stopped or the test run ends. Return its process id."""
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
    if os.geteuid() == 0:  # Without user namespaces, the other account must be able to enter the directory.
        directory.chmod(0o711)
    command = [sys.executable, "-I", str(supervisor.__file__), str(directory)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as orders:
        yield Place(directory, orders)
    # Leaving the `with` block closes the supervisor's input and waits for it to exit.


def until(condition: Callable[[], object], *, logs: Sequence[Path] = (), pid: int | None = None) -> None:
    """Wait for the condition. Fail with the ends of the logs when the process has ended or the time is up."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        lives = pid is None or is_running(pid)
        assert lives, f"the process has ended: {_ends_of(logs)}"
        assert time.monotonic() < deadline, f"the condition was not met: {_ends_of(logs)}"
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
    """Return a free port below the ephemeral range, so that no client takes it meanwhile."""
    while True:
        port = randrange(15_000, 32_000)  # noqa: S311
        with socket(AF_INET, SOCK_STREAM) as probe:
            try:
                probe.bind((LOCALHOST, port))
            except OSError:
                continue
            return port
