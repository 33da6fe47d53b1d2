"""What can be listed, and in which order. Pure."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum, StrEnum, auto
from uuid import UUID

from store.filters.model import NO_FILTER, JobFilter
from store.model import JobStatus


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


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowQuery:
    """Rows around a place: so many before it, and so many from it on."""

    listed: ListQuery = field(default_factory=ListQuery)
    anchor: Anchor = End.FIRST
    before: int = 0
    after: int = WINDOW_ROWS


@dataclass(frozen=True, slots=True, kw_only=True)
class ListingQuery:
    window: WindowQuery = field(default_factory=WindowQuery)
    through_lens: bool = False
    """Whether a user's look is to hold what is hidden from them, too."""
