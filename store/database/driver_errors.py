"""Translates errors of connections and statements to StoreErrors with hints."""

import json
import logging
import re
from collections.abc import Sequence
from uuid import UUID

from psycopg import Error, InterfaceError, OperationalError, ProgrammingError, errors

from gjobs.store.budgets.budget import STARTS_AGAIN, Period, Refusal, budget_name
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
    command,
)
from gjobs.store.values.formats import known_or_text, money

SQLSTATE = "GJ001"


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
            other_period=str(fields["other_period"]) if fields["other_period"] else None,
        )
    except (ValueError, OverflowError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def exceeded(refusal: Refusal, name: str | None = None) -> BudgetExceeded:
    """Return the error for a refusal. `name` is the name of the project or user, if known."""
    words, hint = refusal_words(refusal, name), refusal_hint(refusal)
    return BudgetExceeded(words, refusal, name, hint=hint, sqlstate=SQLSTATE)


def refusal_words(refusal: Refusal, name: str | None) -> str:
    which = budget_name(refusal, name)
    which = f"{which[:1].upper()}{which[1:]}{f' for {refusal.other_period}' if refusal.other_period else ''}"
    spent = f"{money(refusal.spent_cents)} of {money(refusal.limit_cents)} are spent"
    asked = money(refusal.asked_cents)
    if refusal.spent_cents < refusal.limit_cents:
        return f"{which} can't cover {asked}: {spent}."
    return f"{which} has run out: {spent}{f', and {asked} were requested' if refusal.asked_cents else ''}."


def refusal_hint(refusal: Refusal) -> str:
    again = "" if refusal.other_period else STARTS_AGAIN.get(refusal.period, "")
    in_shell = f"{command('budgets set --help')} says how to do it in a shell."
    return f"{again}Press b in the dashboard to raise the limit. {in_shell}"


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
            # Functions of gjobs give a hint, the server does not.
            words = error.diag.message_primary if error.diag.message_hint else None
            return Locked(words or "The row is locked by another transaction.", sqlstate=state)
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
        # A pooler gave up waiting for a free connection. It has no SQLSTATE for this.
        or (isinstance(error, errors.InternalError_) and says(str(error), FULL))
        or (isinstance(error, (OperationalError, InterfaceError)) and error.sqlstate is None)
    )


def is_of_class(sqlstate: str | None, *classes: str) -> bool:
    """Compare the class only, so that SQLSTATEs of newer servers are covered."""
    return sqlstate is not None and sqlstate[:2] in classes


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


log = logging.getLogger(__name__)

_BY_PHRASE = (
    (
        ("no password supplied",),
        "Put the password into ~/.pgpass (mode 0600), or set password_command in a profile.",
    ),
    (
        ("definition of service", "service file"),
        "Check the service's name, and ~/.pg_service.conf or the file in PGSERVICEFILE.",
    ),
    (
        ("invalid sslmode",),
        "Use one of these for sslmode: disable, allow, prefer, require, verify-ca, verify-full.",
    ),
    (
        ("does not support ssl", "no encryption"),
        "sslmode requires encryption, but this server or its pooler doesn't support it.",
    ),
    (
        ("does not match host name",),
        "Connect by a host name in the server's certificate, or use sslmode=verify-ca, which doesn't compare names.",
    ),
    (
        ("root certificate", "certificate verify failed", "certificate"),
        "Check sslmode. Check that sslrootcert is the file with the certificate of the server's authority.",
    ),
)
_UNKNOWN_HOST = (
    "failed to resolve host",
    "could not translate host name",
    "name or service not known",
    "no address associated with hostname",
    "nodename nor servname",
    "temporary failure in name resolution",
)
_NO_ROUTE = ("network is unreachable", "no route to host", "cannot assign requested address")
_SUPABASE_DIRECT = re.compile(r"\bdb\.[a-z0-9]+\.supabase\.co\b")
_ADDRESS = re.compile(r'connection to server at "(?P<host>[^"]+)"(?: \([^)]*\))?, port (?P<port>\d+) failed')


def advice(said: str) -> str | None:
    """Return a hint for a failed connection, or None if only the general hint fits.

    `said` has all lines of the client library's message.
    """
    return next((hint for phrases, hint in _BY_PHRASE if says(said, phrases)), None)


