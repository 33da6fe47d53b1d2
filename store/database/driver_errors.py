"""psycopg errors to StoreErrors with hints; budget refusals."""

import json
import re
from collections.abc import Mapping
from uuid import UUID

from psycopg import Error, InterfaceError, OperationalError, ProgrammingError, errors

from store.budgets.budget import Period, Refusal, budget_name
from store.errors import (
    BudgetExceeded,
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
from store.formats import known_or_text, money

_BY_PHRASE = (
    (
        ("no password supplied",),
        "Put the password into ~/.pgpass, mode 0600, or have a profile's password_command print it.",
    ),
    (
        ("definition of service", "service file"),
        "Check the service's name, and ~/.pg_service.conf or the file that PGSERVICEFILE names.",
    ),
    (
        ("invalid sslmode",),
        "sslmode is one of disable, allow, prefer, require, verify-ca, verify-full.",
    ),
    (
        ("does not support ssl", "no encryption"),
        "sslmode asks for encryption that this server, or the pooler before it, does not speak.",
    ),
    (
        ("does not match host name",),
        "Connect by a name that stands in the server's certificate; sslmode=verify-ca does not compare names.",
    ),
    (
        ("root certificate", "certificate verify failed", "certificate"),
        "Check sslmode, and that sslrootcert names the file with the certificate of the server's authority.",
    ),
)
_ADDRESS = re.compile(r'connection to server at "(?P<host>[^"]+)"(?: \([^)]*\))?, port (?P<port>\d+) failed')


def advice(said: str) -> str | None:
    """A hint. `said` are all lines that the client library gives. None: nothing better than what fits every failure."""
    text = said.lower()
    for phrases, hint in _BY_PHRASE:
        if any(phrase in text for phrase in phrases):
            return hint
    return None


def where(said: str) -> str | None:
    """`HOST:PORT` of the last server that was tried over a network; None where that is not told."""
    tried = [*_ADDRESS.finditer(said)]
    return f"{tried[-1]['host']}:{tried[-1]['port']}" if tried else None


SQLSTATE = "GJ001"
_AGAIN: Mapping[str, str] = {
    Period.DAY: "The next day begins at 00:00 UTC; ",
    Period.MONTH: "The next month begins on its first day at 00:00 UTC; ",
    Period.ALL: "",
}


def read_refusal(detail: str | None) -> Refusal | None:
    """None where it is none of ours: any function of the app's may raise the same SQLSTATE."""
    try:
        told = json.loads(detail or "")
        return Refusal(
            budget_id=UUID(told["budget_id"]),
            user_id=UUID(told["user_id"]) if told["user_id"] else None,
            project_id=UUID(told["project_id"]) if told["project_id"] else None,
            period=known_or_text(Period, told["period"]),
            limit_cents=int(told["limit_cents"]),
            spent_cents=int(told["spent_cents"]),
            asked_cents=int(told["asked_cents"]),
        )
    except (ValueError, OverflowError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def exceeded(refusal: Refusal, name: str | None = None) -> BudgetExceeded:
    """`name` is the project's or the user's, where it is known."""
    words, hint = refusal_words(refusal, name), refusal_hint(refusal)
    return BudgetExceeded(words, refusal, name, hint=hint, sqlstate=SQLSTATE)


def refusal_words(refusal: Refusal, name: str | None) -> str:
    which = _as_sentence(budget_name(refusal, name))
    spent = f"{money(refusal.spent_cents)} of {money(refusal.limit_cents)} are spent"
    asked = money(refusal.asked_cents)
    if refusal.spent_cents < refusal.limit_cents:
        return f"{which} has no room for {asked}: {spent}."
    return f"{which} is used up: {spent}{f', and {asked} were asked for' if refusal.asked_cents else ''}."


def refusal_hint(refusal: Refusal) -> str:
    return _as_sentence(
        f"{_AGAIN.get(refusal.period, '')}'gjobs budgets set' raises the limit, and so do the dashboard's budgets."
    )


def _as_sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}"


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
    if is_connection_lost(error):
        return Unreachable(f"The database is not reachable: {text}.", sqlstate=state)
    return UnexpectedError(f"The database answered with an error: {text}.", sqlstate=state)


def is_connection_lost(error: Error) -> bool:
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
