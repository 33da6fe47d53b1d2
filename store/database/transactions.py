"""Read, snapshot and write transactions, with their roles, claims, time-outs and deadlines."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from typing import Any, TypeVar

from psycopg import AsyncConnection, AsyncCursor, Error
from psycopg.pq import TransactionStatus
from psycopg.types.json import Jsonb
from sqlalchemy import text

from gjobs.store.database import driver_errors
from gjobs.store.database.load_meter import LoadMeter
from gjobs.store.database.query import JobRelation, Query, Row, TimeLimits, answers_of, first_column, reading, send
from gjobs.store.errors import MAY_BE_MADE, NoPrivilege, OutcomeUnknown, TimedOut
from gjobs.store.journal.write_record import UnconfirmedWrite, WriteRecord
from gjobs.store.users.actor import Actor, ClaimSources, RequestIdentity, identity_of

UNPROTECTED = """(
WITH RECURSIVE read (name, verb, oid) AS (
    SELECT c.relname::text, 'is', c.oid
      FROM pg_catalog.pg_class c
     WHERE c.relname IN ('generation_jobs', 'projects', 'assets')
       AND c.relnamespace = (SELECT oid FROM pg_catalog.pg_namespace WHERE nspname = 'public')
    UNION
    SELECT read.name, 'reads', d.refobjid
      FROM read
      JOIN pg_catalog.pg_class v ON v.oid = read.oid AND v.relkind = 'v'
      JOIN pg_catalog.pg_rewrite w ON w.ev_class = v.oid
      JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_rewrite'::regclass AND d.objid = w.oid
                                 AND d.refclassid = 'pg_catalog.pg_class'::regclass
)
SELECT min(read.name || ' ' || read.verb || CASE c.relkind WHEN 'm' THEN ' a materialized view'
                                                           WHEN 'f' THEN ' a foreign table'
                                                           ELSE ' a view that runs with the rights of its owner' END)
  FROM read
  JOIN pg_catalog.pg_class c ON c.oid = read.oid
 WHERE c.relkind IN ('m', 'f')
    OR c.relkind = 'v' AND NOT EXISTS (SELECT FROM pg_catalog.pg_options_to_table(c.reloptions)
                                        WHERE option_name = 'security_invoker' AND option_value::boolean)
)"""
"""SQL for why one of the app's tables would show rows without applying a user's policies. Otherwise NULL.

It may be another kind of relation, or a view that reads one, directly or through other views.
"""

ACT_AS_OPERATOR = "Act as the operator instead."


def unprotected_words(why: str) -> str:
    """Return a sentence for a value of UNPROTECTED."""
    return f"gjobs can't show what a user sees: {why}, so policies do not decide what it returns."


async def take_identity(connection: AsyncConnection, identity: RequestIdentity | None) -> AsyncCursor[Row] | None:
    """Apply role and claims to this transaction only. Return the identity that the database reports."""
    if identity is None:
        return None
    await connection.execute(identity.sql, identity.values)
    return await connection.execute(_WHO)


_WHO = (
    "SELECT auth.uid(), current_user::text, current_setting('request.jwt.claims')::jsonb ->> 'role',"
    f" {UNPROTECTED}::text"
)


async def check_identity(answer: AsyncCursor[Row] | None, identity: RequestIdentity | None) -> None:
    """Raise NoPrivilege if the database reports another identity, or would not apply the policies of this one.

    A role without claims would read no rows and raise no error. That must never look like an empty table. Without
    policies, all jobs would look like those of the user.
    """
    if answer is None or identity is None:
        return
    row = await answer.fetchone()
    user_id, role, claimed_role, unprotected = row or (None, None, None, None)
    if user_id != identity.user_id or role != identity.role:
        expected = f"the user {identity.user_id}" if identity.user_id else f"the role {identity.role}"
        raise NoPrivilege(f"gjobs acts as {expected}, but the database reports {user_id or 'no user'}.")
    if claimed_role != identity.role:
        raise NoPrivilege(
            f"The app signs in user {user_id} as the role {claimed_role}, so gjobs can't show what they see.",
            hint=f"gjobs can act only as users of the role {identity.role}. {ACT_AS_OPERATOR}",
        )
    if unprotected is not None:
        raise NoPrivilege(unprotected_words(unprotected), hint=ACT_AS_OPERATOR)


def time_outs(limits: TimeLimits) -> dict[str, str]:
    return {
        **statement_time_out(limits.statement),
        "lock_timeout": str(round(limits.lock * 1000)),
        # For a client that stops in mid-transaction, because it sleeps or has lost its connection.
        "idle_in_transaction_session_timeout": str(round(limits.patience * 1000)),
    }


def statement_time_out(seconds: float) -> dict[str, str]:
    """Return the setting, at least 1 ms. Postgres takes 0 for no limit."""
    return {"statement_timeout": str(max(1, round(seconds * 1000)))}


_TIME_OUTS = ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout")
_SET = "set_config('{name}', %s, true)"
# Postgres returns a time-out with its unit, which casts to an interval. 0 means no limit.
_SET_IF_SHORTER = (
    "set_config('{name}',"
    " least(%s::int8, nullif(extract(epoch from current_setting('{name}')::interval) * 1000, 0))::int8::text, true)"
)

_NEEDED = {"row_security": "on", "array_nulls": "on", "quote_all_identifiers": "off"}
"""Settings that our statements need, because a login may change them. Without `array_nulls`, for example, NULL in an
array would become the text 'NULL'.

