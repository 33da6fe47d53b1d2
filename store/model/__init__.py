"""The values of the store: frozen, with the columns' names. Money is integer cents, times are aware UTC.

Importing this package is cheap: each part is imported when it is used.
"""

from typing import TYPE_CHECKING

from store.when_used import names_of

if TYPE_CHECKING:
    from store.model.found import FoundUser, Located
    from store.model.job import DEFAULT_COST_CENTS, STUCK_AFTER, USUAL_MODES, GenerationJob, JobStatus
    from store.model.links import JobLinks
    from store.model.outcomes import (
        AlreadyRepeated,
        Applied,
        Deleted,
        DeletionOutcome,
        Missing,
        Moved,
        Refused,
        Repeated,
        RetryOutcome,
        TransitionOutcome,
    )
    from store.model.pages import CappedCount, Page, PageKey
    from store.model.statistics import DayCost, JobStatistic, JobStatistics, JobSummary
    from store.model.things import Asset, Project, User

__all__ = [
    "DEFAULT_COST_CENTS",
    "STUCK_AFTER",
    "USUAL_MODES",
    "AlreadyRepeated",
    "Applied",
    "Asset",
    "CappedCount",
    "DayCost",
    "Deleted",
    "DeletionOutcome",
    "FoundUser",
    "GenerationJob",
    "JobLinks",
    "JobStatistic",
    "JobStatistics",
    "JobStatus",
    "JobSummary",
    "Located",
    "Missing",
    "Moved",
    "Page",
    "PageKey",
    "Project",
    "Refused",
    "Repeated",
    "RetryOutcome",
    "TransitionOutcome",
    "User",
]

__getattr__ = names_of(
    __name__,
    {
        "found": ("FoundUser", "Located"),
        "job": ("DEFAULT_COST_CENTS", "STUCK_AFTER", "USUAL_MODES", "GenerationJob", "JobStatus"),
        "links": ("JobLinks",),
        "outcomes": (
            "AlreadyRepeated",
            "Applied",
            "Deleted",
            "DeletionOutcome",
            "Missing",
            "Moved",
            "Refused",
            "Repeated",
            "RetryOutcome",
            "TransitionOutcome",
        ),
        "pages": ("CappedCount", "Page", "PageKey"),
        "statistics": ("DayCost", "JobStatistic", "JobStatistics", "JobSummary"),
        "things": ("Asset", "Project", "User"),
    },
)
