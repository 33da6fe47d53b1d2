"""LISTEN connections, and a prepared statement that is sent on NOTIFY."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from psycopg import AsyncClientCursor, AsyncConnection, Error, generators
from psycopg.adapt import Transformer
from psycopg.errors import error_from_result
from psycopg.pq import ExecStatus, Format
from psycopg.pq.abc import PGresult

from gjobs.store.database import driver_errors
from gjobs.store.database.load_meter import LoadMeter
from gjobs.store.database.query import Query, compiled
from gjobs.store.database.transactions import sending, transaction_scope, unknown
from gjobs.store.errors import StoreError
from gjobs.store.journal.write_record import UnconfirmedWrite
from gjobs.store.system.async_tools import is_set_within


class ListenConnection:
    """A listening connection for one task at a time. Keeps notifications that arrive while a statement runs."""

    def __init__(self, connection: AsyncConnection, patience: float) -> None:
        self.connection = connection
        self.patience = patience
        """Seconds to wait for an answer."""
        self._heard: set[str] = set()
        connection.add_notify_handler(lambda notify: self._heard.add(notify.channel))

    async def wait_for_channels(self) -> frozenset[str]:
        """Wait for notifications, and return their channels (at least one). Raises a StoreError."""
        while not (channels := self.taken()):
            has_input = asyncio.Event()
            with self.calling(has_input.set):
                await has_input.wait()
        return channels

    def taken(self) -> frozenset[str]:
        """Return the channels notified since the last call. Raises a StoreError."""
        # The driver only offers a wait, which takes many times as long as this read.
        server = self.connection.pgconn
        try:
            server.consume_input()
            while notify := server.notifies():
                self._heard.add(notify.relname.decode())
        except Error as error:
            raise driver_errors.translate(error) from error
        channels = frozenset(self._heard)
        self._heard.clear()
        return channels

    @contextmanager
    def calling(self, call: Callable[[], object]) -> Iterator[None]:
        """Call `call` on new input or when the connection ends. No statement may run on the connection meanwhile."""
        loop, file = asyncio.get_running_loop(), self.connection.fileno()
        loop.add_reader(file, call)
        try:
            yield
        finally:
            loop.remove_reader(file)

    async def lock(self, lock: tuple[int, int], *, releases: bool = False) -> None:
        """Acquire or release the advisory lock, in shared mode. Don't call this while waiting for a notification."""
        function = "pg_advisory_unlock_shared" if releases else "pg_advisory_lock_shared"
        async with transaction_scope(self.connection, self.patience):
            await self.connection.execute(f"SELECT {function}(%s::int, %s::int)".encode(), lock)


T = TypeVar("T")

_NAME = "gjobs_standing_by"


class ReadyStatement:
    """A statement that is sent on a listening connection as soon as a notification arrives.

    The statement and its values are prepared on the server, so no task switch or formatting delays it. It runs in the
    server process that has just delivered the notification.

    The statement is a transaction by itself. It is sent only while `may_be_sent` returns true. No pooler may share the
    server session with others.
    """

    def __init__(
        self, listening: ListenConnection, load: LoadMeter, write: UnconfirmedWrite, *, may_be_sent: Callable[[], bool]
    ) -> None:
        self.listening = listening
        self._load = load
        self._write = write
        self._may_be_sent = may_be_sent
        self._prepared: str | None = None
        self._is_sent = False
        self._failure: StoreError | None = None

    async def prepare(self, query: Query[Any]) -> None:
        """Prepare the statement to send, if it differs from the previous one. Raises a StoreError."""
        connection = self.listening.connection
        sql, constants = compiled(query.statement)
        async with transaction_scope(connection, self.listening.patience):
            statement = AsyncClientCursor(connection).mogrify(sql, {**constants, **query.parameters})
            if statement == self._prepared:
                return
            if self._prepared is not None:
                self._prepared = None
                await connection.execute(f"DEALLOCATE {_NAME}")
            await connection.execute(f"PREPARE {_NAME} AS {statement}")
        self._prepared = statement

    async def sent(self, unless: asyncio.Event, seconds: float) -> bool:
        """Wait for a notification, and return whether the statement was sent with it. Then `answer` has its rows.

        Returns False in these cases:

        - A notification came before the call.
        - The statement may not be sent.
        - `unless` is set, or `seconds` have passed. A notification during the call also sets `unless`.

        Raises a StoreError.
        """
        if self.listening.taken() or unless.is_set():
            return False
        self._is_sent, self._failure = False, None

        def handle_input() -> None:
            # Remove the reader first: if the connection has ended, its file number may soon belong to another file.
            loop.remove_reader(file)
            if not unless.is_set():
                self._send_on_notification()
                unless.set()

        loop, file = asyncio.get_running_loop(), self.listening.connection.fileno()
        with self.listening.calling(handle_input):
            await is_set_within(unless, seconds)
        if self._failure is not None and not self._is_sent:
            raise self._failure
        return self._is_sent

    def _send_on_notification(self) -> None:
        try:
            if self.listening.taken() and self._may_be_sent():
                self._is_sent = True
                self.listening.connection.pgconn.send_query_prepared(_NAME.encode(), None, result_format=Format.BINARY)
        except StoreError as error:
            self._failure = error
        except Error as error:
            self._failure = driver_errors.translate(error)

    async def answer(self, query: Query[T]) -> list[T]:
        """Return the rows of the statement that was sent. It is committed.

        Raises a StoreError, or OutcomeUnknown if the connection is lost first.
        """
        connection = self.listening.connection
        self._load.count(1)
        with self._load.measured():
            async with transaction_scope(connection, self.listening.patience), sending(connection, self._write):
                if self._failure is not None:
                    raise unknown(self._write) from self._failure
                result: PGresult
                (result,) = await connection.wait(generators.execute(connection.pgconn))
                if result.status != ExecStatus.TUPLES_OK:
                    raise error_from_result(result, encoding=connection.info.encoding)
        transformer = Transformer(connection)
        transformer.set_pgresult(result)
        return [query.make(row) for row in transformer.load_rows(0, result.ntuples, tuple)]
