"""Errors of commands when the server is recovering or has no free connection."""

import asyncio

import pytest

from tests.cli.command_line import run_process
from tests.store.faulty_servers import NOT_ACCEPTING, RejectingServer, fatal, listening


@pytest.mark.parametrize("command", ["jobs list", "migrate status", "doctor", "worker --simulate --once"])
@pytest.mark.parametrize(
    ("refusal", "words"),
    [
        (NOT_ACCEPTING, "The server is starting, recovering or shutting down. Wait until it is ready, then try again."),
        (fatal("53300", "sorry, too many clients already"), "All connections of the server or the pooler"),
    ],
    ids=["recovery", "full"],
)
async def test_command_explains_why_the_server_takes_no_connections(command: str, refusal: bytes, words: str) -> None:
    server = RejectingServer(refusal, asks_for_password=False)
    async with listening(server.serve, "127.0.0.1") as port:
        address = f"postgresql://ada@127.0.0.1:{port}/app"
        done = await asyncio.to_thread(run_process, *command.split(), "--database-url", address)
    assert done.code == 3
    assert words in done.err
    assert "sign-in" not in done.err
    assert "Check the address" not in done.err
