"""Totals that the dashboard shows, each exact, estimated or capped."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import field, replace
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING
from uuid import UUID

from gjobs.store.job_list.list_query import NEWEST_FIRST, ListQuery
from gjobs.store.jobs.job import AnyStatus, JobStatus, in_order
from gjobs.store.users.actor import Actor
from gjobs.store.value_class import dataclass

if TYPE_CHECKING:
    from gjobs.store.budgets.budget import Budget
    from gjobs.store.jobs.job_results import CappedCount
    from gjobs.store.statistics.job_flow import JobFlow
    from gjobs.store.statistics.statistics import DayCost, JobStatistic, JobStatistics


@dataclass(frozen=True, slots=True, kw_only=True)
class TotalsQuery:
    """A request for `Totals`."""

    project_id: UUID | None = None
    """None means all projects."""
    days: int = 14
    matching: ListQuery | None = None
    """A list whose length the statistics don't include. Its order does not matter. None: no such list."""

    @classmethod
    def of_list(cls, listed: ListQuery) -> TotalsQuery:
        """Return the query for the numbers beside a list. It is the same for every order of the list."""
        matching = replace(listed, order=NEWEST_FIRST) if listed.job_filter else None
        return cls(project_id=listed.project_id, matching=matching)


class Precision(StrEnum):
    EXACT = "exact"
    ESTIMATED = "estimated"
    """From the planner's statistics; may be too high or too low."""
    CAPPED = "capped"
    """There are at least this many. Counting stopped there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """A number of jobs, and how precise it is."""

    number: int
    precision: Precision = Precision.EXACT


def exact_counts(statistics: Iterable[JobStatistic]) -> Mapping[AnyStatus, Count]:
    """Return the count of each workflow status, and of each other status with jobs."""
    numbers = {row.status: row.count for row in statistics}
    there = in_order((*JobStatus, *numbers))
    return {status: Count(number=numbers.get(status, 0)) for status in there}


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectTotals:
    """The totals of one project's jobs that the actor sees."""

    job_count: int
    total_cost_cents: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """Numbers counted as one actor. Numbers that were too expensive are missing, and never zero."""

    query: TotalsQuery
    counts: Mapping[AnyStatus, Count]
    """Counts of the project, without the filter. A status that was not counted in time is missing."""
    statistics: JobStatistics | None
    """The exact counts with costs. None if reading all jobs was too expensive."""
    days: tuple[DayCost, ...] | None
    """Oldest first, today last, including days without jobs. None if too expensive."""
    projects: Mapping[UUID, ProjectTotals] | None
    """Totals of the projects that a listing names; those without jobs may be missing. None if too expensive."""
    matching: Count | None
    """The length of the query's list. None if not requested or not counted in time."""
    has_all_statuses: bool = True
    """Whether `counts` has every status outside the workflow."""
    budgets: tuple[Budget, ...] | None = None
    """The budgets that the project's jobs are charged to, least left first. None if the database keeps no budgets or
    did not answer in time.
    """
    flow: JobFlow | None = field(default=None, compare=False)
    """None unless the caller adds the result of `get_flow` or reads both together."""
    stuck: CappedCount | None = field(default=None, compare=False)
    """The stuck jobs in the snapshot of the counts. None if they were not counted there."""
    taken_at: datetime = field(compare=False)
    """The server's time."""
    actor: Actor
    """The actor who counted."""
    partial_claims: tuple[str, ...] = ()
    """The claims that policies read and that gjobs does not know. In the app, the numbers may differ."""
    may_lack_changes: bool = False
    """Whether changes may be missing from the numbers of an earlier moment."""
    unknown_because: str = ""
    """Why the numbers of an earlier moment are unknown. Empty if they are known."""

    def count(self, status: AnyStatus | None) -> Count | None:
        """Return the count of a status; None means all statuses. Returns None if the count is unknown."""
        if status is not None:
            return self.counts.get(status)
        number = sum(one.number for one in self.counts.values())
        is_known = number > 0 or self.precision is not Precision.CAPPED
        return Count(number=number, precision=self.precision) if is_known else None

    @property
    def stuck_jobs(self) -> CappedCount | None:
        """The number of stuck jobs. None if unknown, or if an older flow has more stuck jobs than there are running
        jobs now."""
        stuck = self.stuck or (self.flow.stuck if self.flow else None)
        running = self.counts.get(JobStatus.RUNNING)
        if stuck is None or running is None or running.precision is not Precision.EXACT:
            return stuck
        return stuck if stuck.number <= running.number else None

    def count_of(self, statuses: Iterable[AnyStatus]) -> Count | None:
        """Return the count of these statuses together, or None if it is unknown."""
        there = [self.counts[status] for status in statuses if status in self.counts]
        if not there:
            return None
        inexact = [one.precision for one in there if one.precision is not Precision.EXACT]
        return Count(number=sum(one.number for one in there), precision=inexact[0] if inexact else Precision.EXACT)

    @property
    def precision(self) -> Precision:
        """The precision of all counts together."""
        there = {one.precision for one in self.counts.values()}
        if Precision.ESTIMATED in there:
            return Precision.ESTIMATED
        is_whole = there == {Precision.EXACT} and self.has_all_statuses and set(JobStatus) <= self.counts.keys()
        return Precision.EXACT if is_whole else Precision.CAPPED
