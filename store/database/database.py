"""Database: the reads, writes, snapshots and outcome lookups of one session."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Set
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar

from psycopg import AsyncConnection, Error
from psycopg.errors import (
    DuplicatePreparedStatement,
    FeatureNotSupported,
    InvalidParameterValue,
    InvalidSqlStatementName,
)
from psycopg.sql import SQL, Identifier
from sqlalchemy import text

from gjobs.store.capabilities.capability import Transport
from gjobs.store.configuration.settings import WriteAccess, WritePermit
from gjobs.store.database.connection_pool import ConnectionPool, transport_of
from gjobs.store.database.driver_errors import LOST_HINT, translate
from gjobs.store.database.load_meter import LoadMeter
from gjobs.store.database.query import (
    PRESENT,
    EarlyAnswers,
    JobRelation,
    Query,
    TimeLimits,
    answers_of,
    first_column,
    reading,
    send,
)
from gjobs.store.database.transactions import (
    BEGIN_SNAPSHOT,
    NEEDS_NO_SETTINGS,
    Snapshot,
    WriteTransaction,
    begin_write,
    check_identity,
    commit,
    read,
    sending,
    set_for_transaction,
    time_outs,
    transaction_scope,
)
from gjobs.store.errors import OutcomeUnknown, ReadOnly, ServerFailure, StoreError, TimedOut, Unreachable
from gjobs.store.journal.journal import Journal
from gjobs.store.journal.write_record import UnconfirmedWrite, WriteOutcome, WriteRecord
from gjobs.store.system.async_tools import PriorityGate
from gjobs.store.users.actor import (
    COLUMNS,
    OPERATOR,
    Actor,
    ClaimSources,
    RequestIdentity,
    identity_of,
    issuer_of,
    role_of,
)

T = TypeVar("T")

_STATUS_OF_TRANSACTION = text("SELECT txid_status(CAST(:id AS bigint))")
_OUTCOMES = {"committed": WriteOutcome.DONE, "aborted": WriteOutcome.NOT_DONE}
_TURNS = 5
_LOST_STATEMENTS = (
    InvalidSqlStatementName.sqlstate,
    DuplicatePreparedStatement.sqlstate,
    FeatureNotSupported.sqlstate,
)
"""A pooler gave the server's connection to another client, or the columns of a table changed."""

SLOW_ROUND_TRIP = 0.04
"""Seconds. Over a faster network, waiting for another query is not noticed."""

_LONGEST_PATIENCE = 1.0
"""Seconds. After that, a count is stopped, however slow the network is."""

_USER_COLUMNS: Query[str] = Query(
    text("""
select a.attname::text
  from pg_class c
  join pg_namespace n on n.oid = c.relnamespace
  join pg_attribute a on a.attrelid = c.oid and a.attname = any (:names)
 where n.nspname = 'auth' and c.relname = 'users' and has_schema_privilege(n.oid, 'USAGE')
   and has_column_privilege(c.oid, a.attnum, 'SELECT')
"""),
    first_column,
    {"names": ["id", *COLUMNS.values()]},
)
"""Returns the columns of `auth.users` that hold claims and that the login may read."""
_ACCEPTS_WRITES: Query[bool] = Query(
    text("select not (pg_is_in_recovery() or current_setting('default_transaction_read_only')::bool)"), first_column
)
_PROCESS: Query[int] = Query(text("select pg_backend_pid()"), first_column)