`standard_conforming_strings` is not set, because functions of the app that our statements call may depend on it.
"""
_ALWAYS_SET = tuple(f"set_config('{name}', '{value}', true)" for name, value in _NEEDED.items())

NEEDS_NO_SETTINGS: Query[bool] = Query(
    text(
        "select bool_and(setting.reset_val = needed.value) from jsonb_each_text(:needed) needed"
        " join pg_settings setting on setting.name = needed.key"
    ),
    first_column,
    {"needed": Jsonb({**_NEEDED, "default_transaction_isolation": "read committed"})},
)
"""Whether a statement that is a transaction by itself has the settings that it needs: the login has them."""


async def set_for_transaction(connection: AsyncConnection, settings: Mapping[str, str]) -> None:
    """Apply settings to this transaction only. A shorter time-out of the role or database stays in force.

    The names become SQL, so they must be our own.
    """
    calls = [(_SET_IF_SHORTER if name in _TIME_OUTS else _SET).format(name=name) for name in settings]
    # One short value is sent back, instead of each setting.
    statement = f"SELECT length({' || '.join([*_ALWAYS_SET, *calls])})"
    await connection.execute(statement.encode(), list(settings.values()))


_LATE = 0.2
"""Seconds. A timer that is later than this shows that the event loop was blocked."""


@contextmanager
def deadline(connection: AsyncConnection, seconds: float) -> Iterator[asyncio.Event]:
    """Yield an event. After these seconds, set it and cut the connection, so that waiting code gets the driver's error.

    Cancelling the task would be slower. The driver would ask the silent server to stop, over another connection that
    gets no answer either. The driver would wait some seconds for each of the two connections.

    If the event loop was blocked when the time ran out, the time starts again. The answer may be waiting unread.
    """
    passed, loop = asyncio.Event(), asyncio.get_running_loop()
    timer: asyncio.TimerHandle

    def start() -> asyncio.TimerHandle:
        due = loop.time() + seconds
        return loop.call_at(due, cut, due)

    def cut(due: float) -> None:
        nonlocal timer
        if loop.time() - due > _LATE:
            timer = start()
            return
        passed.set()
        _shut_down(connection)

    timer = start()
    try:
        yield passed
    finally:
        timer.cancel()


def _shut_down(connection: AsyncConnection) -> None:
    """Shut down the socket, but leave its descriptor to the driver, which then reads the end of the stream."""
    if connection.closed:
        return
    with socket.socket(fileno=os.dup(connection.fileno())) as connected:
        try:
            connected.shutdown(socket.SHUT_RDWR)
        except OSError:
            return  # The other side closed it first.


T = TypeVar("T")

BEGIN_SNAPSHOT = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"


async def begin_write(
    connection: AsyncConnection, identity: RequestIdentity | None, limits: TimeLimits, *, may_write: bool
) -> AsyncCursor[Row] | None:
    """Begin, and set the time-outs, the role and the claims. Return the identity that the database reports."""
    # At higher levels, updating a concurrently changed job causes a serialization error instead of a clear refusal.
    await connection.execute(f"BEGIN ISOLATION LEVEL READ COMMITTED{'' if may_write else ' READ ONLY'}".encode())
    await set_for_transaction(connection, time_outs(limits))
    return await take_identity(connection, identity)


_FURTHER_LIMITS = TimeLimits(statement=0.2, lock=0.1)
"""A list that takes longer counts as expensive, and needs its own time limit."""

_PREPARED_FROM = 0
"""Executions before a repeated statement is prepared. Its text is sent once anyway, so prepare it at once."""
_PLAN_EACH_TIME = {"plan_cache_mode": "force_custom_plan"}
"""A generic plan ignores the values, such as a project's id or the number of rows."""


