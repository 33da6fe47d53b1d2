"""The library over Postgres. Public names are imported on first use, so `import gjobs.store` needs no driver."""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gjobs.store.blocking import BlockingStore as BlockingStore
    from gjobs.store.budgets.budget import Budget as Budget
    from gjobs.store.budgets.budget import Budgets as Budgets
    from gjobs.store.budgets.budget import BudgetState as BudgetState
    from gjobs.store.budgets.budget import CheckedBudget as CheckedBudget
    from gjobs.store.budgets.budget import Period as Period
    from gjobs.store.capabilities.capability import RlsPolicy as RlsPolicy
    from gjobs.store.error_groups.error_group import ErrorGroup as ErrorGroup
    from gjobs.store.error_groups.error_group import ErrorGroups as ErrorGroups
    from gjobs.store.error_groups.error_group import ErrorScope as ErrorScope
    from gjobs.store.errors import BudgetExceeded as BudgetExceeded
    from gjobs.store.errors import Conflict as Conflict
    from gjobs.store.errors import InvalidValue as InvalidValue
    from gjobs.store.errors import JournalUnavailable as JournalUnavailable
    from gjobs.store.errors import Locked as Locked
    from gjobs.store.errors import NoPrivilege as NoPrivilege
    from gjobs.store.errors import OutcomeUnknown as OutcomeUnknown
    from gjobs.store.errors import ReadOnly as ReadOnly
    from gjobs.store.errors import RowMissing as RowMissing
    from gjobs.store.errors import SchemaMissing as SchemaMissing
    from gjobs.store.errors import SignInRefused as SignInRefused
    from gjobs.store.errors import StoreError as StoreError
    from gjobs.store.errors import TimedOut as TimedOut
    from gjobs.store.errors import TransitionRefused as TransitionRefused
    from gjobs.store.errors import UnexpectedError as UnexpectedError
    from gjobs.store.errors import Unreachable as Unreachable
    from gjobs.store.job_list.list_query import ReadRules as ReadRules
    from gjobs.store.job_list.list_query import VisibilityComparison as VisibilityComparison
    from gjobs.store.jobs.job import Asset as Asset
    from gjobs.store.jobs.job import GenerationJob as GenerationJob
    from gjobs.store.jobs.job import JobStatus as JobStatus
    from gjobs.store.jobs.job import Project as Project
    from gjobs.store.jobs.job import User as User
    from gjobs.store.jobs.job_results import Applied as Applied
    from gjobs.store.jobs.job_results import CappedCount as CappedCount
    from gjobs.store.jobs.job_results import Deleted as Deleted
    from gjobs.store.jobs.job_results import DeletionOutcome as DeletionOutcome
    from gjobs.store.jobs.job_results import Missing as Missing
    from gjobs.store.jobs.job_results import Moved as Moved
    from gjobs.store.jobs.job_results import Page as Page
    from gjobs.store.jobs.job_results import PageKey as PageKey
    from gjobs.store.jobs.job_results import Refused as Refused
    from gjobs.store.jobs.job_results import TransitionOutcome as TransitionOutcome
    from gjobs.store.jobs.job_results import applied_job as applied_job
    from gjobs.store.poller import Poller as Poller
    from gjobs.store.poller import PollFailure as PollFailure
    from gjobs.store.poller import PollResult as PollResult
    from gjobs.store.search import IdMatches as IdMatches
    from gjobs.store.statistics.statistics import DayCost as DayCost
    from gjobs.store.statistics.statistics import JobStatistic as JobStatistic
    from gjobs.store.statistics.statistics import JobStatistics as JobStatistics
    from gjobs.store.statistics.statistics import JobSummary as JobSummary
    from gjobs.store.store import Store as Store
    from gjobs.store.users.actor import OPERATOR as OPERATOR
    from gjobs.store.users.actor import ActingUser as ActingUser
    from gjobs.store.users.actor import Actor as Actor
    from gjobs.store.users.actor import Operator as Operator
    from gjobs.store.users.user_sql import FoundUser as FoundUser

_NAMES = {
    "blocking": ["BlockingStore"],
    "budgets.budget": ["Budget", "BudgetState", "Budgets", "CheckedBudget", "Period"],
    "capabilities.capability": ["RlsPolicy"],
    "error_groups.error_group": ["ErrorGroup", "ErrorGroups", "ErrorScope"],
    "errors": [
        "BudgetExceeded",
        "Conflict",
        "InvalidValue",
        "JournalUnavailable",
        "Locked",
        "NoPrivilege",
        "OutcomeUnknown",
        "ReadOnly",
        "RowMissing",
        "SchemaMissing",
        "SignInRefused",
        "StoreError",
        "TimedOut",
        "TransitionRefused",
        "UnexpectedError",
        "Unreachable",
    ],
    "job_list.list_query": ["ReadRules", "VisibilityComparison"],
    "jobs.job": ["Asset", "GenerationJob", "JobStatus", "Project", "User"],
    "jobs.job_results": [
        "Applied",
        "CappedCount",
        "Deleted",
        "DeletionOutcome",
        "Missing",
        "Moved",
        "Page",
        "PageKey",
        "Refused",
        "TransitionOutcome",
        "applied_job",
    ],
    "poller": ["PollFailure", "PollResult", "Poller"],
    "search": ["IdMatches"],
    "statistics.statistics": ["DayCost", "JobStatistic", "JobStatistics", "JobSummary"],
    "store": ["Store"],
    "users.actor": ["ActingUser", "Actor", "OPERATOR", "Operator"],
    "users.user_sql": ["FoundUser"],
}
"""The public names by module, without `gjobs.store.`."""
_HOMES = {name: f"{__name__}.{module}" for module, names in _NAMES.items() for name in names}
__all__ = sorted(_HOMES)


def __getattr__(name: str) -> object:
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
