"""The library over Postgres. Public names are imported on first use, so `import store` needs no driver."""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from store.blocking import BlockingStore as BlockingStore
    from store.budgets.budget import Budget as Budget
    from store.budgets.budget import Budgets as Budgets
    from store.budgets.budget import BudgetState as BudgetState
    from store.budgets.budget import CheckedBudget as CheckedBudget
    from store.budgets.budget import Period as Period
    from store.capabilities.facts import RlsPolicy as RlsPolicy
    from store.error_groups.error_group import ErrorGroup as ErrorGroup
    from store.error_groups.error_group import ErrorGroups as ErrorGroups
    from store.error_groups.error_group import ErrorScope as ErrorScope
    from store.errors import BudgetExceeded as BudgetExceeded
    from store.errors import Conflict as Conflict
    from store.errors import InvalidValue as InvalidValue
    from store.errors import JournalUnavailable as JournalUnavailable
    from store.errors import Locked as Locked
    from store.errors import NoPrivilege as NoPrivilege
    from store.errors import OutcomeUnknown as OutcomeUnknown
    from store.errors import ReadOnly as ReadOnly
    from store.errors import RowMissing as RowMissing
    from store.errors import SchemaMissing as SchemaMissing
    from store.errors import SignInRefused as SignInRefused
    from store.errors import StoreError as StoreError
    from store.errors import TimedOut as TimedOut
    from store.errors import TransitionRefused as TransitionRefused
    from store.errors import UnexpectedError as UnexpectedError
    from store.errors import Unreachable as Unreachable
    from store.job_list.listing import ReadRules as ReadRules
    from store.job_list.listing import VisibilityComparison as VisibilityComparison
    from store.jobs.job import GenerationJob as GenerationJob
    from store.jobs.job import JobStatus as JobStatus
    from store.jobs.job_results import Applied as Applied
    from store.jobs.job_results import CappedCount as CappedCount
    from store.jobs.job_results import Deleted as Deleted
    from store.jobs.job_results import DeletionOutcome as DeletionOutcome
    from store.jobs.job_results import Missing as Missing
    from store.jobs.job_results import Moved as Moved
    from store.jobs.job_results import Page as Page
    from store.jobs.job_results import PageKey as PageKey
    from store.jobs.job_results import Refused as Refused
    from store.jobs.job_results import TransitionOutcome as TransitionOutcome
    from store.jobs.job_results import applied_job as applied_job
    from store.poller import Poller as Poller
    from store.poller import PollFailure as PollFailure
    from store.poller import PollResult as PollResult
    from store.projects.project import Asset as Asset
    from store.projects.project import Project as Project
    from store.projects.project import User as User
    from store.search import IdMatches as IdMatches
    from store.statistics.statistics import DayCost as DayCost
    from store.statistics.statistics import JobStatistic as JobStatistic
    from store.statistics.statistics import JobStatistics as JobStatistics
    from store.statistics.statistics import JobSummary as JobSummary
    from store.store import Store as Store
    from store.users.actor import OPERATOR as OPERATOR
    from store.users.actor import ActingUser as ActingUser
    from store.users.actor import Actor as Actor
    from store.users.actor import Operator as Operator
    from store.users.user_sql import FoundUser as FoundUser

_HOMES = {
    "ActingUser": "store.users.actor",
    "Actor": "store.users.actor",
    "Applied": "store.jobs.job_results",
    "Asset": "store.projects.project",
    "BlockingStore": "store.blocking",
    "Budget": "store.budgets.budget",
    "BudgetExceeded": "store.errors",
    "BudgetState": "store.budgets.budget",
    "Budgets": "store.budgets.budget",
    "CappedCount": "store.jobs.job_results",
    "CheckedBudget": "store.budgets.budget",
    "Conflict": "store.errors",
    "DayCost": "store.statistics.statistics",
    "Deleted": "store.jobs.job_results",
    "DeletionOutcome": "store.jobs.job_results",
    "ErrorGroup": "store.error_groups.error_group",
    "ErrorGroups": "store.error_groups.error_group",
    "ErrorScope": "store.error_groups.error_group",
    "FoundUser": "store.users.user_sql",
    "GenerationJob": "store.jobs.job",
    "IdMatches": "store.search",
    "InvalidValue": "store.errors",
    "JobStatistic": "store.statistics.statistics",
    "JobStatistics": "store.statistics.statistics",
    "JobStatus": "store.jobs.job",
    "JobSummary": "store.statistics.statistics",
    "JournalUnavailable": "store.errors",
    "Locked": "store.errors",
    "Missing": "store.jobs.job_results",
    "Moved": "store.jobs.job_results",
    "NoPrivilege": "store.errors",
    "OPERATOR": "store.users.actor",
    "Operator": "store.users.actor",
    "OutcomeUnknown": "store.errors",
    "Page": "store.jobs.job_results",
    "PageKey": "store.jobs.job_results",
    "Period": "store.budgets.budget",
    "PollFailure": "store.poller",
    "PollResult": "store.poller",
    "Poller": "store.poller",
    "Project": "store.projects.project",
    "ReadOnly": "store.errors",
    "ReadRules": "store.job_list.listing",
    "Refused": "store.jobs.job_results",
    "RlsPolicy": "store.capabilities.facts",
    "RowMissing": "store.errors",
    "SchemaMissing": "store.errors",
    "SignInRefused": "store.errors",
    "Store": "store.store",
    "StoreError": "store.errors",
    "TimedOut": "store.errors",
    "TransitionOutcome": "store.jobs.job_results",
    "TransitionRefused": "store.errors",
    "UnexpectedError": "store.errors",
    "Unreachable": "store.errors",
    "User": "store.projects.project",
    "VisibilityComparison": "store.job_list.listing",
    "applied_job": "store.jobs.job_results",
}
__all__ = sorted(_HOMES)


def __getattr__(name: str) -> object:
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