class ListenConnection:
    """A listening connection for one task at a time. Keeps notifications that arrive while a statement runs."""

    def __init__(self, connection: AsyncConnection, patience: float) -> None:
        self.connection = connection
        self.patience = patience
        """Seconds to wait for an answer."""
        self._heard: set[str] = set()
        connection.add_notify_handler(lambda notify: self._heard.add(notify.channel))

    async def wait_for_channels(self) -> frozenset[str]:
        """Wait for notifications, and return their channels (at least one). Raises a StoreError."""
        while not (channels := self.taken()):
            has_input = asyncio.Event()
            with self.calling(has_input.set):
                await has_input.wait()
        return channels

    def taken(self) -> frozenset[str]:
        """Return the channels notified since the last call. Raises a StoreError."""
        # The driver only offers a wait, which takes many times as long as this read.
        server = self.connection.pgconn
        try:
            server.consume_input()
            while notify := server.notifies():
                self._heard.add(notify.relname.decode())
        except Error as error:
            raise translate(error) from error
        channels = frozenset(self._heard)
        self._heard.clear()
        return channels

    @contextmanager
    def calling(self, call: Callable[[], object]) -> Iterator[None]:
        """Call `call` on new input or when the connection ends. No statement may run on the connection meanwhile."""
        loop, file = asyncio.get_running_loop(), self.connection.fileno()
        loop.add_reader(file, call)
        try:
            yield
        finally:
            loop.remove_reader(file)

    async def lock(self, lock: tuple[int, int], *, releases: bool = False) -> None:
        """Acquire or release the advisory lock, in shared mode. Don't call this while waiting for a notification."""
        function = "pg_advisory_unlock_shared" if releases else "pg_advisory_lock_shared"
        async with transaction_scope(self.connection, self.patience):
            await self.connection.execute(f"SELECT {function}(%s::int, %s::int)".encode(), lock)


