"""Translate errors of statements to StoreErrors with hints, and budget refusals to BudgetExceeded."""

import json
import re
from collections.abc import Mapping
from uuid import UUID

from psycopg import Error, InterfaceError, OperationalError, errors

from gjobs.store.advice import command
from gjobs.store.budgets.budget import Period, Refusal, budget_name
from gjobs.store.errors import (
    BudgetExceeded,
    Conflict,
    InvalidValue,
    Locked,
    NoPrivilege,
    ReadOnly,
    SchemaMissing,
    ServerFailure,
    SignInRefused,
    StoreError,
    TimedOut,
    UnexpectedError,
    Unreachable,
)
from gjobs.store.formats import known_or_text, money
from gjobs.store.member_table import by_member

SQLSTATE = "GJ001"
_AGAIN: Mapping[str, str] = by_member(
    Period,
    {
        Period.DAY: "The budget starts again at 00:00 UTC. ",
        Period.MONTH: "The budget starts again on the first day of the next month, at 00:00 UTC. ",
        Period.ALL: "",
    },
)


def read_refusal(detail: str | None) -> Refusal | None:
    """Return the budget refusal, or None if another function raised the same SQLSTATE."""
    try:
        fields = json.loads(detail or "")
        return Refusal(
            budget_id=UUID(fields["budget_id"]),
            user_id=UUID(fields["user_id"]) if fields["user_id"] else None,
            project_id=UUID(fields["project_id"]) if fields["project_id"] else None,
            period=known_or_text(Period, fields["period"]),
            limit_cents=int(fields["limit_cents"]),
            spent_cents=int(fields["spent_cents"]),
            asked_cents=int(fields["asked_cents"]),
        )
    except (ValueError, OverflowError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def exceeded(refusal: Refusal, name: str | None = None) -> BudgetExceeded:
    """Return the error for a refusal. `name` is the name of the project or user, if known."""
    words, hint = refusal_words(refusal, name), refusal_hint(refusal)
    return BudgetExceeded(words, refusal, name, hint=hint, sqlstate=SQLSTATE)


def refusal_words(refusal: Refusal, name: str | None) -> str:
    which = _as_sentence(budget_name(refusal, name))
    spent = f"{money(refusal.spent_cents)} of {money(refusal.limit_cents)} are spent"
    asked = money(refusal.asked_cents)
    if refusal.spent_cents < refusal.limit_cents:
        return f"{which} can't cover {asked}: {spent}."
    return f"{which} has run out: {spent}{f', and {asked} were requested' if refusal.asked_cents else ''}."


def refusal_hint(refusal: Refusal) -> str:
    return (
        f"{_AGAIN.get(refusal.period, '')}Press b in the dashboard to raise the limit, or run {command('budgets set')}."
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
    errors.DatetimeFieldOverflow,
    errors.InvalidDatetimeFormat,
    errors.UntranslatableCharacter,
)
_SIGN_IN = (errors.InvalidPassword, errors.InvalidAuthorizationSpecification, errors.InvalidCatalogName)
SERVER_FAILURES = ("53", "57", "58", "XX")
"""Classes of SQLSTATE: insufficient resources, operator intervention, system errors, internal errors."""
_ENDING = (errors.AdminShutdown, errors.CrashShutdown, errors.CannotConnectNow)
ENDING_CODES = tuple(kind.sqlstate for kind in _ENDING)
_CONNECTION_LOST = (
    *_ENDING,
    errors.DatabaseDropped,
    errors.IdleSessionTimeout,
    errors.TooManyConnections,
    # A pooler answers with these if it lost or never had a server connection.
    errors.ConnectionException,
    errors.ConnectionDoesNotExist,
    errors.ConnectionFailure,
    errors.ProtocolViolation,
)
NOT_READY_HINT = "The server is starting, recovering or shutting down. Wait until it is ready, then try again."
ENDED_HINT = "Try again. If the server is restarting, wait until it is ready."
LOST_HINT = "Try again. If this happens often, check the network and the server."
ACCEPTS_NONE = "The database accepts no connections at the moment"
FULL_HINT = (
    "All connections of the server or the pooler are in use. Close some, or raise max_connections or the"
    " pooler's limits."
)
FULL = (
    # 53300
    "too many clients",
    "too many connections",
    "remaining connection slots",
    # From poolers.
    "no more connections",
    "max client",
    "unable to check out",
    "query_wait_timeout",
)

_DRIVER_STEP = re.compile(r"^(?:consuming input|flushing|(?:sending|executing) [a-z ]+) failed: ")
"""What the driver prints before the words of the client library. It helps nobody who didn't write the driver."""

_OVERTAKEN = "A concurrent change came first: nothing was changed."


def translate(error: Error) -> StoreError:
    """Return the StoreError for an error of a statement, or for a connection lost while it ran."""
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
            return Conflict(_OVERTAKEN, sqlstate=state)
        case errors.RaiseException():
            return Conflict(
                f"The database refused: {text}.",
                hint=error.diag.message_hint or "A rule of this database forbids it. Ask the database's owner.",
                sqlstate=state,
            )
        case errors.FeatureNotSupported():
            return UnexpectedError(f"The database does not offer this: {text}.", sqlstate=state)
    if is_of_class(state, "40"):
        return Conflict(_OVERTAKEN, sqlstate=state)
    if isinstance(error, _SCHEMA):
        return SchemaMissing(f"This database lacks something that gjobs needs: {text}.", sqlstate=state)
    if isinstance(error, _VALUE):
        return InvalidValue(_field(error), f"The database refused the value: {text}.", sqlstate=state)
    if isinstance(error, _SIGN_IN) or is_of_class(state, "28"):
        return SignInRefused(f"The database refused the sign-in: {text}.", sqlstate=state)
    if is_connection_lost(error):
        text = _DRIVER_STEP.sub("", text)
        # Say nothing about the present: the next connection may succeed at once.
        what, hint = _explain_loss(error, text)
        return Unreachable(f"{what}: {text}.", hint=hint, sqlstate=state)
    if is_of_class(state, *SERVER_FAILURES):
        return ServerFailure(f"The database server failed: {text}.", sqlstate=state)
    return UnexpectedError(f"The database answered with an error: {text}.", sqlstate=state)


def is_connection_lost(error: Error) -> bool:
    """Return whether the connection is lost. The outcome of the statement is then unknown."""
    return (
        isinstance(error, _CONNECTION_LOST)
        or is_of_class(error.sqlstate, "08")
        or _is_full(error)
        or (isinstance(error, (OperationalError, InterfaceError)) and error.sqlstate is None)
    )


def is_of_class(sqlstate: str | None, *classes: str) -> bool:
    """Compare the class only, so that SQLSTATEs of newer servers are covered."""
    return sqlstate is not None and sqlstate[:2] in classes


def _is_full(error: Error) -> bool:
    """Return whether a pooler gave up waiting for a free connection. It has no SQLSTATE for this."""
    return isinstance(error, errors.InternalError_) and says(str(error), FULL)


def _explain_loss(error: Error, text: str) -> tuple[str, str]:
    """Return what happened to the connection of a statement, and a hint."""
    if isinstance(error, errors.CannotConnectNow):
        return ACCEPTS_NONE, NOT_READY_HINT
    if isinstance(error, errors.TooManyConnections) or says(text, FULL):
        return ACCEPTS_NONE, FULL_HINT
    return "The connection was lost", ENDED_HINT if isinstance(error, _ENDING) else LOST_HINT


def says(text: str, phrases: tuple[str, ...]) -> bool:
    return any(phrase in text.lower() for phrase in phrases)


def _field(error: Error) -> str:
    """Return the column's name. By default, Postgres names a single-column constraint TABLE_COLUMN_KIND."""
    constraint, table = error.diag.constraint_name or "value", error.diag.table_name
    stem, _, kind = constraint.rpartition("_")
    if table and stem.startswith(f"{table}_") and kind in ("fkey", "check", "key"):
        constraint = stem.removeprefix(f"{table}_")
    return error.diag.column_name or constraint


def first_line(text: str) -> str:
    """Return the first line of an error without its full stop, for use inside a sentence."""
    lines = text.strip().splitlines()
    return lines[0].strip().rstrip(".") if lines else "no reason given"
