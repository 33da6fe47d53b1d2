"""The link breaks between a change and its confirmation: exit code 7, what it was about, and what is known since."""

import asyncio
import json
import os
from pathlib import Path

import pytest

from store.journal.journal import read_journal
from tests.cli.cli_rows import QUEUED
from tests.cli.command_line import Result, run_process, uri
from tests.conftest import Conninfo
from tests.store.faulty_servers import COMMIT, Cut, proxied

pytestmark = pytest.mark.usefixtures("url")

TRANSITION = ("jobs", "transition", str(QUEUED), "running", "--write", "ticket 7", "--json")


def journal() -> list[tuple[str, str]]:
    directory = Path(os.environ["GJOBS_DATA_DIR"]) / "journal"
    return [(entry.what, entry.outcome.value) for entry in read_journal(directory).entries]


def assert_told(result: Result, *words: str) -> None:
    assert (result.code, result.out) == (7, "")
    error = json.loads(result.err)["error"]
    first, second = error["message"], error["hint"]
    assert first.startswith("The connection was lost before the database confirmed the change")
    assert second == (
        f"The command was: transition job to running {QUEUED}. Check its outcome in the journal before you repeat it."
    )
    for word in words:
        assert word in first


@pytest.mark.parametrize("arrives", [True, False])
async def test_write_outcome_stays_unknown_while_the_connection_is_lost(database: Conninfo, arrives: bool) -> None:
    async with proxied(database) as (proxy, conninfo):
        proxy.cut = Cut(at=COMMIT, reaches_database=arrives)
        told = await asyncio.to_thread(run_process, *TRANSITION, "--database-url", uri(conninfo))
    assert_told(told, "it may or may not have been made.")
    assert journal() == [("transition job to running", "unknown")]


@pytest.mark.parametrize(
    ("arrives", "words", "outcome"),
    [
        (True, f"gjobs checked again. The change was made: lifestyle {QUEUED.hex[:8]} is running now.", "done"),
        (False, f"gjobs checked again. The change was not made: lifestyle {QUEUED.hex[:8]} is queued now.", "not done"),
    ],
)
async def test_write_outcome_is_reported_after_the_connection_returns(
    database: Conninfo, arrives: bool, words: str, outcome: str
) -> None:
    async with proxied(database) as (proxy, conninfo):
        proxy.cut = Cut(at=COMMIT, reaches_database=arrives)
        running = asyncio.create_task(asyncio.to_thread(run_process, *TRANSITION, "--database-url", uri(conninfo)))
        while proxy.cut is not None:  # noqa: ASYNC110
            await asyncio.sleep(0.005)
        await asyncio.sleep(0.01)
        proxy.come_back()
        assert_told(await running, words)
    assert journal() == [("transition job to running", outcome)]
