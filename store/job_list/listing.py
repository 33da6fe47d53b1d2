"""What a list returns: row window, project names, visibility."""

from dataclasses import field
from datetime import datetime
from uuid import UUID

from gjobs.store.capabilities.facts import RlsPolicy
from gjobs.store.job_list.list_query import ListingQuery, RowWindowQuery
from gjobs.store.jobs.job import ListedJob
from gjobs.store.jobs.job_results import CappedCount
from gjobs.store.users.actor import ActingUser
from gjobs.store.value_class import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class RowWindow:
    """Consecutive rows of a longer list."""

    query: RowWindowQuery
    jobs: tuple[ListedJob, ...]
    has_before: bool
    has_after: bool
    has_starts: bool = False
    """Whether the jobs have the times when they first ran."""


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
