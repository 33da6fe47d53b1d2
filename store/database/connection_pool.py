"""A small pool of connections that are opened on demand and reused. The first one may open in a thread."""

import asyncio
import logging
import os
import select
import struct
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from concurrent.futures import Future
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from threading import Thread
from typing import Any

from psycopg import AsyncConnection, Error
from psycopg.abc import Buffer
from psycopg.adapt import Loader
from psycopg.conninfo import conninfo_attempts_async
from psycopg.pq import Format, PipelineStatus, TransactionStatus

from gjobs.store.capabilities.capability import Transport
from gjobs.store.database.connection_url import PasswordCommand, quiet_password_file, warn_about_password_file
from gjobs.store.database.driver_errors import is_unclear, translate_connecting
from gjobs.store.database.load_meter import TrafficMeter
from gjobs.store.database.refusal_code import refusal_code_async
from gjobs.store.errors import SignInRefused, StoreError, Unreachable
from gjobs.store.system.async_tools import abandon_lookups
from gjobs.store.values.formats import FarTime

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


_unpack = struct.Struct("!q").unpack
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
"""Postgres counts microseconds from here."""
_MICROSECOND = timedelta(microseconds=1)
_INFINITIES = {2**63 - 1: "infinity", -(2**63): "-infinity"}
_CYCLE_YEARS, _CYCLE = 400, timedelta(days=146_097)
"""The calendar repeats after this many years."""
_UNKNOWN_TYPE = 0
"""The driver uses the loader of this type for every type that has none of its own."""


class UtcLoader(Loader):
    """Converts times that Python can't represent, such as `infinity`, to its earliest or latest time."""

    format = Format.BINARY

    def load(self, data: Buffer) -> datetime:
        microseconds: int
        (microseconds,) = _unpack(data)
        try:
            # Multiply: the constructor of timedelta takes 50 % longer.
            return _EPOCH + microseconds * _MICROSECOND
        except OverflowError:
            return FarTime.of(_INFINITIES.get(microseconds) or _far_text(microseconds))


class UnknownTypeLoader(Loader):
    """Reads a type that the driver does not know as text, such as the app's enum for a status."""

    format = Format.BINARY

    def load(self, data: Buffer) -> str | bytes:
        found = bytes(data)
        try:
            return found.decode()
        except UnicodeDecodeError:
            return found


