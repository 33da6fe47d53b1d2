"""Connections that receive notifications."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from psycopg import AsyncConnection, Error

from gjobs.store.database import driver_errors
from gjobs.store.database.transactions import transaction_scope


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
