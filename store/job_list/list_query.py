"""What a list shows and returns: filter, order, position, row window, project names, visibility, missing index."""

import re
from collections.abc import Iterable, Set
from dataclasses import field
from datetime import UTC, datetime, timedelta
from enum import Enum, StrEnum, auto
from typing import assert_never
from uuid import UUID

from gjobs.store.capabilities.capability import MissingCapability, RlsPolicy
from gjobs.store.filters.filter_terms import NO_FILTER, JobFilter, Key
from gjobs.store.jobs.job import FINAL_STATUSES, AnyStatus, GenerationJob, JobStatus, ListedJob, sql_literals
from gjobs.store.jobs.job_results import CappedCount
from gjobs.store.users.actor import ActingUser, Actor
from gjobs.store.values.data_classes import by_member, dataclass
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


_NEWEST = "created_at DESC, id DESC"
_OF_ALL = frozenset(f"{narrowed}{_NEWEST}" for narrowed in ("", "project_id, ", "user_id, ", "status, "))
"""With these indexes, every unfiltered list is read in creation order, for any actor."""

TOTAL = (
    f"( CASE WHEN ((status = ANY (ARRAY[{sql_literals(FINAL_STATUSES, cast='::text')}]))"
    " AND (LEAST(created_at, updated_at) > to_timestamp(('-62135596800'::bigint)::double precision))"
    " AND (GREATEST(created_at, updated_at) < to_timestamp(('253402300799'::bigint)::double precision)))"
    " THEN (updated_at - created_at) ELSE NULL::interval END) DESC NULLS LAST"
)
_INDEXES = by_member(
    OrderColumn,
    {
        OrderColumn.CREATED: ("gjobs_newest", "created_at"),
        OrderColumn.UPDATED: ("gjobs_updated", "updated_at"),
        OrderColumn.COST: ("gjobs_costs", "cost_cents"),
        OrderColumn.TOTAL: ("gjobs_total", TOTAL),
    },
)
"""The name and the key of each order's index. A total is computed, so its key is an expression with a direction."""

MOST_SORTED = 20_000
"""The most jobs that may be sorted for each page. Sorting them takes about 0.1 seconds."""


def is_in_order(listed: ListQuery, indexes: Set[str]) -> bool:
    """Return whether the list is read from an index alone and never sorted.

    The planner can't know this under row level security. It expects each user to have few jobs. For a user with many
    jobs, it would read and sort all of them.
    """
    return listed.order.column is OrderColumn.CREATED and not listed.job_filter.terms and indexes >= _OF_ALL


def lacks_order(listed: ListQuery, indexes: Set[str]) -> MissingCapability | None:
    """Return the missing index if every page must read and sort the whole list."""
    if listed.order.column is OrderColumn.CREATED:
        return None  # Every app's table has an index for the creation order.
    name, key = _INDEXES[listed.order.column]
    is_total = listed.order.column is OrderColumn.TOTAL
    columns = f"{key}{'' if is_total else ' DESC'}, id DESC"
    if (name if is_total else columns) in indexes:
        return None
    return MissingCapability(
        reason=f"No index orders the jobs by {listed.order.column}. Each page would read and sort all jobs.",
        sql=f"CREATE INDEX CONCURRENTLY {name} ON public.generation_jobs ({columns});",
    )


