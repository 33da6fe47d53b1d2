"""Check the server, the connection, the pooler, the login and the users' grants."""

from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass, replace
from enum import Enum, auto
from functools import partial
from statistics import median
from time import perf_counter
from typing import assert_never
from uuid import UUID

from sqlalchemy import func, select, text

from gjobs.store import tables
from gjobs.store.capabilities.capabilities import OLDEST_MIGRATED, OLDEST_READ, Capabilities
from gjobs.store.capabilities.capability import JOBS, Capability, DatabaseFacts, not_a_table
from gjobs.store.capabilities.claim_sql import WHOLE_TOKEN
from gjobs.store.capabilities.probe import probe
from gjobs.store.database.database import Database
from gjobs.store.database.query import Query, Row, ignore_row, make_number, row_maker
from gjobs.store.doctor.findings import Finding, Section, Severity, amount
from gjobs.store.doctor.table_checks import MOST_COUNTED
from gjobs.store.errors import NoPrivilege, SchemaMissing
from gjobs.store.users.actor import (
    ANON,
    COLUMNS,
    MADE_UP,
    OPERATOR,
    ROLE_OF_USERS,
    ActingUser,
    Actor,
    actor_name,
    role_of,
)

_server_finding = partial(Finding, Section.SERVER)
_connection_finding = partial(Finding, Section.CONNECTION)
_login_finding = partial(Finding, Section.ROLE)

NOTICEABLE_LAG = 10.0
"""Lag behind the primary in seconds. From this value on, the data is reported as old."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """How far a replica has replayed its primary."""

    has_all: bool | None
    """Whether everything received has been replayed; None without streaming."""
    seconds: float | None
    """Seconds since the newest replayed commit; None if there is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeOut:
    role: str
    setting: str
    value: str


REPLAY: Query[Replay] = Query(
    text("""
select pg_last_wal_receive_lsn() <= pg_last_wal_replay_lsn(),
       extract(epoch from clock_timestamp() - pg_last_xact_replay_timestamp())::float8
"""),
    row_maker(Replay),
)


def _make_time_out(row: Row) -> TimeOut:
    role, setting = row
    name, _, value = setting.partition("=")
    return TimeOut(role=role, setting=name, value=value)


TIME_OUTS: Query[TimeOut] = Query(
    text("""
select r.rolname::text, setting
  from pg_db_role_setting s
  join pg_roles r on r.oid = s.setrole
 cross join unnest(s.setconfig) as setting
 where s.setdatabase in (0, (select oid from pg_database where datname = current_database()))
   and (r.rolname in ('anon', 'authenticated', 'authenticator', 'service_role') or r.rolname = current_user)
   and setting ~ '^(statement|lock|idle_in_transaction_session|transaction)_timeout='
 order by r.rolname, setting
"""),
    _make_time_out,
)


def server_findings(facts: DatabaseFacts, replay: Replay | None, time_outs: Sequence[TimeOut]) -> Iterator[Finding]:
    """Check the server. `replay` is None on a primary."""
    yield _version(facts)
    if replay is not None:
        yield _replica(replay)
    if time_outs:
        yield _server_finding("time-outs", Severity.OK, f"Time-outs by role: {_words(time_outs)}.")


def _words(time_outs: Sequence[TimeOut]) -> str:
    """List the settings of each role, ordered by role."""
    by_role: dict[str, list[str]] = {}
    for one in time_outs:
        kind = one.setting.removesuffix("_timeout").replace("_", " ")
        by_role.setdefault(one.role, []).append(f"{kind} {one.value}")
    return "; ".join(f"{role} {', '.join(settings)}" for role, settings in by_role.items())


def _version(facts: DatabaseFacts) -> Finding:
    if facts.major_version < OLDEST_READ:
        return _server_finding(
            "version",
            Severity.PROBLEM,
            f"PostgreSQL {facts.version} is not supported. The oldest supported version is {OLDEST_READ}.",
        )
    if facts.major_version < OLDEST_MIGRATED:
        sentence = f"PostgreSQL {facts.version}. Migrations need {OLDEST_MIGRATED} or newer."
        return _server_finding("version", Severity.NOTE, sentence)
    return _server_finding("version", Severity.OK, f"PostgreSQL {facts.version}.")


def _replica(replay: Replay) -> Finding:
    sentence = "This is a replica, which accepts no writes."
    if replay.has_all or replay.seconds is None:
        return _server_finding("replica", Severity.OK, f"{sentence} It has replayed all received changes.")
    severity = Severity.WARNING if replay.seconds >= NOTICEABLE_LAG else Severity.OK
    return _server_finding("replica", severity, f"{sentence} It is {replay.seconds:.1f} s behind the primary server.")


ROUND_TRIPS = 5
SLOW = 0.25
"""Median round trip in seconds. From this value on, the dashboard feels slow."""


class Pooling(Enum):
    NONE = auto()
    SESSION = auto()
    """Keeps one server process for each client, as far as gjobs can detect."""
    TRANSACTION = auto()
    """One server process has served two of our connections that were open at the same time."""


