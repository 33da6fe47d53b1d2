"""Facts about the server, login, tables, grants and policies."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from enum import StrEnum

from gjobs.store.formats import UnknownText
from gjobs.store.users.actor import ROLE_OF_USERS
from gjobs.store.value_class import dataclass

JOBS, PROJECTS, ASSETS = "public.generation_jobs", "public.projects", "public.assets"
USERS, REVISIONS = "auth.users", "gjobs.alembic_version"
SUMMARY = "public.generation_job_summary"
JOB_COUNTS, JOB_DAY_COUNTS = "gjobs.job_counts", "gjobs.job_day_counts"
EVENTS, EVENT_LOG, KNOWN_USERS = "gjobs.job_events", "gjobs.job_event_log", "gjobs.known_users"
JOB_WASTE, JOB_DAY_WASTE = "gjobs.job_waste", "gjobs.job_day_waste"
RETRY_LINKS = "gjobs.job_links"
STARTS, LEASES = "gjobs.job_starts", "gjobs.job_leases"
BUDGETS, SPENDING, BUDGET_STATES = "gjobs.budgets", "gjobs.budget_spending", "gjobs.budget_states"
WORKERS = "gjobs.workers"
WORD_INDEX = "gjobs_words"
ARCHIVE, RETENTION = "gjobs.archived_jobs", "gjobs.retention_policies"

RELATIONS = (
    JOBS,
    PROJECTS,
    ASSETS,
    USERS,
    REVISIONS,
    SUMMARY,
    JOB_COUNTS,
    JOB_DAY_COUNTS,
    JOB_WASTE,
    JOB_DAY_WASTE,
    EVENTS,
    EVENT_LOG,
    KNOWN_USERS,
    BUDGETS,
    SPENDING,
    BUDGET_STATES,
    RETRY_LINKS,
    STARTS,
    LEASES,
    WORKERS,
    ARCHIVE,
    RETENTION,
)
"""The app's tables and ours."""


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
    """Whether a made-up user met the two conditions for a row of another user. False if nobody tried."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyFacts:
    """What the policies mean for one role of the app's requests."""

    claims: frozenset[str]
    """The claims that decide what the role reads. `claim_sql.WHOLE_TOKEN` means that they can't all be found."""
    settings: frozenset[str] = frozenset()
    """Other settings that policies read, such as `request.headers`. gjobs can't know what the app sets."""
    shows_users_their_own: bool
    """Whether exactly one policy applies, and it shows users the jobs with their id in `user_id`."""
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
    other_types: Mapping[str, str] = field(default_factory=dict)
    """By job column, the types that differ from the type that gjobs writes."""
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
