"""The one place that runs SQL.

Each call is one short explicit transaction. Its first statement sets, for this transaction alone, the time-outs
and, for a user, role and claims: nothing outlives it, so a transaction pooler can stand between. A reader's
transaction is READ ONLY in the database, and so is every transaction of a session that may not write.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Generic, TypeVar
from uuid import UUID

from psycopg import AsyncConnection, AsyncCursor, Error
from psycopg.errors import InvalidParameterValue
from psycopg.pq import TransactionStatus
from sqlalchemy import ClauseElement, text
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg

from store.actor import OPERATOR, ActingUser, Actor
from store.connecting import driver_errors
from store.connecting.connections import Connections
from store.connecting.deadline import deadline
from store.connecting.link import Link, link_of
from store.connecting.password_command import PasswordCommand
from store.errors import NoPrivilege, OutcomeUnknown, ReadOnly, StoreError, TimedOut
from store.journal import Journal
from store.statements.rows import Row, RowMaker
from store.writing.write_access import WriteAccess, WriteLease
from store.writing.written import Unconfirmed, WriteOutcome, Written

T = TypeVar("T")

_DIALECT = PGDialect_psycopg(paramstyle="pyformat")  # type: ignore[no-untyped-call]

ROLE_OF_USERS = "authenticated"

_STATUS_OF_TRANSACTION = text("SELECT txid_status(CAST(:id AS bigint))")
_OUTCOMES = {"committed": WriteOutcome.DONE, "aborted": WriteOutcome.NOT_DONE}
_TURNS = 5
_BEGIN_SNAPSHOT = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeLimits:
    """In seconds. `answer` is the client's own patience beyond the statement's limit: a dead link never answers."""

    statement: float = 8.0
    lock: float = 2.0
    answer: float = 5.0

    @property
    def patience(self) -> float:
        """How long the client waits for an answer, at most."""
        return self.statement + self.answer


@dataclass(frozen=True, slots=True)
class Query(Generic[T]):
    """A statement with the values it is run with, and how a row of its result is read.

    `statement` is best made once: its SQL is kept by the object's identity.
    """

    statement: ClauseElement
    make: RowMaker[T]
    parameters: Mapping[str, object] = field(default_factory=dict)


_PROCESS: Query[int] = Query(text("select pg_backend_pid()"), lambda row: int(row[0]))


class Database:
    """A session on a database. `conninfo` are libpq's parameters; without an `access` it may write.

    `password` is asked for one when a connection is made. With a `journal`, nothing is committed that does not stand
    in it.
    """

    def __init__(
        self,
        conninfo: Mapping[str, str | int],
        *,
        access: WriteAccess | None = None,
        limits: TimeLimits | None = None,
        password: PasswordCommand | None = None,
        journal: Journal | None = None,
    ) -> None:
        self.access = access or WriteAccess()
        self._journal = journal
        self._limits = limits or TimeLimits()
        self._connections = Connections(conninfo, password=password)

    async def close(self) -> None:
        await self._connections.close()

    @property
    def link(self) -> Link | None:
        """How the server was reached last; None before the first connection."""
        return self._connections.link

    async def read(self, actor: Actor, query: Query[T], *, limits: TimeLimits | None = None) -> list[T]:
        """The query's rows, in a read-only transaction of its own and one round trip."""
        (rows,) = await self.read_together(actor, query, limits=limits)
        return rows

    async def read_together(
        self, actor: Actor, *queries: Query[Any], limits: TimeLimits | None = None
    ) -> tuple[list[Any], ...]:
        """The rows of each query, all of one snapshot and one round trip. `limits` stand in for the session's own."""
        async with self._connections.lease() as connection:
            return await _read(connection, actor, queries, limits or self._limits)

    async def inspect(self, *queries: Query[Any]) -> tuple[Link, tuple[list[Any], ...]]:
        """As `read_together` with the operator's eyes, and the link that was read over."""
        async with self._connections.lease() as connection:
            rows = await _read(connection, OPERATOR, queries, self._limits)
            return link_of(connection), rows

    async def shares_processes(self) -> bool:
        """Whether one process of the server serves two open connections in turn: so does a pooler by transaction.

        It may do so by chance only, and it is asked a few times. Needs all the connections of the session.
        """
        async with self._connections.lease() as one, self._connections.lease() as other:
            for _ in range(_TURNS):
                pids = {await _process(connection, self._limits) for connection in (one, other)}
                if len(pids) == 1:
                    return True
            return False

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator["Snapshot"]:
        """One moment for several eyes: a round trip for each of its reads, and one to end it."""
        async with (
            self._connections.lease() as connection,
            _ends(connection, self._limits.patience),
            connection.pipeline(),
        ):
            await connection.execute(_BEGIN_SNAPSHOT)
            await _set(connection, _time_outs(self._limits))
            yield Snapshot(connection)
            await connection.execute("COMMIT")

    @asynccontextmanager
    async def write(self, actor: Actor, *, limits: TimeLimits | None = None) -> AsyncIterator["WriteTransaction"]:
        """A transaction that is committed when the block ends, where it says what to keep; else it is rolled back.

        Raises ReadOnly, from the database, at the first statement that writes where the session may not; OutcomeUnknown
        if the link breaks between the commit and its confirmation; JournalUnavailable where nothing can be kept.
        """
        limits = limits or self._limits
        async with (
            self._read_only_explained(),
            self._connections.lease() as connection,
            _ends(connection, limits.patience),
        ):
            # What holds here holds to the end: a write that is under way when a lease runs out finishes.
            may_write, lease = self.access.may_write, self.access.lease
            async with connection.pipeline():
                # Of its own choice: under any other level a job that has moved is an error, and not a refusal.
                read_only = "" if may_write else " READ ONLY"
                await connection.execute(f"BEGIN ISOLATION LEVEL READ COMMITTED{read_only}")
                identity = await _set_up(connection, actor, limits)
                await _check_identity(identity, actor)
            transaction = WriteTransaction(connection)
            yield transaction
            if transaction.kept is None:
                await connection.execute("ROLLBACK")
            else:
                await self._commit(connection, transaction.kept, actor, lease)

    async def _commit(
        self, connection: AsyncConnection, written: Written, actor: Actor, lease: WriteLease | None
    ) -> None:
        """Where there is a journal, with a line in it before, and how it ended after."""
        if self._journal is None:
            await _commit(connection, Unconfirmed(written=written, mark=None))
            return
        ((transaction_id,),) = await (await connection.execute("SELECT txid_current()")).fetchall()
        reason = lease.reason if lease else None
        mark = self._journal.begin(written, actor=actor, reason=reason, transaction_id=transaction_id)
        outcome = WriteOutcome.NOT_DONE
        try:
            await _commit(connection, Unconfirmed(written=written, mark=mark))
            outcome = WriteOutcome.DONE
        except OutcomeUnknown:
            outcome = WriteOutcome.UNKNOWN
            raise
        finally:
            self._journal.end(mark, outcome)

    async def outcome_of(self, actor: Actor, write: Unconfirmed) -> WriteOutcome | None:
        """What became of it, as the database tells; None while it is still about it. The journal learns it, too.

        Unknown where there was no journal, and where the database has forgotten, which takes millions of transactions,
        or is another by now.
        """
        if self._journal is None or write.mark is None:
            return WriteOutcome.UNKNOWN
        status = await self._status_of_transaction(actor, write.mark.transaction_id)
        if status == "in progress":
            return None
        outcome = _OUTCOMES.get(status or "", WriteOutcome.UNKNOWN)
        self._journal.end(write.mark, outcome)
        return outcome

    async def _status_of_transaction(self, actor: Actor, transaction_id: int) -> str | None:
        try:
            (status,) = await self.read(actor, Query(_STATUS_OF_TRANSACTION, _first, {"id": transaction_id}))
        except StoreError as error:
            if error.sqlstate == InvalidParameterValue.sqlstate:  # it never gave that number
                return None
            raise
        return status

    async def rehearse(self, actor: Actor, query: Query[Any], *, limits: TimeLimits) -> int:
        """How many rows the statement changes, in a transaction that is never committed."""
        async with self.write(actor, limits=limits) as transaction:
            return await transaction.change(query)

    @asynccontextmanager
    async def _read_only_explained(self) -> AsyncIterator[None]:
        """The refusal is the database's; what opens this session, if anything does, only we know."""
        try:
            yield
        except ReadOnly as error:
            if self.access.may_write:
                raise
            raise self.access.refusal(sqlstate=error.sqlstate) from error


