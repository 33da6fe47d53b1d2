"""Facts about server, login, tables, grants and policies."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from store.users.actor import ROLE_OF_USERS

JOBS, PROJECTS, ASSETS = "public.generation_jobs", "public.projects", "public.assets"
USERS, REVISIONS = "auth.users", "gjobs.alembic_version"
SUMMARY = "public.generation_job_summary"
JOB_COUNTS, JOB_DAY_COUNTS = "gjobs.job_counts", "gjobs.job_day_counts"
EVENTS, EVENT_LOG, KNOWN_USERS = "gjobs.job_events", "gjobs.job_event_log", "gjobs.known_users"
RETRY_LINKS = "gjobs.job_links"
STARTS, LEASES = "gjobs.job_starts", "gjobs.job_leases"
BUDGETS, SPENDING, BUDGET_STATES = "gjobs.budgets", "gjobs.budget_spending", "gjobs.budget_states"
WORKERS = "gjobs.workers"
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
"""The app's, and ours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Transport:
    is_encrypted: bool
    is_local: bool
    """A Unix socket, or the machine's own address."""
    reported_pid: int = field(default=0, compare=False)
    """The server's process, as it was told when connecting: a pooler makes one up. Says nothing of the link's kind."""

    @property
    def is_exposed(self) -> bool:
        """Whether others on the network can read along."""
        return not (self.is_encrypted or self.is_local)


@dataclass(frozen=True, slots=True, kw_only=True)
class Privileges:
    """A role's, on one table: the columns that it may read and write, by name."""

    schema: bool
    """Whether it may use the table's schema, without which the rest is worth nothing."""
    select: frozenset[str]
    insert: frozenset[str]
    update: frozenset[str]
    delete: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Relation:
    """A table or a view."""

    columns: frozenset[str]
    login: Privileges
    users: Privileges | None
    """Of the role of requests; None where there is none."""
    is_owned: bool
    """Whether the login has its owner's rights."""
    row_security: bool
    """Whether it may hide rows from the login: it applies, and no policy shows the login every row."""
    has_policy: bool
    """Whether any policy may permit the login to see a row."""


class PolicyCommand(StrEnum):
    """As SQL writes them."""

    SELECT = "SELECT"
    INSERT = "INSERT"
    UPDATE = "UPDATE"
    DELETE = "DELETE"
    ALL = "ALL"


@dataclass(frozen=True, slots=True, kw_only=True)
class RlsPolicy:
    """A policy of row level security on a table of the app's."""

    table: str
    """Without its schema, which is public."""
    name: str
    quoted_name: str
    """As it stands within SQL."""
    is_permissive: bool
    """A permissive one lets rows through; a restrictive one keeps rows back that another has let through."""
    command: PolicyCommand
    roles: tuple[str, ...]
    """Of the roles of requests, those that it is made for; public stands for all."""
    holds_for_users: bool
    """Whether users come under it: it is made for all, for their role, or for a role that theirs is in."""
    using: str | None
    """Which rows are seen, as the database prints it. None lets no row through."""
    check: str | None
    """Which rows may be stored; None where `using` decides that, too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyFacts:
    """What the policies make of one role of the app's requests."""

    claims: frozenset[str]
    """Those that decide what the role reads; `claim_sql.WHOLE_TOKEN` for those that cannot be told."""
    shows_users_their_own: bool
    """Whether users read the jobs with their id in `user_id` and no others, by the one policy that there is."""
    is_locked: bool = False
    """Whether a lock on a table kept the policies from being read: then they are to be read again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseFacts:
    transport: Transport
    server_pid: int
    """The process that answered."""
    version_number: int
    """170004 stands for 17.4."""
    is_replica: bool
    is_read_only: bool
    """Whether transactions are read-only unless they say otherwise, by a setting of server, database or login."""
    login: str
    is_superuser: bool
    has_bypass: bool
    """Whether the login's role has BYPASSRLS."""
    has_users_role: bool
    """Whether there is the role of requests."""
    may_become_user: bool
    """Whether the login may SET ROLE to it."""
    has_uid: bool
    """Whether auth.uid() is there, by which policies know a user."""
    users_may_use_auth: bool
    owner_may_grant_auth: bool
    """Whether the owner of the tables may grant others the schema auth and its users. A hosted project's may not."""
    may_create_in_public: bool
    may_create_schemas: bool
    job_indexes: frozenset[str]
    """Valid ones that hold all jobs: each by its columns, as SQL has them, or with an expression by its name."""
    relations: Mapping[str, Relation]
    """Those of the app's and ours that are there, by name with schema."""
    request_role: str = ROLE_OF_USERS
    """The role of the app's requests that all of this is about: of signed-in users, or of visitors."""
    policies: PolicyFacts | None = None
    """None unless somebody acts as this role."""

    @property
    def behind_pooler(self) -> bool:
        return self.transport.reported_pid != self.server_pid

    @property
    def is_managed(self) -> bool:
        """Whether our migrations own the schema."""
        return REVISIONS in self.relations

    def may_hide(self, *names: str) -> bool:
        """Whether row level security may keep rows of any of these tables from the login."""
        return any(self.relations[name].row_security for name in names if name in self.relations)

    @property
    def major_version(self) -> int:
        return self.version_number // 10_000

    @property
    def version(self) -> str:
        return f"{self.major_version}.{self.version_number % 10_000}"
