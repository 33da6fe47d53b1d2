"""Server, transport, pooler, login, and what a user sees."""

from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass, replace
from enum import Enum, auto
from statistics import median
from time import perf_counter
from uuid import UUID

from sqlalchemy import func, select, text

from store import tables
from store.capabilities.capabilities import OLDEST_MIGRATED, OLDEST_READ, Capabilities
from store.capabilities.capability import Capability
from store.capabilities.claim_sql import WHOLE_TOKEN
from store.capabilities.facts import JOBS, DatabaseFacts
from store.capabilities.probe import probe
from store.database.database import Database
from store.database.query import Query, Row, make_number
from store.doctor.findings import Finding, Section, Severity, amount
from store.doctor.table_checks import MOST_COUNTED
from store.errors import NoPrivilege, SchemaMissing
from store.users.actor import OPERATOR, ROLE_OF_USERS, ActingUser, Actor, actor_name, role_of
from store.users.claims import COLUMNS

NOTICEABLE_LAG = 10.0
"""Seconds behind the primary, from which on what is shown is said to be old."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """How far a replica is."""

    has_all: bool | None
    """Whether everything received has been replayed, however long ago that was; None where nothing is streamed."""
    seconds: float | None
    """Since the commit that was replayed last; None where none was."""


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
    lambda row: Replay(has_all=row[0], seconds=row[1]),
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
    """`replay` is None on a primary."""
    yield _version(facts)
    if replay is not None:
        yield _replica(replay)
    if time_outs:
        yield _server_setting_finding(
            "time-outs", Severity.OK, f"Time-outs that roles start with: {_words(time_outs)}."
        )


def _words(time_outs: Sequence[TimeOut]) -> str:
    """Of each role what it has, in the order of their names."""
    by_role: dict[str, list[str]] = {}
    for one in time_outs:
        kind = one.setting.removesuffix("_timeout").replace("_", " ")
        by_role.setdefault(one.role, []).append(f"{kind} {one.value}")
    return "; ".join(f"{role} {', '.join(settings)}" for role, settings in by_role.items())


def _version(facts: DatabaseFacts) -> Finding:
    if facts.major_version < OLDEST_READ:
        return _server_setting_finding(
            "version",
            Severity.PROBLEM,
            f"PostgreSQL {facts.version} is older than {OLDEST_READ}, the oldest supported.",
        )
    if facts.major_version < OLDEST_MIGRATED:
        sentence = f"PostgreSQL {facts.version}. Migrations need {OLDEST_MIGRATED} or newer."
        return _server_setting_finding("version", Severity.NOTE, sentence)
    return _server_setting_finding("version", Severity.OK, f"PostgreSQL {facts.version}.")


def _replica(replay: Replay) -> Finding:
    sentence = "A replica: it takes no writes."
    if replay.has_all or replay.seconds is None:
        return _server_setting_finding("replica", Severity.OK, f"{sentence} It has replayed all that it received.")
    severity = Severity.WARNING if replay.seconds >= NOTICEABLE_LAG else Severity.OK
    return _server_setting_finding(
        "replica", severity, f"{sentence} It is {replay.seconds:.1f} s behind the primary server."
    )


def _server_setting_finding(name: str, severity: Severity, sentence: str) -> Finding:
    return Finding(section=Section.SERVER, name=name, severity=severity, sentence=sentence)


ROUND_TRIPS = 5
SLOW = 0.25
"""Seconds of the median round trip, from which on a dashboard feels slow."""


class Pooling(Enum):
    NONE = auto()
    SESSION = auto()
    """A server's process for as long as the client stays, as far as can be told from outside."""
    TRANSACTION = auto()
    """One process has served two connections of ours that were both open."""


def _nothing(_: Row) -> None:
    pass


_SHORTEST = Query(text("select 1"), _nothing)


