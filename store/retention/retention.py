"""Values of retention: expired jobs, clean-up preview, archived jobs, progress, policies."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from gjobs.store.jobs.job import FINAL_STATUSES, AnyStatus, GenerationJob
from gjobs.store.values.formats import UnknownText


class RetentionAction(StrEnum):
    ARCHIVE = "archive"
    """Moves jobs to the archive, from which they can be restored."""
    DELETE = "delete"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpiredJobs:
    """The jobs created before a fixed time. Creation times never change, so no further jobs become expired."""

    created_before: datetime
    statuses: tuple[AnyStatus, ...] = FINAL_STATUSES
    project_id: UUID | None = None
    """None means every project that the actor sees."""
    spares_policies: bool = False
    """Whether to skip projects that have their own policy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchivedJob:
    job: GenerationJob
    """The job as it was when archived."""
    archived_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchiveQuery:
    """Which archived jobs to list. By default, all."""

    project_id: UUID | None = None
    status: AnyStatus | None = None
    archived_since: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusCount:
    """The jobs of one status. A status without jobs has no such row."""

    status: AnyStatus
    count: int
    total_cost_cents: int
    oldest_at: datetime
    """When the oldest of them was created."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CleanupPreview:
    """What a clean-up would do, to be confirmed."""

    expired: ExpiredJobs
    counts: Sequence[StatusCount]
    action: RetentionAction
    cascading_tables: Sequence[str] = ()
    """Tables that lose rows or references along with a job. A restore does not bring them back."""

    @property
    def found(self) -> int:
        return sum(row.count for row in self.counts)


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchProgress:
    """How many jobs were archived, deleted or restored so far."""

    done: int = 0
    refused: int = 0
    """Jobs that the database refused, mostly because rows of another table refer to them."""
    refused_id: UUID | None = None
    """The first refused job."""
    refusal: str | None = None
    """The error for the first refused job, as a sentence."""
    dropped_columns: tuple[str, ...] = ()
    """Columns whose values were not restored, because the app dropped them."""


AnyAction = RetentionAction | UnknownText
"""The action of a policy. A newer program may have set one that is unknown here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionPolicy:
    """How long jobs are kept. A worker or `gjobs cleanup policies apply` applies it."""

    id: UUID
    project_id: UUID | None
    """None for all projects without their own policy."""
    statuses: tuple[AnyStatus, ...]
    older_than: timedelta
    action: AnyAction
    created_at: datetime
    applied_at: datetime | None
    """When the policy was last started. None: never since it was set."""