TOO_LONG_TO_SORT = MissingCapability(
    reason="For users, row level security blocks the index on the total. Each page would read"
    f" and sort all of the user's jobs, more than {MOST_SORTED:,}.",
    advice="Choose a project or a status to list fewer jobs.",
)
"""Why a user's list is refused its order: over MOST_SORTED jobs, and no usable index. See
`AccessPath.through_policies`.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexAdvice:
    """An index that would read the list in its order, and the SQL that creates it."""

    columns: str
    """The columns as in the statement, in order."""
    sql: str
    """The statement does not block writers while it runs."""


_TABLE = "public.generation_jobs"


MODE = "lower(mode)"
_SUFFIXES = {"project_id": "_of_project", "user_id": "_of_user", MODE: "_of_mode", "status": "_of_status", "": ""}
"""The suffix of the index's name, by the column that comes before the order's."""

_HAVE_FEW_TIES = frozenset({OrderColumn.CREATED, OrderColumn.UPDATED})
"""For these columns an index without the id is enough, because few rows are equal."""
_UNHELPED = frozenset({None, Key.ERROR, Key.ERROR_GROUP, Key.TOOK})
"""No plain index finds a part of a text, computes an error group, or compares two columns."""
_WORDS = frozenset({None, Key.ERROR})
_DEFINITION = re.compile(r"^btree \((?P<columns>.*?)\)(?: INCLUDE \(.*\))?$")


def advice(listed: ListQuery, indexes: Iterable[str], *, actor: Actor) -> IndexAdvice | None:
    """Return the advice, or None if an index exists or none would help.

    `indexes` are the valid indexes on jobs, as the part of `pg_get_indexdef` after USING.
    """
    if listed.order.column is OrderColumn.TOTAL:
        return None  # No index of a list orders by a computed value.
    name, column = _INDEXES[listed.order.column]
    narrowed = next(iter(_narrowing(listed, actor)), "")
    if any(_serves(definition, narrowed, listed.order.column, column) for definition in indexes):
        return None
    columns = ", ".join(_keys(narrowed, column, descending=True))
    sql = f"CREATE INDEX CONCURRENTLY {name}{_SUFFIXES[narrowed]} ON {_TABLE} ({columns});"
    return IndexAdvice(columns=columns, sql=sql)


def finds_by_reading(listed: ListQuery, *, has_word_index: bool = False) -> bool:
    """Return whether part of the filter can only be checked by reading the jobs."""
    unhelped = _UNHELPED - _WORDS if has_word_index else _UNHELPED
    return any(term.key in unhelped for term in listed.job_filter.terms)


def find_words(indexes: Iterable[str]) -> bool:
    """Return whether one of the indexes finds words. The planner then knows how rare a word is."""
    return any(definition.startswith("gin (lower(mode) ") and ", lower(error) " in definition for definition in indexes)


def is_guessed(listed: ListQuery) -> bool:
    """Return whether the planner lacks statistics on the filter's columns, so that its row estimate means nothing."""
    return finds_by_reading(listed) or any(term.key is Key.MODE for term in listed.job_filter.terms)


def _narrowing(listed: ListQuery, actor: Actor) -> list[str]:
    """Return what limits the list (project, user, mode, status), in the probable order of fewest jobs first."""
    of_one = {term.key for term in listed.job_filter.terms if len(term.values) == 1 and not term.is_negated}
    there = {
        "project_id": listed.project_id is not None,
        # By policy, a user's jobs are their own.
        "user_id": isinstance(actor, ActingUser),
        MODE: Key.MODE in of_one,
        "status": listed.status is not None or Key.STATUS in of_one,
    }
    return [narrowed for narrowed, holds in there.items() if holds]


def _keys(narrowed: str, column: str, *, descending: bool) -> list[str]:
    direction = " DESC" if descending else ""
    keys = [f"{column}{direction}", f"id{direction}"]
    return [narrowed, *keys] if narrowed else keys


def _serves(definition: str, narrowed: str, order: OrderColumn, column: str) -> bool:
    """Return whether the index serves the list. Indexes can be read backwards, and may have more columns."""
    found = _DEFINITION.match(definition)
    if found is None:
        return False
    there = re.split(r", (?![^(]*\))", found["columns"])  # Commas outside parentheses.
    needed = None if order not in _HAVE_FEW_TIES else -1
    wanted = [_keys(narrowed, column, descending=descending)[:needed] for descending in (True, False)]
    return any(there[: len(keys)] == keys for keys in wanted)
