"""Keys that must not act, on a real terminal: `python -m tests.key_proof [--presses N] [--seed N] refused|moves`.

`refused` presses keys whose dialogs are refused, and types text for these dialogs at the pace of a person. No job may
change. `moves` presses a key that starts a job, usually after keys that move the cursor. Meanwhile, another session
reorders the list every 10 ms. The started job must be the one under the cursor in the frame that was drawn last.

gjobs runs in tmux on its own embedded database. Exits 1 if a press broke these rules.
"""

import argparse
import random
import re
import shutil
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

import psycopg
from textual import events

from gjobs.store.journal.journal import read_journal
from gjobs.store.journal.write_record import JournalEntry
from gjobs.tui.cli.main import main as gjobs
from gjobs.tui.dashboard.actions.key_queue import KeyQueue
from gjobs.tui.dashboard.terminal.terminal_input import GuardedDriver
from tests.random_keys import FASTEST, SLOWEST, RandomKeysError, administrator_connection, working_directory
from tests.tmux import HEIGHT, WIDTH, Pane

SEEN_SECONDS = 1.2
"""After this pause, keys act again."""
HUMAN_SHARE = 0.7
"""How many of the presses come at the pace of a person. The others follow the moves in one burst."""
ATTEMPTS, ATTEMPT_SECONDS = 10, 12.0
STILL_SHARE = 0.3
"""How many of the presses come without a move before them."""
REORDER_SECONDS = 0.01

