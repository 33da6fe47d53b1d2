"""Random keys on a real terminal: `python -m tests.random_keys [--seconds N] [--seed N]`.

The installed command runs in tmux on its own embedded database. It gets pastes, new terminal sizes, and keys
in bursts and at the pace of a person. Its connections are killed. Exits 1 if the command crashes or ends without a key
that quits. Exits 1, too, if escape does not lead back to the list, or if the jobs differ from its journal.
"""

import argparse
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

import psycopg

from gjobs.store.embedded.cluster import find_postmaster
from gjobs.store.embedded.server import server_status, stop_server
from gjobs.store.embedded.server_files import ADMINISTRATOR, DataLayout, connection_info
from gjobs.store.journal.journal import read_journal
from tests.cli.command_line import GJOBS, SETTINGS
from tests.conftest import connect, quick_directory
from tests.tmux import HEIGHT, WIDTH, Pane
from tests.tui.dashboard.keys.expected_writes import Rows, outcomes, stored_jobs

ROUNDS = 25
"""The maximum number of rounds in one session. Then escape must lead back to the list, and q must quit."""
PAUSES = (0.0, 0.0, 0.005, 0.02, 0.08, 0.4)
FASTEST, SLOWEST = 0.03, 0.35
"""Seconds between two keys of a person."""
SLOW_SHARE = 0.3
QUITTING = {"q", "C-q", "C-p"}
"""Keys that quit. The command palette (ctrl+p) can quit, too."""
BACK_SECONDS, SHORTEST_SECONDS = 30.0, 10.0
LETTERS = tuple("scfrdnUPbAyoOz1234=+-jkgGxwtvuipLYWDlm")
NAMED = ("Down", "Up", "Left", "Right", "Home", "End", "NPage", "PPage", "Tab", "BTab", "Space", "BSpace", "DC")
OPENING = ("Enter", "Enter", "Enter", "Escape", "Escape", "/", "?", "C-p", "C-r", "C-u", "F5", "F12")
"""Without ctrl+c: after the command has quit, ctrl+c would interrupt the cleanup of the command."""
KEYS = (*LETTERS * 2, *NAMED * 2, *OPENING * 3, "q", "C-q")
TO_LIST = ("Escape",) * 3 + ("1",)
WRITES = (
    *(("Home", "s"), ("Home", "Down", "c"), ("End", "f", "x", "Enter"), ("n", "x", "Enter"), ("n", "x", "Enter", "s")),
    *(
        ("5", "r"),
        ("Home", "d", "y"),
        ("U",),
        ("Home", "Space", "Space", "s", "y"),
        ("Enter", "s"),
        ("Enter", "d", "y"),
    ),
)
"""Keys of the list that write."""
PASTES = ("lifestyle", "status:failed", "a\nb\tc", "x" * 3_000, "2.50", "00000002")
KILL = "select pg_terminate_backend(pid) from pg_stat_activity where usename = 'gjobs'"