async def read(
    connection: AsyncConnection,
    identity: RequestIdentity | None,
    queries: Sequence[Query[Any]],
    limits: TimeLimits,
    *,
    prepares: bool = False,
    further: Sequence[Query[Any]] = (),
) -> tuple[tuple[list[Any], ...], tuple[list[Row], ...] | None]:
    """Read in one round trip. Return the answers of `queries`, and the rows of `further`, or None if one of those
    fails.

    With `prepares`, the text of repeated statements is sent only at first.
    """
    settings = time_outs(limits) | (_PLAN_EACH_TIME if prepares else {})
    cursors, further_cursors = list[AsyncCursor[Row]](), list[AsyncCursor[Row]]()
    async with transaction_scope(connection, limits.patience):
        connection.prepare_threshold = _PREPARED_FROM if prepares else None
        try:
            # Fetch after the pipeline: inside, each fetch would wait for an answer of its own.
            async with connection.pipeline():
                await connection.execute(BEGIN_SNAPSHOT)
                await set_for_transaction(connection, settings)
                answer = await take_identity(connection, identity)
                cursors += await send(connection, *queries)
                if further:
                    await set_for_transaction(connection, time_outs(_FURTHER_LIMITS))
                    further_cursors += await send(connection, *further)
                await connection.execute("COMMIT")
        except Error:
            has_answers = len(cursors) == len(queries) and all(cursor.pgresult for cursor in cursors)
            if not further or connection.closed or not has_answers:
                raise
            await connection.execute("ROLLBACK")
            further_cursors.clear()
        finally:
            # Elsewhere, a rollback would make the driver forget all prepared statements.
            connection.prepare_threshold = None
        await check_identity(answer, identity)
        answers = await answers_of(cursors, queries)
        if len(further_cursors) < len(further):
            return answers, None
        return answers, tuple([await cursor.fetchall() for cursor in further_cursors])


_NUMBER = "SELECT txid_current_if_assigned()"


class Snapshot:
    """Reads as several actors. After each read, role and claims are reset to those of the connection's login."""

    def __init__(
        self,
        connection: AsyncConnection,
        load: LoadMeter,
        claim_sources: ClaimSources,
        relation_of: Callable[[Actor], JobRelation],
    ) -> None:
        self._connection = connection
        self._relation_of = relation_of
        self._load = load
        self._claim_sources = claim_sources

    async def read(self, actor: Actor, *queries: Query[Any], within: float | None = None) -> tuple[list[Any], ...]:
        """Return the rows of each query. Each has `within` seconds; None keeps the transaction's limit."""
        self._load.count(len(queries))
        # Rolling back to a savepoint restores the settings from before it.
        await self._connection.execute("SAVEPOINT before_actor")
        identity = identity_of(actor, self._claim_sources)
        if within is not None:
            await set_for_transaction(self._connection, statement_time_out(within))
        answer = await take_identity(self._connection, identity)
        cursors = await send(self._connection, *reading(queries, self._relation_of(actor)))
        await self._connection.execute("ROLLBACK TO SAVEPOINT before_actor")
        await check_identity(answer, identity)
        return await answers_of(cursors, queries)


