"""Faulty servers: a proxy between client and database, a server that rejects clients, and a recovering one."""

import asyncio
import re
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

from tests.conftest import Conninfo

_SSL_OR_GSS_REQUESTS = (80877103, 80877104)
Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def listening(serve: Serve, *hosts: str) -> AsyncIterator[int]:
    """Serve clients on one port of each host, and yield the port. On leaving, cut all connections."""
    connections: set[asyncio.Task[None]] = set()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        connections.add(task)
        try:
            await serve(reader, writer)
        except* (asyncio.CancelledError, OSError):
            pass
        writer.close()
        with suppress(asyncio.CancelledError, OSError):
            await writer.wait_closed()

    servers = [await asyncio.start_server(handle, hosts[0], 0)]
    port: int = servers[0].sockets[0].getsockname()[1]
    servers += [await asyncio.start_server(handle, host, port) for host in hosts[1:]]
    try:
        yield port
    finally:
        for server in servers:
            server.close()
        for task in connections:
            task.cancel()
        await asyncio.gather(*connections)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """The moment of a write at which the connection is lost: at a message, before or after the database gets it."""

    at: re.Pattern[bytes]
    reaches_database: bool = True
    answer_reaches_client: bool = False


WRITE_OPENS = re.compile(rb"BEGIN ISOLATION LEVEL READ COMMITTED")
CHANGE = re.compile(rb"(INSERT INTO|UPDATE|DELETE FROM) public\.generation_jobs")
COMMIT = re.compile(rb"COMMIT\0")


class _ProxiedConnection:
    """The state of one client."""

    def __init__(self) -> None:
        self.writes = False
        """Whether the client is in a transaction that may write."""
        self.cut: Cut | None = None
        """The cut that applies to the next answer."""


