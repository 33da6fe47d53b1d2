"""A connection of its own that hears what other sessions tell, and does nothing else."""

import asyncio
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from typing import LiteralString

from psycopg import AsyncConnection
from psycopg.sql import SQL, Identifier

from store.database.identity import set_for_transaction, time_outs
from store.database.limits import TimeLimits
from store.database.transactions import ends


class Listening:
    def __init__(self, connection: AsyncConnection, patience: float) -> None:
        self._connection = connection
        self._patience = patience

    async def heard(self) -> frozenset[str]:
        """The channels on which something was told, as soon as that is; at least one. Raises a StoreError."""
        while True:
            async with ends(self._connection, self._patience):
                heard = frozenset([notify.channel async for notify in self._connection.notifies(timeout=0)])
            if heard:
                return heard
            # The driver's own way to wait looks up ten times a second.
            await _readable(self._connection.fileno())

    async def hold(self, lock: tuple[int, int]) -> None:
        """The advisory lock, as one of several, until `let_go`. Not while something is waited for."""
        await self._lock("SELECT pg_advisory_lock_shared(%s::int, %s::int)", lock)

    async def let_go(self, lock: tuple[int, int]) -> None:
        await self._lock("SELECT pg_advisory_unlock_shared(%s::int, %s::int)", lock)

    async def _lock(self, statement: LiteralString, lock: tuple[int, int]) -> None:
        async with ends(self._connection, self._patience):
            await self._connection.execute(statement, lock)


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


async def _readable(file: int) -> None:
    loop = asyncio.get_running_loop()
    readable = asyncio.Event()
    loop.add_reader(file, readable.set)
    try:
        await readable.wait()
    finally:
        loop.remove_reader(file)