class Snapshot:
    """What is read with several eyes. Role and claims end with each read: the next one starts as connected."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def read(self, actor: Actor, *queries: Query[Any]) -> tuple[list[Any], ...]:
        """The rows of each query."""
        # What was set since a savepoint is undone with it, to whatever it was before.
        await self._connection.execute("SAVEPOINT eyes")
        if claims := _claims(actor):
            await _set(self._connection, claims)
        identity = await _ask_identity(self._connection, actor)
        cursors = [await _send(self._connection, query) for query in queries]
        await self._connection.execute("ROLLBACK TO SAVEPOINT eyes")
        await _check_identity(identity, actor)
        return tuple([await _rows(cursor, query) for cursor, query in zip(cursors, queries, strict=True)])


class WriteTransaction:
    """What the writing statements are run with."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection
        self.kept: Written | None = None

    async def run(self, query: Query[T]) -> list[T]:
        """The rows that the statement returns."""
        return await _rows(await _send(self._connection, query), query)

    async def change(self, query: Query[Any]) -> int:
        """How many rows the statement changes. It needs no right to see them, as one that returns them does."""
        return (await _send(self._connection, query)).rowcount

    def keep(self, written: Written) -> None:
        """Commits when the block ends: all that was written, which is this."""
        self.kept = written


