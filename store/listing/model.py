"""What is listed, in which order, and the rows that are held of it. Pure."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import Enum, StrEnum, auto
from typing import TYPE_CHECKING, assert_never
from uuid import UUID

from store.filters.model import NO_FILTER, JobFilter
from store.model import GenerationJob, JobStatus
from store.transitions import is_final

if TYPE_CHECKING:
    from store.lens.model import Lens


class OrderColumn(StrEnum):
    CREATED = "created"
    UPDATED = "updated"
    COST = "cost"
    TOTAL = "total"
    """From the creation to the end; jobs that have not ended come last in both directions."""


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
    status: JobStatus | None = None
    job_filter: JobFilter = NO_FILTER
    order: ListOrder = NEWEST_FIRST


OrderValue = datetime | int | timedelta | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RowKey:
    """A place in an ordered list: between the rows before and after it, whether a row stands there or not."""

    value: OrderValue
    """Of the order's column. None where the row has none there."""
    id: UUID


class End(Enum):
    """Of a list."""

    FIRST = auto()
    LAST = auto()


Anchor = RowKey | End

WINDOW_ROWS = 500
ERROR_CHARACTERS = 400
"""Kept of an error in a list: more than a line shows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowQuery:
    """Rows around a place: so many before it, and so many from it on."""

    listed: ListQuery = field(default_factory=ListQuery)
    anchor: Anchor = End.FIRST
    before: int = 0
    after: int = WINDOW_ROWS


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedJob(GenerationJob):
    """A job as lists hold it: of a long error only the beginning."""

    is_error_cut: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """Rows of a longer list, without a gap."""

    query: WindowQuery
    jobs: tuple[ListedJob, ...]
    has_before: bool
    has_after: bool


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
            return total_of(job)
    assert_never(column)


_TOTALS_FROM = datetime(1, 1, 1, tzinfo=UTC)
_TOTALS_UNTIL = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)


def total_of(job: GenerationJob) -> timedelta | None:
    """From its creation to its end, as the database orders by it; see `store.tables.total`."""
    first, last = sorted((job.created_at, job.updated_at))
    if not is_final(job.status) or not _TOTALS_FROM < first <= last < _TOTALS_UNTIL:
        return None
    return job.updated_at - job.created_at


@dataclass(frozen=True, slots=True, kw_only=True)
class ListingQuery:
    window: WindowQuery = field(default_factory=WindowQuery)
    through_lens: bool = False
    """Whether a user's look is to hold what is hidden from them, too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectName:
    id: UUID
    user_id: UUID
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """The rows that the dashboard holds, and what names them, from one transaction. Nothing in it is a count."""

    query: ListingQuery
    window: Window
    """Through the lens the rows are the operator's, hidden ones among them."""
    projects: tuple[ProjectName, ...]
    """Newest first."""
    has_project: bool
    """Whether the project asked for is there; it need not be among the newest. True for all projects."""
    taken_at: datetime = field(compare=False)
    """The server's clock, so that ages are right where the local clock is not."""
    lens: "Lens | None" = None
    """None unless it was asked for."""

    @property
    def hidden(self) -> frozenset[UUID]:
        """Those of the rows that these eyes do not see."""
        return self.lens.hidden if self.lens else frozenset()
