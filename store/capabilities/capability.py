"""What gjobs may do in a database: facts about it, capabilities, and why one is missing, with SQL that adds it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import field, replace
from enum import StrEnum

from gjobs.store.errors import NoPrivilege, ReadOnly, SchemaMissing, StoreError, command
from gjobs.store.users.actor import ROLE_OF_ANON, ROLE_OF_USERS
from gjobs.store.values.data_classes import dataclass
from gjobs.store.values.formats import UnknownText

JOBS, PROJECTS, ASSETS = "public.generation_jobs", "public.projects", "public.assets"
USERS, REVISIONS = "auth.users", "gjobs.alembic_version"
LATER_COLUMNS = ("retry_count", "completed_at")
"""The job columns that the app's own table may lack. `gjobs migrate columns` adds them."""
EVENT_MEGABYTES = 0.7
"""What the events of 1,000 jobs take on the disk, as the benchmarks measure it. A job's life has three events."""
JOB_SUMMARY, LEASES = "gjobs.job_summary", "gjobs.job_leases"
"""One of the views of gjobs, and one of its tables. The grants of the others are the same."""
WORD_INDEX = "gjobs_words"

EARLIER_BUILD = "0013"
"""The last revision of an earlier build, which an upgrade takes over. It is checked against the newest schema."""
_TOO_OLD = frozenset(f"{number:04}" for number in range(1, int(EARLIER_BUILD)))

RELATIONS = (JOBS, PROJECTS, ASSETS, USERS, REVISIONS, JOB_SUMMARY, LEASES)
"""The app's tables, and those of ours that are probed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Transport:
    is_encrypted: bool
    is_local: bool
    """Whether the server is reached by a Unix socket or by the machine's own address."""
    reported_pid: int = field(default=0, compare=False)
    """The server's process id as reported on connecting; a pooler makes one up. Comparing two transports ignores the
    process id.
    """

    @property
    def is_exposed(self) -> bool:
        """Whether others on the network can read the traffic."""
        return not (self.is_encrypted or self.is_local)


@dataclass(frozen=True, slots=True, kw_only=True)
class Privileges:
    """The privileges of a role on one table, with columns by name."""

    schema: bool
    """Whether the role may use the table's schema. Without it, the other privileges have no effect."""
    select: frozenset[str]
    insert: frozenset[str]
    update: frozenset[str]
    delete: bool


@dataclass(frozen=True, slots=True)
class TableColumn:
    """A column of the table of jobs."""

    name: str
    kind: str
    """The type as SQL writes it, without its length."""
    may_be_null: bool


class RelationKind(StrEnum):
    """The values are shown to users."""

    TABLE = "table"
    """A table, which may have partitions."""
    VIEW = "view"
    MATERIALIZED_VIEW = "materialized view"
    FOREIGN_TABLE = "foreign table"


@dataclass(frozen=True, slots=True, kw_only=True)
class Relation:
    """A table or a view."""

    kind: RelationKind
    columns: frozenset[str]
    login: Privileges
    users: Privileges | None
    """The privileges of the role of requests. None if the role does not exist."""
    is_owned: bool
    """Whether the login has the owner's rights."""
    row_security: bool
    """Whether row level security may hide rows from the login: it applies, and no policy shows every row."""
    has_policy: bool
    """Whether any policy may show the login a row."""
    is_protected: bool = True
    """Whether row level security is on. True for a view, because it depends on its tables."""


class PolicyCommand(StrEnum):
    """The commands as SQL writes them."""

    SELECT = "SELECT"
    INSERT = "INSERT"
    UPDATE = "UPDATE"
    DELETE = "DELETE"
    ALL = "ALL"