def _far_text(microseconds: int) -> str:
    cycles, rest = divmod(microseconds, _CYCLE // _MICROSECOND)
    near = _EPOCH + rest * _MICROSECOND
    year, text = near.year + cycles * _CYCLE_YEARS, f"{near:-%m-%dT%H:%M:%S.%fZ}"
    return f"{year}{text}" if year > 0 else f"{1 - year:04}{text} BC"


def transport_of(connection: "AsyncConnection") -> Transport:
    return Transport(
        is_encrypted=bool(connection.pgconn.ssl_in_use),
        is_local=is_local(connection.info.host, connection.info.hostaddr),
        reported_pid=connection.info.backend_pid,
    )


def is_local(host: str, address: str) -> bool:
    """Return whether a connection stays on this machine.

    `host` is the host as given, which is a directory for a Unix socket. `address` is its resolved address.
    """
    return host.startswith(("/", "@")) or (bool(address) and ip_address(address).is_loopback)


# The driver logs warnings about a connection that is being lost. Errors that matter are raised here. Without a handler,
# Python would print these warnings over the dashboard.
logging.getLogger("psycopg").addHandler(logging.NullHandler())

# The URL may override each of these. Poolers accept them all.
DEFAULTS: Mapping[str, str | int] = {
    "fallback_application_name": "gjobs",
    # UTF-8 even if the database's encoding lacks some characters: the server then raises an error and garbles nothing.
    "client_encoding": "UTF8",
    "keepalives_idle": 15,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,
}

CONNECT_TIMEOUT = 10
"""Seconds for each address, unless the URL or the environment sets another value."""


def with_defaults(conninfo: Mapping[str, str | int]) -> dict[str, str | int]:
    """Return `conninfo` with the defaults added, and without a password file that libpq would warn about."""
    timeout = os.environ.get("PGCONNECT_TIMEOUT") or CONNECT_TIMEOUT
    return {**DEFAULTS, "connect_timeout": timeout, **conninfo, **quiet_password_file(conninfo)}


class ConnectionPool:
    """At most `size` connections with the same parameters, opened on demand and reused."""

    def __init__(
        self, conninfo: Mapping[str, str | int], *, size: int = 2, password: PasswordCommand | None = None
    ) -> None:
        self._conninfo = with_defaults(conninfo)
        self.password = password
        self.transport: Transport | None = None
        """How the newest connection reaches the server; None before the first one."""
        self.traffic = TrafficMeter()
        """Counts the bytes of all connections."""
        self._size = size
        self._slots = asyncio.Semaphore(size)
        self._idle: list[AsyncConnection] = []
        self._early: EarlyConnection | None = None
        self._spare: AsyncConnection | None = None
        """The spare connection while nobody uses it."""
        self.has_spare = False
        """Whether the spare connection is open, also while somebody uses it."""
        self._spare_lock = asyncio.Lock()
        self._closed = False

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[AsyncConnection]:
        """Borrow a connection outside any transaction. It is closed if it returns broken or in a transaction."""
        async with self._slots:
            connection = await self._acquire()
            try:
                yield connection
            finally:
                if self._closed or not _is_clean(connection):
                    await connection.close()
                else:
                    self._idle.append(connection)

    @asynccontextmanager
    async def urgent_connection(self) -> AsyncIterator[AsyncConnection]:
        """Borrow a connection as `connection` does, or the spare one if all others are in use or not open yet."""
        spare = await self._take_spare() if self._slots.locked() or not self._idle else None
        if spare is None:
            async with self.connection() as connection:
                yield connection
            return
        try:
            yield spare
        finally:
            if self._closed or not _is_clean(spare):
                await self._close_spare(spare)
            else:
                self._spare = spare

    async def keep_spare(self) -> None:
        """Open a spare connection beside the `size` others, unless there is one. Raises StoreError if that fails."""
        async with self._spare_lock:
            if self.has_spare:
                return
            self._spare = await self.connect()
            self.has_spare = True
        if self._closed:
            await self.drop_spare()

    async def drop_spare(self) -> None:
        """Close the spare connection if nobody uses it."""
        if self._spare is not None:
            spare, self._spare = self._spare, None
            await self._close_spare(spare)

    async def _take_spare(self) -> AsyncConnection | None:
        spare, self._spare = self._spare, None
        if spare is not None and _has_input(spare):
            await self._close_spare(spare)
            return None
        return spare

    async def _close_spare(self, spare: AsyncConnection) -> None:
        self.has_spare = False
        await spare.close()

    def connect_early(self) -> None:
        """Start to connect in a thread. The first borrower gets this connection, or the reason why there is none.

        With a password command, which belongs to one event loop, this does nothing.
        """
        if self.password is None:
            self._early = EarlyConnection(self._connect)

    def resize(self, size: int) -> None:
        """Allow up to `size` connections. Never lowers the limit."""
        for _ in range(size - self._size):
            self._slots.release()
        self._size = max(size, self._size)

    async def connect(self) -> AsyncConnection:
        """Open one more connection, which the caller must close."""
        if self._closed:
            # A caller that still holds a closed store must not write to its database unnoticed.
            raise Unreachable("The store is closed.", hint="Open it again.")
        return await self._connect()

    async def close(self) -> None:
        """Close idle connections now, and the others when they are returned."""
        self._closed = True
        if self._early is not None:
            self._early.drop()
            self._early = None
        await self.drop_spare()
        while self._idle:
            await self._idle.pop().close()

    async def _acquire(self) -> AsyncConnection:
        if self._early is not None:
            early, self._early = self._early, None
            self._idle.append(await early.get())
        while self._idle:
            connection = self._idle.pop()
            if not _has_input(connection):
                return connection
            await connection.close()
        return await self.connect()

    async def _connect(self) -> AsyncConnection:
        """Connect, and run the password command again if the server refuses the known password."""
        if self.password is None:
            return await self._connect_with({})
        was_known = self.password.is_known
        password = await self.password.get()
        try:
            return await self._connect_with({"password": password})
        except SignInRefused:
            self.password.forget()
            if not was_known or (renewed := await self.password.get()) == password:
                raise
        return await self._connect_with({"password": renewed})

    async def _connect_with(self, secrets: Mapping[str, str]) -> AsyncConnection:
        """Connect to the first address that answers.

        Stop at a refused sign-in. The driver would try the password at every address.
        """
        failure: StoreError = Unreachable("The database has no address.")
        for address in await self._addresses():
            try:
                connection = await AsyncConnection.connect(
                    **{**address, **secrets},
                    autocommit=True,
                    prepare_threshold=None,
                )
            except asyncio.CancelledError as error:
                # The error's frames hold the half-made connection, and other errors may keep this error alive.
                error.with_traceback(None)
                raise
            except Error as error:
                code = await refusal_code_async(address) if is_unclear(error) else None
                failure = translate_connecting(error, code)
                failure.__cause__ = error
                warn_about_password_file(failure, self._conninfo)
                if isinstance(failure, SignInRefused):
                    break
            else:
                connection.adapters.register_loader("timestamptz", UtcLoader)
                connection.adapters.register_loader(_UNKNOWN_TYPE, UnknownTypeLoader)
                self.transport = transport_of(connection)
                self.traffic.add(connection)
                return connection
        raise failure

    async def _addresses(self) -> list[dict[str, Any]]:
        """Return the parameters for each address of each host, in the order of attempts."""
        try:
            return await conninfo_attempts_async(self._conninfo)
        except Error as error:
            raise translate_connecting(error) from error
        except UnicodeError as error:
            raise Unreachable("The database's host name is not valid.") from error


def _is_clean(connection: AsyncConnection) -> bool:
    """Return whether a connection has no transaction or pipeline left open."""
    return (
        connection.info.transaction_status is TransactionStatus.IDLE
        and connection.info.pipeline_status is PipelineStatus.OFF
    )


def _has_input(connection: AsyncConnection) -> bool:
    """Return whether an idle connection is closed or has unread input.

    On an idle connection, input means that the server is closing it.
    """
    if connection.closed:
        return True
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN)
    return bool(poll.poll(0))
