"""The library over Postgres. Public names are imported when they are first used, so `import store` needs no driver."""

import importlib

_HOMES = {
    "OPERATOR": "store.users.actor",
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
    "Poller": "store.poller",
    "PollFailure": "store.poller",
    "PollResult": "store.poller",
    "FoundUser": "store.users.user_sql",
    "GenerationJob": "store.jobs.job",
    "InvalidValue": "store.errors",
    "JobStatistic": "store.statistics.statistics",
    "JobStatistics": "store.statistics.statistics",
    "JobStatus": "store.jobs.job",
    "JobSummary": "store.statistics.statistics",
    "JournalUnavailable": "store.errors",
    "VisibilityComparison": "store.job_list.listing",
    "IdMatches": "store.search",
    "Locked": "store.errors",
    "Missing": "store.jobs.job_results",
    "Moved": "store.jobs.job_results",
    "NoPrivilege": "store.errors",
    "Operator": "store.users.actor",
    "OutcomeUnknown": "store.errors",
    "Page": "store.jobs.job_results",
    "PageKey": "store.jobs.job_results",
    "Period": "store.budgets.budget",
    "ReadPolicy": "store.job_list.listing",
    "Project": "store.projects.project",
    "ReadOnly": "store.errors",
    "ReadRules": "store.job_list.listing",
    "Refused": "store.jobs.job_results",
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
    "applied_job": "store.jobs.job_results",
}
__all__ = sorted(_HOMES)


def __getattr__(name: str) -> object:
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
