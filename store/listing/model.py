"""The rows that are held of a list. Pure."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from store.listing.query import ListingQuery, WindowQuery
from store.model import GenerationJob

if TYPE_CHECKING:
    from store.lens.model import Lens

ERROR_CHARACTERS = 400
"""Kept of an error in a list: more than a line shows."""


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
