"""What a database offers, asked once for a session. Others ask this value, never the catalogue. Pure."""

from dataclasses import dataclass, fields
from enum import StrEnum
from typing import assert_never

from store.actor import OPERATOR, ActingUser, Actor
from store.capabilities import rules
from store.capabilities.facts import (
    ARCHIVE,
    ASSETS,
    BUDGETS,
    DAY_SUMS,
    EVENTS,
    JOBS,
    LEASES,
    LINKS,
    PROJECTS,
    RETENTION,
    REVISIONS,
    SPENDING,
    STARTS,
    SUMS,
    WORKERS,
    Facts,
)
from store.capabilities.off import Off, quoted
from store.model import Asset, GenerationJob
from store.model.job import LATER_COLUMNS


class Feature(StrEnum):
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
    LINKS = "links"
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


_JOB_COLUMNS = frozenset(field.name for field in fields(GenerationJob)) - set(LATER_COLUMNS)
_PROJECT_COLUMNS = frozenset({"id", "user_id", "name", "created_at", "updated_at"})
_ASSET_COLUMNS = frozenset(field.name for field in fields(Asset))
_SUM_COLUMNS = frozenset({"user_id", "project_id", "status", "mode", "job_count", "cost_cents"})
_DAY_SUM_COLUMNS = frozenset({"user_id", "project_id", "day", "job_count", "cost_cents"})
_EVENT_COLUMNS = frozenset({"id", "transaction_id", "job_id", "kind", "from_status", "to_status", "at"})
_BUDGET_COLUMNS = frozenset({"id", "user_id", "project_id", "period", "limit_cents", "warn_share", "created_at"})
_SPENDING_COLUMNS = frozenset({"budget_id", "period_start", "spent_cents"})
_LEASE_COLUMNS = frozenset({"job_id", "owner", "attempt", "acquired_at", "expires_at", "note"})
_WORKER_COLUMNS = frozenset({"id", "user_id", "name", "host", "process", "modes", "concurrency"})
_SEEN_COLUMNS = _WORKER_COLUMNS | {"started_at", "seen_at", "stopped_at"}
_ARCHIVED_COLUMNS = _JOB_COLUMNS | {"archived_at"}
_POLICY_COLUMNS = frozenset({"id", "project_id", "statuses", "older_than", "action", "created_at", "applied_at"})
_USER_COLUMNS = frozenset({"id", "email", "created_at"})

_GIVEN = _JOB_COLUMNS - {"id", "error", "created_at", "updated_at"}
"""What a new job is made with."""
_LIMITED = _BUDGET_COLUMNS - {"id", "created_at"}
"""What a new budget is made with."""
_LINK_COLUMNS = frozenset({"job_id", "repeats"})
_MOVED = frozenset({"status", "error"})
"""What a transition writes."""