@dataclass(frozen=True, slots=True, kw_only=True)
class RlsPolicy:
    """A row level security policy on one of the app's tables."""

    table: str
    """The name without its schema, which is public."""
    name: str
    quoted_name: str
    """The name quoted for SQL."""
    is_permissive: bool
    """A permissive policy shows rows. A restrictive policy hides rows that another policy shows."""
    command: PolicyCommand | UnknownText
    roles: tuple[str, ...]
    """The request roles that the policy names; public means all."""
    holds_for_users: bool
    """Whether the policy applies to users: it names all roles, their role, or a role that theirs is a member of."""
    using: str | None
    """The rows that are visible, as the database prints the expression. If None, the policy shows no rows."""
    check: str | None
    """The rows that may be stored. None if `using` decides that, too."""
    using_tree: str | None = None
    check_tree: str | None = None
    """The two conditions as the catalogue stores them. Read only for the doctor."""
    is_using_met: bool = False
    is_check_met: bool = False
    """Whether a test user meets each condition for a row of another user. False if this was not tested."""

    @property
    def decides_on_jobs(self) -> bool:
        """Whether the policy decides which jobs users read."""
        is_read = self.command in (PolicyCommand.SELECT, PolicyCommand.ALL)
        return is_read and self.holds_for_users and self.table == short(JOBS)


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyFacts:
    """What the policies mean for one role of the app's requests."""

    claims: frozenset[str]
    """The claims that decide what the role reads. `claim_sql.WHOLE_TOKEN` means that they can't all be found."""
    settings: frozenset[str] = frozenset()
    """Other settings that policies read, such as `request.headers`. gjobs can't know what the app sets."""
    shows_users_their_own: bool
    """Whether exactly one policy applies to jobs, and it shows users the jobs with their id in `user_id`."""
    is_locked: bool = False
    """Whether a lock on a table prevented reading the policies, so that they must be read again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseFacts:
    transport: Transport
    server_pid: int
    """The server process that answered."""
    version_number: int
    """For example, 170004 for 17.4."""
    is_replica: bool
    is_read_only: bool
    """Whether transactions are read-only by default, by a setting of server, database or login."""
    login: str
    is_superuser: bool
    has_bypass: bool
    """Whether the login's role has BYPASSRLS."""
    has_users_role: bool
    """Whether the role of requests exists."""
    may_become_user: bool
    """Whether the login may SET ROLE to it."""
    has_uid: bool
    """Whether auth.uid() exists. Policies use it to identify a user."""
    users_may_use_auth: bool
    owner_may_grant_auth: bool
    """Whether the tables' owner may grant the schema auth and its users to others. In hosted projects, it may not."""
    may_create_in_public: bool
    may_create_schemas: bool
    unprotected: str | None = None
    """Why a table of the app would return rows without applying a user's policies. None if all apply them."""
    job_columns: tuple[TableColumn, ...]
    job_indexes: frozenset[str]
    """Valid indexes on all jobs: by their columns as in SQL, or by their name if they have an expression."""
    relations: Mapping[str, Relation]
    """The existing tables of the app and of ours, by name with schema."""
    request_role: str = ROLE_OF_USERS
    """The role of the app's requests that these facts describe: signed-in users, or visitors."""
    policies: PolicyFacts | None = None
    """None unless a store acts as this role."""

    @property
    def accepts_writes(self) -> bool:
        return not (self.is_replica or self.is_read_only)

    @property
    def behind_pooler(self) -> bool:
        return self.transport.reported_pid != self.server_pid

    @property
    def is_managed(self) -> bool:
        """Whether our migrations own the schema."""
        return REVISIONS in self.relations

    @property
    def is_migrated(self) -> bool:
        """Whether everything of gjobs is installed. This view is created with the last part."""
        return JOB_SUMMARY in self.relations

    def may_hide(self, *names: str) -> bool:
        """Return whether row level security may hide rows of any of these tables from the login."""
        return any(self.relations[name].row_security for name in names if name in self.relations)

    @property
    def finds_words_in_index(self) -> bool:
        """Whether the operator's searches for words can use an index. Row level security would block it."""
        return WORD_INDEX in self.job_indexes and not self.may_hide(JOBS)

    @property
    def major_version(self) -> int:
        return self.version_number // 10_000

    @property
    def version(self) -> str:
        return f"{self.major_version}.{self.version_number % 10_000}"


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
    RETRYING = "retrying"
    """Repeating a failed job as a new job that is linked to it."""
    DELETING = "deleting"
    """Deleting jobs."""
    CREATING_PROJECTS = "creating-projects"
    MIGRATING = "migrating"
    MIGRATED = "migrated"
    """Reading what migrations add: events, links of retries, workers and leases, budgets, the archive and its rules."""
    ROLLUPS = "rollups"
    """Reading rollups. Without them, jobs are counted."""
    OPERATING = "operating"
    """Setting budgets and retention policies, and running workers."""
    RESTORING = "restoring"


_DOES = {"select": "read", "insert": "write", "update": "change", "delete": "delete"}


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


def merged(lacking: Iterable[MissingCapability]) -> MissingCapability | None:
    """Return the first missing capability with the SQL of all, so that running it once fixes everything."""
    found = [*lacking]
    if not found or not found[0].sql:
        return found[0] if found else None
    statements = dict.fromkeys(missing.sql for missing in found if missing.sql)
    return replace(found[0], sql=" ".join(statements))


def absent(name: str, relation: Relation | None, columns: Collection[str]) -> MissingCapability | None:
    """Return why the table or a needed column is missing."""
    compare = (
        f"Run {command('doctor')} to see what this database lacks, or {command('migrate status')} to see its revision."
    )
    if relation is None:
        return MissingCapability(reason=f"There is no table {short(name)}.", advice=compare)
    if lacking := sorted(set(columns) - relation.columns):
        noun = "column" if len(lacking) == 1 else "columns"
        if name == JOBS and set(lacking) <= set(LATER_COLUMNS):
            compare = f"Run {command('migrate columns')} to add {'it' if len(lacking) == 1 else 'them'}."
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


def lacking_grants(
    name: str, privileges: Privileges, role: str, verb: str, columns: Collection[str]
) -> Iterator[MissingCapability]:
    """Yield the privileges that the role lacks on a table. `verb` is select, insert, update or delete."""
    schema, _, _ = name.partition(".")
    if not privileges.schema:
        yield _not_granted(f"the role {role} may not use the schema {schema}", f"USAGE ON SCHEMA {schema}", role)
    if verb == "delete":
        what = None if privileges.delete else f"rows of {short(name)}"
    else:
        granted: frozenset[str] = getattr(privileges, verb)
        lacking = sorted(set(columns) - granted)
        what = f"{', '.join(lacking)} of {short(name)}" if granted else short(name)
        what = what if lacking else None
    if what is not None:
        yield _not_granted(f"the role {role} may not {_DOES[verb]} {what}", f"{verb.upper()} ON {name}", role)


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


def refuse_too_old(revision: str | None) -> None:
    """Raise SchemaMissing for a revision of the earlier build that is not its last one."""
    if revision in _TOO_OLD:
        raise SchemaMissing(
            f"An earlier build of gjobs left this database at its revision {revision}. Only its last revision,"
            f" {EARLIER_BUILD}, can be taken over.",
            hint="Migrate it to that revision with the earlier build first.",
        )


QUALIFY = """
select pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true),
       pg_catalog.set_config('quote_all_identifiers', 'off', true),
       pg_catalog.set_config('intervalstyle', 'postgres', true),
       pg_catalog.set_config('standard_conforming_strings', 'on', true)
"""
"""Run this first, in the same transaction. Postgres then prints definitions in the same way for every login: names
have their schema, and no unnecessary quotes. Backslashes in our strings are ordinary characters.
"""
