"""Read, snapshot and write transactions; role, claims, time-outs, deadline."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Any, TypeVar

from psycopg import AsyncConnection, AsyncCursor, Error
from psycopg.pq import TransactionStatus

from store.database import driver_errors
from store.database.load_meter import LoadMeter
from store.database.query import Query, Row, TimeLimits, rows_of, send
from store.errors import NoPrivilege, OutcomeUnknown, TimedOut
from store.journal.write_record import UnconfirmedWrite, WriteRecord
from store.users.actor import Actor
from store.users.claims import RequestIdentity

Identify = Callable[[Actor], Awaitable[RequestIdentity | None]]


async def set_up(
    connection: AsyncConnection, identity: RequestIdentity | None, limits: TimeLimits
) -> AsyncCursor[Row] | None:
    """Time-outs, and for a user role and claims. Returns who the database then says it is, to be checked."""
    await set_for_transaction(connection, time_outs(limits))
    return await take_identity(connection, identity)


def time_outs(limits: TimeLimits) -> dict[str, str]:
    return {
        **statement_time_out(limits.statement),
        "lock_timeout": str(round(limits.lock * 1000)),
        # Against a client that stops in the middle: asleep, or cut off without a word.
        "idle_in_transaction_session_timeout": str(round(limits.patience * 1000)),
    }


def statement_time_out(seconds: float) -> dict[str, str]:
    """Never 0, which is none at all."""
    return {"statement_timeout": str(max(1, round(seconds * 1000)))}


_TIME_OUTS = ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout")
_SET = "set_config(%s, %s, true)"
# Postgres tells a time-out with its unit, as an interval has it; 0 is none.
_SET_IF_SHORTER = (
    "set_config(%s, least(%s::int8, nullif(extract(epoch from current_setting(%s)::interval) * 1000, 0))::int8::text,"
    " true)"
)


async def set_for_transaction(connection: AsyncConnection, settings: Mapping[str, str]) -> None:
    """For this transaction alone. Of a time-out and that which the role or the database has, the shorter holds."""
    calls, values = [], list[str]()
    for name, value in settings.items():
        is_time_out = name in _TIME_OUTS
        calls.append(_SET_IF_SHORTER if is_time_out else _SET)
        values += [name, value, name] if is_time_out else [name, value]
    await connection.execute(f"SELECT {', '.join(calls)}", values)


async def take_identity(connection: AsyncConnection, identity: RequestIdentity | None) -> AsyncCursor[Row] | None:
    """Role and claims, for this transaction alone. Returns who the database then says it is."""
    if identity is None:
        return None
    await connection.execute(identity.sql, identity.values)
    return await connection.execute(_WHO)


_WHO = "SELECT auth.uid(), current_user::text, current_setting('request.jwt.claims')::jsonb ->> 'role'"


async def check_identity(answer: AsyncCursor[Row] | None, identity: RequestIdentity | None) -> None:
    """Role without claims would read nothing and raise nothing: it must never pass for an empty table."""
    if answer is None or identity is None:
        return
    row = await answer.fetchone()
    user_id, role, claimed_role = row or (None, None, None)
    if user_id != identity.user_id or role != identity.role:
        expected = f"the user {identity.user_id}" if identity.user_id else f"the role {identity.role}"
        raise NoPrivilege(f"The database takes this session for {user_id or 'nobody'}, not for {expected}.")
    if claimed_role != identity.role:
        raise NoPrivilege(
            f"The app signs the user {user_id} in as the role {claimed_role}, so gjobs cannot show what they see.",
            hint=f"gjobs acts as users of the role {identity.role} only. Look as the operator instead.",
        )


class Deadline:
    """Whether the link has been cut because its time was over."""

    def __init__(self) -> None:
        self.passed = False


@contextmanager
def deadline(connection: AsyncConnection, seconds: float) -> Iterator[Deadline]:
    """Cuts the link if the block takes longer, so that whoever waits for it gets the driver's error.

    To cancel the waiting task instead would make the driver ask the server to stop, over a new link to the same
    silence, and wait some seconds more for each.
    """
    state = Deadline()

    def cut() -> None:
        state.passed = True
        _shut_down(connection)

    timer = asyncio.get_running_loop().call_later(seconds, cut)
    try:
        yield state
    finally:
        timer.cancel()


def _shut_down(connection: AsyncConnection) -> None:
    """Ends the traffic and leaves the descriptor to the driver, which then reads the end of it."""
    if connection.closed:
        return
    with socket.socket(fileno=os.dup(connection.fileno())) as link:
        try:
            link.shutdown(socket.SHUT_RDWR)
        except OSError:
            return  # The other side was quicker.


T = TypeVar("T")

BEGIN_SNAPSHOT = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"


def begin_write(*, may_write: bool) -> str:
    """Of our own choice: under any other level a job that has moved is an error, and not a refusal."""
    return f"BEGIN ISOLATION LEVEL READ COMMITTED{'' if may_write else ' READ ONLY'}"


async def read(
    connection: AsyncConnection, identity: RequestIdentity | None, queries: Sequence[Query[Any]], limits: TimeLimits
) -> tuple[list[Any], ...]:
    async with transaction_scope(connection, limits.patience), connection.pipeline():
        await connection.execute(BEGIN_SNAPSHOT)
        answer = await set_up(connection, identity, limits)
        cursors = [await send(connection, query) for query in queries]
        await connection.execute("COMMIT")
        await check_identity(answer, identity)
        return tuple([await rows_of(cursor, query) for cursor, query in zip(cursors, queries, strict=True)])


class Snapshot:
    """What is read with several eyes. Role and claims end with each read: the next one starts as connected."""

    def __init__(self, connection: AsyncConnection, load: LoadMeter, identify: Identify) -> None:
        self._connection = connection
        self._load = load
        self._identify = identify

    async def read(self, actor: Actor, *queries: Query[Any], within: float | None = None) -> tuple[list[Any], ...]:
        """The rows of each query, each `within` so many seconds; None for as many as the transaction has for each."""
        self._load.count(len(queries))
        # What was set since a savepoint is undone with it, to whatever it was before.
        await self._connection.execute("SAVEPOINT eyes")
        identity = await self._identify(actor)
        if within is not None:
            await set_for_transaction(self._connection, statement_time_out(within))
        answer = await take_identity(self._connection, identity)
        cursors = [await send(self._connection, query) for query in queries]
        await self._connection.execute("ROLLBACK TO SAVEPOINT eyes")
        await check_identity(answer, identity)
        return tuple([await rows_of(cursor, query) for cursor, query in zip(cursors, queries, strict=True)])


async def write_at_once(
    connection: AsyncConnection,
    identity: RequestIdentity | None,
    queries: Sequence[Query[Any]],
    limits: TimeLimits,
    *,
    write: UnconfirmedWrite,
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
            answer = await set_up(connection, identity, limits)
            cursors = [await send(connection, query) for query in queries]
            await check_identity(answer, identity)
            await connection.execute("COMMIT")
            return tuple([await rows_of(cursor, query) for cursor, query in zip(cursors, queries, strict=True)])
    except Error as error:
        if connection.closed or driver_errors.is_connection_lost(error):
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
        self.recorded: WriteRecord | None = None

    async def run(self, query: Query[T]) -> list[T]:
        """The rows that the statement returns."""
        return await rows_of(await self._send(query), query)

    async def change(self, query: Query[Any]) -> int:
        """How many rows the statement changes. It needs no right to see them, as one that returns them does."""
        return (await self._send(query)).rowcount

    async def _send(self, query: Query[Any]) -> AsyncCursor[Row]:
        self._load.count(1)
        return await send(self._connection, query)

    def record(self, written: WriteRecord) -> None:
        """Commits when the block ends: all that was written, which is this."""
        self.recorded = written


@asynccontextmanager
async def transaction_scope(connection: AsyncConnection, patience: float) -> AsyncIterator[None]:
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


def unknown(write: UnconfirmedWrite) -> OutcomeUnknown:
    """What a write raises when its link breaks."""
    return OutcomeUnknown(
        "The link broke before the database confirmed the change: it may or may not have been made.", write
    )


async def commit(connection: AsyncConnection, write: UnconfirmedWrite) -> None:
    try:
        await connection.execute("COMMIT")
    except Error as error:
        if connection.closed or driver_errors.is_connection_lost(error):
            raise unknown(write) from error
        raise
    except asyncio.CancelledError as error:
        await connection.close()
        raise OutcomeUnknown(
            "Stopped before the database confirmed the change: it may or may not have been made.", write
        ) from error