class Database:
    """One session on a database.

    - `conninfo` has libpq's parameters.
    - Without `access`, the session may write.
    - With a `journal`, every write is recorded before it is committed.
    - `hint_when_down` replaces the hint on address and network, for a server that is reached without them.
    - `claims` are added to the claims of every user that the session acts as.
    - `connections` are opened with the same parameters. The session closes them.
    - Without `prepares`, no statements are prepared, even if no pooler is detected.
    """

    def __init__(
        self,
        conninfo: Mapping[str, str | int],
        *,
        access: WriteAccess | None = None,
        limits: TimeLimits | None = None,
        journal: Journal | None = None,
        hint_when_down: str | None = None,
        claims: Mapping[str, Any] | None = None,
        prepares: bool = True,
        connections: ConnectionPool | None = None,
    ) -> None:
        self._conninfo = conninfo
        self._hint_when_down = hint_when_down
        self.access = access or WriteAccess()
        self._journal = journal
        self._limits = limits or TimeLimits()
        self.connections = connections or ConnectionPool(conninfo)
        self.load = LoadMeter(traffic=self.connections.traffic.total)
        self.priority = PriorityGate(patience=self._patience_with_counts)
        """Gives writes priority over background counts."""
        self.accepts_writes = True
        """Whether the server accepts writes, as last reported. If it does not, each read asks again."""
        self._has_needed_settings: bool | None = None
        """Whether the login's settings suit a statement that is a transaction by itself; None until known."""
        self._claim_sources = ClaimSources(given=claims or {}, issuer=issuer_of(conninfo))
        self._knows_user_columns = False
        self._relations = dict[str | None, JobRelation]()
        """By the role of the app's requests. None is the login."""
        self._may_prepare, self._can_prepare = False, prepares
        self._network_time = 0.0
        """Seconds that the network added to a query when a write was last prepared."""
        self.early = EarlyAnswers()
        self._all_slots_lock = asyncio.Lock()
        """Prevents a deadlock between two tasks that each need all connections."""

    async def close(self) -> None:
        await self.connections.close()

    def for_another_loop(self) -> "Database":
        """Return a session on the same database with the same rights, for an event loop in another thread."""
        password = self.connections.password
        return Database(
            self._conninfo,
            access=self.access,
            limits=self._limits,
            connections=ConnectionPool(self._conninfo, password=password.copy() if password else None),
            hint_when_down=self._hint_when_down,
            prepares=self._can_prepare,
        )

    @property
    def given_claims(self) -> frozenset[str]:
        """The names of the claims that are added to every user's claims."""
        return frozenset(self._claim_sources.given)

    def use_user_columns(self, columns: Set[str]) -> None:
        """Take users' claims from these columns of `auth.users`. The login must be able to read them."""
        self._claim_sources = replace(self._claim_sources, columns=frozenset(columns))
        self._knows_user_columns = True

    def use_relation(self, role: str | None, relation: JobRelation) -> None:
        """Read jobs from the relation as this role of the app's requests; None: as the login."""
        self._relations[role] = relation

    def _relation_of(self, actor: Actor) -> JobRelation:
        return self._relations.get(role_of(actor), PRESENT)

    async def _identity(self, actor: Actor) -> RequestIdentity | None:
        """Return the identity of an actor. This may take a connection, so the caller must not hold one."""
        if actor != OPERATOR:
            await self._learn_user_columns()
        return identity_of(actor, self._claim_sources)

    async def _learn_user_columns(self) -> None:
        if not self._knows_user_columns:
            self.use_user_columns(set(await self.read(OPERATOR, _USER_COLUMNS)))

    async def read(self, actor: Actor, query: Query[T], *, limits: TimeLimits | None = None) -> list[T]:
        """Return the query's rows. Takes one read-only transaction and one round trip."""
        (rows,) = await self.read_together(actor, query, limits=limits)
        return rows

    async def read_together(
        self, actor: Actor, *queries: Query[Any], limits: TimeLimits | None = None, is_repeated: bool = False
    ) -> tuple[list[Any], ...]:
        """Return the rows of each query, from one snapshot and in one round trip. `limits` replace the defaults.

        If the queries are repeated often, their statements are prepared where no pooler can share the connection.
        """
        queries = tuple(reading(queries, self._relation_of(actor)))
        if actor == OPERATOR and (early := self.early.take(queries)) is not None:
            return early
        identity = await self._identity(actor)
        prepares = is_repeated and self._may_prepare
        sent = queries if self.accepts_writes else (*queries, _ACCEPTS_WRITES)
        try:
            async with self._connection(len(queries)) as connection:
                answers, _ = await read(connection, identity, sent, limits or self._limits, prepares=prepares)
                if sent is queries:
                    return answers
                *answered, (self.accepts_writes,) = answers
                return tuple(answered)
        except StoreError as error:
            if not prepares or error.sqlstate not in _LOST_STATEMENTS:
                raise
            self._may_prepare = self._can_prepare = False
        return await self.read_together(actor, *queries, limits=limits)

    def allow_preparing(self, *, is_allowed: bool) -> None:
        """Allow prepared statements for repeated reads, unless they failed before."""
        self._may_prepare = is_allowed and self._can_prepare

    @asynccontextmanager
    async def _connection(self, queries: int = 0, *, is_urgent: bool = False) -> AsyncIterator[AsyncConnection]:
        """Borrow a connection, and count `queries` queries in the load. The time until its return counts as database
        time.
        """
        pool = self.connections
        try:
            async with pool.urgent_connection() if is_urgent else pool.connection() as connection:
                self.load.count(queries)
                with self.load.measured():
                    yield connection
        except Unreachable as error:
            # The spare connection was probably lost too. After this machine wakes from sleep, the loss may go
            # unnoticed until the connection is used.
            await pool.drop_spare()
            if self._hint_when_down is not None and error.hint in (Unreachable.hint, LOST_HINT):
                error.hint = self._hint_when_down
            raise

    async def prepare_write(self, network_time: float) -> None:
        """Open a spare connection for writes if the session may write and the network is slow.

        `network_time` is the maximum seconds that the network adds to a query. Without the spare connection, a write
        over a slow network would wait until another query is answered or stopped. Raises StoreError if the server
        refuses the connection.
        """
        # `network_time` and the measured round trip may each include server work. A slow query lengthens only one of
        # them.
        self._network_time = min(network_time, self.load.last_minute().round_trip or 0.0)
        if self.access.may_write and self._network_time > SLOW_ROUND_TRIP:
            await self.connections.keep_spare()

    def _patience_with_counts(self) -> float:
        """Return how long a count may run on when a write begins. A cheap one is answered by then.

        Over a slow network, stopping it takes longer, and often costs its connection. The write does not wait for the
        count.
        """
        if not self.connections.has_spare:
            return 0.0
        return min(self._network_time, _LONGEST_PATIENCE)

    async def inspect(self, *queries: Query[Any]) -> tuple[Transport, tuple[list[Any], ...]]:
        """Return how the server was reached, and rows as `read_together` returns them for the operator."""
        expected = self.early.expected
        async with self._connection(len(queries) + len(expected)) as connection:
            rows, further = await read(connection, None, queries, self._limits, further=expected)
            self.early.keep(further)
            return transport_of(connection), rows

    async def shares_processes(self) -> bool:
        """Return whether one server process serves two open connections in turn, as behind a transaction pooler.

        The pooler may use two processes by chance, so this asks a few times. It needs all connections of the session.
        """
        async with self._all_slots_lock, self._connection(_TURNS) as one, self._connection(_TURNS) as other:
            for _ in range(_TURNS):
                pids = [await read(connection, None, [_PROCESS], self._limits) for connection in (one, other)]
                if pids[0] == pids[1]:
                    return True
            return False

    @asynccontextmanager
    async def listening(self, *channels: str, lock: tuple[int, int] | None = None) -> AsyncIterator[ListenConnection]:
        """Listen on channels as operator, on an extra connection. Holds the lock, if any, in shared mode.

        Don't call this through a transaction pooler. It would hear nothing, and leave the LISTEN and the lock behind.
        """
        connection, limits = await self.connections.connect(), self._limits
        try:
            async with transaction_scope(connection, limits.patience), connection.pipeline():
                await connection.execute("BEGIN READ ONLY")
                await set_for_transaction(connection, time_outs(limits))
                if lock is not None:
                    await connection.execute("SELECT pg_advisory_lock_shared(%s::int, %s::int)", lock)
                for channel in channels:
                    await connection.execute(SQL("LISTEN {}").format(Identifier(channel)))
                await connection.execute("COMMIT")
            yield ListenConnection(connection, limits.patience)
        finally:
            await connection.close()

    @asynccontextmanager
    async def snapshot(self, *, limits: TimeLimits | None = None) -> AsyncIterator["Snapshot"]:
        """Open one snapshot for reads as several actors. Each read takes one round trip, and so does the end.

        `limits` replace the session's limits. The whole snapshot must finish within the time limit for one statement.
        """
        limits = limits or self._limits
        await self._learn_user_columns()
        async with (
            self._connection() as connection,
            transaction_scope(connection, limits.patience),
            connection.pipeline(),
        ):
            await connection.execute(BEGIN_SNAPSHOT)
            await set_for_transaction(connection, time_outs(limits))
            yield Snapshot(connection, self.load, self._claim_sources, self._relation_of)
            await connection.execute("COMMIT")

    @asynccontextmanager
    async def write(self, actor: Actor, *, limits: TimeLimits | None = None) -> AsyncIterator["WriteTransaction"]:
        """Open a transaction that commits at the end of the block if `record` was called, and rolls back otherwise.

        - Raises ReadOnly, from the database, at the first write of a session that may not write.
        - Raises OutcomeUnknown if the connection is lost during the commit.
        - Raises JournalUnavailable if the journal can't be written.
        """
        limits = limits or self._limits
        try:
            async with self._writing(actor, limits) as (connection, identity):
                # Read once: a write that started under a permit may finish after the permit ends.
                permit = self.access.permit
                transaction = WriteTransaction(
                    connection,
                    self.load,
                    identity=identity,
                    limits=limits,
                    may_write=self.access.may_write,
                    is_numbered=self._journal is not None,
                )
                yield transaction
                if transaction.recorded is not None:
                    await self._commit(connection, transaction, transaction.recorded, actor, permit)
                elif transaction.has_begun:
                    await connection.execute("ROLLBACK")
        except (Unreachable, TimedOut, ServerFailure) as error:
            error.changed_nothing = True
            raise

    @asynccontextmanager
    async def _writing(
        self, actor: Actor, limits: TimeLimits, queries: int = 0
    ) -> AsyncIterator[tuple[AsyncConnection, RequestIdentity | None]]:
        """Borrow a connection for a write. Early answers are dropped, and background counts wait.

        A refusal of a read-only session gets a hint that says how to open this session for writing.
        """
        with self.priority.foreground():
            identity = await self._identity(actor)
            self.early.drop()
            try:
                async with (
                    self._connection(queries, is_urgent=True) as connection,
                    transaction_scope(connection, limits.patience),
                ):
                    yield connection, identity
            except ReadOnly as error:
                if self.access.may_write:
                    raise
                raise self.access.refusal(sqlstate=error.sqlstate) from error

    async def write_pipelined(self, actor: Actor, what: str, *queries: Query[Any]) -> tuple[list[Any], ...]:
        """Run self-guarding statements, commit them in one round trip, and return the rows of each.

        All statements and the commit are sent before the first answer arrives. Each statement must check its own
        conditions, because no earlier answer can be checked.

        The journal does not record them, so use this only for changes that the database itself records. Raises
        OutcomeUnknown if the connection is lost before the commit is confirmed. That error contains `what`.
        """
        write = UnconfirmedWrite(written=WriteRecord(what=what))
        sent = (*queries, NEEDS_NO_SETTINGS) if self._has_needed_settings is None else queries
        async with self._writing(actor, self._limits, len(sent)) as (connection, identity), sending(connection, write):
            if self._needs_own_transaction(actor) and len(sent) == 1:
                # It has no time-outs. Its arguments must limit its duration and its wait for locks.
                cursors = await send(connection, *sent)
            else:
                async with connection.pipeline():
                    answer = await begin_write(connection, identity, self._limits, may_write=self.access.may_write)
                    cursors = await send(connection, *sent)
                    await check_identity(answer, identity)
                    await connection.execute("COMMIT")
            answers = await answers_of(cursors, sent)
        if sent is not queries:
            *answered, (self._has_needed_settings,) = answers
            return tuple(answered)
        return answers

    def _needs_own_transaction(self, actor: Actor) -> bool:
        """Whether a statement may be a transaction by itself. It then runs as operator."""
        return self.access.may_write and self._has_needed_settings is True and actor == OPERATOR

    async def _commit(
        self,
        connection: AsyncConnection,
        transaction: WriteTransaction,
        written: WriteRecord,
        actor: Actor,
        permit: WritePermit | None,
    ) -> None:
        """Commit. With a journal, record the write before the commit and its outcome after it."""
        if not transaction.has_begun:
            raise RuntimeError("A write was recorded, but no statement has run.")
        if self._journal is None:
            await commit(connection, UnconfirmedWrite(written=written))
            return
        if (transaction_id := transaction.number) is None:
            ((transaction_id,),) = await (await connection.execute("SELECT txid_current()")).fetchall()
        reason = permit.reason if permit else None
        entry = self._journal.begin(written, actor=actor, reason=reason, transaction_id=transaction_id)
        outcome = WriteOutcome.NOT_DONE
        try:
            await commit(connection, UnconfirmedWrite(written=written, entry=entry))
            outcome = WriteOutcome.DONE
        except OutcomeUnknown:
            outcome = WriteOutcome.UNKNOWN
            raise
        finally:
            self._journal.end(entry, outcome)

    async def outcome_of(self, actor: Actor, write: UnconfirmedWrite) -> WriteOutcome | None:
        """Return the outcome of a write as the database reports it, and record it in the journal.

        Returns None while the transaction is running. Returns UNKNOWN without a journal, or if the database doesn't
        know the transaction. A database forgets it after millions of newer ones, or it may be another database now.
        """
        if self._journal is None or write.entry is None:
            return WriteOutcome.UNKNOWN
        query: Query[str | None] = Query(_STATUS_OF_TRANSACTION, first_column, {"id": write.entry.transaction_id})
        try:
            (status,) = await self.read(actor, query)
        except StoreError as error:
            if error.sqlstate != InvalidParameterValue.sqlstate:
                raise
            status = None  # The database never gave out this number.
        if status == "in progress":
            return None
        outcome = _OUTCOMES.get(status or "", WriteOutcome.UNKNOWN)
        self._journal.end(write.entry, outcome)
        return outcome

    @asynccontextmanager
    async def rehearsal(
        self, actor: Actor, *, limits: TimeLimits
    ) -> AsyncIterator[tuple[WriteTransaction, Callable[[], Awaitable[None]]]]:
        """Open a transaction that is never committed. It starts as operator. The function continues it as the actor."""
        identity = await self._identity(actor)
        async with self.write(OPERATOR, limits=limits) as transaction:
            yield transaction, partial(transaction.become, identity)
            transaction.recorded = None
