"""What each feature takes, in the order in which what is missing is told. Pure."""

from collections.abc import Callable, Mapping
from dataclasses import fields
from functools import partial

from store.actor import Actor
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
    SPENDING,
    STARTS,
    SUMS,
    WORKERS,
    Facts,
)
from store.capabilities.feature import Feature
from store.capabilities.off import Off
from store.model import Asset, GenerationJob
from store.model.job import LATER_COLUMNS

Rule = Callable[[Facts, Actor], Off | None]
Need = Rule | Feature
"""Of another feature: all that it takes."""

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


def _to_read(name: str, columns: frozenset[str]) -> Rule:
    return lambda facts, actor: rules.read(facts, name, actor, columns)


def _to_write(name: str, verb: str, columns: frozenset[str]) -> Rule:
    return lambda facts, actor: rules.written(facts, name, actor, verb, columns)


def _for_all(rule: Callable[[Facts], Off | None]) -> Rule:
    """Whoever asks."""
    return lambda facts, _: rule(facts)


def _to_delete(facts: Facts, actor: Actor) -> Off | None:
    return rules.deleted(facts, JOBS, actor)


NEEDS: Mapping[Feature, tuple[Need, ...]] = {
    Feature.JOBS: (_to_read(JOBS, _JOB_COLUMNS),),
    Feature.PROJECTS: (_to_read(PROJECTS, _PROJECT_COLUMNS),),
    Feature.ASSETS: (_to_read(ASSETS, _ASSET_COLUMNS),),
    Feature.USERS: (partial(rules.users, columns=_USER_COLUMNS),),
    Feature.ACTING: (_for_all(rules.acting),),
    Feature.CREATING: (_to_write(JOBS, "insert", _GIVEN), Feature.JOBS, Feature.PROJECTS),
    Feature.CHANGING: (_to_write(JOBS, "update", _MOVED), Feature.JOBS),
    Feature.LINKS: (_for_all(rules.linked), _to_read(LINKS, _LINK_COLUMNS)),
    Feature.LEARNING: (
        _for_all(rules.recorded),
        _for_all(rules.linked),
        _to_read(STARTS, frozenset({"job_id", "started_at"})),
        _to_read(LEASES, frozenset({"job_id", "expires_at"})),
        _to_read(JOBS, frozenset({"completed_at"})),
    ),
    Feature.RETRYING: (
        Feature.LINKS,
        _to_write(LINKS, "insert", _LINK_COLUMNS),
        _to_write(JOBS, "insert", _GIVEN | {"id", "retry_count"}),
        Feature.CHANGING,
    ),
    Feature.DELETING: (_to_delete, Feature.JOBS),
    Feature.CREATING_PROJECTS: (_to_write(PROJECTS, "insert", frozenset({"user_id", "name"})), Feature.PROJECTS),
    Feature.MIGRATING: (_for_all(rules.migrating),),
    Feature.ROLLUPS: (rules.summed, _to_read(SUMS, _SUM_COLUMNS), _to_read(DAY_SUMS, _DAY_SUM_COLUMNS)),
    Feature.EVENTS: (_for_all(rules.recorded), _to_read(EVENTS, _EVENT_COLUMNS)),
    Feature.BUDGETS: (
        _for_all(rules.budgeted),
        _to_read(BUDGETS, _BUDGET_COLUMNS),
        _to_read(SPENDING, _SPENDING_COLUMNS),
    ),
    Feature.SETTING_BUDGETS: (Feature.BUDGETS, partial(rules.setting_budgets, columns=_LIMITED)),
    Feature.WORKERS: (
        _for_all(rules.leased),
        _to_read(WORKERS, _SEEN_COLUMNS),
        _to_read(LEASES, _LEASE_COLUMNS),
    ),
    Feature.WORKING: (
        _for_all(rules.leased),
        _to_write(LEASES, "insert", _LEASE_COLUMNS),
        _to_write(WORKERS, "insert", _WORKER_COLUMNS),
        Feature.CHANGING,
    ),
    Feature.ARCHIVE: (_for_all(rules.archived), _to_read(ARCHIVE, _ARCHIVED_COLUMNS)),
    Feature.ARCHIVING: (Feature.ARCHIVE, Feature.DELETING),
    Feature.RESTORING: (Feature.ARCHIVE, _to_write(JOBS, "insert", _JOB_COLUMNS)),
    Feature.RETENTION: (_for_all(rules.archived), _to_read(RETENTION, _POLICY_COLUMNS)),
}