async def measure(database: Database) -> tuple[float, ...]:
    """Seconds of some round trips, each a transaction of its own."""
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
    sentence = f"A round trip takes {middle * 1000:.1f} ms ({min(durations) * 1000:.1f} at best)."
    yield _connection_finding("latency", Severity.NOTE if middle >= SLOW else Severity.OK, sentence)
    match pooling:
        case Pooling.NONE:
            yield _connection_finding("pooler", Severity.OK, "No pooler between.")
        case Pooling.SESSION:
            yield _connection_finding(
                "pooler", Severity.OK, "A pooler stands between, by session as far as can be told."
            )
        case Pooling.TRANSACTION:
            yield _connection_finding(
                "pooler",
                Severity.NOTE,
                "A pooler stands between and lends a connection for one transaction.",
                hint="gjobs works through it; 'gjobs migrate' needs the direct address or the session pooler's.",
            )


def _encryption(facts: DatabaseFacts, label: str) -> Finding:
    if facts.transport.is_encrypted:
        return _connection_finding("encryption", Severity.OK, f"The link to {label} is encrypted.")
    if facts.transport.is_local:
        return _connection_finding("encryption", Severity.OK, f"The link to {label} stays on this machine.")
    return _connection_finding(
        "encryption",
        Severity.WARNING,
        f"The link to {label} is not encrypted: who listens reads every row, and may change what is sent.",
        hint="Put sslmode=require, or better verify-full with sslrootcert, into the address.",
    )


def _connection_finding(name: str, severity: Severity, sentence: str, *, hint: str | None = None) -> Finding:
    return Finding(section=Section.LINK, name=name, severity=severity, sentence=sentence, hint=hint)


_ANY_USER = ActingUser(id=UUID(int=0))
"""All users act as one role."""

_LIMITS_OF_A_LOGIN = (Capability.ACTING, Capability.USERS, Capability.PROJECTS, Capability.ASSETS, Capability.MIGRATING)
"""What a careful owner withholds on purpose."""

_GRANTS_OF_USERS = (
    Capability.JOBS,
    Capability.PROJECTS,
    Capability.ASSETS,
    Capability.CREATING,
    Capability.CHANGING,
    Capability.DELETING,
    Capability.CREATING_PROJECTS,
    # Of a migrated database.
    Capability.ROLLUPS,
    Capability.RETRY_LINKS,
    Capability.LEARNING,
    Capability.RETRYING,
    Capability.EVENTS,
    Capability.BUDGETS,
    Capability.WORKERS,
    Capability.WORKING,
    Capability.ARCHIVE,
    Capability.RETENTION,
)

_NO_GRANT = f"No grant: the role {ROLE_OF_USERS} may not "


def role_findings(capabilities: Capabilities) -> Iterator[Finding]:
    """`capabilities` with the policies of users, where those could be read."""
    yield from _login(capabilities)
    if JOBS not in capabilities.facts.relations:
        return
    if missing := capabilities.missing(Capability.JOBS):
        yield _login_finding("jobs", Severity.PROBLEM, missing.reason, sql=missing.sql, hint=missing.advice)
    users = [*_users(capabilities)]
    told = {one.sentence for one in users}
    for one in _limits(capabilities):
        if one.sentence not in told:
            told.add(one.sentence)
            yield one
    yield from users
    yield from _claims(capabilities)


_MADE_UP = frozenset({"amr", "session_id"})


def _claims(capabilities: Capabilities) -> Iterator[Finding]:
    """The claims that policies read: those that gjobs sends as the app's auth server does, and the others."""
    policies = capabilities.facts.policies
    if policies is None or not policies.claims or policies.is_locked:
        return
    unknown = frozenset(capabilities.partial_claims(_ANY_USER))
    named = sorted(policies.claims - {WHOLE_TOKEN})
    sent = [claim for claim in named if claim not in unknown]
    sentence = f"Policies read the claims {', '.join(named)}." if named else "Policies read the token of a request."
    if not unknown:
        yield _login_finding("claims", Severity.OK, f"{sentence} gjobs sends them as the auth server does.")
        return
    if sent:
        sentence += f" gjobs sends {', '.join(sent)} as the auth server does."
    yield _login_finding(
        "claims", Severity.NOTE, f"{sentence} {' '.join(_unknown_claims(unknown))}", hint=_HINT_ON_CLAIMS
    )


