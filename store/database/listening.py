"""A connection of its own that hears what other sessions tell."""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import LiteralString

from psycopg import AsyncConnection, Error
from psycopg.sql import SQL, Identifier

from store.connecting import driver_errors
from store.database.identity import set_for_transaction, time_outs
from store.database.limits import TimeLimits
from store.database.transactions import ends


class Listening:
    """For one user at a time: what it hears while a statement runs on it is kept for whoever asks next."""

    def __init__(self, connection: AsyncConnection, patience: float) -> None:
        self.connection = connection
        self.patience = patience
        """Seconds for an answer."""
        self._heard: set[str] = set()
        connection.add_notify_handler(lambda notify: self._heard.add(notify.channel))

    async def heard(self) -> frozenset[str]:
        """The channels on which something was told, as soon as that is; at least one. Raises a StoreError."""
        while not (heard := self.taken()):
            told = asyncio.Event()
            with self.calling(told.set):
                await told.wait()
        return heard

    def taken(self) -> frozenset[str]:
        """The channels on which something has been told since it was asked last. Raises a StoreError."""
        # What the driver has for this is a wait, which takes many times as long as the reading.
        server = self.connection.pgconn
        try:
            server.consume_input()
            while notify := server.notifies():
                self._heard.add(notify.relname.decode())
        except Error as error:
            raise driver_errors.translate(error) from error
        heard = frozenset(self._heard)
        self._heard.clear()
        return heard

    @contextmanager
    def calling(self, call: Callable[[], object]) -> Iterator[None]:
        """Whenever there is more to take, or the link has ended. No statement may run on it meanwhile."""
        loop, file = asyncio.get_running_loop(), self.connection.fileno()
        loop.add_reader(file, call)
        try:
            yield
        finally:
            loop.remove_reader(file)

    async def hold(self, lock: tuple[int, int]) -> None:
        """The advisory lock, as one of several, until `let_go`. Not while something is waited for."""
        await self._lock("SELECT pg_advisory_lock_shared(%s::int, %s::int)", lock)

    async def let_go(self, lock: tuple[int, int]) -> None:
        await self._lock("SELECT pg_advisory_unlock_shared(%s::int, %s::int)", lock)

    async def _lock(self, statement: LiteralString, lock: tuple[int, int]) -> None:
        async with ends(self.connection, self.patience):
            await self.connection.execute(statement, lock)


@asynccontextmanager
async def listening_on(
    connection: AsyncConnection, channels: Collection[str], *, lock: tuple[int, int] | None, limits: TimeLimits
) -> AsyncIterator[Listening]:
    """Until it is left, the connection's session listens, and holds the lock, if any, as one of several."""
    try:
        async with ends(connection, limits.patience), connection.pipeline():
            await connection.execute("BEGIN READ ONLY")
            await set_for_transaction(connection, time_outs(limits))
            if lock is not None:
                await connection.execute("SELECT pg_advisory_lock_shared(%s::int, %s::int)", lock)
            for channel in channels:
                await connection.execute(SQL("LISTEN {}").format(Identifier(channel)))
            await connection.execute("COMMIT")
        yield Listening(connection, limits.patience)
    finally:
        await connection.close()
