"""A few connections, opened when needed and reused."""

import asyncio
import logging
import os
import select
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from ipaddress import ip_address
from typing import Any

from psycopg import AsyncConnection, Error
from psycopg.conninfo import conninfo_attempts_async
from psycopg.pq import PipelineStatus, TransactionStatus

from store.capabilities.facts import Transport
from store.database import driver_errors, timestamps
from store.database.connection_url import PasswordCommand, quiet_password_file, warn_about_password_file
from store.database.refusal_code import refusal_code
from store.errors import SignInRefused, StoreError, Unreachable


def transport_of(connection: "AsyncConnection") -> Transport:
    return Transport(
        is_encrypted=bool(connection.pgconn.ssl_in_use),
        is_local=is_local(connection.info.host, connection.info.hostaddr),
        reported_pid=connection.info.backend_pid,
    )


def is_local(host: str, address: str) -> bool:
    """By the host as it was given, which is a directory for a Unix socket, and the address that it has."""
    return host.startswith(("/", "@")) or (bool(address) and ip_address(address).is_loopback)


# The driver warns of what it ignores while a link breaks. What matters of that is raised here, and where nobody has
# set up logging, Python would write the rest into the screen.
logging.getLogger("psycopg").addHandler(logging.NullHandler())

# Each may be set otherwise in the URL. Poolers accept them all.
DEFAULTS: Mapping[str, str | int] = {
    "fallback_application_name": "gjobs",
    # Also where the database's own encoding lacks characters: then it says so, and nothing is misread.
    "client_encoding": "UTF8",
    "keepalives_idle": 15,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,
}

CONNECT_TIMEOUT = 10
"""Seconds for each address, where neither the URL nor the environment says otherwise."""


def with_defaults(conninfo: Mapping[str, str | int]) -> dict[str, str | int]:
    """What every connection is made with, unless `conninfo` says otherwise; never a file of which libpq would warn."""
    timeout = os.environ.get("PGCONNECT_TIMEOUT") or CONNECT_TIMEOUT
    return {**DEFAULTS, "connect_timeout": timeout, **conninfo, **quiet_password_file(conninfo)}


class ConnectionPool:
    """At most `size` connections with the same parameters, opened when needed and kept for the next."""

    def __init__(
        self, conninfo: Mapping[str, str | int], *, size: int = 2, password: PasswordCommand | None = None
    ) -> None:
        self._conninfo = with_defaults(conninfo)
        self._password = password
        self.transport: Transport | None = None
        """Of the connection that was made last; None before the first."""
        self._size = size
        self._slots = asyncio.Semaphore(size)
        self._idle: list[AsyncConnection] = []
        self._closed = False

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[AsyncConnection]:
        """A connection outside any transaction. One that comes back broken, or inside one, is closed."""
        async with self._slots:
            connection = await self._acquire()
            try:
                yield connection
            finally:
                if self._closed or not _is_clean(connection):
                    await connection.close()
                else:
                    self._idle.append(connection)

    def resize(self, size: int) -> None:
        """At most so many from here on, or as many as there might be before."""
        for _ in range(size - self._size):
            self._slots.release()
        self._size = max(size, self._size)

    async def connect(self) -> AsyncConnection:
        """One more, which is the caller's to close."""
        if self._closed:
            # Whoever still holds on to a database that was left must not change it unseen.
            raise Unreachable("The store is closed.", hint="Open it again.")
        return await self._connect()

    async def close(self) -> None:
        """Closes the idle ones at once, and the others when they come back."""
        self._closed = True
        while self._idle:
            await self._idle.pop().close()

    async def _acquire(self) -> AsyncConnection:
        while self._idle:
            connection = self._idle.pop()
            if not _has_input(connection):
                return connection
            await connection.close()
        return await self.connect()

    async def _connect(self) -> AsyncConnection:
        """A password from a command is asked for anew where the server refuses one that it took before."""
        if self._password is None:
            return await self._connect_with({})
        was_known = self._password.is_known
        password = await self._password.get()
        try:
            return await self._connect_with({"password": password})
        except SignInRefused:
            self._password.forget()
            if not was_known or (renewed := await self._password.get()) == password:
                raise
        return await self._connect_with({"password": renewed})

    async def _connect_with(self, secrets: Mapping[str, str]) -> AsyncConnection:
        """At the first address that answers. A refusal is final: the driver would try a password at each of them."""
        failure: StoreError = Unreachable("The database has no address.")
        for address in await self._addresses():
            try:
                connection = await AsyncConnection.connect(
                    **{**address, **secrets},
                    autocommit=True,
                    prepare_threshold=None,
                )
            except asyncio.CancelledError as error:
                # Its frames hold the half-made connection, and some keep the error of what they stopped.
                error.with_traceback(None)
                raise
            except Error as error:
                unclear = driver_errors.is_unclear(error)
                code = await asyncio.to_thread(refusal_code, address) if unclear else None
                failure = driver_errors.translate_connecting(error, code)
                failure.__cause__ = error
                warn_about_password_file(failure, self._conninfo)
                if isinstance(failure, SignInRefused):
                    break
            else:
                timestamps.register(connection)
                self.transport = transport_of(connection)
                return connection
        raise failure

    async def _addresses(self) -> list[dict[str, Any]]:
        """The parameters for each address of each host, in the order in which they are tried."""
        try:
            return await conninfo_attempts_async(self._conninfo)
        except Error as error:
            raise driver_errors.translate_connecting(error) from error
        except UnicodeError as error:
            raise Unreachable("The database's host name cannot be one.") from error


def _is_clean(connection: AsyncConnection) -> bool:
    """Whether nothing of its last use is left on a connection."""
    return (
        connection.info.transaction_status is TransactionStatus.IDLE
        and connection.info.pipeline_status is PipelineStatus.OFF
    )


def _has_input(connection: AsyncConnection) -> bool:
    """Whether an idle connection has something to read: the server's farewell, so that it is of no more use."""
    if connection.closed:
        return True
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN)
    return bool(poll.poll(0))