def _host_advice(said: str) -> str | None:
    """Return a hint if the host's name is unknown or its address can't be routed. `said` has all lines."""
    is_unknown, has_no_route = says(said, _UNKNOWN_HOST), says(said, _NO_ROUTE)
    if not (is_unknown or has_no_route):
        return None
    if _SUPABASE_DIRECT.search(said):
        return (
            "Supabase's direct address works only over IPv6. This network may not have IPv6. Use the session pooler's"
            " address (port 5432) from the project's Connect page, or check the project's name."
        )
    if is_unknown:
        return "This machine can't resolve the host's name. Check its spelling, the DNS and the VPN."
    return "This machine has no route to the host's address. Check the network, the VPN and IPv6."


def _address_advice(said: str) -> str | None:
    """Return a hint on the last server tried over a network, or None if the message doesn't name it."""
    tried = [*_ADDRESS.finditer(said)]
    if not tried:
        return None
    host, port = tried[-1].groups()
    return f"Check the address {host}:{port}, the network, and that the server is running."


_NOT_READY = (
    # 57P03, in the wording of servers 14 to 18.
    "the database system is starting up",
    "the database system is not yet accepting connections",
    "the database system is not accepting connections",
    "the database system is in recovery mode",
    "the database system is shutting down",
    # 42501, from servers before 15 that wait for a backup.
    "during database shutdown",
    # 57P01 and 57P02: a stopping or crashed server ends a sign-in with these.
    "due to administrator command",
    "because of crash of another server process",
    # From poolers.
    "is shutting down",
    "login has been failing",
    "server down",
)
_SIGN_IN_CODES = (errors.InvalidCatalogName.sqlstate, errors.InsufficientPrivilege.sqlstate)
"""These and class 28 refuse a sign-in. A login event trigger can raise any other SQLSTATE, and its error may be
temporary.
"""
_SIGN_IN_WORDS = (
    # 28, 3D000 and 42501
    "authentication failed",
    "password",
    "pg_hba.conf",
    "not permitted to log in",
    "permission denied for database",
    "is not currently accepting connections",
    # From poolers.
    "no such user",
    "no such database",
    "tenant or user not found",
    "too many authentication failures",
)
_MISSING_LOGIN = re.compile(r'\b(?:role|user|database) ".*" does not exist', re.IGNORECASE)
"""28000 and 3D000. A login event trigger may report another missing object."""
_FULL_IN_OTHER_LANGUAGES = (
    # 53300 for one role or one database. These answers name the role or database, just as a refused password's answer
    # names the user.
    "zu viele verbindungen",
    "demasiadas conexiones",
    "trop de connexions",
    "troppe connessioni",
    "接続が多すぎます",
    "მეტისმეტად ბევრი კავშირი",
    "ძალიან ბევრი კავშირი",
    "최대 동시 접속수를 초과",
    "слишком много подключений",
    "för många uppkopplingar",
    "занадто багато підключень",
    "连接过多",
    "連線太多",
)
UNKNOWN_ANSWER_HINT = (
    "gjobs doesn't know this answer of the server or the pooler. Try again. If the answer refuses the"
    " sign-in, check the user, the password and the database name."
)
_SEVERITY = re.compile(r"^[^\s:]{1,40}:  ")
"""The severity at the start of a server message. It is in the server's language."""

_DRIVER_WORDS = re.compile(r"^connection (?:failed|is bad): ")
_ATTEMPT = re.compile(
    r"(?:connection (?:failed|is bad): )?"
    r'connection to server (?:on socket ".*?"|at ".*?"(?: \(.*?\))?, port .*?) failed: '
)
"""What libpq 14 to 18 print before the answer of each address. The answer itself may contain "failed: "."""

_BROKEN_OFF = (
    # The client library reports these for a lost connection. No server sends them to refuse a sign-in.
    "closed the connection unexpectedly",
    "connection has been closed unexpectedly",
    "could not receive data",
    "could not send data",
    "connection reset",
    "broken pipe",
    "eof detected",
    "timeout expired",
)


