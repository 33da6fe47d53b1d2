"""What is listed, in which order, and the rows that are held of it. Pure."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum, StrEnum, auto
from typing import TYPE_CHECKING
from uuid import UUID

from store.filters.model import NO_FILTER, JobFilter
from store.model import GenerationJob, JobStatus

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
    taken_at: datetime = field(compare=False)
    """The server's clock, so that ages are right where the local clock is not."""
    lens: "Lens | None" = None
    """None unless it was asked for."""
