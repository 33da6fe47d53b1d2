"""Everything about jobs and Postgres; no idea that a screen exists.

Importing this package is cheap: the driver and SQLAlchemy are imported when `Store`, `BlockingStore` or `Feed` is used.
"""

import importlib
from typing import TYPE_CHECKING

from store.actor import OPERATOR, ActingUser, Actor, Operator
from store.applied import applied_job
from store.errors import (
    Conflict,
    InvalidValue,
    JournalUnavailable,
    Locked,
    NoPrivilege,
    OutcomeUnknown,
    ReadOnly,
    RowMissing,
    SchemaMissing,
    SignInRefused,
    StoreError,
    TimedOut,
    TransitionRefused,
    UnexpectedError,
    Unreachable,
)
from store.lens.model import Lens, Policy, ReadRules
from store.model import (
    Applied,
    Asset,
    CappedCount,
    DayCost,
    Deleted,
    DeletionOutcome,
    FoundUser,
    GenerationJob,
    JobStatistic,
    JobStatistics,
    JobStatus,
    JobSummary,
    Located,
    Missing,
    Moved,
    Page,
    PageKey,
    Project,
    Refused,
    TransitionOutcome,
    User,
)

if TYPE_CHECKING:
    from store.blocking import BlockingStore
    from store.feed import Feed, FeedFailure, FeedPage
    from store.store import Store

_LAZY = {
    "BlockingStore": "store.blocking",
    "Feed": "store.feed",
    "FeedFailure": "store.feed",
    "FeedPage": "store.feed",
    "Store": "store.store",
}

__all__ = [
    "OPERATOR",
    "ActingUser",
    "Actor",
    "Applied",
    "Asset",
    "BlockingStore",
    "CappedCount",
    "Conflict",
    "DayCost",
    "Deleted",
    "DeletionOutcome",
    "Feed",
    "FeedFailure",
    "FeedPage",
    "FoundUser",
    "GenerationJob",
    "InvalidValue",
    "JobStatistic",
    "JobStatistics",
    "JobStatus",
    "JobSummary",
    "JournalUnavailable",
    "Lens",
    "Located",
    "Locked",
    "Missing",
    "Moved",
    "NoPrivilege",
    "Operator",
    "OutcomeUnknown",
    "Page",
    "PageKey",
    "Policy",
    "Project",
    "ReadOnly",
    "ReadRules",
    "Refused",
    "RowMissing",
    "SchemaMissing",
    "SignInRefused",
    "Store",
    "StoreError",
    "TimedOut",
    "TransitionOutcome",
    "TransitionRefused",
    "UnexpectedError",
    "Unreachable",
    "User",
    "applied_job",
]


def __getattr__(name: str) -> object:
    if name in _LAZY:
        return getattr(importlib.import_module(_LAZY[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
