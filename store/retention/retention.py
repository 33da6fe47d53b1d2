"""Values: expired jobs, clean-up preview, archived jobs, progress, policies."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from store.formats import UnknownText
from store.jobs.job import FINAL_STATUSES, AnyStatus, GenerationJob


class RetentionAction(StrEnum):
    ARCHIVE = "archive"
    """They move to the archive, from which they can be restored."""
    DELETE = "delete"


FINISHED = FINAL_STATUSES


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpiredJobs:
    """The jobs that were created before a time. Neither that time nor a job's ever moves, so these become no more."""

    created_before: datetime
    statuses: tuple[AnyStatus, ...] = FINISHED
    project_id: UUID | None = None
    """None stands for every project that the actor sees."""
    spares_policies: bool = False
    """Whether those of projects that have a policy of their own are left to it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchivedJob:
    job: GenerationJob
    """As it was."""
    archived_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchiveQuery:
    """Which of the archived jobs: all, where nothing is said."""

    project_id: UUID | None = None
    status: AnyStatus | None = None
    archived_since: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusCount:
    """Of one status; there is none of a status without such jobs."""

    status: AnyStatus
    count: int
    total_cost_cents: int
    oldest_at: datetime
    """When the first of them was created."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CleanupPreview:
    """What a clean-up would do, for the question before it."""

    expired: ExpiredJobs
    counts: Sequence[StatusCount]
    action: RetentionAction
    cascading_tables: Sequence[str] = ()
    """Tables that lose rows or references with a job, which nothing restores."""

    @property
    def found(self) -> int:
        return sum(row.count for row in self.counts)


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchProgress:
    """What has become of them so far: of those that are put away, deleted or restored."""

    done: int = 0
    refused: int = 0
    """That the database does not let go or in, mostly because rows of another table stand in the way."""
    refused_id: UUID | None = None
    """One of them."""
    refusal: str | None = None
    """What it said of that one, as a sentence."""
    dropped_columns: tuple[str, ...] = ()
    """Columns whose values were not restored, because the app has dropped them."""


AnyAction = RetentionAction | UnknownText
"""What a policy may have that a newer program has set."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionPolicy:
    """How long jobs are kept. It is applied by a worker, or by `gjobs retention apply`."""

    id: UUID
    project_id: UUID | None
    """None for all projects that have no policy of their own."""
    statuses: tuple[AnyStatus, ...]
    older_than: timedelta
    action: AnyAction
    created_at: datetime
    applied_at: datetime | None
    """When somebody last began to; None: never since it was set."""
