"""Child processes: short ones that are waited for, and long ones that outlive us."""

import os
import signal
import subprocess
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

from store.embedded.account import Account


def clean_environment() -> dict[str, str]:
    """Ours without what changes Postgres' behaviour: its own variables, and locales that may be missing here.

    `LC_ALL` is set, for without it macOS starts a thread in the postmaster, which Postgres does not survive.
    """
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "LC_", "LANG"))}
    return kept | {"LC_ALL": "C"}


def run_tool(command: Sequence[str], account: Account, *, text: str = "") -> tuple[int, str]:
    """Run one of Postgres' programs with a text as its input; its exit code and all that it said.

    It is in a session of its own, so that Ctrl-C reaches only us, and ends with us if we are interrupted.
    """
    with subprocess.Popen(
        [*account.prefix, *command],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        cwd="/",
        env=clean_environment(),
        start_new_session=True,
        encoding="utf-8",
        errors="replace",
        **account.child_options(),
    ) as process:
        try:
            said, _ = process.communicate(text)
        except BaseException:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            raise
    return process.returncode, said


def launch(
    command: Sequence[str],
    *,
    log: Path,
    environment: Mapping[str, str],
    account: Account | None = None,
    pass_fds: Sequence[int] = (),
) -> "subprocess.Popen[bytes]":
    """Start a program that outlives us, with none of our files but its log and those passed on."""
    runs_as = account or Account()
    with log.open("ab") as output:
        process = subprocess.Popen(
            [*runs_as.prefix, *command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd="/",
            env=dict(environment),
            start_new_session=True,
            pass_fds=pass_fds,
            **runs_as.child_options(),
        )
    # Its parent must take notice of its end, or it stays in the process table for as long as we live.
    threading.Thread(target=process.wait, name=f"wait for {process.pid}", daemon=True).start()
    return process