class RandomKeysError(Exception):
    """A fault of the command."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.random_keys", description=__doc__)
    parser.add_argument("--seconds", type=float, default=90, help="start sessions for so long (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="seed of the first session (default: %(default)s)")
    options = parser.parse_args()
    if shutil.which("tmux") is None:
        sys.exit("tmux is not installed.")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    deadline, seed = time.monotonic() + options.seconds, options.seed
    with working_directory() as directory:
        record = JobsRecord(directory / "data")
        while time.monotonic() < deadline - SHORTEST_SECONDS or seed == options.seed:
            session = Session(directory, seed, deadline, record)
            try:
                session.run()
            except (RandomKeysError, AssertionError) as error:
                sys.stdout.write(f"Seed {seed} failed: {error}\nKeys so far:\n{session.sent()}\n")
                return 1
            sys.stdout.write(f"Seed {seed}: {len(session.rounds)} rounds, {session.end}\n")
            sys.stdout.flush()
            seed += 1
    return 0


@contextmanager
def working_directory() -> Iterator[Path]:
    """Create a directory for all files of the command. Every account may enter it, and its path is short."""
    directory = Path(tempfile.mkdtemp(prefix="gjobs-", dir=quick_directory())).resolve()
    directory.chmod(0o755)
    for name in (*SETTINGS, "NO_COLOR"):
        os.environ.pop(name, None)
    os.environ |= {
        "GJOBS_DATA_DIR": str(directory / "data"),
        "XDG_CONFIG_HOME": str(directory / "config"),
        "TMPDIR": str(directory),
    }
    try:
        yield directory
    finally:
        stop_server(directory / "data")
        shutil.rmtree(directory)


class JobsRecord:
    """The jobs as last read. Since then only the writes in the journal may have changed them."""

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir
        self._rows: Rows | None = None
        self._entries = 0

    def check(self) -> None:
        rows = self._read()
        written = read_journal(self._data_dir / "journal").entries[::-1]
        since, self._entries = written[self._entries :], len(written)
        if self._rows is not None and stored_jobs(rows) not in outcomes(self._rows, since):
            raise RandomKeysError(f"the jobs are not what the journal says: {since}")
        self._rows = rows

    def _read(self) -> Rows:
        with administrator_connection(self._data_dir) as connection:
            found = connection.execute("select to_jsonb(t) from public.generation_jobs t").fetchall()
        return {row["id"]: row for (row,) in found}


@contextmanager
def administrator_connection(data_dir: Path) -> Iterator[psycopg.Connection]:
    server = find_postmaster(DataLayout.of(data_dir).cluster)
    if server is None:
        raise RandomKeysError("the server has stopped")
    with connect(connection_info(server.socket_dir, user=ADMINISTRATOR)) as connection:
        yield connection


class Session:
    """One run of the command, from its first screen to its end."""

    def __init__(self, directory: Path, seed: int, deadline: float, record: JobsRecord) -> None:
        self._data_dir, self._deadline, self._record = directory / "data", deadline, record
        self._log = self._data_dir / "gjobs.log"
        self._dice = random.Random(seed)  # noqa: S311
        room = directory / str(seed)
        room.mkdir()
        self._pane = Pane(str(shutil.which("tmux")), room, GJOBS)
        self.rounds: list[str] = []
        self.end = ""

    def sent(self) -> str:
        return "\n".join(self.rounds)

    def run(self) -> None:
        with closing(self._pane):
            self._pane.wait_for("as ada@example.com", "Jobs ·")
            self._record.check()
            has_quit = any(self._play_round() for _ in range(ROUNDS) if time.monotonic() < self._deadline)
            self.end = "a key quit" if has_quit else "escape led back"
            if not has_quit:
                self._lead_back()
            elif not set(self.sent().split()) & QUITTING:
                raise RandomKeysError("the command ended without a key that quits")
            self._require_clean_end()

    def _play_round(self) -> bool:
        """Return whether a key has ended the command."""
        with self._unless_ended():
            self._send_round()
        time.sleep(self._dice.choice(PAUSES))
        return self._pane.exit_status() is not None

    @contextmanager
    def _unless_ended(self) -> Iterator[None]:
        """Ignore the error of tmux for keys sent to a command that has just ended."""
        try:
            yield
        except AssertionError as error:
            if "has exited" not in str(error):
                raise

    def _send_round(self) -> None:
        match self._dice.choices(("keys", "write", "paste", "size", "kill"), (8, 6, 1, 2, 1))[0]:
            case "keys":
                keys = [self._dice.choice(KEYS) for _ in range(self._dice.randint(1, 15))]
                self._press(keys)
            case "write":
                self._press([*TO_LIST, *self._dice.choice(WRITES)])
            case "paste":
                text = self._dice.choice(PASTES)
                self.rounds.append(f"paste {text[:40]!r}")
                self._pane.paste(text)
            case "size":
                width, height = self._dice.randint(20, 200), self._dice.randint(5, 60)
                self.rounds.append(f"size {width} x {height}")
                self._pane.resize(width, height)
            case _:
                self.rounds.append("kill the connections")
                self._kill_connections()

    def _press(self, keys: Sequence[str]) -> None:
        """Press the keys in one burst, or one after another as a person does."""
        is_slow = self._dice.random() < SLOW_SHARE
        self.rounds.append(f"{' '.join(keys)}{' (slowly)' if is_slow else ''}")
        for some in ([key] for key in keys) if is_slow else [keys]:
            self._pane.press(*some)
            if is_slow:
                time.sleep(self._dice.uniform(FASTEST, SLOWEST))

    def _kill_connections(self) -> None:
        if server_status(self._data_dir).version:
            with administrator_connection(self._data_dir) as connection:
                connection.execute(KILL)

    def _lead_back(self) -> None:
        """Press escape until no dialog can be open, then q. A form would take q as text.

        The command may drop keys that arrive before earlier ones are handled. So press both keys again until it ends.
        """
        with self._unless_ended():
            self._pane.resize(WIDTH, HEIGHT)
        deadline = time.monotonic() + BACK_SECONDS
        while self._pane.exit_status() is None:
            if time.monotonic() > deadline:
                raise RandomKeysError(f"escape does not lead back:\n{self._pane.screen()}")
            with self._unless_ended():
                for _ in range(8):
                    self._pane.press("Escape")
                    time.sleep(0.2)
                self._pane.press("q")
                time.sleep(1)

    def _require_clean_end(self) -> None:
        status, screen = self._pane.wait_for_end(), self._pane.screen()
        log = self._log.read_text(errors="replace") if self._log.exists() else ""
        if status != 0 or "Traceback" in screen or "internal error" in log:
            raise RandomKeysError(f"exit status {status}\n{screen}\n{log[-6_000:]}")


if __name__ == "__main__":
    sys.exit(main())
