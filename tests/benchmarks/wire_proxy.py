"""A TCP proxy before a Postgres server: it counts bytes and round trips, and delays both directions."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from threading import Event, Thread

from tests.benchmarks.database import Conninfo

_CHUNK = 2**16

_GOODBYE = b"X\0\0\0\4"
"""The last message of a client, which nothing answers."""

_WRITE = b"READ COMMITTED"
"""Part of the statement that opens a transaction for writing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Traffic:
    """What passed the proxy, over all connections."""

    sent: int
    """Bytes of the clients."""
    received: int
    """Bytes of the server, which hosts bill as egress."""
    round_trips: int
    """How often a client sent something after it had got an answer. Each connection adds one for the TCP handshake.
    Connections whose answers are held do not count.
    """

    @property
    def both(self) -> int:
        return self.sent + self.received

    def since(self, earlier: "Traffic") -> "Traffic":
        return Traffic(
            sent=self.sent - earlier.sent,
            received=self.received - earlier.received,
            round_trips=self.round_trips - earlier.round_trips,
        )


class WireProxy:
    """Forwards TCP connections to the server's socket. Open it with `wire_proxy`."""

    def __init__(self, server: Conninfo) -> None:
        self._server = server
        self._sent = self._received = self._round_trips = 0
        self._is_answered = True
        """Whether a client got an answer since the last time that one sent something."""
        self.delay = 0.0
        """Seconds that each direction takes, also on open connections. A new connection waits for a round trip, as
        with TCP.
        """
        self.holds_reads = False
        """Whether to hold the answers to what is sent from now on, except to writes and sign-ins without a password."""
        self.held = 0
        """The number of connections with a held answer, including those whose client no longer waits."""
        self.port = 0

    @property
    def traffic(self) -> Traffic:
        return Traffic(sent=self._sent, received=self._received, round_trips=self._round_trips)

    def conninfo(self, database: Conninfo) -> dict[str, str | int]:
        """Return the parameters that reach the database through this proxy, without TLS."""
        return {**database, "host": "127.0.0.1", "port": self.port, "sslmode": "disable", "gssencmode": "disable"}

    def url(self, database: Conninfo) -> str:
        parameters = self.conninfo(database)
        return (
            f"postgresql://{parameters['user']}@127.0.0.1:{self.port}/{parameters['dbname']}"
            "?sslmode=disable&gssencmode=disable"
        )

    async def serve(self, client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        socket = f"{self._server['host']}/.s.PGSQL.{self._server['port']}"
        server, to_server = await asyncio.open_unix_connection(socket)
        self._round_trips += 1
        self._is_answered = True
        is_new, is_held, writes = True, False, False

        def note_sent(data: bytes) -> None:
            nonlocal is_new, is_held, writes
            writes = self.holds_reads and (writes or _WRITE in data)
            if self.holds_reads and not (is_new or is_held or writes):
                is_held = True
                self.held += 1
            is_new = False
            self._sent += len(data)
            if data != _GOODBYE and not is_held:
                self._round_trips += self._is_answered
                self._is_answered = False

        async def release() -> None:
            nonlocal is_held
            while is_held and self.holds_reads:  # noqa: ASYNC110
                await asyncio.sleep(0.002)
            self.held -= is_held
            is_held = False

        def note_delivered(data: bytes) -> None:
            self._received += len(data)
            self._is_answered = True

        directions = [
            self._forward(client, to_server, first_delay=3 * self.delay, sent=note_sent),
            self._forward(server, to_client, first_delay=self.delay, release=release, delivered=note_delivered),
        ]
        tasks = [asyncio.create_task(direction) for direction in directions]
        try:
            # Each side may end the connection.
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            # First of all: a second cancellation may end the wait below.
            to_server.close()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _forward(
        self,
        source: asyncio.StreamReader,
        target: asyncio.StreamWriter,
        *,
        first_delay: float,
        sent: Callable[[bytes], None] = lambda _: None,
        release: Callable[[], Awaitable[None]] | None = None,
        delivered: Callable[[bytes], None] = lambda _: None,
    ) -> None:
        loop, waiting = asyncio.get_running_loop(), asyncio.Queue[tuple[float, bytes]]()

        async def deliver() -> None:
            while True:
                due, data = await waiting.get()
                if (left := due - loop.time()) > 0:
                    await asyncio.sleep(left)
                if release is not None:
                    await release()
                delivered(data)
                if not data:
                    return
                target.write(data)

        delivering, earliest = asyncio.create_task(deliver()), loop.time() + first_delay
        try:
            while data := await source.read(_CHUNK):
                sent(data)
                waiting.put_nowait((max(earliest, loop.time() + self.delay), data))
            waiting.put_nowait((loop.time() + self.delay, b""))
            await delivering
        finally:
            delivering.cancel()


@contextmanager
def wire_proxy(server: Conninfo) -> Iterator[WireProxy]:
    """Run a proxy before the server in a thread of its own."""
    proxy, is_open, loop = WireProxy(server), Event(), asyncio.new_event_loop()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.CancelledError):
            await proxy.serve(reader, writer)

    served = set[asyncio.Task[None]]()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = loop.create_task(serve(reader, writer))
        # The loop keeps only weak references to tasks, and a connection only one to its reader.
        served.add(task)
        task.add_done_callback(served.discard)
        # A task that is cancelled before its first step runs no `finally`, so it cannot close its writer itself.
        task.add_done_callback(lambda _: writer.close())

    async def run(stop: asyncio.Event) -> None:
        listener = await asyncio.start_server(accept, "127.0.0.1", 0)
        proxy.port = listener.sockets[0].getsockname()[1]
        is_open.set()
        await stop.wait()
        listener.close()
        # The task of an accepted connection may not have started yet.
        while connections := asyncio.all_tasks() - {asyncio.current_task()}:
            for task in connections:
                task.cancel()
            await asyncio.gather(*connections, return_exceptions=True)
        # Closed connections end in the loop's next round.
        await asyncio.sleep(0)

    stop = asyncio.Event()
    thread = Thread(target=loop.run_until_complete, args=(run(stop),))
    thread.start()
    is_open.wait()
    try:
        yield proxy
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()
        loop.close()
