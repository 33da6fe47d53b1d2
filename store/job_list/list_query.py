"""What a list shows: filter, order, position, row window."""

from dataclasses import field
from datetime import UTC, datetime, timedelta
from enum import Enum, StrEnum, auto
from typing import assert_never
from uuid import UUID

from gjobs.store.filters.job_filter import NO_FILTER, JobFilter
from gjobs.store.jobs.job import AnyStatus, GenerationJob, JobStatus
from gjobs.store.value_class import dataclass


class OrderColumn(StrEnum):
    CREATED = "created"
    UPDATED = "updated"
    COST = "cost"
    TOTAL = "total"
    """The time from creation to the end, or until now while the job runs. Other jobs come last in both directions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListOrder:
    """The order of a list. Jobs with equal values are ordered by id in the same direction, so each has one position."""

    column: OrderColumn = OrderColumn.CREATED
    descending: bool = True


NEWEST_FIRST = ListOrder()


@dataclass(frozen=True, slots=True, kw_only=True)
class ListQuery:
    """Which jobs are listed, and in which order. None means all projects or all statuses."""

    project_id: UUID | None = None
    status: AnyStatus | None = None
    job_filter: JobFilter = NO_FILTER
    order: ListOrder = NEWEST_FIRST


OrderValue = datetime | int | timedelta | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RowKey:
    """A position in an ordered list, between the rows before and after it. A row may or may not be there."""

    value: OrderValue
    """The value of the order's column, or None if the row has none. In an order by total, a running job has its
    creation time here, because its total grows.
    """
    id: UUID


class End(Enum):
    """An end of a list."""

    FIRST = auto()
    LAST = auto()


Anchor = RowKey | End

WINDOW_ROWS = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class RowWindowQuery:
    """Rows around a position: `before` rows before it, and `after` rows from it on."""

    listed: ListQuery = field(default_factory=ListQuery)
    anchor: Anchor = End.FIRST
    before: int = 0
    after: int = WINDOW_ROWS


@dataclass(frozen=True, slots=True, kw_only=True)
class ListingQuery:
    """A request for a `Listing`."""

    window: RowWindowQuery = field(default_factory=RowWindowQuery)
    with_visibility: bool = False
    """Whether an acting user's list also includes the jobs that are hidden from them."""
    moment: datetime | None = None
    """The earlier moment that a `PastStore` shows. None for the present."""


def key_of(job: GenerationJob, order: ListOrder) -> RowKey:
    """Return the job's position, which stays valid when the job is deleted or moved."""
    return RowKey(value=_value_of(job, order.column), id=job.id)


def _value_of(job: GenerationJob, column: OrderColumn) -> OrderValue:
    match column:
        case OrderColumn.CREATED:
            return job.created_at
        case OrderColumn.UPDATED:
            return job.updated_at
        case OrderColumn.COST:
            return job.cost_cents
        case OrderColumn.TOTAL:
            return _total_of(job)
    assert_never(column)


_TOTALS_FROM = datetime(1, 1, 1, tzinfo=UTC)
_TOTALS_UNTIL = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)


def _total_of(job: GenerationJob) -> timedelta | datetime | None:
    """Return the value by which the database orders; see `total` and `time_so_far` in `gjobs.store.tables`."""
    if job.status is JobStatus.RUNNING:
        return job.created_at if _TOTALS_FROM < job.created_at < _TOTALS_UNTIL else None
    first, last = sorted((job.created_at, job.updated_at))
    if not job.status.is_final or not _TOTALS_FROM < first <= last < _TOTALS_UNTIL:
        return None
    return job.updated_at - job.created_at
