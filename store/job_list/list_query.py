"""What is listed: filter, order, keyset, row window."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import Enum, StrEnum, auto
from typing import assert_never
from uuid import UUID

from store.filters.job_filter import NO_FILTER, JobFilter
from store.jobs.job import AnyStatus, GenerationJob, JobStatus


class OrderColumn(StrEnum):
    CREATED = "created"
    UPDATED = "updated"
    COST = "cost"
    TOTAL = "total"
    """From the creation to the end, or up to now while the job runs; other jobs come last in both directions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListOrder:
    """Equal jobs are ordered by id, in the same direction, so that each has one place."""

    column: OrderColumn = OrderColumn.CREATED
    descending: bool = True


NEWEST_FIRST = ListOrder()


@dataclass(frozen=True, slots=True, kw_only=True)
class ListQuery:
    """Which jobs are listed, and in which order. None means all projects, or all statuses."""

    project_id: UUID | None = None
    status: AnyStatus | None = None
    job_filter: JobFilter = NO_FILTER
    order: ListOrder = NEWEST_FIRST


OrderValue = datetime | int | timedelta | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RowKey:
    """A place in an ordered list: between the rows before and after it, whether a row stands there or not."""

    value: OrderValue
    """Of the order's column. None where the row has none there. In an order by the time that jobs take it is the
    creation of a job that runs, for its time grows.
    """
    id: UUID


class End(Enum):
    """Of a list."""

    FIRST = auto()
    LAST = auto()


Anchor = RowKey | End

WINDOW_ROWS = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class RowWindowQuery:
    """Rows around a place: so many before it, and so many from it on."""

    listed: ListQuery = field(default_factory=ListQuery)
    anchor: Anchor = End.FIRST
    before: int = 0
    after: int = WINDOW_ROWS


@dataclass(frozen=True, slots=True, kw_only=True)
class ListingQuery:
    window: RowWindowQuery = field(default_factory=RowWindowQuery)
    with_visibility: bool = False
    """Whether a user's look is to hold what is hidden from them, too."""


def key_of(job: GenerationJob, order: ListOrder) -> RowKey:
    """The job's place, which stays one when the job is gone or has moved."""
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
    """See `total` and `time_so_far` in `store.tables`, by which the database orders."""
    if job.status is JobStatus.RUNNING:
        return job.created_at if _TOTALS_FROM < job.created_at < _TOTALS_UNTIL else None
    first, last = sorted((job.created_at, job.updated_at))
    if not job.status.is_final or not _TOTALS_FROM < first <= last < _TOTALS_UNTIL:
        return None
    return job.updated_at - job.created_at
