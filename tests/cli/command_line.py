"""Drivers that run the command line in this process, in another process, or on a terminal."""

import atexit
import fcntl
import json
import os
import pty
import select
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import termios
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from threading import Lock
from typing import Any
from urllib.parse import quote, urlencode

from tests.conftest import Conninfo

GJOBS = str(Path(sys.executable).with_name("gjobs"))
"""The installed command."""

SETTINGS = ["DATABASE_URL", "GJOBS_DATABASE_URL", "GJOBS_PROFILE", "GJOBS_CONFIG", "GJOBS_AS", "GJOBS_DEBUG"]
"""Environment variables that change what the command does."""

PROMPT = "anything else for no: "

PATIENCE = 90.0
"""Seconds until a test gives up; no step takes that long, even on a busy machine."""


def uri(conninfo: Conninfo) -> str:
    """Return the address of a database as a user would type it."""
    where = {name: str(conninfo[name]) for name in ("host", "port", "user", "dbname")}
    return f"postgresql://?{urlencode(where, quote_via=quote)}"


def profile(name: str, address: str, **values: object) -> str:
    """Return a profile in TOML, which writes texts and booleans as JSON does."""
    return "\n".join(
        [f"[profiles.{name}]", *(f"{key} = {json.dumps(value)}" for key, value in {"url": address, **values}.items())]
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """Return stdout, which must be one JSON document."""
        return json.loads(self.out)


def assert_refused(refused: Result, code: int, *words: str) -> None:
    """Check the exit code, that stdout is empty, and that all of the words are on stderr."""
    assert (refused.code, refused.out) == (code, ""), refused
    for word in words:
        assert word in refused.err


Run = Callable[..., Result]
"""Takes the arguments, each a string."""

Configure = Callable[..., Path]
"""Takes parts of a configuration file and returns the file."""

UseProfile = Callable[..., str]
"""Takes a profile's name, a database's parameters and further settings, and returns the address."""

Sql = Callable[..., list[tuple[object, ...]]]
"""Takes a statement and its values, and returns the rows."""

_REQUEST_LOCK = Lock()


@cache
def _fork_server() -> socket.socket:
    """Start the fork server and return the socket to it. It ends when this process ends."""
    ours, theirs = socket.socketpair()
    program = [sys.executable, "-P", str(Path(__file__).with_name("fork_server.py")), str(theirs.fileno())]
    with theirs:
        process = subprocess.Popen(program, stdin=subprocess.DEVNULL, pass_fds=[theirs.fileno()])
    atexit.register(process.wait)
    atexit.register(ours.close)
    return ours


class Command:
    """The command line in a separate process with the given three streams. It has some methods of `Popen`."""

    def __init__(
        self, arguments: Sequence[str], streams: Sequence[int], *, new_session: bool = False, **environment: str
    ) -> None:
        """Start the command; `new_session` starts it in a new session. `environment` is added to the environment
        variables of the test process.
        """
        own = {"arguments": arguments, "environment": {**os.environ, **environment}}
        message = json.dumps({**own, "directory": str(Path.cwd()), "new_session": new_session}).encode() + b"\n"
        self._answers, theirs = socket.socketpair()
        with theirs, _REQUEST_LOCK:
            sent = socket.send_fds(_fork_server(), [message], [*streams, theirs.fileno()])
            _fork_server().sendall(message[sent:])
            self.pid = int(self._answer())
        self.returncode: int | None = None

    def send_signal(self, number: int) -> None:
        if self.returncode is None and not select.select([self._answers], [], [], 0)[0]:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def wait(self, timeout: float | None = None) -> int:
        if self.returncode is None:
            self._answers.settimeout(timeout)
            self.returncode = int(self._answer())
            self._answers.close()
        return self.returncode

    def _answer(self) -> bytes:
        with self._answers.makefile("rb", buffering=0) as answers:
            return answers.readline()


class PipedCommand(Command):
    """The command line in a separate process, whose output can be read while it runs."""

    def __init__(self, *arguments: str) -> None:
        (out, stdout), (err, stderr) = os.pipe(), os.pipe()
        self.out, self.err = os.fdopen(out, encoding="utf-8"), os.fdopen(err, encoding="utf-8")
        with Path(os.devnull).open(encoding="utf-8") as nothing:
            super().__init__(arguments, [nothing.fileno(), stdout, stderr])
        os.close(stdout)
        os.close(stderr)

    def end(self) -> Result:
        """Wait for the end of the command."""
        code = self.wait(PATIENCE)
        return Result(code=code, out=self.out.read(), err=self.err.read())

    def close(self) -> None:
        self.kill()
        self.wait()
        self.out.close()
        self.err.close()


def run_process(*arguments: str, stdin: str = "") -> Result:
    """Run a command without a terminal."""
    with ExitStack() as files:
        streams = [files.enter_context(tempfile.TemporaryFile()) for _ in range(3)]
        streams[0].write(stdin.encode())
        streams[0].seek(0)
        code = Command(arguments, [file.fileno() for file in streams]).wait(PATIENCE)
        out, err = (os.pread(file.fileno(), 10_000_000, 0).decode() for file in streams[1:])
        return Result(code=code, out=out, err=err)


class Terminal:
    """The command line on a separate terminal."""

    def __init__(self, *arguments: str, columns: int = 100, environment: Mapping[str, str] | None = None) -> None:
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        self.process = Command(
            arguments, [slave] * 3, new_session=True, **{"TERM": "xterm-256color", **(environment or {})}
        )
        os.close(slave)
        self.screen = ""

    def read_until(self, text: str) -> None:
        deadline = time.monotonic() + PATIENCE
        while text not in self.screen:
            assert time.monotonic() < deadline, f"{text!r} did not appear: {self.screen[-500:]!r}"
            assert self._read_some(), f"the command ended before {text!r} appeared: {self.screen[-500:]!r}"

    def type(self, text: str) -> None:
        self.send(text.encode())

    def send(self, data: bytes) -> None:
        os.write(self._master, data)

    def agree(self, *shown: str) -> None:
        assert self.answer("y\n", *shown) == 0

    def decline(self, *shown: str) -> None:
        assert self.answer("n\n", *shown) == 1

    def answer(self, text: str, *shown: str) -> int:
        """Answer the question, which must show all of the texts, and return the exit code."""
        self.read_until(PROMPT)
        for words in shown:
            assert words in self.screen
        self.type(text)
        return self.finish()

    def finish(self) -> int:
        """Wait for the end and return the exit code, which is negative after a signal."""
        while self._read_some():
            pass
        return self.process.wait(PATIENCE)

    @property
    def echoes(self) -> bool:
        """Whether the terminal shows what a person types."""
        return bool(termios.tcgetattr(self._master)[3] & termios.ECHO)

    def hang_up(self, *, signals: int = 2) -> int:
        """Close the terminal under the command, as a terminal window does, and return its exit code.

        By default, send two signals: the kernel's signal, and the one that the shell forwards.
        """
        os.close(self._master)
        self._master = -1
        for _ in range(signals):
            self.process.send_signal(signal.SIGHUP)
        return self.process.wait(PATIENCE)

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        if self._master != -1:
            os.close(self._master)

    def _read_some(self) -> bool:
        """Return False at the end. On Linux, reading from a terminal whose program has ended is an error."""
        ready, _, _ = select.select([self._master], [], [], PATIENCE)
        try:
            data = os.read(self._master, 65536) if ready else b""
        except OSError:
            data = b""
        self.screen += data.decode(errors="replace")
        return bool(data)


OpenTerminal = Callable[..., Terminal]
"""Takes the arguments of `Terminal`, which is closed after the test."""
