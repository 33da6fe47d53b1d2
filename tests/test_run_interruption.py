"""Tests that interrupt a program also work in a run that a script started in the background."""

import subprocess
import sys
from pathlib import Path

SHOW_HANDLER = "import signal; print(signal.getsignal(signal.SIGINT) is signal.default_int_handler)"


def test_program_of_a_test_can_be_interrupted() -> None:
    shown = subprocess.run([sys.executable, "-c", SHOW_HANDLER], capture_output=True, text=True, check=True)
    assert shown.stdout == "True\n"


def test_program_of_a_test_can_be_interrupted_if_the_run_was_started_with_sigint_ignored() -> None:
    """A shell without job control starts background commands like this."""
    test = f"{__file__}::{test_program_of_a_test_can_be_interrupted.__name__}"
    command = [sys.executable, "-m", "pytest", "-q", "-n0", "-p", "no:cacheprovider", test]
    ignoring = ["sh", "-c", 'trap "" INT; exec "$@"', "sh", *command]
    done = subprocess.run(ignoring, cwd=Path(__file__).parents[1], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