def is_unclear(error: Error) -> bool:
    """Return whether a server or pooler refused a connection with an unknown message, usually in another language.

    False after a password request: another attempt without the password would be refused for another reason.
    """
    if error.sqlstate is not None or _asked_for_password(error):
        return False
    reason = _reasons(str(error))[-1]
    is_clear = _refuses_login(reason) or says(reason, (*_NOT_READY, *FULL, *_FULL_IN_OTHER_LANGUAGES))
    return _is_answer(reason) and not is_clear


def _asked_for_password(error: Error) -> bool:
    return error.pgconn is not None and (error.pgconn.needs_password or error.pgconn.used_password)


def translate_connecting(error: Error, code: str | None = None) -> StoreError:
    """Return the StoreError for a failed connection attempt.

    The SQLSTATE decides, if there is one. For a refused connection, the client library drops the SQLSTATE. `code` is
    the SQLSTATE of a second attempt made to learn it, if any. Without a SQLSTATE, the server's message decides.

    An answer is a refused sign-in only if that is certain. A worker ends after a refused sign-in, and retries all else.
    """
    if error.sqlstate is not None:
        return translate(error)
    reasons = _reasons(str(error))
    text = _words(reasons[-1])
    if isinstance(error, ProgrammingError):
        return InvalidValue("database_url", f"The database's address cannot be read: {text}.")
    if not_ready := _first(reasons, _NOT_READY) or (text if code in ENDING_CODES else None):
        # The detail says how far a recovery is: not consistent yet, or hot standby is off.
        log.info("The server is not ready: %s", " ".join(str(error).split()))
        return Unreachable(f"{ACCEPTS_NONE}: {not_ready}.", hint=NOT_READY_HINT)
    if full := _first(reasons, (*FULL, *_FULL_IN_OTHER_LANGUAGES)) or (text if is_of_class(code, "53") else None):
        return Unreachable(f"{ACCEPTS_NONE}: {full}.", hint=FULL_HINT)
    if _is_answer(reasons[-1]):
        if _is_refused_sign_in(error, code, text):
            return SignInRefused(f"The database refused the sign-in: {text}.", hint=advice(text))
        return Unreachable(f"{ACCEPTS_NONE}: {text}.", hint=UNKNOWN_ANSWER_HINT)
    if _asked_for_password(error) and not says(text, _BROKEN_OFF):
        return SignInRefused(f"The database refused the sign-in: {text}.", hint=advice(text))
    hint = advice(text) or _host_advice(str(error)) or _address_advice(str(error))
    return Unreachable(f"The database is not reachable: {text}.", hint=hint)


def _is_refused_sign_in(error: Error, code: str | None, text: str) -> bool:
    """Return whether the server's answer refuses this login, and not all connections at the moment.

    In every language, a refused password's message names the user, and a refused database's message names the database.
    The refusal for lack of reserved connections names neither.
    """
    if code is not None:
        return is_of_class(code, "28") or code in _SIGN_IN_CODES
    if _refuses_login(text):
        return True
    if error.pgconn is None or not _asked_for_password(error):
        return False
    names = (name.decode(errors="replace") for name in (error.pgconn.user, error.pgconn.db) if name)
    return any(re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text) for name in names)


def _refuses_login(reason: str) -> bool:
    """Return whether the answer refuses this login in English."""
    return says(reason, _SIGN_IN_WORDS) or _MISSING_LOGIN.search(reason) is not None


def _is_answer(reason: str) -> bool:
    return _SEVERITY.match(reason) is not None


def _first(reasons: Sequence[str], phrases: tuple[str, ...]) -> str | None:
    """Return the first answer with one of the phrases. A full server may refuse the next attempt with a different
    message.
    """
    return next((_words(reason) for reason in reasons if says(reason, phrases)), None)


def _words(reason: str) -> str:
    return _SEVERITY.sub("", reason).strip().rstrip(".")


def _reasons(text: str) -> list[str]:
    """Return the answer to each attempt, with the server's severity and without the client library's hints."""
    found = [line[attempt.end() :] for line in text.splitlines() if (attempt := _ATTEMPT.match(line))]
    return [first_line(answer) for answer in found or [_DRIVER_WORDS.sub("", text)]]
