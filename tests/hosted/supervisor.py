"""A process that starts servers for a run of the tests, and ends them with it, however the run ends.

Run as `python supervisor.py DIRECTORY`. Each line of its input is an order to start a program, as JSON; its answer is
the program's process id. When the input ends, by will or by death, so do the programs, the last one first, and the
directory is removed.
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

"""Seconds for what is asked to end at once."""


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
    # Its end must be noticed, or it stays in the process table.
    threading.Thread(target=program.wait, daemon=True).start()
    return program


def end(program: "subprocess.Popen[bytes]") -> None:
    """SIGQUIT is an immediate shutdown for Postgres and PgBouncer. One that was stopped must go on to hear of it."""
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