LIST = ("Escape", "Escape", "Escape", "1")
PAST_KEYS = ("f", "d", "n", "P", "b", "e", "E", "w", "i", "t", "W")
REFUSED: Sequence[tuple[Sequence[str], str, Sequence[str]]] = (
    (("2",), "Queued jobs ·", ("f",)),
    (("4",), "Succeeded jobs ·", ("f",)),
    (("5",), "Failed jobs ·", ("f",)),
    (("2", "C-a"), "marked", ("c", "r", "f")),
    (("5", "C-a"), "marked", ("s", "c", "f")),
    (("/", *"mode:none", "Enter"), "No job matches", ("f", "d", "DC", "Enter")),
    (("Tab",), "choose", ("f", "d", "DC")),
    (("[",), "as of", PAST_KEYS),
    ((), "Jobs ·", ("D",)),
)
"""Keys that go to jobs, what the screen then shows, and keys whose dialogs are refused there."""
TEXTS = (
    "retry",
    "sdy",
    "completed",
    "dy y",
    "scrdnU",
    "timeout in step 3",
    "fsd y",
    "request failed",
    "1 of 2 dry runs",
)
MOVES = ("Down", "Down", "Up", "j", "k", "Home", "End", "g", "G", "NPage", "PPage")
OF_LIST = "q quit"
"""A hint that no dialog shows."""
PENDING = "starting …"
"""What a row shows until its write is confirmed."""
CURSOR = re.compile(r"›[^│]*?((?:row|old)-\d+)")
PREPARE = """
update public.generation_jobs j set mode = 'old-' || n
from (select id, row_number() over (order by created_at) n from public.generation_jobs) numbered
where numbered.id = j.id;
insert into public.generation_jobs (user_id, project_id, mode, status, cost_cents, created_at, updated_at)
select j.user_id, j.project_id, 'row-' || n, 'queued', 1, now() + n * interval '1 second', now()
from (select user_id, project_id from public.generation_jobs j
      join auth.users u on u.id = j.user_id where u.email = 'ada@example.com' order by j.created_at desc limit 1) j,
     generate_series(1, 20) n
"""
REORDER = """
update public.generation_jobs set created_at = now() + random() * interval '1 hour'
where id in (select id from public.generation_jobs where mode like 'row-%' order by random() limit 3)
"""
REQUEUE = "update public.generation_jobs set status = 'queued' where mode like 'row-%' and status <> 'queued'"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.key_proof", description=__doc__)
    parser.add_argument("mode", choices=("refused", "moves"), help="what to press")
    parser.add_argument("--presses", type=int, default=500, help="how many presses to make (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="seed of the presses (default: %(default)s)")
    options = parser.parse_args()
    if shutil.which("tmux") is None:
        sys.exit("tmux is not installed.")
    with working_directory() as directory:
        frames = directory / "frames"
        frames.touch()
        command = (sys.executable, "-c", f"from tests import key_proof; key_proof.run_recorded({str(frames)!r})")
        with closing(Pane(str(shutil.which("tmux")), directory, *command)) as pane:
            pane.wait_for("as ada@example.com", "Jobs ·")
            proof = Proof(directory / "data", frames, pane, random.Random(options.seed))  # noqa: S311
            try:
                report = proof.refused(options.presses) if options.mode == "refused" else proof.moves(options.presses)
            except (RandomKeysError, AssertionError) as error:
                sys.stdout.write(f"Failed: {error}\n")
                return 1
    sys.stdout.write(f"{report}\n")
    return 0


def run_recorded(file: str) -> None:
    """Run the command, and record which job each frame shows under the cursor, and when keys were typed."""
    record, screen, last = Path(file).open("a", buffering=1), Screen(), [""]  # noqa: SIM115
    write, take = GuardedDriver.write, KeyQueue.take

    def recorded_write(driver: GuardedDriver, data: str) -> None:
        write(driver, data)
        screen.draw(data)
        if (shown := screen.row_under_cursor()) != last[0]:
            last[0] = shown
            record.write(f"frame {time.monotonic()} {shown}\n")

    def recorded_take(keys: KeyQueue, event: events.Key | events.Paste) -> bool:
        if isinstance(event, events.Key) and not keys.is_delivering(event):
            record.write(f"key {event.time} {event.key}\n")
        return take(keys, event)

    GuardedDriver.write = recorded_write  # type: ignore[assignment, method-assign]
    KeyQueue.take = recorded_take  # type: ignore[assignment, method-assign]
    sys.argv[1:] = []
    sys.exit(gjobs())


class Screen:
    """The text on a terminal, from the output of the command."""

    TOKENS = re.compile(r"\x1b\[(\d+);(\d+)H|\x1b\[[^A-Za-z]*[A-Za-z]|\x1b.|[^\x1b]+")

    def __init__(self) -> None:
        self._lines = [[" "] * WIDTH for _ in range(HEIGHT)]

    def draw(self, data: str) -> None:
        y = x = 0
        for token in self.TOKENS.finditer(data):
            if token[1]:
                y, x = int(token[1]) - 1, int(token[2]) - 1
            elif not token[0].startswith("\x1b"):
                text = token[0].rstrip("\n")[: WIDTH - x]
                self._lines[y][x : x + len(text)] = text
                x += len(text)

    def row_under_cursor(self) -> str:
        found = (CURSOR.search("".join(line)) for line in self._lines)
        return next((one[1] for one in found if one), "none")


class Proof:
    def __init__(self, data_dir: Path, frames: Path, pane: Pane, dice: random.Random) -> None:
        self._data_dir, self._frames, self._pane, self._dice = data_dir, frames, pane, dice
        self._entries = 0

    def _written(self) -> Sequence[JournalEntry]:
        """Return the writes since the last call."""
        entries = read_journal(self._data_dir / "journal").entries[::-1]
        written, self._entries = entries[self._entries :], len(entries)
        return written

    def _type(self, *keys: str) -> None:
        for key in keys:
            time.sleep(self._dice.uniform(FASTEST, SLOWEST))
            self._pane.press(key)

    def refused(self, presses: int) -> str:
        reported = 0
        for number in range(presses):
            prepare, shown, keys = self._dice.choice(REFUSED)
            self._go_to(prepare, shown)
            key, text = self._dice.choice(keys), self._dice.choice(TEXTS)
            self._type(key, *("Space" if one == " " else one for one in text), "Enter")
            time.sleep(SEEN_SECONDS)
            screen = self._pane.wait_for(OF_LIST)
            reported += "gjobs ignored" in screen
            if written := self._written():
                raise RandomKeysError(f"press {number}: {prepare}, {key}, {text!r} wrote {written}:\n{screen}")
        return f"{presses} refused keys with text after them: no write, {reported} reports of ignored keys."

    def _go_to(self, prepare: Sequence[str], shown: str) -> None:
        """Press the keys until the screen shows the result. gjobs may still ignore keys when they come."""
        for _ in range(ATTEMPTS):
            self._pane.press(*LIST, *prepare)
            deadline = time.monotonic() + ATTEMPT_SECONDS
            while time.monotonic() < deadline:
                time.sleep(SEEN_SECONDS)
                screen = self._pane.screen()
                if shown in screen and OF_LIST in screen:
                    return
        raise RandomKeysError(f"{prepare} did not lead to {shown!r}:\n{screen}")

    def moves(self, presses: int) -> str:
        done = {True: 0, False: 0}
        with administrator_connection(self._data_dir) as connection:
            connection.autocommit = True
            connection.execute(PREPARE)
            modes = dict(connection.execute("select id, mode from public.generation_jobs").fetchall())
            self._go_to(("Home",), "row-")
            with reordering(self._data_dir):
                for number in range(presses):
                    connection.execute(REQUEUE)
                    time.sleep(SEEN_SECONDS)
                    moves = self._moves()
                    self._press_after(moves)
                    self._await_answer(presses=number + 1)
                    shown = self._shown_when_pressed()
                    met = [modes[one] for entry in self._written() for one in entry.ids]
                    if met not in ([], [shown]):
                        raise RandomKeysError(
                            f"press {number} after {moves}: the frame showed {shown}, the key started {met}"
                        )
                    done[bool(moves)] += bool(met)
        return f"{presses} presses: {done[True]} jobs started after moves and {done[False]} without, all as shown."

    def _moves(self) -> list[str]:
        is_still = self._dice.random() < STILL_SHARE
        return [] if is_still else [self._dice.choice(MOVES) for _ in range(self._dice.randint(1, 4))]

    def _press_after(self, moves: Sequence[str]) -> None:
        if self._dice.random() < HUMAN_SHARE:
            self._type(*moves, "s")
        else:
            self._pane.press(*moves, "s")

    def _await_answer(self, *, presses: int) -> None:
        """Wait until gjobs has read the key of each press, and shows no write that is not confirmed."""
        deadline = time.monotonic() + ATTEMPT_SECONDS * ATTEMPTS
        while True:
            time.sleep(SEEN_SECONDS)
            screen = self._pane.screen()
            if len(self._times_typed()) == presses and PENDING not in screen:
                return
            if time.monotonic() > deadline:
                raise RandomKeysError(f"press {presses - 1} was not answered:\n{screen}")

    def _recorded(self, kind: str) -> list[tuple[float, str]]:
        lines = (line.split() for line in self._frames.read_text().splitlines())
        return [(float(at), what) for recorded, at, what in lines if recorded == kind]

    def _times_typed(self) -> list[float]:
        return [at for at, what in self._recorded("key") if what == "s"]

    def _shown_when_pressed(self) -> str:
        """Return the job under the cursor in the last frame that was drawn before the last key was typed."""
        typed_at = self._times_typed()[-1]
        return [what for at, what in self._recorded("frame") if at <= typed_at][-1]


@contextmanager
def reordering(data_dir: Path) -> Iterator[None]:
    """Change the order of the list every 10 ms from another session."""
    ends = threading.Event()

    def reorder() -> None:
        with administrator_connection(data_dir) as connection:
            connection.autocommit = True
            while not ends.wait(REORDER_SECONDS):
                try:
                    connection.execute(REORDER)
                except psycopg.errors.DeadlockDetected:
                    continue

    thread = threading.Thread(target=reorder)
    thread.start()
    try:
        yield
    finally:
        ends.set()
        thread.join()


if __name__ == "__main__":
    sys.exit(main())
