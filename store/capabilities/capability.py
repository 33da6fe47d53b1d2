"""Capability names, and why one is missing, with SQL."""

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum

from store.capabilities.facts import Privileges, Relation
from store.errors import NoPrivilege, ReadOnly, SchemaMissing, StoreError


class Capability(StrEnum):
    """What a database, or a privilege, may lack. The value stands in documents."""

    JOBS = "jobs"
    """Reading them, without which there is nothing to show."""
    PROJECTS = "projects"
    """Reading them; else they are known by their jobs alone."""
    ASSETS = "assets"
    USERS = "users"
    """Reading `auth.users`, which has the e-mails; else they are known by what they own."""
    ACTING = "acting"
    """Looking with a user's eyes."""
    CREATING = "creating"
    CHANGING = "changing"
    """Their status."""
    RETRY_LINKS = "links"
    """Which job repeats which."""
    LEARNING = "learning"
    """How long jobs run and which of them workers have: by that it is known which are stuck, else by the time alone."""
    RETRYING = "retrying"
    """Queueing a failed job once more, as a job of its own that names it."""
    DELETING = "deleting"
    """Jobs, all three."""
    CREATING_PROJECTS = "creating-projects"
    MIGRATING = "migrating"
    ROLLUPS = "rollups"
    """Sums kept beside the jobs; else they are counted."""
    EVENTS = "events"
    """What happened to the jobs, as it was recorded; else it is known as far as somebody looked."""
    BUDGETS = "budgets"
    """Limits that the database keeps, and reading them."""
    SETTING_BUDGETS = "setting-budgets"
    WORKERS = "workers"
    """Reading who works, and what they hold."""
    WORKING = "working"
    """Claiming jobs under a lease."""
    ARCHIVE = "archive"
    """Reading it."""
    ARCHIVING = "archiving"
    RESTORING = "restoring"
    RETENTION = "retention"
    """The policies by which old jobs go; the operator sets them."""


_COMPARE = "Run 'gjobs doctor' to see all that this database lacks, 'gjobs migrate status' to see its revision."
_DOES = {"select": "read", "insert": "write", "update": "change"}


@dataclass(frozen=True, slots=True, kw_only=True)
class MissingCapability:
    reason: str
    sql: str | None = None
    """Statements that mend it, for whoever may run them."""
    advice: str | None = None
    """What else helps, as a sentence."""
    forbids_writes: bool = False
    """Whether nobody may write there, whatever was granted."""

    @property
    def refusal(self) -> StoreError:
        """What to raise where the thing is needed."""
        if self.forbids_writes:
            return ReadOnly(self.reason, hint=self.hint)
        return (SchemaMissing if self.sql is None else NoPrivilege)(self.reason, hint=self.hint)

    @property
    def hint(self) -> str | None:
        """What to do about it; None where nothing is known to help."""
        return f"Mended by: {self.sql}" if self.sql else self.advice

    @property
    def words(self) -> str:
        return f"{self.reason} {self.hint or ''}".rstrip()


def absent(name: str, relation: Relation | None, columns: Collection[str]) -> MissingCapability | None:
    """Where the table, or a column of it that is needed, is not there."""
    if relation is None:
        return MissingCapability(reason=f"There is no table {short(name)}.", advice=_COMPARE)
    if lacking := sorted(set(columns) - relation.columns):
        noun = "column" if len(lacking) == 1 else "columns"
        return MissingCapability(
            reason=f"The table {short(name)} lacks the {noun} {', '.join(lacking)}.", advice=_COMPARE
        )
    return None


def no_schema(name: str, privileges: Privileges, role: str) -> MissingCapability | None:
    schema, _, _ = name.partition(".")
    if privileges.schema:
        return None
    return MissingCapability(
        reason=f"No grant: the role {role} may not use the schema {schema}.",
        sql=f"GRANT USAGE ON SCHEMA {schema} TO {quoted(role)};",
    )


def no_grant(
    name: str, granted: Collection[str], role: str, verb: str, columns: Collection[str]
) -> MissingCapability | None:
    """`granted` are the columns on which the role has the verb: select, insert or update."""
    lacking = sorted(set(columns) - set(granted))
    if not lacking:
        return None
    what = f"{', '.join(lacking)} of {short(name)}" if granted else short(name)
    return MissingCapability(
        reason=f"No grant: the role {role} may not {_DOES[verb]} {what}.",
        sql=f"GRANT {verb.upper()} ON {name} TO {quoted(role)};",
    )


def no_delete(name: str, privileges: Privileges, role: str) -> MissingCapability | None:
    if privileges.delete:
        return None
    return MissingCapability(
        reason=f"No grant: the role {role} may not delete rows of {short(name)}.",
        sql=f"GRANT DELETE ON {name} TO {quoted(role)};",
    )


def short(name: str) -> str:
    """As people call the app's own tables: without the schema that all of them are in."""
    return name.removeprefix("public.")


def quoted(role: str) -> str:
    """A role's name within SQL; the well-known ones bare, as everybody writes them."""
    if role in ("anon", "authenticated", "service_role"):
        return role
    doubled = role.replace('"', '""')
    return f'"{doubled}"'
