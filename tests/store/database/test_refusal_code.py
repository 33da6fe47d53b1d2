"""The second attempt to connect, which finds the SQLSTATE of a refusal whose text gjobs does not know."""

import asyncio
import os
import resource
import struct
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from gjobs.migrations.connection import connect
from gjobs.store.database import refusal_code
from gjobs.store.errors import Unreachable
from tests.conftest import Conninfo
from tests.store.database.conftest import connection_error
from tests.store.faulty_servers import RejectingServer, fatal, listening
from tests.store.store_fixtures import until

FULL_IN_GERMAN = "tut mir leid, schon zu viele Klienten"


class FullAtFirst(RejectingServer):
    """A server that refuses the first client with "too many clients" in a language unknown to gjobs. Then it asks for a
    password, or stays silent.
    """

    def __init__(self, *, then_asks: bool) -> None:
        super().__init__(fatal("53300", FULL_IN_GERMAN), asks_for_password=False)
        self._then_asks = then_asks
        self.was_left = False
        """Whether a later visitor has closed its connection."""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.visits == 0:
            await super().serve(reader, writer)
            return
        self.visits += 1
        await reader.read(1)
        if self._then_asks:
            writer.write(b"R" + struct.pack("!ii", 8, 3))
        await reader.read()
        self.was_left = True


@pytest.mark.parametrize("then_asks", [True, False])
async def test_full_server_stays_unreachable_if_the_second_attempt_is_not_refused(
    then_asks: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refusal_code, "PATIENCE_SECONDS", 60.0 if then_asks else 0.2)
    server = FullAtFirst(then_asks=then_asks)
    async with listening(server.serve, "127.0.0.1") as port:
        login: Conninfo = {"host": "127.0.0.1", "port": port, "user": "ada", "password": "right", "sslmode": "disable"}
        error = await connection_error(login)
        server.visits = 0
        with pytest.raises(Unreachable) as caught:
            await asyncio.to_thread(lambda: connect(login).__enter__())
    for found in (error, caught.value):
        assert type(found) is Unreachable
        assert str(found) == f"The database accepts no connections at the moment: {FULL_IN_GERMAN}."
        assert "Try again" in str(found.hint)


def test_cancelling_the_second_attempt_ends_its_process_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A signal cancels a command, which then must end at once. A thread would delay the end of the event loop, so the
    attempt is a process.
    """
    monkeypatch.setattr(refusal_code, "PATIENCE_SECONDS", 40.0)

    async def cancelled_at() -> float:
        server = FullAtFirst(then_asks=False)
        async with listening(server.serve, "127.0.0.1") as port:
            login: Conninfo = {"host": "127.0.0.1", "port": port, "user": "ada", "sslmode": "disable"}
            connecting = asyncio.create_task(connection_error(login))
            await until(lambda: server.visits == 2)
            began = time.monotonic()
            connecting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await connecting
            await until(lambda: server.was_left)
        return began

    began = asyncio.run(cancelled_at())
    assert time.monotonic() - began < 20


@pytest.fixture
def descriptors_above_1024() -> Iterator[None]:
    """Open all file descriptors that `select` supports, so that new ones are above 1024."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    limit = 2_048
    if hard not in (-1, resource.RLIM_INFINITY) and hard < limit:
        pytest.skip("The system allows too few descriptors.")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, limit), hard))
    opened = [os.open(os.devnull, os.O_RDONLY)]
    try:
        while opened[-1] <= 1_024:
            opened.append(os.dup(opened[0]))
        yield
    finally:
        for descriptor in opened:
            os.close(descriptor)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def open_descriptors() -> set[str]:
    return {path.name for path in Path("/dev/fd").iterdir()}


@pytest.mark.usefixtures("descriptors_above_1024")
async def test_second_attempt_works_above_1024_descriptors_and_leaves_none_open(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(refusal_code, "PATIENCE_SECONDS", 60.0)
    server = RejectingServer(fatal("3D000", "Datenbank »app« fehlt"), asks_for_password=False)
    async with listening(server.serve, "127.0.0.1") as port:
        parameters = {"host": "127.0.0.1", "port": port, "user": "ada", "sslmode": "disable"}
        before = open_descriptors()
        codes = [
            await refusal_code.refusal_code_async(parameters),
            await asyncio.to_thread(refusal_code.refusal_code, parameters),
        ]
        assert codes == ["3D000", "3D000"]
        # This process also holds the server's end of each connection.
        await until(lambda: open_descriptors() == before)
