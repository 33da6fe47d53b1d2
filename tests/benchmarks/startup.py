"""From the command to what a person sees, in a pseudo-terminal, against a bare Textual app."""

import fcntl
import os
import pty
import re
import select
import shutil
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from store.embedded import stop_server, throw_away_dir
from tests.benchmarks import bare_app
from tests.benchmarks.harness import Contestant, Effort, Finding, Ratio, take_turns

GJOBS = str(Path(sys.executable).with_name("gjobs"))
COLUMNS, LINES = 120, 36
PATIENCE = 60.0
"""Seconds until a command that shows nothing is given up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Awaited:
    """A command, and what is on the screen when it has come so far. No escape sequence stands in the midst of it."""

    command: tuple[str, ...]
    screen: re.Pattern[bytes]


BARE = "a bare Textual app: first paint"
FIRST_PAINT = "gjobs: first paint"
FIRST_ROWS = "gjobs: first rows"
AWAITED: Mapping[str, Awaited] = {
    FIRST_PAINT: Awaited(command=(GJOBS,), screen=re.compile(rb"Projects")),
    FIRST_ROWS: Awaited(command=(GJOBS,), screen=re.compile(rb"main_white|lifestyle|feature_callout|packaging")),
    BARE: Awaited(command=(sys.executable, bare_app.__file__), screen=re.compile(re.escape(bare_app.MARKER.encode()))),
}


async def startup(effort: Effort) -> list[Finding]:
    rounds = effort.choose(15, quick=1)
    with _server_up() as environment:
        series = await take_turns(
            {name: _starting(awaited, environment) for name, awaited in AWAITED.items()}, rounds=rounds
        )
    return [
        Finding(
            title="from the command to the screen, the server being up",
            unit="ms",
            settings={"terminal": f"{COLUMNS}×{LINES}", "rounds": rounds},
            series=series,
            ratios=(Ratio(ours=FIRST_PAINT, rival=BARE, reach=1.6), Ratio(ours=FIRST_ROWS, rival=BARE)),
        )
    ]


@contextmanager
def _server_up() -> Iterator[dict[str, str]]:
    """The environment of a command that finds an embedded server with the sample in it."""
    data_dir = throw_away_dir()
    environment = _plain_environment() | {"GJOBS_DATA_DIR": str(data_dir)}
    try:
        subprocess.run([GJOBS, "db", "start"], env=environment, check=True, stderr=subprocess.DEVNULL)
        yield environment
    finally:
        stop_server(data_dir)
        shutil.rmtree(data_dir)


def _plain_environment() -> dict[str, str]:
    """Nothing decides about size, colours or database, and bytecode is kept as it is where a package is installed."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("GJOBS_", "PYTHON"))}
    for name in ("COLUMNS", "LINES", "NO_COLOR"):
        kept.pop(name, None)
    return kept | {"TERM": "xterm-256color", "COLORTERM": "truecolor"}


def _starting(awaited: Awaited, environment: dict[str, str]) -> Contestant:
    async def contestant() -> float:
        return _milliseconds_to(awaited, environment)

    return contestant


def _milliseconds_to(awaited: Awaited, environment: dict[str, str]) -> float:
    terminal, other_end = pty.openpty()
    fcntl.ioctl(other_end, termios.TIOCSWINSZ, struct.pack("HHHH", LINES, COLUMNS, 0, 0))
    try:
        start = time.perf_counter()
        with subprocess.Popen(
            awaited.command,
            stdin=other_end,
            stdout=other_end,
            stderr=other_end,
            env=environment,
            start_new_session=True,
        ) as process:
            try:
                _read_until(awaited.screen, terminal)
                return (time.perf_counter() - start) * 1000
            finally:
                process.kill()
    finally:
        os.close(other_end)
        os.close(terminal)


def _read_until(screen: re.Pattern[bytes], terminal: int) -> None:
    seen = b""
    deadline = time.monotonic() + PATIENCE
    while not screen.search(seen):
        ready, _, _ = select.select([terminal], [], [], max(0.0, deadline - time.monotonic()))
        if not ready:
            raise TimeoutError(f"Nothing like {screen.pattern!r} in: {seen!r}")
        seen += os.read(terminal, 65536)