class WriteTransaction:
    """Runs the statements of one write transaction, which begins with the first of them, in one round trip.

    `is_numbered` asks for the transaction's number, too.
    """

    def __init__(
        self,
        connection: AsyncConnection,
        load: LoadMeter,
        *,
        identity: RequestIdentity | None,
        limits: TimeLimits,
        may_write: bool,
        is_numbered: bool,
    ) -> None:
        self._connection = connection
        self._load = load
        self._begin = partial(begin_write, connection, identity, limits, may_write=may_write)
        self._identity = identity
        self._is_numbered = is_numbered
        self.has_begun = False
        self.number: int | None = None
        """The transaction's number, read after the first statement. None if that statement changed nothing."""
        self.recorded: WriteRecord | None = None

    async def run(self, query: Query[T]) -> list[T]:
        """Return the rows that the statement returns."""
        (rows,) = await self.run_together(query)
        return rows

    async def run_together(self, *queries: Query[Any]) -> tuple[list[Any], ...]:
        """Return the rows of each statement. If they begin the transaction, they share its round trip."""
        cursors = await self._send(*queries)
        return await answers_of(cursors, queries)

    async def change(self, query: Query[Any]) -> int:
        """Return how many rows the statement changes. Needs no right to read them, unlike RETURNING."""
        (cursor,) = await self._send(query)
        return cursor.rowcount

    async def become(self, identity: RequestIdentity | None) -> None:
        """Run all later statements of this transaction of the operator with this identity."""
        async with self._connection.pipeline():
            if not self.has_begun:
                await self._begin()
            answer = await take_identity(self._connection, identity)
        self.has_begun = True
        await check_identity(answer, identity)

    async def _send(self, *queries: Query[Any]) -> list[AsyncCursor[Row]]:
        self._load.count(len(queries))
        if self.has_begun:
            return await send(self._connection, *queries)
        async with self._connection.pipeline():
            answer = await self._begin()
            cursors = await send(self._connection, *queries)
            numbers = await self._connection.execute(_NUMBER) if self._is_numbered else None
        # Nothing is committed before this check.
        await check_identity(answer, self._identity)
        self.has_begun = True
        if numbers is not None:
            ((self.number,),) = await numbers.fetchall()
        return cursors

    def record(self, written: WriteRecord) -> None:
        """Record what was written. The transaction then commits when its block ends."""
        self.recorded = written


@asynccontextmanager
async def transaction_scope(connection: AsyncConnection, patience: float) -> AsyncIterator[None]:
    """Translate errors to StoreErrors, leave no transaction open, and stop waiting after `patience` seconds."""
    with deadline(connection, patience) as passed:
        try:
            try:
                yield
            except BaseException:
                await _abandon(connection)
                raise
        except Error as error:
            if passed.is_set():
                # The server would have stopped a slow statement by now.
                hint = "Check the network, then try again."
                raise TimedOut(f"The database did not answer within {patience:g} s.", hint=hint) from error
            raise driver_errors.translate(error) from error


async def _abandon(connection: AsyncConnection) -> None:
    """Roll back an open transaction, or close the connection if that fails."""
    if connection.closed or connection.info.transaction_status is TransactionStatus.IDLE:
        return
    try:
        await connection.execute("ROLLBACK")
    except Error:
        await connection.close()


@asynccontextmanager
async def sending(connection: AsyncConnection, write: UnconfirmedWrite) -> AsyncIterator[None]:
    """Raise OutcomeUnknown if the connection is lost while a write is sent. Close it if the write is cancelled."""
    try:
        yield
    except Error as error:
        if connection.closed or driver_errors.is_connection_lost(error):
            reason = f"The connection was lost before the database confirmed the change{MAY_BE_MADE}"
            raise OutcomeUnknown(reason, write) from error
        raise
    except asyncio.CancelledError:
        await connection.close()
        raise


async def commit(connection: AsyncConnection, write: UnconfirmedWrite) -> None:
    try:
        async with sending(connection, write):
            await connection.execute("COMMIT")
    except asyncio.CancelledError as error:
        raise OutcomeUnknown(f"Stopped before the database confirmed the change{MAY_BE_MADE}", write) from error
