"""Capabilities, and why one is missing, with SQL that adds it."""

from collections.abc import Collection
from dataclasses import replace
from enum import StrEnum

from gjobs.store.advice import command
from gjobs.store.capabilities.facts import Privileges, Relation, RelationKind
from gjobs.store.errors import NoPrivilege, ReadOnly, SchemaMissing, StoreError
from gjobs.store.users.actor import ROLE_OF_ANON
from gjobs.store.value_class import dataclass


class Capability(StrEnum):
    """A capability that a database or role may lack. The value appears in JSON documents."""

    JOBS = "jobs"
    """Reading jobs. Without it there is nothing to show."""
    PROJECTS = "projects"
    """Reading projects. Without it, they are known only by their jobs."""
    ASSETS = "assets"
    USERS = "users"
    """Reading `auth.users`, which has the e-mails. Without it, users are known only by what they own."""
    ACTING = "acting"
    """Acting as a user."""
    CREATING = "creating"
    CHANGING = "changing"
    """Changing a job's status."""
    RETRY_LINKS = "links"
    """Reading which job repeats which."""
    LEARNING = "learning"
    """Learning usual durations and reading leases, to find stuck jobs. Without it, stuck jobs are found by
    time alone.
    """
    RETRYING = "retrying"
    """Repeating a failed job as a new job that is linked to it."""
    DELETING = "deleting"
    """Deleting jobs."""
    CREATING_PROJECTS = "creating-projects"
    MIGRATING = "migrating"
    ROLLUPS = "rollups"
    """Reading rollups. Without them, jobs are counted."""
    WASTE = "waste"
    """Reading the rollups of failed jobs and retries. Without them, only the newest jobs are counted."""
    EVENTS = "events"
    """Reading recorded events. Without them, events are derived by polling."""
    BUDGETS = "budgets"
    """Reading budgets, which the database enforces."""
    SETTING_BUDGETS = "setting-budgets"
    WORKERS = "workers"
    """Reading workers and their jobs."""
    WORKING = "working"
    """Claiming jobs under a lease."""
    ARCHIVE = "archive"
    """Reading the archive."""
    ARCHIVING = "archiving"
    RESTORING = "restoring"
    RETENTION = "retention"
    """Reading retention policies; the operator sets them."""


_DOES = {"select": "read", "insert": "write", "update": "change"}


@dataclass(frozen=True, slots=True, kw_only=True)
class MissingCapability:
    reason: str
    sql: str | None = None
    """Statements that fix it, for a login that may run them."""
    advice: str | None = None
    """Another remedy, as a sentence."""
    forbids_writes: bool = False
    """Whether nobody may write there, whatever was granted."""

    @property
    def refusal(self) -> StoreError:
        """The error to raise where the capability is needed."""
        if self.forbids_writes:
            return ReadOnly(self.reason, hint=self.hint)
        return (SchemaMissing if self.sql is None else NoPrivilege)(self.reason, hint=self.hint)

    @property
    def hint(self) -> str | None:
        """What to do about it, or None if no remedy is known."""
        return f"To fix it, run: {self.sql}" if self.sql else self.advice

    @property
    def words(self) -> str:
        return f"{self.reason} {self.hint or ''}".rstrip()


def merged(lacking: Collection[MissingCapability]) -> MissingCapability | None:
    """Return the first missing capability with the SQL of all, so that running it once fixes everything."""
    if not lacking:
        return None
    first = next(iter(lacking))
    statements = dict.fromkeys(missing.sql for missing in lacking if missing.sql)
    return replace(first, sql=" ".join(statements)) if first.sql else first


def absent(name: str, relation: Relation | None, columns: Collection[str]) -> MissingCapability | None:
    """Return why the table or a needed column is missing."""
    compare = (
        f"Run {command('doctor')} to see what this database lacks, or {command('migrate status')} to see its revision."
    )
    if relation is None:
        return MissingCapability(reason=f"There is no table {short(name)}.", advice=compare)
    if lacking := sorted(set(columns) - relation.columns):
        noun = "column" if len(lacking) == 1 else "columns"
        return MissingCapability(
            reason=f"The table {short(name)} lacks the {noun} {', '.join(lacking)}.", advice=compare
        )
    return None


ONLY_READS = "gjobs only reads here. Make this change in your app."


def not_a_table(name: str, relation: Relation | None) -> MissingCapability | None:
    """Return why gjobs does not write to the relation. A write to a view may change rows that it does not show."""
    if relation is None or relation.kind is RelationKind.TABLE:
        return None
    return MissingCapability(
        reason=f"gjobs does not write to {short(name)}, because it is a {relation.kind}.",
        advice=ONLY_READS,
        forbids_writes=True,
    )


API_LOGIN = "authenticator"
"""The login of a hosted project's API. It gets no privileges of its own for gjobs."""

OTHER_LOGIN = f"Connect as another login, such as the owner of the tables: {API_LOGIN} is the login of the app's API."


_ADVICE_FOR_VISITORS = "Nothing has to be done. Visitors who have not signed in usually see no rows."
"""Never advise a grant to visitors, because it opens data to everybody."""


def no_schema(name: str, privileges: Privileges, role: str) -> MissingCapability | None:
    schema, _, _ = name.partition(".")
    if privileges.schema:
        return None
    return _not_granted(f"the role {role} may not use the schema {schema}", f"USAGE ON SCHEMA {schema}", role)


def no_grant(
    name: str, granted: Collection[str], role: str, verb: str, columns: Collection[str]
) -> MissingCapability | None:
    """`granted` are the columns on which the role has the verb: select, insert or update."""
    lacking = sorted(set(columns) - set(granted))
    if not lacking:
        return None
    what = f"{', '.join(lacking)} of {short(name)}" if granted else short(name)
    return _not_granted(f"the role {role} may not {_DOES[verb]} {what}", f"{verb.upper()} ON {name}", role)


def no_delete(name: str, privileges: Privileges, role: str) -> MissingCapability | None:
    if privileges.delete:
        return None
    return _not_granted(f"the role {role} may not delete rows of {short(name)}", f"DELETE ON {name}", role)


def _not_granted(reason: str, privilege: str, role: str) -> MissingCapability:
    if role == API_LOGIN:
        return MissingCapability(reason=f"No grant: {reason}.", advice=OTHER_LOGIN)
    if role == ROLE_OF_ANON:
        return MissingCapability(reason=f"No grant: {reason}.", advice=_ADVICE_FOR_VISITORS)
    return MissingCapability(reason=f"No grant: {reason}.", sql=f"GRANT {privilege} TO {quoted(role)};")


def short(name: str) -> str:
    """Return the name of a table without the schema public."""
    return name.removeprefix("public.")


def quoted(role: str) -> str:
    """Quote a role's name for SQL. Well-known roles stay bare."""
    if role in ("anon", "authenticated", "service_role"):
        return role
    doubled = role.replace('"', '""')
    return f'"{doubled}"'
