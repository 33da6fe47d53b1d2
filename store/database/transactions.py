"""The transactions that there are: to read, to read with several eyes, to write; and how each of them ends."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from psycopg import AsyncConnection, AsyncCursor, Error
from psycopg.pq import TransactionStatus

from store.actor import Actor
from store.connecting import driver_errors
from store.connecting.deadline import deadline
from store.database.identity import (
    ask_identity,
    check_identity,
    claims,
    set_for_transaction,
    set_up,
    statement_time_out,
)
from store.database.limits import TimeLimits
from store.database.query import Query, rows_of, send
from store.errors import OutcomeUnknown, TimedOut
from store.load import LoadMeter
from store.statements.rows import Row
from store.writing.written import Unconfirmed, Written

T = TypeVar("T")

BEGIN_SNAPSHOT = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"


def begin_write(*, may_write: bool) -> str:
    """Of our own choice: under any other level a job that has moved is an error, and not a refusal."""
    return f"BEGIN ISOLATION LEVEL READ COMMITTED{'' if may_write else ' READ ONLY'}"


async def read(
    connection: AsyncConnection, actor: Actor, queries: Sequence[Query[Any]], limits: TimeLimits
) -> tuple[list[Any], ...]:
    async with ends(connection, limits.patience), connection.pipeline():
        await connection.execute(BEGIN_SNAPSHOT)
        identity = await set_up(connection, actor, limits)
        cursors = [await send(connection, query) for query in queries]
        await connection.execute("COMMIT")
        await check_identity(identity, actor)
        return tuple([await rows_of(cursor, query) for cursor, query in zip(cursors, queries, strict=True)])


class Snapshot:
    """What is read with several eyes. Role and claims end with each read: the next one starts as connected."""

    def __init__(self, connection: AsyncConnection, load: LoadMeter) -> None:
        self._connection = connection
        self._load = load

    async def read(self, actor: Actor, *queries: Query[Any], within: float | None = None) -> tuple[list[Any], ...]:
        """The rows of each query, each `within` so many seconds; None for as many as the transaction has for each."""
        self._load.count(len(queries))
        # What was set since a savepoint is undone with it, to whatever it was before.
        await self._connection.execute("SAVEPOINT eyes")
        if settings := {**({} if within is None else statement_time_out(within)), **claims(actor)}:
            await set_for_transaction(self._connection, settings)
        identity = await ask_identity(self._connection, actor)
        cursors = [await send(self._connection, query) for query in queries]
        await self._connection.execute("ROLLBACK TO SAVEPOINT eyes")
        await check_identity(identity, actor)
        return tuple([await rows_of(cursor, query) for cursor, query in zip(cursors, queries, strict=True)])


async def write_at_once(
    connection: AsyncConnection,
    actor: Actor,
    queries: Sequence[Query[Any]],
    limits: TimeLimits,
    *,
    write: Unconfirmed,
    may_write: bool,
    goes_alone: bool,
) -> tuple[list[Any], ...]:
    """Each statement guards itself, so that all is sent, the commit with it, before the first answer has come.

    One that `goes_alone` is a transaction by itself, without time-outs but the caller's: it lasts no longer than its
    arguments let it, and says itself how long it waits for a lock.
    """
    try:
        if goes_alone and len(queries) == 1:
            (query,) = queries
            return (await rows_of(await send(connection, query), query),)
        async with connection.pipeline():
            await connection.execute(begin_write(may_write=may_write))
            identity = await set_up(connection, actor, limits)
            cursors = [await send(connection, query) for query in queries]
            await check_identity(identity, actor)
            await connection.execute("COMMIT")
            return tuple([await rows_of(cursor, query) for cursor, query in zip(cursors, queries, strict=True)])
    except Error as error:
        if connection.closed or driver_errors.is_broken_link(error):
            raise unknown(write) from error
        raise
    except asyncio.CancelledError:
        await connection.close()
        raise


class WriteTransaction:
    """What the writing statements are run with."""

    def __init__(self, connection: AsyncConnection, load: LoadMeter) -> None:
        self._connection = connection
        self._load = load
        self.kept: Written | None = None

    async def run(self, query: Query[T]) -> list[T]:
        """The rows that the statement returns."""
        return await rows_of(await self._send(query), query)

    async def change(self, query: Query[Any]) -> int:
        """How many rows the statement changes. It needs no right to see them, as one that returns them does."""
        return (await self._send(query)).rowcount

    async def _send(self, query: Query[Any]) -> AsyncCursor[Row]:
        self._load.count(1)
        return await send(self._connection, query)

    def keep(self, written: Written) -> None:
        """Commits when the block ends: all that was written, which is this."""
        self.kept = written


@asynccontextmanager
async def ends(connection: AsyncConnection, patience: float) -> AsyncIterator[None]:
    """Errors leave as ours, no transaction stays open, and nobody waits for ever for a dead link."""
    with deadline(connection, patience) as waiting:
        try:
            try:
                yield
            except BaseException:
                await _abandon(connection)
                raise
        except Error as error:
            if waiting.passed:
                raise TimedOut(f"The database did not answer within {patience:g} s.") from error
            raise driver_errors.translate(error) from error


async def _abandon(connection: AsyncConnection) -> None:
    """Rolls back what is open; a link that cannot do that much is closed."""
    if connection.closed or connection.info.transaction_status is TransactionStatus.IDLE:
        return
    try:
        await connection.execute("ROLLBACK")
    except Error:
        await connection.close()


def unknown(write: Unconfirmed) -> OutcomeUnknown:
    """What a write raises when its link breaks."""
    return OutcomeUnknown(
        "The link broke before the database confirmed the change: it may or may not have been made.", write
    )


async def commit(connection: AsyncConnection, write: Unconfirmed) -> None:
    try:
        await connection.execute("COMMIT")
    except Error as error:
        if connection.closed or driver_errors.is_broken_link(error):
            raise unknown(write) from error
        raise
    except asyncio.CancelledError as error:
        await connection.close()
        raise OutcomeUnknown(
            "Stopped before the database confirmed the change: it may or may not have been made.", write
        ) from error
