"""What a list returns: row window, project names, visibility to a user."""

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from store.capabilities.facts import RlsPolicy
from store.job_list.list_query import ListingQuery, RowWindowQuery
from store.jobs.job import ListedJob
from store.jobs.job_results import CappedCount
from store.users.actor import ActingUser


@dataclass(frozen=True, slots=True, kw_only=True)
class RowWindow:
    """Rows of a longer list, without a gap."""

    query: RowWindowQuery
    jobs: tuple[ListedJob, ...]
    has_before: bool
    has_after: bool


MOST_LISTED_PROJECTS = 500
"""So many are named by a listing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectName:
    id: UUID
    user_id: UUID
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """The rows that the dashboard holds, and what names them, from one transaction. Nothing in it is a count."""

    query: ListingQuery
    window: RowWindow
    """Through the lens the rows are the operator's, hidden ones among them."""
    projects: tuple[ProjectName, ...]
    """Newest first."""
    has_project: bool
    """Whether the project asked for is there; it need not be among the newest. True for all projects."""
    taken_at: datetime = field(compare=False)
    """The server's clock, so that ages are right where the local clock is not."""
    visibility: "VisibilityComparison | None" = None
    """None unless it was asked for."""

    @property
    def hidden(self) -> frozenset[UUID]:
        """Those of the rows that these eyes do not see."""
        return self.visibility.hidden if self.visibility else frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadRules:
    """What decides which jobs the role of users reads."""

    role: str
    is_granted: bool
    """Whether the role may read the table at all."""
    has_row_security: bool
    """Whether row level security holds for the role on this table."""
    holds_for_operator: bool
    """Whether it holds for the role as connected as well, so that this one may not see everything either."""
    policies: tuple[RlsPolicy, ...]
    """Those that hold for the role when it reads, by name."""

    @property
    def permissive(self) -> tuple[RlsPolicy, ...]:
        return tuple(policy for policy in self.policies if policy.is_permissive)

    @property
    def restrictive(self) -> tuple[RlsPolicy, ...]:
        return tuple(policy for policy in self.policies if not policy.is_permissive)


@dataclass(frozen=True, slots=True, kw_only=True)
class VisibilityComparison:
    """The operator's look at a list of jobs beside a user's, both of one snapshot.

    The jobs of a project; with all projects those that concern the user: their own, and those in their projects.
    """

    user: ActingUser
    window: RowWindow
    """As the operator sees it."""
    hidden: frozenset[UUID]
    """Those of them that the user does not see."""
    everything: CappedCount
    """Of the whole list, as the operator sees it."""
    seen: CappedCount
    """Of the same list, as the user sees it."""
    rules: ReadRules
    partial_claims: tuple[str, ...] = ()
    """The claims that policies read and that gjobs does not know of the user: in the app they may see other jobs."""