_SHORTEST = Query(text("select 1"), ignore_row)


async def measure(database: Database) -> tuple[float, ...]:
    """Return the seconds of some round trips, each in its own transaction."""
    durations = []
    for _ in range(ROUND_TRIPS):
        started = perf_counter()
        await database.read(OPERATOR, _SHORTEST)
        durations.append(perf_counter() - started)
    return tuple(durations)


async def find_pooling(database: Database, facts: DatabaseFacts) -> Pooling:
    if not facts.behind_pooler:
        return Pooling.NONE
    return Pooling.TRANSACTION if await database.shares_processes() else Pooling.SESSION


def connection_findings(
    facts: DatabaseFacts, label: str, durations: Sequence[float], pooling: Pooling
) -> Iterator[Finding]:
    yield _encryption(facts, label)
    middle = median(durations)
    sentence = f"A round trip takes {middle * 1000:.1f} ms (fastest: {min(durations) * 1000:.1f} ms)."
    yield _connection_finding("latency", Severity.NOTE if middle >= SLOW else Severity.OK, sentence)
    match pooling:
        case Pooling.NONE:
            yield _connection_finding("pooler", Severity.OK, "No pooler.")
        case Pooling.SESSION:
            yield _connection_finding(
                "pooler", Severity.OK, "The connection goes through a session pooler, as far as gjobs can detect."
            )
        case Pooling.TRANSACTION:
            yield _connection_finding(
                "pooler",
                Severity.NOTE,
                "The connection goes through a transaction pooler.",
                hint="gjobs works with it, but 'gjobs migrate' needs a direct connection or a session pooler.",
            )
        case _:
            assert_never(pooling)


def _encryption(facts: DatabaseFacts, label: str) -> Finding:
    if facts.transport.is_encrypted:
        return _connection_finding("encryption", Severity.OK, f"The connection to {label} is encrypted.")
    if facts.transport.is_local:
        return _connection_finding("encryption", Severity.OK, f"The connection to {label} stays on this machine.")
    return _connection_finding(
        "encryption",
        Severity.WARNING,
        f"The connection to {label} is not encrypted. Anyone on the network can read and change what is sent.",
        hint="Add sslmode=require to the database URL, or better sslmode=verify-full with sslrootcert.",
    )


_ANY_USER = ActingUser(id=UUID(int=0))
"""Any user will do, because all users act as one role."""

_LIMITS_OF_A_LOGIN = (Capability.ACTING, Capability.USERS, Capability.PROJECTS, Capability.ASSETS, Capability.MIGRATING)
"""Rights that an owner may withhold on purpose."""

_GRANTS_OF_USERS = (
    Capability.JOBS,
    Capability.PROJECTS,
    Capability.ASSETS,
    Capability.CREATING,
    Capability.CHANGING,
    Capability.DELETING,
    Capability.CREATING_PROJECTS,
    # In a migrated database only.
    Capability.MIGRATED,
    Capability.ROLLUPS,
    Capability.RETRYING,
)

_NO_GRANT = f"No grant: the role {ROLE_OF_USERS} may not "


def role_findings(capabilities: Capabilities) -> Iterator[Finding]:
    """Check the login and the users' grants. `capabilities` include the users' policies if these are readable."""
    yield from _login(capabilities)
    if JOBS not in capabilities.facts.relations:
        return
    if missing := capabilities.missing(Capability.JOBS):
        yield _login_finding("jobs", Severity.PROBLEM, missing.reason, sql=missing.sql, hint=missing.advice)
    users = [*_users(capabilities)]
    reported = {one.sentence for one in users}
    for one in _limits(capabilities):
        if one.sentence not in reported:
            reported.add(one.sentence)
            yield one
    yield from users
    yield from _claims(capabilities)


def _claims(capabilities: Capabilities) -> Iterator[Finding]:
    """Report the claims that policies read: those gjobs sends like the auth server, and those it can't."""
    policies = capabilities.facts.policies
    if policies is None or policies.is_locked:
        return
    if policies.settings:
        yield _login_finding(
            "request-settings",
            Severity.NOTE,
            f"Policies read these settings of a request: {', '.join(sorted(policies.settings))}. gjobs does not know"
            " what the app sets.",
            hint="With --as, lists and numbers are marked with 'partial claims'.",
        )
    if not policies.claims:
        return
    unknown = frozenset(capabilities.partial_claims(_ANY_USER)) - policies.settings
    named = sorted(policies.claims - {WHOLE_TOKEN})
    sent = [claim for claim in named if claim not in unknown]
    sentence = f"Policies read the claims {', '.join(named)}." if named else "Policies read the token of a request."
    if not unknown:
        yield _login_finding("claims", Severity.OK, f"{sentence} gjobs sends them as the auth server does.")
        return
    if sent:
        sentence += f" gjobs sends {', '.join(sent)} as the auth server does."
    yield _login_finding(
        "claims",
        Severity.NOTE,
        f"{sentence} {' '.join(_unknown_claims(unknown, capabilities.claims_without_column))}",
        hint="With --as, lists and numbers are marked as based on partial claims. Set the claims in a profile.",
    )


