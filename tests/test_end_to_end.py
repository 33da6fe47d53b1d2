"""The installed command on a real terminal."""

import json
import re
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from gjobs.store.embedded.server import stop_server
from gjobs.store.values.formats import money
from tests.cli.cli_rows import fill
from tests.cli.command_line import GJOBS, SETTINGS, profile, run_process, uri
from tests.conftest import Conninfo, connect, quick_directory, require_tool
from tests.six_tasks import GOAL_SECONDS, TASKS, Typist, measure
from tests.store.embedded.embedded_servers import process_table, wait_for
from tests.tmux import Pane

PROJECT = "Spring lookbook"


@pytest.fixture
def work_dir(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A directory for all files of the command. Every account may enter it, and its path is short."""
    for name in (*SETTINGS, "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    directory = Path(tempfile.mkdtemp(prefix="gjobs-", dir=quick_directory())).resolve()
    directory.chmod(0o755)
    monkeypatch.setenv("GJOBS_DATA_DIR", str(directory / "data"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(directory / "config"))
    monkeypatch.setenv("TMPDIR", str(directory))
    yield directory
    stop_server(directory / "data")
    shutil.rmtree(directory)


@pytest.fixture
def cleanup() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def open_pane(work_dir: Path, cleanup: ExitStack, *arguments: str, command: str = GJOBS, socket: str = "first") -> Pane:
    room = work_dir / socket
    room.mkdir()
    pane = Pane(require_tool("tmux"), room, command, *arguments)
    cleanup.callback(pane.close)
    return pane


def spring() -> tuple[int, int]:
    """Return the number of the project's jobs, and their cost in cents."""
    listed = run_process("stats", "--project", PROJECT, "--json")
    numbers = json.loads(listed.out)
    return numbers["total_count"], numbers["total_cost_cents"]


def test_new_user_walks_the_tour_and_does_six_tasks_in_three_minutes(work_dir: Path, cleanup: ExitStack) -> None:
    pane = open_pane(work_dir, cleanup)
    started = time.monotonic()
    pane.wait_for("as ada@example.com", "Costs · Autumn catalog", "Jobs · 121")
    walk_the_tour(Typist(pane, key_seconds=0.0))
    assert time.monotonic() - started < GOAL_SECONDS
    pane.press("q")
    assert pane.wait_for_end() == 0

    count, cost = spring()
    second = open_pane(work_dir, cleanup, socket="second")
    second.wait_for("Jobs · ")
    assert "Tour " not in second.screen()
    seconds = measure(second, reading=0)  # Without the time that a person needs to read the screen.
    assert list(seconds) == list(TASKS)
    assert sum(seconds.values()) < GOAL_SECONDS
    change_jobs(second, count, cost)
    second.press("q")
    assert second.wait_for_end() == 0
    assert "Traceback" not in second.screen()


def walk_the_tour(typist: Typist) -> None:
    typist.sees("Tour 1/6 · Press p, type part of a project's name and press enter")
    typist.press("p", shows="Show which project?")
    typist.type("spring")
    typist.press("Enter", shows=("Costs · Spring lookbook", "Tour 2/6"))
    typist.press("n", shows="New job")
    typist.press("Enter", shows="Tour 3/6")
    typist.press("s", shows="Tour 4/6")
    typist.press("c", shows="Tour 5/6")
    typist.press("b", shows="Budgets · Spring lookbook")
    typist.press("Escape", shows="Tour 6/6")
    typist.press("i", shows="Check isolation as the operator?")
    typist.press("y", shows="No leak, 17 kept.")
    typist.press("Escape", shows="Finished the tour.")


def change_jobs(pane: Pane, count: int, cost: int) -> None:
    """Create, start, fail and delete a job. Each step changes the jobs and the costs on the screen."""
    pane.wait_for(f"Costs · {PROJECT}", f"Jobs · {count}", "◌ queued 0", "✗ failed 8", f"Total {count}", money(cost))

    pane.press("n")
    pane.wait_for_focus("Mode  ")
    pane.type("tmux_check")
    pane.press("Tab")
    pane.wait_for_focus("Cost, as $2.50 or in cents")
    pane.type("4321")
    pane.wait_for("tmux_check", "4321")
    pane.press("Enter")
    pane.wait_for(f"Jobs · {count + 1}", "◌ queued 1", "tmux_check", "$43.21", money(cost + 4321))

    pane.press("Home")
    pane.wait_for("›  ◌ queued", "◌ queued 1")  # It is the only queued job.
    pane.press("s")
    pane.wait_for("Started tmux_check")
    pane.wait_for("◌ queued 0", "▸ running 2")

    pane.press("f")
    pane.wait_for("Error text")
    pane.type("It broke [b]on purpose")
    pane.press("Enter")
    pane.wait_for("▸ running 1", "✗ failed 9", "It broke [b", money(cost + 4321))

    listed = run_process("jobs", "list", "--project", PROJECT, "--status", "failed", "--limit", "1", "--json")
    (job,) = json.loads(listed.out)
    assert (job["mode"], job["cost_cents"], job["error"]) == ("tmux_check", 4321, "It broke [b]on purpose")

    pane.press("d")
    pane.wait_for("Delete this job?", "✗ failed  tmux_check  $43.21", PROJECT)
    pane.press("y")
    pane.wait_for(f"Jobs · {count}", "✗ failed 8", money(cost))


@pytest.fixture
def filled_database(database: Conninfo, work_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Open the database of the tests, with five jobs, instead of the embedded one."""
    with connect(database) as connection:
        fill(connection)
    file = work_dir / "gjobs.toml"
    file.write_text(profile("world", uri(database), write=True, **{"as": "ada@example.com"}), encoding="utf-8")
    file.chmod(0o600)
    monkeypatch.setenv("GJOBS_CONFIG", str(file))
    monkeypatch.setenv("GJOBS_PROFILE", "world")


@pytest.mark.usefixtures("filled_database")
def test_ctrl_z_returns_to_a_shell_and_fg_resumes_the_dashboard(work_dir: Path, cleanup: ExitStack) -> None:
    pane = open_pane(work_dir, cleanup, "--norc", "-i", command="bash")
    pane.type(f"sh -c '{GJOBS}; echo left'")  # Programs that start gjobs, such as uv, stop and resume with it.
    pane.press("Enter")
    pane.wait_for("Jobs · 4", "q quit")
    pane.press("n")
    pane.wait_for_focus("Mode  ")
    pane.press("C-z")
    assert "New job" not in pane.wait_for("Stopped")

    pane.type("bg")
    pane.press("Enter")
    # The terminal stops it again. Wait for that, because "fg" before it would leave it stopped.
    pane.type("until jobs -s | grep -q .; do sleep 0.1; done; fg")
    pane.press("Enter")
    pane.wait_for("New job", "Mode  ")
    pane.type("after_fg")
    pane.wait_for("after_fg", "Create (enter)")
    pane.press("Escape")
    pane.wait_for("Jobs · 4", "q quit")
    pane.press("q")
    pane.wait_for("\nleft")

    alone = open_pane(work_dir, cleanup, "--tour", socket="second")
    alone.wait_for("Jobs · 4", "q quit", "Tour 1/6")
    alone.press("C-z")  # Without a shell that could resume the dashboard, it does not stop.
    alone.press("n")
    alone.wait_for("New job")
    alone.press("Escape")
    alone.wait_for("Jobs · 4", "q quit")
    copy_reaches_tmux_and_a_burst_of_keys_the_form_that_its_first_key_opens(alone)


def copy_reaches_tmux_and_a_burst_of_keys_the_form_that_its_first_key_opens(pane: Pane) -> None:
    pane.press("y")  # By default, tmux ignores the sequence OSC 52 of a program.
    screen = pane.wait_for("Copied the id", "with tmux.")
    copied = pane.copied()
    assert re.fullmatch(r"[0-9a-f-]{36}", copied)
    assert f"Copied the id {copied} with tmux." in screen

    pane.type("nlifestyle")
    pane.wait_for("New job", " lifestyle  ")
    pane.press("Escape")
    pane.type("nxyz\rd")
    pane.wait_for("Delete this job?", "xyz")
    pane.type("nq")
    assert pane.wait_for_end() == 0


def test_scripted_demo_plays_its_steps_and_leaves_nothing_behind(work_dir: Path, cleanup: ExitStack) -> None:
    pane = open_pane(work_dir, cleanup, "demo", "--script", "lifecycle", "--speed", "10")
    pane.wait_for("demo · as", "Jobs · ", "speed 10×", "Here is a new one. · space: next")
    pane.press("Space")
    pane.wait_for("It waits in the queue.", "›  ◌ queued     lifestyle         $2.50")
    pane.press("Space")
    pane.wait_for("It runs now.", "›  ▸ running    lifestyle         $2.50")
    pane.press("Space")
    pane.wait_for("It has succeeded.", "›  ✓ succeeded  lifestyle         $2.50")
    pane.press("B")
    pane.wait_for("B close", "space: next")
    pane.press("Escape")
    pane.wait_for("›  ✓ succeeded  lifestyle         $2.50")
    pane.press("Space")
    pane.wait_for("It failed. In the list, enter shows its error", "›  ✗ failed     feature_callout   $1.80")
    pane.press("Space")
    pane.wait_for("The scenario has ended: The life of a job")

    pane.close()
    wait_for("the end of its processes", lambda: not any(str(work_dir) in command for _, _, command in process_table()))
    assert not [*work_dir.glob("gjobs-*"), *work_dir.glob(".gjobs-*")]