async def _read(
    connection: AsyncConnection, actor: Actor, queries: Sequence[Query[Any]], limits: TimeLimits
) -> tuple[list[Any], ...]:
    async with _ends(connection, limits.patience), connection.pipeline():
        await connection.execute(_BEGIN_SNAPSHOT)
        identity = await _set_up(connection, actor, limits)
        cursors = [await _send(connection, query) for query in queries]
        await connection.execute("COMMIT")
        await _check_identity(identity, actor)
        return tuple([await _rows(cursor, query) for cursor, query in zip(cursors, queries, strict=True)])


async def _process(connection: AsyncConnection, limits: TimeLimits) -> int:
    ((pid,),) = await _read(connection, OPERATOR, [_PROCESS], limits)
    return int(pid)


@asynccontextmanager
async def _ends(connection: AsyncConnection, patience: float) -> AsyncIterator[None]:
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


async def _commit(connection: AsyncConnection, write: Unconfirmed) -> None:
    try:
        await connection.execute("COMMIT")
    except Error as error:
        if connection.closed or driver_errors.is_broken_link(error):
            raise OutcomeUnknown(
                "The link broke before the database confirmed the change: it may or may not have been made.", write
            ) from error
        raise
    except asyncio.CancelledError as error:
        await connection.close()
        raise OutcomeUnknown(
            "Stopped before the database confirmed the change: it may or may not have been made.", write
        ) from error


async def _set_up(connection: AsyncConnection, actor: Actor, limits: TimeLimits) -> AsyncCursor[Row] | None:
    """Time-outs, and for a user role and claims. Returns who the database then says it is, to be checked."""
    await _set(connection, {**_time_outs(limits), **_claims(actor)})
    return await _ask_identity(connection, actor)


def _time_outs(limits: TimeLimits) -> dict[str, str]:
    return {
        "statement_timeout": str(round(limits.statement * 1000)),
        "lock_timeout": str(round(limits.lock * 1000)),
        # Against a client that stops in the middle: asleep, or cut off without a word.
        "idle_in_transaction_session_timeout": str(round(limits.patience * 1000)),
    }


def _claims(actor: Actor) -> dict[str, str]:
    if not isinstance(actor, ActingUser):
        return {}
    claims = json.dumps({"sub": str(actor.id), "role": ROLE_OF_USERS})
    return {"request.jwt.claims": claims, "role": ROLE_OF_USERS}


async def _set(connection: AsyncConnection, settings: Mapping[str, str]) -> None:
    """For this transaction alone."""
    calls = ", ".join("set_config(%s, %s, true)" for _ in settings)
    values = [part for setting in settings.items() for part in setting]
    await connection.execute(f"SELECT {calls}", values)


async def _ask_identity(connection: AsyncConnection, actor: Actor) -> AsyncCursor[Row] | None:
    return await connection.execute("SELECT auth.uid()") if isinstance(actor, ActingUser) else None


async def _check_identity(identity: AsyncCursor[Row] | None, actor: Actor) -> None:
    """Role without claims would read nothing and raise nothing: it must never pass for an empty table."""
    if identity is None or not isinstance(actor, ActingUser):
        return
    row = await identity.fetchone()
    seen: UUID | None = row[0] if row else None
    if seen != actor.id:
        raise NoPrivilege(f"The database takes this session for {seen or 'nobody'}, not for the user {actor.id}.")


def _first(row: Row) -> str | None:
    value: str | None = row[0]
    return value


async def _send(connection: AsyncConnection, query: Query[Any]) -> AsyncCursor[Row]:
    sql, constants = _compiled(query.statement)
    cursor = connection.cursor(binary=True)
    return await cursor.execute(sql, {**constants, **query.parameters})


async def _rows(cursor: AsyncCursor[Row], query: Query[T]) -> list[T]:
    make = query.make
    return [make(row) for row in await cursor.fetchall()]


@lru_cache(maxsize=256)
def _compiled(statement: ClauseElement) -> tuple[str, Mapping[str, object]]:
    """A statement as SQL, with the values that were written into it."""
    compiled = statement.compile(dialect=_DIALECT)
    return compiled.string, dict(compiled.params)
