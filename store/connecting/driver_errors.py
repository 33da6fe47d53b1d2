"""From the driver's errors to ours: the one translation, made where an error arises."""

from psycopg import Error, InterfaceError, OperationalError, ProgrammingError, errors

from store.budgets.refusing import SQLSTATE, exceeded, read_refusal
from store.connecting.advice import advice, where
from store.errors import (
    Conflict,
    InvalidValue,
    Locked,
    NoPrivilege,
    ReadOnly,
    SchemaMissing,
    SignInRefused,
    StoreError,
    TimedOut,
    UnexpectedError,
    Unreachable,
)

_SCHEMA = (
    errors.UndefinedTable,
    errors.UndefinedColumn,
    errors.UndefinedFunction,
    errors.InvalidSchemaName,
    errors.UndefinedObject,
    errors.InvalidParameterValue,  # the role that users act as does not exist
)
_VALUE = (
    errors.CheckViolation,
    errors.NotNullViolation,
    errors.ForeignKeyViolation,
    errors.RestrictViolation,
    errors.UniqueViolation,
    errors.InvalidTextRepresentation,
    errors.NumericValueOutOfRange,
    errors.UntranslatableCharacter,
)
_SIGN_IN = (errors.InvalidPassword, errors.InvalidAuthorizationSpecification, errors.InvalidCatalogName)
_LINK = (
    errors.AdminShutdown,
    errors.CrashShutdown,
    errors.CannotConnectNow,
    errors.DatabaseDropped,
    errors.IdleSessionTimeout,
    errors.TooManyConnections,
    # What poolers answer with when they lose the server or have none.
    errors.ConnectionException,
    errors.ConnectionDoesNotExist,
    errors.ConnectionFailure,
    errors.ProtocolViolation,
)
_FOR_THE_MOMENT = (
    "starting up",
    "shutting down",
    "in recovery mode",
    "not yet accepting connections",
    "too many",
    "remaining connection slots",
    # Poolers', before they have asked who it is.
    "no more connections",
    "login has been failing",
    "server down",
    "max client",
)

_BROKEN_OFF = (
    # What the client library says of a link, and no server of a sign-in.
    "closed the connection unexpectedly",
    "connection has been closed unexpectedly",
    "could not receive data",
    "could not send data",
    "connection reset",
    "broken pipe",
    "eof detected",
    "timeout expired",
)


def translate(error: Error) -> StoreError:
    """Ours for an error of a statement, or of a link that broke under it."""
    text = first_line(error.diag.message_primary or str(error))
    state = error.sqlstate
    if state == SQLSTATE and (refusal := read_refusal(error.diag.message_detail)):
        return exceeded(refusal)
    match error:
        case errors.InsufficientPrivilege():
            return NoPrivilege(f"Not permitted: {text}.", sqlstate=state)
        case errors.ReadOnlySqlTransaction():
            return ReadOnly("This session is read-only: nothing was changed.", sqlstate=state)
        case errors.LockNotAvailable():
            return Locked("The row is locked by another transaction.", sqlstate=state)
        case errors.QueryCanceled() | errors.IdleInTransactionSessionTimeout():
            return TimedOut("The database took too long, so the statement was stopped.", sqlstate=state)
        case errors.SerializationFailure() | errors.DeadlockDetected():
            return Conflict("A concurrent change came first: nothing was changed.", sqlstate=state)
        case errors.RaiseException():
            return Conflict(
                f"The database refused: {text}.",
                hint=error.diag.message_hint or "A rule of the database's own forbids it: ask its owner.",
                sqlstate=state,
            )
        case errors.FeatureNotSupported():
            return UnexpectedError(f"The database does not offer this: {text}.", sqlstate=state)
    if isinstance(error, _SCHEMA):
        return SchemaMissing(f"This database lacks what is needed: {text}.", sqlstate=state)
    if isinstance(error, _VALUE):
        return InvalidValue(_field(error), f"The database refused the value: {text}.", sqlstate=state)
    if isinstance(error, _SIGN_IN):
        return SignInRefused(f"The database refused the sign-in: {text}.", sqlstate=state)
    if is_broken_link(error):
        return Unreachable(f"The database is not reachable: {text}.", sqlstate=state)
    return UnexpectedError(f"The database answered with an error: {text}.", sqlstate=state)


def is_broken_link(error: Error) -> bool:
    """Whether no answer to the statement will ever come, so that nobody knows what became of it."""
    return isinstance(error, _LINK) or (
        isinstance(error, (OperationalError, InterfaceError)) and error.sqlstate is None
    )


def translate_connecting(error: Error) -> StoreError:
    """Ours for a connection that was not made.

    The client library keeps no SQLSTATE of a refused connection. That the server asked for a password, or
    answered at all (FATAL), is what tells a refusal from an address where nobody answers; unless the link broke then.
    """
    if error.sqlstate is not None:
        return translate(error)
    text = _refusal(str(error))
    if isinstance(error, ProgrammingError):
        return InvalidValue("database_url", f"The database's address cannot be read: {text}.")
    asked_for_password = error.pgconn is not None and (error.pgconn.needs_password or error.pgconn.used_password)
    if any(phrase in text.lower() for phrase in _FOR_THE_MOMENT):
        return Unreachable(f"The database takes no connections at the moment: {text}.")
    is_broken_off = any(phrase in text.lower() for phrase in _BROKEN_OFF)
    if "FATAL" in str(error) or (asked_for_password and not is_broken_off):
        return SignInRefused(f"The database refused the sign-in: {text}.", hint=advice(text))
    return Unreachable(f"The database is not reachable: {text}.", hint=advice(text) or _check(where(str(error))))


def _check(address: str | None) -> str | None:
    return f"Check the address {address}, the network and that the server is up." if address else None


def _field(error: Error) -> str:
    """The column; a constraint of one column is named TABLE_COLUMN_KIND, where nobody named it otherwise."""
    constraint, table = error.diag.constraint_name or "value", error.diag.table_name
    stem, _, kind = constraint.rpartition("_")
    if table and stem.startswith(f"{table}_") and kind in ("fkey", "check", "key"):
        constraint = stem.removeprefix(f"{table}_")
    return error.diag.column_name or constraint


def first_line(text: str) -> str:
    """An error's first line without its full stop, to stand within a sentence."""
    lines = text.strip().splitlines()
    return lines[0].strip().rstrip(".") if lines else "no reason given"


def _refusal(text: str) -> str:
    """What the last address tried answered, where several were; without the client library's hints."""
    reasons = [line for line in text.splitlines() if "failed: " in line] or [first_line(text)]
    reason = reasons[-1].rpartition("failed: ")[2]
    for prefix in ("connection is bad:", "FATAL:"):
        reason = reason.removeprefix(prefix).strip()
    return reason.rstrip(".")