class Proxy:
    """A proxy that forwards everything until a test disturbs it."""

    def __init__(self, target: Conninfo) -> None:
        self._target = target
        self._open = asyncio.Event()
        self._open.set()
        self._withholding = False
        self._away = False
        self._clients: set[asyncio.StreamWriter] = set()
        self.instead_of_commit_answer: Callable[[asyncio.StreamWriter], Awaitable[None]] | None = None
        """Called with the writer to the client instead of forwarding the database's answer to a commit."""
        self.cut: Cut | None = None
        """The proxy goes away at this moment of the next write. Applies once."""
        self.bytes_passed = 0
        """Bytes in both directions."""
        self.bytes_before_write = 0
        """Bytes that had passed when the last write began."""
        self.bytes_left: int | None = None
        """The proxy closes all connections after this many bytes, even in the middle of a message."""

    def fall_silent(self) -> None:
        """Forward nothing, and keep new clients waiting, without closing a connection."""
        self._open.clear()

    def speak_again(self) -> None:
        """Forward everything that was held back."""
        self._open.set()

    def go_away(self) -> None:
        """Close all connections and every new one."""
        self._away = True
        for client in self._clients:
            client.close()

    def come_back(self) -> None:
        self._away = False
        self.bytes_left = None

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._away:
            return
        self._clients.add(writer)
        await self._open.wait()
        from_database, to_database = await self._connect()
        proxied_connection = _ProxiedConnection()
        try:
            async with asyncio.TaskGroup() as pumps:
                pumps.create_task(self._to_database(proxied_connection, reader, to_database))
                pumps.create_task(self._to_client(proxied_connection, from_database, writer))
        finally:
            self._clients.discard(writer)
            to_database.close()

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        host, port = str(self._target["host"]), int(self._target["port"])
        if host.startswith("/"):
            return await asyncio.open_unix_connection(f"{host}/.s.PGSQL.{port}")
        return await asyncio.open_connection(host, port)

    async def _to_database(
        self, proxied_connection: _ProxiedConnection, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        while data := await reader.read(65536):
            await self._open.wait()
            if b"COMMIT\0" in data and self.instead_of_commit_answer:
                self._withholding = True
            if WRITE_OPENS.search(data):
                proxied_connection.writes = True
                self.bytes_before_write = self.bytes_passed
            if self.cut and proxied_connection.writes and self.cut.at.search(data):
                proxied_connection.cut, self.cut = self.cut, None
                if not proxied_connection.cut.reaches_database:
                    self.go_away()
                    break
            proxied_connection.writes = proxied_connection.writes and not COMMIT.search(data)
            await self._pass(data, writer)
        writer.close()

    async def _to_client(
        self, proxied_connection: _ProxiedConnection, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        while data := await reader.read(65536):
            await self._open.wait()
            if self._withholding and self.instead_of_commit_answer:
                self._withholding = False
                await self.instead_of_commit_answer(writer)
                return
            if proxied_connection.cut is None or proxied_connection.cut.answer_reaches_client:
                await self._pass(data, writer)
            if proxied_connection.cut:
                self.go_away()
                break
        writer.close()

    async def _pass(self, data: bytes, writer: asyncio.StreamWriter) -> None:
        passing = data[: self.bytes_left]
        self.bytes_passed += len(passing)
        if self.bytes_left is not None:
            self.bytes_left -= len(passing)
        writer.write(passing)
        await writer.drain()
        if len(passing) < len(data):
            self.go_away()


@asynccontextmanager
async def proxied(database: Conninfo) -> AsyncIterator[tuple[Proxy, Conninfo]]:
    """Yield a proxy before the database, and the conninfo through it."""
    proxy = Proxy(database)
    async with listening(proxy.serve, "127.0.0.1") as port:
        yield proxy, {**database, "host": "127.0.0.1", "port": port}


def fatal(sqlstate: str, message: str, *, detail: str = "", severity: str = "FATAL") -> bytes:
    """Return an ErrorResponse of severity FATAL. `severity` is its name in the server's language."""
    fields = {"S": severity, "V": "FATAL", "C": sqlstate, "M": message} | ({"D": detail} if detail else {})
    body = b"".join(f"{kind}{value}\0".encode() for kind, value in fields.items()) + b"\0"
    return b"E" + struct.pack("!i", len(body) + 4) + body


class RejectingServer:
    """A server that rejects every client with one error, and counts them."""

    def __init__(self, refusal: bytes, *, asks_for_password: bool) -> None:
        self._refusal = refusal
        self._asks_for_password = asks_for_password
        self.visits = 0
        self.passwords = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.visits += 1
        while await self._reads_request(reader) in _SSL_OR_GSS_REQUESTS:
            writer.write(b"N")
        if self._asks_for_password:
            writer.write(b"R" + struct.pack("!ii", 8, 3))  # AuthenticationCleartextPassword
            with suppress(asyncio.IncompleteReadError):
                await reader.readexactly(1)
                await self._reads_request(reader)
                self.passwords += 1
        writer.write(self._refusal)
        await writer.drain()

    async def _reads_request(self, reader: asyncio.StreamReader) -> int:
        """Read a request, and return the number after its length."""
        (length,) = struct.unpack("!i", await reader.readexactly(4))
        body = await reader.readexactly(length - 4)
        return int.from_bytes(body[:4], "big")


NOT_ACCEPTING = fatal(
    "57P03", "the database system is not accepting connections", detail="Hot standby mode is disabled."
)
"""The error of a server that allows no reads during crash recovery."""


class RecoveringServer:
    """A server that rejects every client until it is ready, and then forwards everything to a database."""

    def __init__(self, target: Conninfo, refusal: bytes = NOT_ACCEPTING) -> None:
        self._proxy = Proxy(target)
        self._rejecting = RejectingServer(refusal, asks_for_password=False)
        self._is_ready = False

    @property
    def refusals(self) -> int:
        return self._rejecting.visits

    def crash(self) -> None:
        """Close all connections, and start to recover."""
        self._is_ready = False
        self._proxy.go_away()

    def become_ready(self) -> None:
        self._proxy.come_back()
        self._is_ready = True

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await (self._proxy if self._is_ready else self._rejecting).serve(reader, writer)


@asynccontextmanager
async def recovering(
    database: Conninfo, refusal: bytes = NOT_ACCEPTING
) -> AsyncIterator[tuple[RecoveringServer, Conninfo]]:
    """Yield a server in crash recovery before the database, and its conninfo."""
    server = RecoveringServer(database, refusal)
    async with listening(server.serve, "127.0.0.1") as port:
        yield server, {**database, "host": "127.0.0.1", "port": port}
