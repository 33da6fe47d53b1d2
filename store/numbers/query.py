"""What is counted. Pure."""

from dataclasses import dataclass, replace
from uuid import UUID

from store.listing.query import NEWEST_FIRST, ListQuery


@dataclass(frozen=True, slots=True, kw_only=True)
class NumbersQuery:
    project_id: UUID | None = None
    """None means all projects."""
    days: int = 14
    matching: ListQuery | None = None
    """A list whose length the statistics do not tell; its order does not matter. None: no such list."""

    @classmethod
    def of_list(cls, listed: ListQuery) -> "NumbersQuery":
        """Which numbers stand beside a list: the same in whatever order it is."""
        matching = replace(listed, order=NEWEST_FIRST) if listed.job_filter else None
        return cls(project_id=listed.project_id, matching=matching)
