"""Totals the dashboard shows, each exact, estimated or capped."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING
from uuid import UUID

from store.job_list.list_query import NEWEST_FIRST, ListQuery
from store.jobs.job import AnyStatus, JobStatus, in_order
from store.users.actor import Actor

if TYPE_CHECKING:
    from store.budgets.budget import Budget
    from store.statistics.statistics import DayCost, JobStatistic, JobStatistics


@dataclass(frozen=True, slots=True, kw_only=True)
class TotalsQuery:
    project_id: UUID | None = None
    """None means all projects."""
    days: int = 14
    matching: ListQuery | None = None
    """A list whose length the statistics do not tell; its order does not matter. None: no such list."""

    @classmethod
    def of_list(cls, listed: ListQuery) -> TotalsQuery:
        """Which numbers stand beside a list: the same in whatever order it is."""
        matching = replace(listed, order=NEWEST_FIRST) if listed.job_filter else None
        return cls(project_id=listed.project_id, matching=matching)


class Precision(StrEnum):
    EXACT = "exact"
    ESTIMATED = "estimated"
    """By the planner's statistics: may be wrong in both directions."""
    CAPPED = "capped"
    """There are at least so many: counting stopped there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """How many there are, or are taken to be."""

    number: int
    precision: Precision = Precision.EXACT


def exact_counts(statistics: Iterable[JobStatistic]) -> Mapping[AnyStatus, Count]:
    """Of each status of the workflow, and of each other one that there is."""
    numbers = {row.status: row.count for row in statistics}
    there = in_order((*JobStatus, *numbers))
    return {status: Count(number=numbers.get(status, 0)) for status in there}


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectTotals:
    """Of the jobs of one project that the actor sees."""

    job_count: int
    total_cost_cents: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """What was counted, with one actor's eyes. What cost too much is not there, and never zero."""

    query: TotalsQuery
    counts: Mapping[AnyStatus, Count]
    """Of the project, whatever else is asked for. A status that could not be counted in time is missing."""
    statistics: JobStatistics | None
    """The same with the costs, exactly; None where adding up all jobs cost too much."""
    days: tuple[DayCost, ...] | None
    """Oldest first, today last, days without jobs included. None where they cost too much."""
    projects: Mapping[UUID, ProjectTotals] | None
    """Of those that a listing names; those without jobs may be missing. None where they cost too much."""
    matching: Count | None
    """How many jobs the list of the query has; None where none was asked for, or it could not be counted in time."""
    has_all_statuses: bool = True
    """Whether `counts` has every status outside the workflow that there is."""
    budgets: tuple[Budget, ...] | None = None
    """Those that the project's jobs are charged to, with the least left first. None where the database keeps none, or
    did not tell in time.
    """
    taken_at: datetime = field(compare=False)
    """By the server's clock."""
    actor: Actor
    """Whose eyes counted."""
    partial_claims: tuple[str, ...] = ()
    """The claims that policies read and that gjobs does not know of the actor: the app may count otherwise."""

    def count(self, status: AnyStatus | None) -> Count | None:
        """None stands for all statuses. Returns None where nothing of it is known."""
        if status is not None:
            return self.counts.get(status)
        number = sum(one.number for one in self.counts.values())
        is_known = number > 0 or self.precision is not Precision.CAPPED
        return Count(number=number, precision=self.precision) if is_known else None

    def count_of(self, statuses: Iterable[AnyStatus]) -> Count | None:
        """Of these together. None where nothing of it is known."""
        there = [self.counts[status] for status in statuses if status in self.counts]
        if not there:
            return None
        inexact = [one.precision for one in there if one.precision is not Precision.EXACT]
        return Count(number=sum(one.number for one in there), precision=inexact[0] if inexact else Precision.EXACT)

    @property
    def precision(self) -> Precision:
        """Of all counts together."""
        there = {one.precision for one in self.counts.values()}
        if Precision.ESTIMATED in there:
            return Precision.ESTIMATED
        is_whole = there == {Precision.EXACT} and self.has_all_statuses and set(JobStatus) <= self.counts.keys()
        return Precision.EXACT if is_whole else Precision.CAPPED