@dataclass(frozen=True, slots=True)
class Capabilities:
    facts: Facts

    def off(self, feature: Feature, actor: Actor = OPERATOR) -> Off | None:
        """None where the actor has it. What one user has, all have: they act as the same role."""
        facts = self.facts
        # Where there is no table, that says more than what a user would need besides.
        if isinstance(actor, ActingUser) and JOBS in facts.relations and (off := rules.acting(facts)):
            return off
        match feature:
            case Feature.JOBS:
                return rules.read(facts, JOBS, actor, _JOB_COLUMNS)
            case Feature.PROJECTS:
                return rules.read(facts, PROJECTS, actor, _PROJECT_COLUMNS)
            case Feature.ASSETS:
                return rules.read(facts, ASSETS, actor, _ASSET_COLUMNS)
            case Feature.USERS:
                return rules.users(facts, actor, _USER_COLUMNS)
            case Feature.ACTING:
                return rules.acting(facts)
            case Feature.CREATING:
                return (
                    rules.written(facts, JOBS, actor, "insert", _GIVEN)
                    or self.off(Feature.JOBS, actor)
                    or self.off(Feature.PROJECTS, actor)
                )
            case Feature.CHANGING:
                return rules.written(facts, JOBS, actor, "update", _MOVED) or self.off(Feature.JOBS, actor)
            case Feature.LINKS:
                return rules.linked(facts) or rules.read(facts, LINKS, actor, _LINK_COLUMNS)
            case Feature.LEARNING:
                return (
                    rules.recorded(facts)
                    or rules.linked(facts)
                    or rules.read(facts, STARTS, actor, frozenset({"job_id", "started_at"}))
                    or rules.read(facts, LEASES, actor, frozenset({"job_id", "expires_at"}))
                    or rules.read(facts, JOBS, actor, frozenset({"completed_at"}))
                )
            case Feature.RETRYING:
                return (
                    self.off(Feature.LINKS, actor)
                    or rules.written(facts, LINKS, actor, "insert", _LINK_COLUMNS)
                    or rules.written(facts, JOBS, actor, "insert", _GIVEN | {"id", "retry_count"})
                    or self.off(Feature.CHANGING, actor)
                )
            case Feature.DELETING:
                return rules.deleted(facts, JOBS, actor) or self.off(Feature.JOBS, actor)
            case Feature.CREATING_PROJECTS:
                written = rules.written(facts, PROJECTS, actor, "insert", {"user_id", "name"})
                return written or self.off(Feature.PROJECTS, actor)
            case Feature.MIGRATING:
                return rules.migrating(facts)
            case Feature.ROLLUPS:
                return (
                    rules.summed(facts, actor)
                    or rules.read(facts, SUMS, actor, _SUM_COLUMNS)
                    or rules.read(facts, DAY_SUMS, actor, _DAY_SUM_COLUMNS)
                )
            case Feature.EVENTS:
                return rules.recorded(facts) or rules.read(facts, EVENTS, actor, _EVENT_COLUMNS)
            case Feature.BUDGETS:
                return (
                    rules.budgeted(facts)
                    or rules.read(facts, BUDGETS, actor, _BUDGET_COLUMNS)
                    or rules.read(facts, SPENDING, actor, _SPENDING_COLUMNS)
                )
            case Feature.SETTING_BUDGETS:
                return self.off(Feature.BUDGETS, actor) or rules.setting_budgets(facts, actor, _LIMITED)
            case Feature.WORKERS:
                return (
                    rules.leased(facts)
                    or rules.read(facts, WORKERS, actor, _SEEN_COLUMNS)
                    or rules.read(facts, LEASES, actor, _LEASE_COLUMNS)
                )
            case Feature.WORKING:
                return (
                    rules.leased(facts)
                    or rules.written(facts, LEASES, actor, "insert", _LEASE_COLUMNS)
                    or rules.written(facts, WORKERS, actor, "insert", _WORKER_COLUMNS)
                    or self.off(Feature.CHANGING, actor)
                )
            case Feature.ARCHIVE:
                return rules.archived(facts) or rules.read(facts, ARCHIVE, actor, _ARCHIVED_COLUMNS)
            case Feature.ARCHIVING:
                return self.off(Feature.ARCHIVE, actor) or self.off(Feature.DELETING, actor)
            case Feature.RESTORING:
                return self.off(Feature.ARCHIVE, actor) or rules.written(facts, JOBS, actor, "insert", _JOB_COLUMNS)
            case Feature.RETENTION:
                return rules.archived(facts) or rules.read(facts, RETENTION, actor, _POLICY_COLUMNS)
        assert_never(feature)

    def has_later_columns(self, actor: Actor = OPERATOR) -> bool:
        """Whether the actor may read what revision 0005 adds to a job. Columns of these names may be an app's own."""
        facts = self.facts
        return rules.recorded(facts) is None and rules.read(facts, JOBS, actor, frozenset(LATER_COLUMNS)) is None

    @property
    def takes_no_writes(self) -> Off | None:
        """Why nobody can write here, whatever they may."""
        return rules.no_writes(self.facts)

    @property
    def sees_less(self) -> Off | None:
        """Where the operator, too, is under row level security: what it sees may not be all there is."""
        jobs = self.facts.relations.get(JOBS)
        if jobs is None or not jobs.row_security:
            return None
        login = quoted(self.facts.login)
        seen = "only what the policies show it" if jobs.has_policy else "no job"
        return Off(
            reason=f"Row level security applies to the login {self.facts.login}: it sees {seen}.",
            advice=f"ALTER ROLE {login} BYPASSRLS shows it all; or add a policy that lets it read.",
        )

    def caution(self, actor: Actor) -> str:
        """What must be known to read rightly what the actor is shown; empty where that is all there is."""
        sentences = []
        if actor == OPERATOR and (off := self.sees_less):
            sentences.append(f"{off.reason} 'gjobs doctor' says what helps.")
        if not self.off(Feature.JOBS, actor) and (off := self.off(Feature.PROJECTS, actor)):
            sentences.append(f"Projects are known by their jobs alone. {off.words}")
        return " ".join(sentences)

    @property
    def may_read_revision(self) -> bool:
        """Whether which of our migrations have run can be asked."""
        if REVISIONS not in self.facts.relations:
            return False
        off = rules.read(self.facts, REVISIONS, OPERATOR, {"version_num"}) or rules.hidden(self.facts, REVISIONS)
        return off is None
