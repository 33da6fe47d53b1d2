"""Check the server, the connection, the pooler, the login and the users' grants."""

from collections.abc import Iterator, Sequence, Set
from dataclasses import replace
from functools import partial
from itertools import chain
from statistics import median
from time import perf_counter
from uuid import UUID

from sqlalchemy import text

from gjobs.store.capabilities.capabilities import OLDEST_MIGRATED, OLDEST_READ, Capabilities, acting
from gjobs.store.capabilities.capability import JOBS, Capability, DatabaseFacts, not_a_table
from gjobs.store.capabilities.claim_sql import WHOLE_TOKEN
from gjobs.store.capabilities.probe import probe
from gjobs.store.database.database import Database
from gjobs.store.database.query import Query, ignore_row
from gjobs.store.doctor.findings import Finding, Section, Severity, amount
from gjobs.store.doctor.sql_checks import MOST_COUNTED, count_query
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


def version_finding(facts: DatabaseFacts) -> Finding:
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


ROUND_TRIPS = 5
SLOW = 0.25
"""Median round trip in seconds. From this value on, the dashboard feels slow."""


_SHORTEST = Query(text("select 1"), ignore_row)


async def connection_findings(database: Database, facts: DatabaseFacts, label: str) -> list[Finding]:
    """Check the connection. Each measured round trip has its own transaction."""
    durations = []
    for _ in range(ROUND_TRIPS):
        started = perf_counter()
        await database.read(OPERATOR, _SHORTEST)
        durations.append(perf_counter() - started)
    middle = median(durations)
    sentence = f"A round trip takes {middle * 1000:.1f} ms (fastest: {min(durations) * 1000:.1f} ms)."
    latency = _connection_finding("latency", Severity.NOTE if middle >= SLOW else Severity.OK, sentence)
    return [_encryption(facts, label), latency, await _pooler(database, facts)]


async def _pooler(database: Database, facts: DatabaseFacts) -> Finding:
    """Report a pooler. With a transaction pooler, one server process serves two of our connections that are open."""
    if not facts.behind_pooler:
        return _connection_finding("pooler", Severity.OK, "No pooler.")
    if not await database.shares_processes():
        return _connection_finding(
            "pooler", Severity.OK, "The connection goes through a session pooler, as far as gjobs can detect."
        )
    return _connection_finding(
        "pooler",
        Severity.NOTE,
        "The connection goes through a transaction pooler.",
        hint="gjobs works with it, but 'gjobs migrate' needs a direct connection or a session pooler.",
    )


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
    granted = {statement for one in users if one.sql for statement in one.sql.split("\n")}
    for one in _limits(capabilities):
        if one.sentence not in reported and one.sql not in granted:
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
        hint="With --as, lists and numbers are marked with 'partial claims'. Set the claims in a profile.",
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
            missing = replace(missing, sql=None, advice=_HINT_ON_ACTING)
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
    on_primary = replace(capabilities.facts, may_become_user=True, is_replica=False, is_read_only=False)
    # A missing grant on the schema auth hides all others, so it is reported beside them.
    with_auth = Capabilities(replace(on_primary, users_may_use_auth=True))
    missing = [with_auth.lacking(feature, _ANY_USER) for feature in _GRANTS_OF_USERS]
    # Each grant once, even if several features need it.
    lacking = {
        one.sql: one.reason.removeprefix(_NO_GRANT).split(". ")[0].rstrip(".")
        for one in (acting(on_primary), *chain.from_iterable(missing))
        if one is not None and one.sql is not None and one.reason.startswith(_NO_GRANT)
    }
    if lacking:
        sentence = f"{_NO_GRANT}{', '.join(lacking.values())}."
        yield _login_finding("users-grants", Severity.WARNING, sentence, sql="\n".join(lacking))
    else:
        yield _login_finding(
            "users-grants", Severity.OK, f"The role {ROLE_OF_USERS} has the grants of the app's users."
        )


async def jobs_visible_to(database: Database, actor: Actor) -> Sequence[Finding]:
    """Return one finding with the number of jobs, or with the reason why they can't be read."""
    name, seen_finding = actor_name(actor), partial(_login_finding, "seen-by")
    try:
        (number,) = await database.read(actor, count_query(JOBS))
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
