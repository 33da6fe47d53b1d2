"""What a list shows and returns: filter, order, position, row window, project names, visibility."""

from dataclasses import field
from datetime import UTC, datetime, timedelta
from enum import Enum, StrEnum, auto
from typing import assert_never
from uuid import UUID

from gjobs.store.capabilities.capability import RlsPolicy
from gjobs.store.filters.filter_terms import NO_FILTER, JobFilter
from gjobs.store.jobs.job import AnyStatus, GenerationJob, JobStatus, ListedJob
from gjobs.store.jobs.job_results import CappedCount
from gjobs.store.users.actor import ActingUser
from gjobs.store.values.data_classes import dataclass
from gjobs.store.values.page_sizes import WINDOW_ROWS


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


@dataclass(frozen=True, slots=True, kw_only=True)
class RowWindow:
    """Consecutive rows of a longer list."""

    query: RowWindowQuery
    jobs: tuple[ListedJob, ...]
    has_before: bool
    has_after: bool
    has_starts: bool = False
    """Whether the jobs have the times when they first ran."""

    @property
    def is_whole(self) -> bool:
        """Whether these are all rows of the list."""
        return not (self.has_before or self.has_after)


MOST_LISTED_PROJECTS = 500
"""The most projects named by a listing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectName:
    id: UUID
    user_id: UUID
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """The dashboard's rows and project names, from one transaction. It has no counts."""

    query: ListingQuery
    window: RowWindow
    """With visibility, these are the operator's rows, including hidden ones."""
    projects: tuple[ProjectName, ...]
    """Newest first."""
    has_project: bool
    """Whether the requested project exists; it need not be among the newest. True if all projects are requested."""
    taken_at: datetime = field(compare=False)
    """The server's time, so that ages are right even if the local clock is wrong."""
    visibility: "VisibilityComparison | None" = None
    """None unless requested."""
    cautions: tuple[str, ...] = ()
    """Sentences on jobs that may be missing from an earlier moment."""

    @property
    def hidden(self) -> frozenset[UUID]:
        """The rows that the acting user does not see."""
        return self.visibility.hidden if self.visibility else frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadRules:
    """The rules that decide which jobs the role of users can read."""

    role: str
    is_granted: bool
    """Whether the role may read the table at all."""
    has_row_security: bool
    """Whether row level security applies to the role on this table."""
    holds_for_operator: bool
    """Whether row level security also applies to the operator, who then may not see everything either."""
    policies: tuple[RlsPolicy, ...]
    """The policies that apply when the role reads, by name."""

    @property
    def permissive(self) -> tuple[RlsPolicy, ...]:
        return tuple(policy for policy in self.policies if policy.is_permissive)

    @property
    def restrictive(self) -> tuple[RlsPolicy, ...]:
        return tuple(policy for policy in self.policies if not policy.is_permissive)


@dataclass(frozen=True, slots=True, kw_only=True)
class VisibilityComparison:
    """The operator's list of jobs beside a user's, both from one snapshot.

    It has the jobs of one project. With all projects, it has the jobs that concern the user: their own, and those in
    their projects.
    """

    user: ActingUser
    window: RowWindow
    """The rows that the operator sees."""
    hidden: frozenset[UUID]
    """The rows that the user does not see."""
    everything: CappedCount
    """The length of the whole list for the operator."""
    seen: CappedCount
    """The length of the same list for the user."""
    rules: ReadRules
    partial_claims: tuple[str, ...] = ()
    """The claims that policies read and that gjobs does not know. In the app, the user may see other jobs."""
