"""ErrorGroup and ErrorGroups: the failures of a time window, grouped by fingerprint."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from uuid import UUID

from gjobs.store.filters.job_filter import NO_FILTER, JobFilter
from gjobs.store.value_class import dataclass

WEEK = timedelta(days=7)

MOST_FAILURES = 20_000
"""The newest failures of the window that are read."""
MOST_GROUPS = 200
"""The largest groups that are returned."""
MOST_MODES, MOST_USERS = 20, 100
"""The modes and users of a group that are named. All are counted."""
BUCKETS = 24
"""The parts of the window that a trend counts."""
NO_TEXT = "(no error text)"
"""Shown instead of an empty fingerprint."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorScope:
    """Which failures are grouped."""

    project_id: UUID | None = None
    """None for all projects."""
    job_filter: JobFilter = NO_FILTER
    window: timedelta = WEEK
    """The time before now in which the jobs failed."""
    limit: int = MOST_FAILURES


EVERY_FAILURE = ErrorScope()


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorGroup:
    """The failed jobs of a window that have the same fingerprint."""

    id: str
    fingerprint: str
    """Empty for failures without an error text."""
    count: int
    first_seen: datetime
    """The end time of the oldest failure that was read."""
    last_seen: datetime
    modes: tuple[str, ...]
    """At most MOST_MODES, sorted."""
    mode_count: int
    users: tuple[UUID, ...]
    """At most MOST_USERS, sorted."""
    user_count: int
    cost_cents: int
    trend: tuple[int, ...]
    """The failures in each part of the window, oldest first."""
    example_job_id: UUID
    """The newest failure."""
    example: str
    """The beginning of the newest failure's error text."""

    @property
    def name(self) -> str:
        return self.fingerprint or NO_TEXT


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorGroups:
    """The largest groups first. Iterating yields the groups."""

    groups: tuple[ErrorGroup, ...]
    group_count: int
    """Including the groups beyond MOST_GROUPS."""
    window: timedelta
    limit: int
    """The maximum number of failures to read."""
    failures: int
    """The failures that were read."""
    complete: bool
    """False if the window has more failures than the limit. Then only the newest were read."""
    read_since: datetime
    """The start of the window. If not all failures were read, the end time of the oldest one that was read."""
    taken_at: datetime
    """The server's time at the end of the window."""

    def __iter__(self) -> Iterator[ErrorGroup]:
        return iter(self.groups)

    def __len__(self) -> int:
        return len(self.groups)
