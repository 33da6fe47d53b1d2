"""Connect in a thread, while the program imports what it needs afterwards."""

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from threading import Thread
from typing import Any

from psycopg import AsyncConnection

from gjobs.store.async_tools import abandon_lookups

Connect = Callable[[], Coroutine[Any, Any, AsyncConnection]]


class EarlyConnection:
    """A connection for use in any event loop. A thread opens it in a separate event loop.

    It ends with the process: a server that does not answer can't prevent a command from ending.
    """

    def __init__(self, connect: Connect) -> None:
        self._opened: Future[AsyncConnection] = Future()
        # As a running future, it can't be cancelled, so the future's callbacks always receive the connection.
        self._opened.set_running_or_notify_cancel()
        Thread(target=self._run, args=(connect,), name="gjobs-connect", daemon=True).start()

    def _run(self, connect: Connect) -> None:
        async def open_connection() -> AsyncConnection:
            abandon_lookups()
            return await connect()

        try:
            self._opened.set_result(asyncio.run(open_connection()))
        except BaseException as error:
            self._opened.set_exception(error)

    async def get(self) -> AsyncConnection:
        """Wait for the connection, or raise the reason why there is none. If cancelled, close it once it is open."""
        try:
            return await asyncio.wrap_future(self._opened)
        except asyncio.CancelledError:
            self.drop()
            raise

    def drop(self) -> None:
        """Close the connection as soon as it is open."""
        self._opened.add_done_callback(_close)


def _close(opened: Future[AsyncConnection]) -> None:
    if opened.exception() is None:
        # Without a loop: `close` of the driver does the same.
        opened.result().pgconn.finish()
