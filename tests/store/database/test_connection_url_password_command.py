"""Passwords that a command prints, and commands that fail."""

import asyncio
import os
import sys
from pathlib import Path

import pytest

from gjobs.store.database.connection_url import PasswordCommand
from gjobs.store.errors import SignInRefused
from tests.store.store_fixtures import until


def shell(script: str, *, limit: float = 20.0) -> PasswordCommand:
    return PasswordCommand(["sh", "-c", script], limit=limit)


@pytest.mark.parametrize(
    ("script", "password"),
    [
        ("echo hunter2", "hunter2"),
        ("printf hunter2", "hunter2"),
        ("printf 'hunter2\\r\\nmore\\n'", "hunter2"),
        ("echo ' two words '", " two words "),
        ("echo héé", "héé"),
        ("echo hunter2; head -c 300000 /dev/zero", "hunter2"),
        ("echo hunter2; echo secret >&2", "hunter2"),
    ],
)
async def test_first_line_of_the_command_output_is_the_password(script: str, password: str) -> None:
    assert await shell(script).get() == password


@pytest.mark.parametrize(
    ("script", "clause"),
    [
        ("echo hunter2; exit 3", "failed: it ended with 3"),
        ("kill -9 $$", "was ended by the signal 9"),
        ("true", "printed no password on its first line"),
        ("echo; echo hunter2", "printed no password on its first line"),
        ("printf '\\377\\n'", "printed text that is not UTF-8"),
        ("head -c 300000 /dev/zero | tr '\\0' x", "printed too long a line"),
        ("yes | tr -d '\\n'", "printed too long a line"),
        ("read answer; test -n \"$answer\" && echo hunter2", "failed: it ended with 1"),
    ],
)  # fmt: skip
async def test_command_without_a_password_is_refused_and_its_output_hidden(script: str, clause: str) -> None:
    with pytest.raises(SignInRefused) as caught:
        await shell(script).get()
    assert str(caught.value) == f"The password command 'sh' {clause}."
    assert "hunter2" not in f"{caught.value.hint}{caught.value!r}"


async def test_missing_or_slow_password_command_is_refused_and_ended_with_its_child_processes(tmp_path: Path) -> None:
    missing = str(tmp_path / "op")
    with pytest.raises(SignInRefused, match="cannot be run: No such file"):
        await PasswordCommand([missing]).get()

    file = tmp_path / "pid"
    with pytest.raises(SignInRefused, match=r"did not answer within 0\.2 s"):
        await shell(f"sleep 600 & echo $! > {file}; wait", limit=0.2).get()
    await until(lambda: not is_running(int(file.read_text())))


async def test_cancelling_kills_the_password_command(tmp_path: Path) -> None:
    file = tmp_path / "pid"
    asking = asyncio.create_task(shell(f"echo $$ > {file}.part; mv {file}.part {file}; sleep 600").get())
    await until(file.exists)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    await until(lambda: not is_running(int(file.read_text())))


def is_running(pid: int) -> bool:
    """Whether the process exists and is not a zombie."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    stat = Path(f"/proc/{pid}/stat")
    return not (stat.exists() and ") Z " in stat.read_text())


async def test_password_command_runs_once_without_a_terminal_and_shows_no_arguments(tmp_path: Path) -> None:
    log = tmp_path / "log"
    command = shell(f"echo x >> {log}; wc -l < {log}")
    assert not command.is_known
    both = await asyncio.gather(command.get(), command.get())
    assert {text.strip() for text in both} == {"1"}
    assert command.is_known
    command.forget()
    assert (await command.get()).strip() == "2"

    asks = "import sys, os; print(sys.stdin.read() == '' and os.getsid(0) == os.getpid())"
    assert await PasswordCommand([sys.executable, "-c", asks]).get() == "True"

    assert "hunter2" not in repr(PasswordCommand(["echo", "hunter2"]))
