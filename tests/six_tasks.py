"""`python -m tests.six_tasks` times the six tasks of the app's web page, from the first start on.

The installed command runs in tmux on a new embedded database. Keys follow each other after at least 120 ms, as fast as
a person types. Before each task, the script waits as long as a person needs to read the screen.
"""

import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from gjobs.store.embedded.server import stop_server
from tests.cli.command_line import GJOBS, SETTINGS
from tests.conftest import quick_directory
from tests.tmux import Pane

KEY_SECONDS = 0.12
READING_SECONDS = 5.0
GOAL_SECONDS = 180.0


class Typist:
    """Press keys as a person does, and wait for the screens that they lead to."""

    def __init__(self, pane: Pane, *, key_seconds: float = KEY_SECONDS) -> None:
        self._pane = pane
        self._key_seconds = key_seconds

    def press(self, *keys: str, shows: str | tuple[str, ...] = ()) -> None:
        """Press keys by tmux's names. Then wait for the texts."""
        for key in keys:
            self._pane.press(key)
            time.sleep(self._key_seconds)
        self.sees(shows)

    def type(self, text: str) -> None:
        for character in text:
            self._pane.type(character)
            time.sleep(self._key_seconds)

    def sees(self, texts: str | tuple[str, ...]) -> None:
        self._pane.wait_for(*((texts,) if isinstance(texts, str) else texts))


def see_the_numbers(typist: Typist) -> None:
    typist.sees(("Costs · ", "Total ", "succeeded", "Jobs · "))


def choose_a_project(typist: Typist) -> None:
    typist.press("p", shows="Show which project?")
    typist.type("spring")
    typist.press("Enter", shows="Costs · Spring lookbook")


def create_a_job(typist: Typist) -> None:
    typist.press("n", shows="New job")
    typist.press("Down", "Tab", shows="lifestyle")
    typist.type("$2.50")
    typist.press("Enter", shows="Queued lifestyle")


def move_a_job(typist: Typist) -> None:
    typist.press("s", shows="Started lifestyle")
    typist.press("f", shows="Error text")
    typist.type("API timeout")
    typist.press("Enter", shows="Failed lifestyle")


def inspect_a_job(typist: Typist) -> None:
    typist.press("Enter", shows="running → failed")
    typist.press("Escape", shows="Jobs · ")


def delete_a_job(typist: Typist) -> None:
    typist.press("d", shows="Delete this job?")
    typist.press("y", shows="Deleted")


TASKS: Mapping[str, Callable[[Typist], None]] = {
    "See the numbers": see_the_numbers,
    "Choose a project": choose_a_project,
    "Create a job": create_a_job,
    "Move a job": move_a_job,
    "Inspect a job": inspect_a_job,
    "Delete a job": delete_a_job,
}


def measure(pane: Pane, *, reading: float = READING_SECONDS) -> dict[str, float]:
    """Do all tasks and return the seconds of each, with the time for reading. The time of the first task includes the
    start of gjobs.
    """
    typist, seconds = Typist(pane), dict[str, float]()
    for name, task in TASKS.items():
        started = time.monotonic()
        task(typist)
        time.sleep(reading)
        seconds[name] = time.monotonic() - started
    return seconds


def main() -> int:
    """Print the seconds of each task. Return 1 if they take longer than the goal."""
    tmux = shutil.which("tmux")
    if tmux is None:
        sys.exit("tmux is not installed.")
    directory = Path(tempfile.mkdtemp(prefix="gjobs-", dir=quick_directory())).resolve()
    for name in SETTINGS:
        os.environ.pop(name, None)
    os.environ |= {"GJOBS_DATA_DIR": str(directory / "data"), "XDG_CONFIG_HOME": str(directory / "config")}
    pane = Pane(tmux, directory, GJOBS)
    try:
        seconds = measure(pane)
    finally:
        pane.close()
        stop_server(directory / "data")
        shutil.rmtree(directory)
    total = sum(seconds.values())
    for name, taken in (*seconds.items(), ("Total", total), ("Goal", GOAL_SECONDS)):
        sys.stdout.write(f"{name:<20} {taken:6.1f} s\n")
    return int(total > GOAL_SECONDS)


if __name__ == "__main__":
    sys.exit(main())