_HINT_ON_CLAIMS = "With --as, lists and numbers are marked as of partial claims. A profile's claims make them known."


def _unknown_claims(unknown: Set[str]) -> Iterator[str]:
    if of_users := sorted(unknown & COLUMNS.keys()):
        yield f"Unknown: {', '.join(of_users)}, which this login cannot read in auth.users."
    if made_up := sorted(unknown & _MADE_UP):
        yield f"Made up: {', '.join(made_up)}, for no sign-in takes place."
    if others := sorted(unknown - COLUMNS.keys() - _MADE_UP - {WHOLE_TOKEN}):
        yield f"Unknown: {', '.join(others)}, which the auth server does not send by itself."
    if WHOLE_TOKEN in unknown:
        yield "A policy uses the whole token, so more claims may matter."


def _limits(capabilities: Capabilities) -> Iterator[Finding]:
    """Several may have the same reason."""
    if capabilities.facts.is_read_only and (missing := capabilities.read_only_reason):
        yield _login_finding("read-only", Severity.NOTE, missing.reason, hint=missing.advice)
    for feature in _LIMITS_OF_A_LOGIN:
        if (missing := capabilities.missing(feature)) is None:
            continue
        if feature is Capability.ACTING and not capabilities.facts.may_become_user:
            # To become a member is to write as any user: nothing that a login made to look should be given.
            yield _login_finding(feature.value, Severity.NOTE, missing.reason, hint=_HINT_ON_ACTING)
        else:
            yield _login_finding(feature.value, Severity.NOTE, missing.reason, sql=missing.sql, hint=missing.advice)


_HINT_ON_ACTING = (
    f"A member of {ROLE_OF_USERS} can write as any user. To see what users see, connect as the owner of the tables."
)


def _login(capabilities: Capabilities) -> Iterator[Finding]:
    facts = capabilities.facts
    if facts.is_superuser:
        yield _login_finding(
            "login",
            Severity.NOTE,
            f"The login {facts.login} is a superuser: nothing holds it back.",
            hint="The tables' owner is enough for all that gjobs does.",
        )
    elif missing := capabilities.restricted_view:
        yield _login_finding("login", Severity.WARNING, missing.reason, hint=missing.advice)
    else:
        why = "it bypasses row level security" if facts.has_bypass else "row level security hides none from it"
        yield _login_finding("login", Severity.OK, f"The login {facts.login} sees all rows: {why}.")


def _users(capabilities: Capabilities) -> Iterator[Finding]:
    """All grants that are missing, as one. Whether this login may act as a user is no matter."""
    if not capabilities.facts.has_users_role:
        return
    on_primary = Capabilities(replace(capabilities.facts, may_become_user=True, is_replica=False, is_read_only=False))
    # Each once, though several features need it.
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


def _login_finding(
    name: str, severity: Severity, sentence: str, *, sql: str | None = None, hint: str | None = None
) -> Finding:
    return Finding(section=Section.ROLE, name=name, severity=severity, sentence=sentence, sql=sql, hint=hint)


_SOME = select(tables.generation_jobs.c.id).limit(MOST_COUNTED + 1).subquery()
_SEEN = Query(select(func.count()).select_from(_SOME), make_number)


async def jobs_visible_to(database: Database, actor: Actor) -> Sequence[Finding]:
    """One finding: how many jobs, or why none can be asked for."""
    name = actor_name(actor)
    try:
        (number,) = await database.read(actor, _SEEN)
    except (NoPrivilege, SchemaMissing) as error:
        missing = (await probe(database, role_of(actor) or ROLE_OF_USERS)).missing(Capability.JOBS, actor)
        return [
            _finding(
                Severity.WARNING, missing.reason if missing else error.message, sql=missing.sql if missing else None
            )
        ]
    several = f"more than {amount(MOST_COUNTED, 'job')}" if number > MOST_COUNTED else amount(number, "job")
    return [_finding(Severity.OK, f"As {name} one sees {several}.")]


def _finding(severity: Severity, sentence: str, *, sql: str | None = None) -> Finding:
    return Finding(section=Section.ROLE, name="seen-by", severity=severity, sentence=sentence, sql=sql)
