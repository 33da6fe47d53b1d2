"""The time from the command to the screen in a pseudo-terminal, compared with a bare and a well-known Textual app."""

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import sys
import tempfile
import termios
import time
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks import bare_app
from tests.benchmarks.database import Databases
from tests.benchmarks.harness import AtMost, Contestant, Effort, Finding, Ratio, take_turns
from tests.benchmarks.sizes import QUICK

GJOBS = str(Path(sys.executable).with_name("gjobs"))

COLUMNS, LINES = 120, 36

PATIENCE = 60.0
"""Seconds until a wait for the screen fails."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Awaited:
    """A command, and a text on its screen without escape sequences."""

    command: tuple[str, ...]
    screen: re.Pattern[bytes]


BARE = "first paint of a bare Textual app"

POSTING = "first paint of Posting"

FIRST_PAINT = "first paint of gjobs"

FIRST_ROWS = "first rows of gjobs"

OURS_AND_BARE = {
    FIRST_PAINT: Awaited(command=(GJOBS,), screen=re.compile(rb"Projects")),
    FIRST_ROWS: Awaited(command=(GJOBS,), screen=re.compile(rb"main_white|lifestyle|feature_callout|packaging")),
    BARE: Awaited(command=(sys.executable, bare_app.__file__), screen=re.compile(re.escape(bare_app.MARKER.encode()))),
}

POSTING_PACKAGES = ("posting==2.11.1", "tree-sitter<0.26")
"""Newer versions of the second package crash the Textual version that posting uses."""


async def startup(effort: Effort, databases: Databases) -> list[Finding]:
    """Measure the start-up. A quick run leaves out posting, which must be downloaded."""
    rounds = effort.choose(15, quick=1)
    environment = _with_few_jobs(databases) if effort.quick else _with_sample(databases)
    with tempfile.TemporaryDirectory(prefix="gjobs-posting-") as work_dir:
        awaited = {**OURS_AND_BARE} if effort.quick else {**OURS_AND_BARE, POSTING: _posting(Path(work_dir))}
        environment |= {"XDG_CONFIG_HOME": work_dir, "XDG_DATA_HOME": work_dir}
        series = await take_turns(
            {name: _starting(command, environment) for name, command in awaited.items()},
            rounds=rounds,
        )
    against_posting = () if effort.quick else (Ratio(ours=FIRST_ROWS, rival=POSTING, reach=AtMost(1.0)),)
    return [
        Finding(
            title="from the command to the first screen, with the server already running",
            unit="ms",
            settings={"terminal": f"{COLUMNS}×{LINES}", "rounds": rounds, "rival": POSTING_PACKAGES[0]},
            series=series,
            ratios=(
                Ratio(ours=FIRST_PAINT, rival=BARE, reach=AtMost(1.6)),
                *against_posting,
                Ratio(ours=FIRST_ROWS, rival=BARE),
            ),
        )
    ]


def _posting(work_dir: Path) -> Awaited:
    """Install posting in a separate environment, because it needs an older Textual."""
    python = work_dir / "environment" / "bin" / "python"
    subprocess.run([sys.executable, "-m", "venv", work_dir / "environment"], check=True)
    subprocess.run([python, "-m", "pip", "install", "--quiet", *POSTING_PACKAGES], check=True)
    return Awaited(command=(str(python.with_name("posting")),), screen=re.compile(rb"Send"))


def _with_sample(databases: Databases) -> dict[str, str]:
    """Return the environment of a command that uses the embedded server with the sample data."""
    environment = plain_environment() | {"GJOBS_DATA_DIR": str(databases.data_dir)}
    subprocess.run([GJOBS, "stats"], env=environment, check=True, capture_output=True)
    return environment


def _with_few_jobs(databases: Databases) -> dict[str, str]:
    """Return an environment with few jobs for a quick run. To insert the sample data takes longer than measuring."""
    filled = databases.of(QUICK)
    return plain_environment() | {
        "GJOBS_DATA_DIR": str(databases.data_dir),
        "GJOBS_DATABASE_URL": filled.url,
    }


def plain_environment() -> dict[str, str]:
    """Return an environment that sets no size or database and lets Python store bytecode."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("GJOBS_", "PYTHON"))}
    for name in ("COLUMNS", "LINES", "NO_COLOR"):
        kept.pop(name, None)
    return kept | {"TERM": "xterm-256color", "COLORTERM": "truecolor"}


def _starting(awaited: Awaited, environment: dict[str, str]) -> Contestant:
    async def contestant() -> float:
        return milliseconds_to(awaited, environment)

    return contestant


def milliseconds_to(awaited: Awaited, environment: dict[str, str]) -> float:
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
