"""Waste: the cost of failed jobs and of retries, and its share of all costs."""

from datetime import date
from enum import StrEnum
from typing import TypeAlias
from uuid import UUID

from gjobs.store.value_class import dataclass


class WasteKey(StrEnum):
    """What the jobs are grouped by."""

    MODE = "mode"
    PROJECT = "project"
    USER = "user"
    GROUP = "group"
    """The error group of failed jobs."""
    DAY = "day"
    """The UTC day of creation."""


WasteRowKey: TypeAlias = str | UUID | date | None


@dataclass(frozen=True, slots=True, kw_only=True)
class WasteRow:
    """The failed jobs and the retries of one key, or of all keys. No job counts twice."""

    key: WasteRowKey
    """Depends on the `WasteKey`. None in the total row, and where the column is null. When grouped by error group,
    retries have the key `""`.
    """
    name: str | None = None
    """The fingerprint of a group, the name of a project or the e-mail of a user. None if it is unknown or unreadable,
    and for other keys. A group without a recent failure has none.
    """
    failed_count: int
    failed_cents: int
    retry_count: int
    """The retries that have not failed. A retry that failed is a failed job."""
    retry_cents: int
    all_cents: int | None
    """The cost of all jobs of the key. None for an error group."""

    @property
    def waste_cents(self) -> int:
        return self.failed_cents + self.retry_cents

    @property
    def share(self) -> float | None:
        """The waste as a share of all costs of the key. None if they are unknown or not above zero."""
        return self.waste_cents / self.all_cents if self.all_cents is not None and self.all_cents > 0 else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Waste:
    by: WasteKey
    rows: tuple[WasteRow, ...]
    """The keys with failed jobs or retries, most waste first. Days: newest first."""
    total: WasteRow
    """The sum of all keys, also of those beyond the limit of rows."""
    has_more: bool
    """Whether there are more keys than rows."""
    days: int | None
    """How many days, the newest ones, are counted. None: all."""
    read_limit: int | None
    """Only this many jobs, the newest ones, were read. None: every job is counted."""
    limited_because: str | None = None
    """Why the jobs were read instead of rollups, and what to do about it. None if every job is counted."""

    @property
    def unnamed_groups(self) -> int:
        """The listed error groups whose fingerprint is unknown, because they failed too long ago."""
        return sum(row.name is None and row.key != "" for row in self.rows) if self.by is WasteKey.GROUP else 0

    @property
    def is_exact(self) -> bool:
        return self.read_limit is None


DAYS = 30
"""How many days are shown when waste is grouped by day."""
MOST_KEYS = 50
"""How many keys are returned by default."""
MOST_JOBS = 50_000
"""The most jobs that are read where no rollups exist."""
MOST_GROUPED_JOBS = 20_000
"""The same for error groups, because the errors are long."""
FIRST_NAMING_JOBS = 1_000
"""The newest jobs whose failures are read first to find the fingerprints of groups."""
MOST_NAMING_FAILURES = 20_000
"""The newest failures that are read if the first ones do not name every group. The fingerprint is computed for only
one failure of each kind.
"""
