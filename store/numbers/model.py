"""Counts and costs as the dashboard shows them, and how sure each of them is. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from store.actor import Actor
from store.listing.model import ListQuery
from store.model import DayCost, JobStatistics


class Certainty(StrEnum):
    EXACT = "exact"
    ESTIMATED = "estimated"
    """By the planner's statistics: may be wrong in both directions."""
    CAPPED = "capped"
    """There are at least so many: counting stopped there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    number: int
    certainty: Certainty = Certainty.EXACT


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectSums:
    job_count: int
    total_cost_cents: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NumbersQuery:
    project_id: UUID | None = None
    """None means all projects."""
    days: int = 14
    matching: ListQuery | None = None
    """A list whose length the statistics do not tell; its order does not matter. None: no such list."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Numbers:
    """What was counted, with one actor's eyes."""

    query: NumbersQuery
    statistics: JobStatistics
    """Of the project, whatever else is asked for."""
    certainty: Certainty
    """Of the statistics."""
    days: tuple[DayCost, ...] | None
    """Oldest first, today last, days without jobs included. None where they cost too much."""
    projects: Mapping[UUID, ProjectSums] | None
    """Those without jobs may be missing. None where they cost too much."""
    matching: Counted | None
    """How many jobs the list of the query has; None where none was asked for, or it could not be counted in time."""
    taken_at: datetime = field(compare=False)
    """By the server's clock."""
    actor: Actor
    """Whose eyes counted."""
