"""A process that starts servers for a test run and stops them when the run ends, even if the run is killed.

Run it as `python supervisor.py DIRECTORY`. Each line of its input is a request to start a program, as JSON. It answers
with the process id. When its input ends, it stops the programs, the last one first, and removes the directory.
"""

import json
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

PATIENCE = 10.0
"""Seconds that a program has to stop."""


def start(order: dict[str, Any]) -> "subprocess.Popen[bytes]":
    with Path(order["log"]).open("ab") as log:
        program = subprocess.Popen(
            order["command"],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            cwd="/",
            env=order["environment"],
            start_new_session=True,
            **order["options"],
        )
    # Reap it, or it stays in the process table.
    threading.Thread(target=program.wait, daemon=True).start()
    return program


def end(program: "subprocess.Popen[bytes]") -> None:
    """Stop a program. SIGQUIT is the immediate shutdown of Postgres and PgBouncer; a frozen one must continue first."""
    program.send_signal(signal.SIGQUIT)
    program.send_signal(signal.SIGCONT)
    try:
        program.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        program.kill()


def main() -> None:
    programs = []
    for line in sys.stdin:
        programs.append(start(json.loads(line)))
        print(programs[-1].pid, flush=True)  # noqa: T201
    for program in reversed(programs):
        end(program)
    shutil.rmtree(sys.argv[1], ignore_errors=True)


if __name__ == "__main__":
    main()
