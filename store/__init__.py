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
    from gjobs.store.jobs.job import GenerationJob as GenerationJob
    from gjobs.store.jobs.job import JobStatus as JobStatus
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
    from gjobs.store.projects.project import Asset as Asset
    from gjobs.store.projects.project import Project as Project
    from gjobs.store.projects.project import User as User
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

_HOMES = {
    "ActingUser": "gjobs.store.users.actor",
    "Actor": "gjobs.store.users.actor",
    "Applied": "gjobs.store.jobs.job_results",
    "Asset": "gjobs.store.projects.project",
    "BlockingStore": "gjobs.store.blocking",
    "Budget": "gjobs.store.budgets.budget",
    "BudgetExceeded": "gjobs.store.errors",
    "BudgetState": "gjobs.store.budgets.budget",
    "Budgets": "gjobs.store.budgets.budget",
    "CappedCount": "gjobs.store.jobs.job_results",
    "CheckedBudget": "gjobs.store.budgets.budget",
    "Conflict": "gjobs.store.errors",
    "DayCost": "gjobs.store.statistics.statistics",
    "Deleted": "gjobs.store.jobs.job_results",
    "DeletionOutcome": "gjobs.store.jobs.job_results",
    "ErrorGroup": "gjobs.store.error_groups.error_group",
    "ErrorGroups": "gjobs.store.error_groups.error_group",
    "ErrorScope": "gjobs.store.error_groups.error_group",
    "FoundUser": "gjobs.store.users.user_sql",
    "GenerationJob": "gjobs.store.jobs.job",
    "IdMatches": "gjobs.store.search",
    "InvalidValue": "gjobs.store.errors",
    "JobStatistic": "gjobs.store.statistics.statistics",
    "JobStatistics": "gjobs.store.statistics.statistics",
    "JobStatus": "gjobs.store.jobs.job",
    "JobSummary": "gjobs.store.statistics.statistics",
    "JournalUnavailable": "gjobs.store.errors",
    "Locked": "gjobs.store.errors",
    "Missing": "gjobs.store.jobs.job_results",
    "Moved": "gjobs.store.jobs.job_results",
    "NoPrivilege": "gjobs.store.errors",
    "OPERATOR": "gjobs.store.users.actor",
    "Operator": "gjobs.store.users.actor",
    "OutcomeUnknown": "gjobs.store.errors",
    "Page": "gjobs.store.jobs.job_results",
    "PageKey": "gjobs.store.jobs.job_results",
    "Period": "gjobs.store.budgets.budget",
    "PollFailure": "gjobs.store.poller",
    "PollResult": "gjobs.store.poller",
    "Poller": "gjobs.store.poller",
    "Project": "gjobs.store.projects.project",
    "ReadOnly": "gjobs.store.errors",
    "ReadRules": "gjobs.store.job_list.list_query",
    "Refused": "gjobs.store.jobs.job_results",
    "RlsPolicy": "gjobs.store.capabilities.capability",
    "RowMissing": "gjobs.store.errors",
    "SchemaMissing": "gjobs.store.errors",
    "SignInRefused": "gjobs.store.errors",
    "Store": "gjobs.store.store",
    "StoreError": "gjobs.store.errors",
    "TimedOut": "gjobs.store.errors",
    "TransitionOutcome": "gjobs.store.jobs.job_results",
    "TransitionRefused": "gjobs.store.errors",
    "UnexpectedError": "gjobs.store.errors",
    "Unreachable": "gjobs.store.errors",
    "User": "gjobs.store.projects.project",
    "VisibilityComparison": "gjobs.store.job_list.list_query",
    "applied_job": "gjobs.store.jobs.job_results",
}
__all__ = sorted(_HOMES)


def __getattr__(name: str) -> object:
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
