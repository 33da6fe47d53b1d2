"""An interrupted command reports what it has done, also in the error document of --json."""

import asyncio
import json
import signal
import sys
from collections.abc import AsyncGenerator, Iterator, Sequence

import pytest

from gjobs.store.retention.retention import BatchProgress
from tests.cli.command_line import Run, Sql

pytestmark = pytest.mark.usefixtures("url")

OLD = ("--older-than", "1d")
COMMANDS: dict[str, tuple[Sequence[str], str, str]] = {
    "cleanup": (("cleanup", *OLD, "--yes"), "gjobs.store.retention.cleanup.run_cleanup", "Stopped: archived 3 jobs, "),
    "archive restore": (
        ("archive", "restore", "--all", "--yes"),
        "gjobs.store.retention.archive.restore_matching",
        "Stopped: restored 3 jobs, ",
    ),
    "cleanup policies apply": (
        ("cleanup", "policies", "apply", "--yes"),
        "gjobs.store.retention.cleanup.run_cleanup",
        "Stopped: the policies were applied to 3 jobs. ",
    ),
}


async def interrupted_once(*_: object) -> AsyncGenerator[BatchProgress, None]:
    signal.raise_signal(signal.SIGINT)
    while True:
        # The event loop handles the signal between two steps.
        await asyncio.sleep(0)
        yield BatchProgress(done=3)


async def interrupted_twice(*_: object) -> AsyncGenerator[BatchProgress, None]:
    yield BatchProgress(done=3)
    for _time in range(2):
        signal.raise_signal(signal.SIGTERM)
    await asyncio.Event().wait()


@pytest.fixture
def sigterm_exits() -> Iterator[int]:
    """Let SIGTERM exit the command line in this process with the code that a separate process would return. Return
    the exit code.
    """
    code = 128 + signal.SIGTERM
    before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(code))
    yield code
    signal.signal(signal.SIGTERM, before)


@pytest.fixture(params=COMMANDS)
def interrupted(request: pytest.FixtureRequest, gjobs: Run, sql: Sql) -> Iterator[tuple[Sequence[str], str, str]]:
    """A command with matching jobs, the function that it runs, and the beginning of its message."""
    if request.param == "archive restore":
        gjobs("cleanup", *OLD, "--yes")
    if request.param == "cleanup policies apply":
        gjobs("cleanup", "policies", "set", *OLD, "--yes")
    yield COMMANDS[request.param]
    sql("delete from gjobs.retention_policies")


def test_interrupted_command_reports_what_was_done(
    interrupted: tuple[Sequence[str], str, str], gjobs: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    command, function, words = interrupted
    monkeypatch.setattr(function, interrupted_once)
    stopped = gjobs(*command, "--json")
    assert stopped.code == 130
    assert stopped.document
    error = json.loads(stopped.err.splitlines()[-1])["error"]
    assert (error["kind"], error["hint"], error["exit_code"]) == ("interrupted", None, 130)
    assert error["message"].startswith(words)
    assert error["message"].endswith("Run the same command to continue.")
    assert gjobs(*command).err.splitlines()[-1] == error["message"]


def test_second_signal_ends_the_command_at_once_and_reports_what_was_done(
    interrupted: tuple[Sequence[str], str, str],
    gjobs: Run,
    monkeypatch: pytest.MonkeyPatch,
    sigterm_exits: int,
) -> None:
    command, function, _ = interrupted
    monkeypatch.setattr(function, interrupted_twice)
    ended = gjobs(*command, "--json")
    assert (ended.code, ended.out) == (sigterm_exits, "")
    (document,) = (line for line in ended.err.splitlines() if line.startswith("{"))
    error = json.loads(document)["error"]
    assert (error["kind"], error["exit_code"]) == ("interrupted", 130)
    assert error["message"].endswith(" 3 jobs before the interrupt. Run the same command to continue.")
    assert gjobs(*command).err.splitlines()[-1] == error["message"]
