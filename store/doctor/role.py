"""The login: what it sees, what it may do, and what the users that it acts as are granted. Pure."""

from collections.abc import Iterator
from dataclasses import replace
from uuid import UUID

from store.actor import ActingUser
from store.capabilities import JOBS, ROLE_OF_USERS, Capabilities, Feature
from store.doctor.model import Finding, Section, Severity

_ANY_USER = ActingUser(id=UUID(int=0))
"""All users act as one role."""

_LIMITS_OF_A_LOGIN = (Feature.ACTING, Feature.USERS, Feature.PROJECTS, Feature.ASSETS, Feature.MIGRATING)
"""What a careful owner withholds on purpose."""

_GRANTS_OF_USERS = (
    Feature.JOBS,
    Feature.PROJECTS,
    Feature.ASSETS,
    Feature.CREATING,
    Feature.CHANGING,
    Feature.DELETING,
    Feature.CREATING_PROJECTS,
)

_NO_GRANT = f"No grant: the role {ROLE_OF_USERS} may not "


def role_findings(capabilities: Capabilities) -> Iterator[Finding]:
    yield from _login(capabilities)
    if JOBS not in capabilities.facts.relations:
        return
    if off := capabilities.off(Feature.JOBS):
        yield _finding("jobs", Severity.PROBLEM, off.reason, sql=off.sql, hint=off.advice)
    users = [*_users(capabilities)]
    told = {one.sentence for one in users}
    for one in _limits(capabilities):
        if one.sentence not in told:
            told.add(one.sentence)
            yield one
    yield from users


def _limits(capabilities: Capabilities) -> Iterator[Finding]:
    """Several may have the same reason."""
    if capabilities.facts.is_read_only and (off := capabilities.takes_no_writes):
        yield _finding("read-only", Severity.NOTE, off.reason, hint=off.advice)
    for feature in _LIMITS_OF_A_LOGIN:
        if off := capabilities.off(feature):
            yield _finding(feature.value, Severity.NOTE, off.reason, sql=off.sql, hint=off.advice)


def _login(capabilities: Capabilities) -> Iterator[Finding]:
    facts = capabilities.facts
    if facts.is_superuser:
        yield _finding(
            "login",
            Severity.NOTE,
            f"The login {facts.login} is a superuser: nothing holds it back.",
            hint="The tables' owner is enough for all that gjobs does.",
        )
    elif off := capabilities.sees_less:
        yield _finding("login", Severity.WARNING, off.reason, hint=off.advice)
    else:
        why = "it bypasses row level security" if facts.has_bypass else "row level security hides none from it"
        yield _finding("login", Severity.OK, f"The login {facts.login} sees all rows: {why}.")


def _users(capabilities: Capabilities) -> Iterator[Finding]:
    """All grants that are missing, as one. Whether this login may act as a user is no matter."""
    if not capabilities.facts.has_users_role:
        return
    on_primary = Capabilities(replace(capabilities.facts, may_become_user=True, is_replica=False, is_read_only=False))
    # Each once, though several features need it.
    lacking = {
        off.sql: off.reason.removeprefix(_NO_GRANT).rstrip(".")
        for feature in _GRANTS_OF_USERS
        if (off := on_primary.off(feature, _ANY_USER)) and off.reason.startswith(_NO_GRANT)
    }
    if lacking:
        sentence = f"{_NO_GRANT}{', '.join(lacking.values())}."
        yield _finding("users-grants", Severity.WARNING, sentence, sql="\n".join(filter(None, lacking)))
    else:
        yield _finding("users-grants", Severity.OK, f"The role {ROLE_OF_USERS} has the grants of the app's users.")


def _finding(
    name: str, severity: Severity, sentence: str, *, sql: str | None = None, hint: str | None = None
) -> Finding:
    return Finding(section=Section.ROLE, name=name, severity=severity, sentence=sentence, sql=sql, hint=hint)
