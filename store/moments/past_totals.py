"""Numbers at a moment: the present totals without what changed since."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from gjobs.store.database.query import Query
from gjobs.store.jobs.job import AnyStatus
from gjobs.store.moments import moment_sql
from gjobs.store.moments.moment import MOST_LISTED, EventRange
from gjobs.store.moments.moment_sql import Change
from gjobs.store.statistics import statistics_sql
from gjobs.store.statistics.statistics import JobStatistic, JobStatistics
from gjobs.store.statistics.totals import Count, Precision, ProjectTotals, Totals, TotalsQuery, exact_counts
from gjobs.store.users.actor import Actor

MOST_PROJECTS = 10_000


TOO_MUCH = "Too much has changed since this moment to count its jobs."
UNKNOWN_PROJECT = "A job was edited after this moment, and its earlier project was not recorded."
HINTS = {TOO_MUCH: "Use a later time.", UNKNOWN_PROJECT: "Use a later time, or count all projects."}


def queries(query: TotalsQuery, moment: datetime, events: EventRange) -> list[Query[Any]]:
    """Return the queries that `totals` needs. They need rollups, and work only if not too much has changed."""
    return [
        statistics_sql.by_status_from_rollups(query.project_id),
        statistics_sql.totals_by_project_from_rollups(limit=MOST_PROJECTS),
        moment_sql.changes(moment, events),
    ]


def totals(
    query: TotalsQuery,
    moment: datetime,
    events: EventRange,
    answers: Sequence[list[Any]],
    *,
    unknown_because: str,
    matching: Count | None,
    actor: Actor,
) -> Totals:
    """Return the totals. If `answers` is empty, `unknown_because` gives the reason."""
    statistics, projects = _before(query.project_id, *answers) if answers else (None, None)
    return Totals(
        query=query,
        counts={} if statistics is None else exact_counts(statistics),
        has_all_statuses=statistics is not None,
        statistics=statistics,
        days=None,
        projects=projects,
        matching=matching,
        taken_at=moment,
        actor=actor,
        may_lack_changes=not events.is_searched,
        unknown_because=unknown_because or (UNKNOWN_PROJECT if statistics is None else ""),
    )


def listed_count(number: int, *, is_cut: bool) -> Count:
    return Count(number=min(number, MOST_LISTED), precision=Precision.CAPPED if is_cut else Precision.EXACT)


def _before(
    project_id: UUID | None,
    by_status: Sequence[JobStatistic],
    by_project: Sequence[tuple[UUID, ProjectTotals]],
    changes: Sequence[Change],
) -> tuple[JobStatistics | None, dict[UUID, ProjectTotals] | None]:
    """Undo the changes. If a job's former project is not recorded, the totals by project are unknown."""
    numbers: defaultdict[AnyStatus, list[int]] = defaultdict(lambda: [0, 0])
    sums: defaultdict[UUID, list[int]] = defaultdict(lambda: [0, 0])
    for row in by_status:
        numbers[row.status] = [row.count, row.total_cost_cents]
    for project, known in by_project:
        sums[project] = [known.job_count, known.total_cost_cents]
    for change in changes:
        for status, project, sign, cents in (
            (change.from_status, change.former_project_id, 1, change.former_cents),
            (change.to_status, change.project_id, -1, change.later_cents),
        ):
            if status is None:
                continue
            _add(sums[project], sign * change.events, sign * cents)
            if project_id in (None, project):
                _add(numbers[status], sign * change.events, sign * cents)
    rows = [_statistic(status, *known) for status, known in numbers.items() if known[0]]
    known_projects = {one: ProjectTotals(job_count=jobs, total_cost_cents=cents) for one, (jobs, cents) in sums.items()}
    are_known = not any(change.has_unknown_project for change in changes)
    return (
        statistics_sql.in_workflow_order(rows) if are_known or project_id is None else None,
        known_projects if are_known else None,
    )


def _add(known: list[int], jobs: int, cents: int) -> None:
    known[0] += jobs
    known[1] += cents


def _statistic(status: AnyStatus, jobs: int, cents: int) -> JobStatistic:
    return JobStatistic(status=status, count=jobs, total_cost_cents=cents, avg_cost_cents=round(cents / jobs, 2))
