"""Numbers at a moment: the present totals without what changed since."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from store.database.query import Query
from store.jobs.job import AnyStatus
from store.moments import moment_sql
from store.moments.moment import MOST_LISTED, EventRange
from store.moments.moment_sql import Change
from store.statistics import statistics_sql
from store.statistics.statistics import JobStatistic, JobStatistics
from store.statistics.totals import Count, Precision, ProjectTotals, Totals, TotalsQuery, exact_counts
from store.users.actor import Actor

MOST_PROJECTS = 10_000


def queries(query: TotalsQuery, moment: datetime, events: EventRange, *, has_rollups: bool) -> list[Query[Any]]:
    """Return the queries that `totals` needs. Without rollups, or after too many changes, there are none."""
    if not (has_rollups and events.is_whole):
        return []
    return [
        statistics_sql.by_status_from_rollups(query.project_id),
        statistics_sql.totals_by_project_from_rollups(limit=MOST_PROJECTS),
        moment_sql.changes(moment, events, None),
    ]


def totals(
    query: TotalsQuery,
    moment: datetime,
    events: EventRange,
    answers: Sequence[list[Any]],
    *,
    matching: Count | None,
    actor: Actor,
) -> Totals:
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
    )


def listed_count(number: int, *, is_cut: bool) -> Count:
    return Count(number=min(number, MOST_LISTED), precision=Precision.CAPPED if is_cut else Precision.EXACT)


def _before(
    project_id: UUID | None,
    by_status: Sequence[JobStatistic],
    by_project: Sequence[tuple[UUID, ProjectTotals]],
    changes: Sequence[Change],
) -> tuple[JobStatistics | None, dict[UUID, ProjectTotals] | None]:
    """Undo the changes. If a job may have moved between projects, the totals by project are unknown."""
    numbers: defaultdict[AnyStatus, list[int]] = defaultdict(lambda: [0, 0])
    sums: defaultdict[UUID, list[int]] = defaultdict(lambda: [0, 0])
    for row in by_status:
        numbers[row.status] = [row.count, row.total_cost_cents]
    for project, known in by_project:
        sums[project] = [known.job_count, known.total_cost_cents]
    have_moved = any(change.moved for change in changes)
    for change in changes:
        for status, sign, cents in (
            (change.from_status, 1, change.former_cents),
            (change.to_status, -1, change.later_cents),
        ):
            if status is None:
                continue
            _add(sums[change.project_id], sign * change.events, sign * cents)
            if project_id in (None, change.project_id):
                _add(numbers[status], sign * change.events, sign * cents)
    rows = [_statistic(status, *known) for status, known in numbers.items() if known[0]]
    known_projects = {one: ProjectTotals(job_count=jobs, total_cost_cents=cents) for one, (jobs, cents) in sums.items()}
    is_known = not (have_moved and project_id is not None)
    return (
        statistics_sql.in_workflow_order(rows) if is_known else None,
        None if have_moved else known_projects,
    )


def _add(known: list[int], jobs: int, cents: int) -> None:
    known[0] += jobs
    known[1] += cents


def _statistic(status: AnyStatus, jobs: int, cents: int) -> JobStatistic:
    return JobStatistic(status=status, count=jobs, total_cost_cents=cents, avg_cost_cents=round(cents / jobs, 2))
