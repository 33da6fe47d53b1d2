"""A connection that is lost before a change is confirmed: the exit code, the command, and its outcome."""

import asyncio
import json
import os
from pathlib import Path

import pytest

from gjobs.store.journal.journal import read_journal
from tests.cli.cli_rows import QUEUED
from tests.cli.command_line import Result, run_process, uri
from tests.conftest import Conninfo
from tests.store.faulty_servers import CHANGE, COMMIT, Cut, proxied

pytestmark = pytest.mark.usefixtures("url")

TRANSITION = ("jobs", "transition", str(QUEUED), "running", "--write", "ticket 7", "--json")


def journal() -> list[tuple[str, str]]:
    directory = Path(os.environ["GJOBS_DATA_DIR"]) / "journal"
    return [(entry.what, entry.outcome.value) for entry in read_journal(directory).entries]


def assert_outcome_unknown(result: Result, words: str, advice: str) -> None:
    assert (result.code, result.out) == (7, "")
    error = json.loads(result.err)["error"]
    assert error["message"] == f"The connection was lost before the database confirmed the change{words}"
    assert error["hint"] == f"The command was: transition job to running {QUEUED}. {advice}"


@pytest.mark.parametrize("arrives", [True, False])
async def test_write_outcome_stays_unknown_while_the_connection_is_lost(database: Conninfo, arrives: bool) -> None:
    async with proxied(database) as (proxy, conninfo):
        proxy.cut = Cut(at=COMMIT, reaches_database=arrives)
        ended = await asyncio.to_thread(run_process, *TRANSITION, "--database-url", uri(conninfo))
    advice = "Check its outcome in the journal before you repeat it."
    assert_outcome_unknown(ended, ": it may or may not have been made.", advice)
    assert journal() == [("transition job to running", "unknown")]


async def test_connection_lost_before_the_commit_is_reported_with_the_unchanged_state(database: Conninfo) -> None:
    async with proxied(database) as (proxy, conninfo):
        proxy.cut = Cut(at=CHANGE)
        ended = await asyncio.to_thread(run_process, *TRANSITION, "--database-url", uri(conninfo))
    assert (ended.code, ended.out) == (3, "")
    message = json.loads(ended.err)["error"]["message"]
    assert message.startswith("The connection was lost: ")
    assert message.endswith(". Nothing was changed.")
    assert journal() == []


@pytest.mark.parametrize(
    ("arrives", "words", "outcome", "advice"),
    [
        (True, f"made: lifestyle {QUEUED.hex[:8]} is running now.", "done", "Don't repeat it."),
        (False, f"not made: lifestyle {QUEUED.hex[:8]} is queued now.", "not done", "You can repeat it."),
    ],
)
async def test_write_outcome_is_reported_after_the_connection_returns(
    database: Conninfo, arrives: bool, words: str, outcome: str, advice: str
) -> None:
    async with proxied(database) as (proxy, conninfo):
        proxy.cut = Cut(at=COMMIT, reaches_database=arrives)
        running = asyncio.create_task(asyncio.to_thread(run_process, *TRANSITION, "--database-url", uri(conninfo)))
        while proxy.cut is not None:  # noqa: ASYNC110
            await asyncio.sleep(0.005)
        await asyncio.sleep(0.01)
        proxy.come_back()
        assert_outcome_unknown(await running, f". The change was {words}", advice)
    assert journal() == [("transition job to running", outcome)]
