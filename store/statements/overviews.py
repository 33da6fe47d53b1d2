"""What the dashboard looks at: the queries of one look, and the overview made of their rows. Pure."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from store.database import Query
from store.lens.model import Lens
from store.model import JobStatistics, Overview, OverviewQuery, Page
from store.statements import by_jobs, paging, projects, statistics


def questions(
    query: OverviewQuery, *, limit: int, days: int, most_projects: int, has_projects: bool, at: datetime | None
) -> tuple[Query[Any], ...]:
    """In the order in which `overview` takes their rows. `has_projects` is whether projects may be read themselves."""
    listed = projects.listed if has_projects else by_jobs.projects
    return (
        paging.page(project_id=query.project_id, status=query.status, after=None, limit=limit),
        statistics.by_status(query.project_id),
        statistics.by_day(query.project_id, days=days, at=at),
        listed(limit=most_projects),
        statistics.clock(at),
    )


def overview(query: OverviewQuery, answers: Sequence[list[Any]], *, lens: Lens | None = None) -> Overview:
    page, by_status, by_day, listed, (taken_at,) = answers
    return Overview(
        query=query,
        jobs=paging.paged(page, query.limit),
        statistics=statistics.in_workflow_order(by_status),
        days=statistics.without_gaps(by_day, today=taken_at.date(), days=query.days),
        projects=tuple(listed),
        taken_at=taken_at,
        lens=lens,
    )


def nothing(query: OverviewQuery, *, taken_at: datetime, lens: Lens) -> Overview:
    """Of a user who may read nothing. The lens says so: these are no counts of what is there."""
    return Overview(
        query=query,
        jobs=Page(items=(), next_key=None),
        statistics=JobStatistics(by_status=()),
        days=(),
        projects=(),
        taken_at=taken_at,
        lens=lens,
    )
