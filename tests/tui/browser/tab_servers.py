"""A server on a free port, and raw requests to it."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

from gjobs.store.configuration.settings import Profile, Settings, WriteMode
from gjobs.tui.browser.tab_server import ServerLimits, TabServer

PROFILE = Profile(name="hostile", label="</title><script>\x1b")

PATIENCE = 60.0
"""Seconds until a test gives up."""


@dataclass
class Served:
    """A running server."""

    server: TabServer
    port: int
    running: asyncio.Task[None]
    reports: list[str] = field(default_factory=list)

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def pids(self) -> list[int]:
        """The processes of the open tabs."""
        return [tab._process.pid for tab in self.server._tabs if tab._process is not None]

    async def stop(self) -> None:
        self.running.cancel()
        with suppress(asyncio.CancelledError):
            await self.running

    async def get(self, path: str = "/", *headers: str, host: str | None = None) -> str:
        """Send a request and return the whole answer. `host` replaces the server's address in the Host header."""
        return await self.send(f"GET {path} HTTP/1.1", f"Host: {host or self.host}", *headers)

    async def send(self, *lines: str) -> str:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write("\r\n".join((*lines, "Connection: close", "", "")).encode("latin-1"))
        answer = await asyncio.wait_for(reader.read(), PATIENCE)
        writer.close()
        return answer.decode("utf-8", "replace")

    async def cookie(self) -> str:
        """Open a new link and return the cookie, as the browser sends it."""
        answer = await self.get(f"/?token={self.server.sign_ins.new_link()}")
        assert status_of(answer) == 200, answer
        return cookie_of(answer)


@dataclass
class Tab:
    """The browser's side of a tab."""

    websocket: aiohttp.ClientWebSocketResponse
    cookie: str = ""

    async def send(self, *message: object) -> None:
        await self.websocket.send_json(message)

    async def receive(self) -> Any:
        message = await self.websocket.receive(PATIENCE)
        return json.loads(message.data)

    async def read_until(self, text: bytes) -> None:
        shown = b""
        async with asyncio.timeout(PATIENCE):
            while text not in shown:
                message = await self.websocket.receive()
                assert message.type in (aiohttp.WSMsgType.BINARY, aiohttp.WSMsgType.TEXT), message
                shown += message.data if message.type is aiohttp.WSMsgType.BINARY else b""

    async def end(self) -> str:
        """Read until the websocket closes, and return the reason for closing."""
        while (message := await self.websocket.receive(PATIENCE)).type is not aiohttp.WSMsgType.CLOSE:
            assert message.type in (aiohttp.WSMsgType.BINARY, aiohttp.WSMsgType.TEXT), message
        return str(message.extra)


def status_of(answer: str) -> int:
    return int(answer.split(" ", 2)[1])


def header_of(answer: str, name: str) -> str:
    """Return the value of a header, which must occur once."""
    head = answer.partition("\r\n\r\n")[0]
    (value,) = (line.partition(": ")[2] for line in head.split("\r\n") if line.lower().startswith(f"{name.lower()}: "))
    return value


def cookie_of(answer: str) -> str:
    return header_of(answer, "Set-Cookie").partition(";")[0]


@asynccontextmanager
async def serving(*, tabs: int = 8, idle: float = 600, data_dir: Path = Path("/nonexistent")) -> AsyncIterator[Served]:
    reports: list[str] = []
    settings = Settings(
        data_dir=data_dir,
        act_as="operator",
        write_rule=WriteMode.CLOSED,
        profile=PROFILE,
    )
    with free_port() as listener:
        port = listener.getsockname()[1]
        limits = ServerLimits(tabs=tabs, idle=idle, idle_words="10 min")
        server = TabServer(settings, limits, port=port, report=reports.append)
        running = asyncio.create_task(server.serve(listener))
        served = Served(server, port, running, reports)
        try:
            yield served
        finally:
            await served.stop()


@contextmanager
def free_port() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener
