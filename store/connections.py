"""The few connections of a session.

A pool of a library would try a refused password again and again, for which hosts ban an address, and would
report the attempt as a time-out. Here a connection is made when it is needed, once, and its error is the caller's.
"""

import asyncio
import select
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from psycopg import AsyncConnection, Error
from psycopg.pq import TransactionStatus

from store import driver_errors, timestamps

# Each may be set otherwise in the URL. None of them is session state, so poolers accept them.
DEFAULTS: Mapping[str, str | int] = {
    "application_name": "gjobs",
    "connect_timeout": 10,
    "keepalives_idle": 15,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,
}


class Connections:
    """At most `size` connections with the same parameters, opened when needed and kept for the next."""

    def __init__(self, conninfo: Mapping[str, str | int], *, size: int = 2) -> None:
        self._conninfo = {**DEFAULTS, **conninfo}
        self._slots = asyncio.Semaphore(size)
        self._idle: list[AsyncConnection] = []
        self._closed = False

    @asynccontextmanager
    async def lease(self) -> AsyncIterator[AsyncConnection]:
        """A connection outside any transaction. One that comes back broken, or inside one, is closed."""
        async with self._slots:
            connection = await self._take()
            try:
                yield connection
            finally:
                if self._closed or connection.info.transaction_status is not TransactionStatus.IDLE:
                    await connection.close()
                else:
                    self._idle.append(connection)

    async def close(self) -> None:
        """Closes the idle ones at once, and the others when they come back."""
        self._closed = True
        while self._idle:
            await self._idle.pop().close()

    async def _take(self) -> AsyncConnection:
        while self._idle:
            connection = self._idle.pop()
            if not _has_input(connection):
                return connection
            await connection.close()
        return await self._connect()

    async def _connect(self) -> AsyncConnection:
        try:
            connection = await AsyncConnection.connect(
                **self._conninfo,  # type: ignore[arg-type]
                autocommit=True,
                prepare_threshold=None,
            )
        except Error as error:
            raise driver_errors.translate_connecting(error) from error
        timestamps.register(connection)
        return connection


def _has_input(connection: AsyncConnection) -> bool:
    """Whether an idle connection has something to read: the server's farewell, so that it is of no more use."""
    if connection.closed:
        return True
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN)
    return bool(poll.poll(0))
