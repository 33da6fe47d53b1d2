"""The run's connection, lock and errors."""

import select
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import errors
from psycopg.conninfo import conninfo_attempts, make_conninfo

from gjobs.migrations import REVISIONS
from gjobs.store.database.connection_pool import with_defaults
from gjobs.store.database.connection_url import warn_about_password_file
from gjobs.store.database.driver_errors import is_unclear, translate, translate_connecting
from gjobs.store.database.refusal_code import refusal_code
from gjobs.store.errors import (
    Locked,
    NoPrivilege,
    SchemaMissing,
    SignInRefused,
    StoreError,
    Unreachable,
    command,
    complete_commands,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gjobs.store.schema.schema_diff import Difference

NAMED = 3
"""The most differences named in a sentence. `gjobs migrate verify` shows all."""


class MigrationRefused(StoreError):
    """The database is not in the state that the revision needs. Nothing was changed."""


class AnotherRun(Locked):
    """Another migration is running on this database."""


class SchemaDiffers(MigrationRefused, SchemaMissing):
    """The app's own schema is not the one that the migrations start from."""

    def __init__(self, differences: "Sequence[Difference]") -> None:
        named = [difference.sentence for difference in differences[:NAMED]]
        see_all = ""
        if more := len(differences) - len(named):
            named.append(f"and {more} more")
            see_all = f"Run {command('migrate verify')} to see all differences. "
        super().__init__(
            f"The existing tables differ from revision {REVISIONS[0]}. Nothing was changed. Differences: "
            f"{'; '.join(named)}.",
            hint=f"{see_all}Change these objects in your app, then try again. gjobs also works here without the"
            " migration.",
        )
        self.differences = tuple(differences)


APPLICATION_NAME = "gjobs migrate"

_TAKEN_NAMES = (errors.DuplicateTable, errors.DuplicateFunction, errors.DuplicateObject)
_REFUSALS = (errors.ObjectNotInPrerequisiteState, errors.DependentObjectsStillExist, *_TAKEN_NAMES)


@contextmanager
def connect(conninfo: Mapping[str, str | int], *, read_only: bool = False) -> Iterator[psycopg.Connection]:
    """Open a connection, and close it on leaving. Errors of the server are translated, and uncommitted changes are
    rolled back.
    """
    connection = _open({"application_name": APPLICATION_NAME, **with_defaults(conninfo)})
    try:
        connection.read_only = read_only
        yield connection
    except psycopg.Error as error:
        raise translate_migrating(error) from error
    finally:
        # A pooler discards a server connection if its client leaves it inside a transaction.
        with suppress(psycopg.Error):
            connection.rollback()
        connection.close()


def _open(parameters: Mapping[str, str | int]) -> psycopg.Connection:
    """Connect to the first address that answers. A refusal is final: the driver would try the password at
    each address.
    """
    failure: StoreError = Unreachable("The database has no address.")
    try:
        for address in conninfo_attempts(parameters):
            try:
                # A pooler may serve each transaction from another process, which lacks prepared statements.
                return psycopg.connect(make_conninfo("", **address), prepare_threshold=None)
            except psycopg.Error as error:
                failure = translate_connecting(error, refusal_code(address) if is_unclear(error) else None)
                failure.__cause__ = error
                warn_about_password_file(failure, parameters)
                if isinstance(failure, SignInRefused):
                    break
    except psycopg.Error as error:
        raise translate_connecting(error) from error
    except UnicodeError as error:
        raise Unreachable("The database's host name is not valid.") from error
    raise failure


def translate_migrating(error: psycopg.Error) -> StoreError:
    """Translate an error of a revision, or of reading the schema."""
    diagnostics = error.diag
    sentences = " ".join(part for part in (diagnostics.message_primary, diagnostics.message_detail) if part)
    hint = complete_commands(diagnostics.message_hint) if diagnostics.message_hint else None
    if isinstance(error, errors.DependentObjectsStillExist):
        sentences = f"Other objects depend on those of gjobs: {diagnostics.message_detail}."
        hint = "Drop or change them, then try again."
    if isinstance(error, _TAKEN_NAMES):
        sentences, hint = f"gjobs needs a name that another object has: {sentences}.", "Rename it, then try again."
    if isinstance(error, _REFUSALS):
        return MigrationRefused(sentences, hint=hint, sqlstate=error.sqlstate)
    if isinstance(error, errors.InvalidSchemaName) and hint:
        return SchemaMissing(sentences, hint=hint, sqlstate=error.sqlstate)
    if isinstance(error, errors.InsufficientPrivilege) and hint:
        return NoPrivilege(sentences, hint=hint, sqlstate=error.sqlstate)
    return translate(error)


PATIENCE_SECONDS = 2.0
_PAUSE_SECONDS = 0.1
_ROUNDS = 4

PROCESS = "select pg_catalog.pg_backend_pid()"
_TURN = "select pg_catalog.pg_try_advisory_lock(pg_catalog.hashtextextended('gjobs migrate', 0))"


def acquire_run_lock(connection: psycopg.Connection, conninfo: Mapping[str, str | int]) -> None:
    """Hold the lock until the connection ends. Raises AnotherRun if another run holds it. Raises MigrationRefused
    on a replica, and behind a pooler that serves each transaction from another process.

    It polls instead of waiting in the database: if it waited there, the other run's concurrent index build would wait
    for it. Afterwards the connection is in autocommit.
    """
    connection.autocommit = True
    if is_shared(connection, conninfo):
        raise MigrationRefused(
            "This address is a pooler in transaction mode. Nothing was changed.",
            hint="Use a direct connection, or a pooler in session mode.",
        )
    if read_value(connection, "select pg_catalog.pg_is_in_recovery()"):
        raise MigrationRefused("This server is a read replica. Migrate on its primary.")
    deadline = time.monotonic() + PATIENCE_SECONDS
    while read_value(connection, _TURN) is not True:
        if time.monotonic() > deadline:
            raise AnotherRun("Another migration is running.")
        time.sleep(_PAUSE_SECONDS)


def is_shared(connection: psycopg.Connection, conninfo: Mapping[str, str | int]) -> bool:
    """Return whether a pooler serves each transaction from another process.

    Behind a pooler, the process differs from the one reported on connecting. A pooler in session mode never lets
    another connection use this connection's process. Both connections are asked in turn: some poolers reuse the
    process that was idle longest, others the one freed last.
    """
    process = _process(connection)
    if process == connection.info.backend_pid:
        return False
    try:
        with connect(conninfo) as other:
            for _ in range(_ROUNDS):
                answer = _process_in_time(other)
                if answer is None:
                    return False
                if answer == process or _process(connection) != process:
                    return True
    except (psycopg.Error, StoreError):
        # There is no room for a second session, so this one keeps its own process.
        return _process(connection) != process
    return False


def _process(connection: psycopg.Connection) -> object:
    """Ask in a separate transaction, so that no state is left that a pooler would hand on."""
    with connection.transaction():
        return read_value(connection, PROCESS)


def _process_in_time(other: psycopg.Connection) -> int | None:
    """Return the process, or None if the pooler has no free one. If it has none, the first connection's process is
    not free either, so it is not shared.
    """
    if _answer_in_time(other, "BEGIN READ ONLY") is None:
        return None
    process = _answer_in_time(other, PROCESS)
    _answer_in_time(other, "COMMIT")
    return None if process is None else int(process)


def _answer_in_time(connection: psycopg.Connection, query: str) -> bytes | None:
    """Return a query's first value, empty if it has none. None if no answer comes."""
    connection.pgconn.send_query(query.encode())
    while connection.pgconn.is_busy():
        waiting = select.poll()
        waiting.register(connection.pgconn.socket, select.POLLIN)
        if not waiting.poll(PATIENCE_SECONDS * 1000):
            return None
        connection.pgconn.consume_input()
    value = b""
    while (result := connection.pgconn.get_result()) is not None:
        if result.ntuples:
            value = result.get_value(0, 0) or b""
    return value


def read_value(connection: psycopg.Connection, query: str, parameters: "Sequence[object] | None" = None) -> Any:
    """Return the first value of the query's first row. None without rows."""
    row = connection.execute(query.encode(), parameters).fetchone()
    return row[0] if row else None