def _unknown_claims(unknown: Set[str], without_column: Set[str]) -> Iterator[str]:
    if absent := sorted(unknown & without_column):
        them = "it" if len(absent) == 1 else "them"
        yield f"Unknown: {', '.join(absent)}, because auth.users has no column for {them}."
    if of_users := sorted(unknown & COLUMNS.keys() - without_column):
        yield f"Unknown: {', '.join(of_users)}, because this login can't read auth.users."
    if made_up := sorted(unknown & MADE_UP):
        yield f"Made up: {', '.join(made_up)}, because there is no real sign-in."
    if others := sorted(unknown - COLUMNS.keys() - MADE_UP - {WHOLE_TOKEN}):
        them = "it" if len(others) == 1 else "them"
        yield f"Unknown: {', '.join(others)}, because the auth server does not send {them} by default."
    if WHOLE_TOKEN in unknown:
        yield "A policy uses the whole token, so it may depend on more claims."


def _limits(capabilities: Capabilities) -> Iterator[Finding]:
    """Report what the login may not do. Several findings may have the same reason."""
    if capabilities.facts.is_read_only and (missing := capabilities.read_only_reason):
        yield _login_finding("read-only", Severity.NOTE, missing.reason, hint=missing.advice)
    no_table = not_a_table(JOBS, capabilities.facts.relations.get(JOBS))
    for feature in _LIMITS_OF_A_LOGIN:
        # The check of the schema reports a view or a foreign table.
        if (missing := capabilities.missing(feature)) is None or missing == no_table:
            continue
        if feature is Capability.ACTING and not capabilities.facts.may_become_user:
            # A member can write as any user. A read-only login should not get that right, so no SQL is suggested.
            yield _login_finding(feature.value, Severity.NOTE, missing.reason, hint=_HINT_ON_ACTING)
        else:
            yield _login_finding(feature.value, Severity.NOTE, missing.reason, sql=missing.sql, hint=missing.advice)


_HINT_ON_ACTING = (
    f"A member of {ROLE_OF_USERS} can write as any user. To act as users safely, connect as the owner of the tables."
)


def _login(capabilities: Capabilities) -> Iterator[Finding]:
    facts = capabilities.facts
    if facts.is_superuser:
        yield _login_finding(
            "login",
            Severity.NOTE,
            f"The login {facts.login} is a superuser, so no rule restricts it.",
            hint="gjobs needs only the rights of the tables' owner.",
        )
    elif missing := capabilities.restricted_view:
        yield _login_finding("login", Severity.WARNING, missing.reason, hint=missing.advice)
    else:
        why = "it bypasses row level security" if facts.has_bypass else "row level security hides none from it"
        yield _login_finding("login", Severity.OK, f"The login {facts.login} sees all rows: {why}.")


def _users(capabilities: Capabilities) -> Iterator[Finding]:
    """Report all missing grants in one finding, even if this login can't act as a user."""
    if not capabilities.facts.has_users_role:
        return
    on_primary = Capabilities(replace(capabilities.facts, may_become_user=True, is_replica=False, is_read_only=False))
    # Each grant once, even if several features need it.
    lacking = {
        missing.sql: missing.reason.removeprefix(_NO_GRANT).rstrip(".")
        for feature in _GRANTS_OF_USERS
        for missing in on_primary.lacking(feature, _ANY_USER)
        if missing.reason.startswith(_NO_GRANT)
    }
    if lacking:
        sentence = f"{_NO_GRANT}{', '.join(lacking.values())}."
        yield _login_finding("users-grants", Severity.WARNING, sentence, sql="\n".join(filter(None, lacking)))
    else:
        yield _login_finding(
            "users-grants", Severity.OK, f"The role {ROLE_OF_USERS} has the grants of the app's users."
        )


_SOME = select(tables.generation_jobs.c.id).limit(MOST_COUNTED + 1).subquery()
_SEEN = Query(select(func.count()).select_from(_SOME), make_number)


async def jobs_visible_to(database: Database, actor: Actor) -> Sequence[Finding]:
    """Return one finding with the number of jobs, or with the reason why they can't be read."""
    name, seen_finding = actor_name(actor), partial(_login_finding, "seen-by")
    try:
        (number,) = await database.read(actor, _SEEN)
    except (NoPrivilege, SchemaMissing) as error:
        if actor == ANON and isinstance(error, NoPrivilege):
            return [seen_finding(Severity.OK, f"{name} sees no jobs, because the role {name} may not read them.")]
        missing = (await probe(database, role_of(actor) or ROLE_OF_USERS)).missing(Capability.JOBS, actor)
        return [
            seen_finding(
                Severity.WARNING, missing.reason if missing else error.message, sql=missing.sql if missing else None
            )
        ]
    several = f"more than {amount(MOST_COUNTED, 'job')}" if number > MOST_COUNTED else amount(number, "job")
    return [seen_finding(Severity.OK, f"{name} sees {several}.")]
