"""Whole rows, newest first, page by page."""

from collections.abc import Sequence, Set
from uuid import UUID

from store.connecting import timestamps
from store.database import Query
from store.filters.keys import Key
from store.filters.model import NO_FILTER, JobFilter
from store.listing.model import End, ListQuery, RowKey
from store.model import GenerationJob, JobStatus, Page, PageKey
from store.statements import job_filters
from store.statements.jobs import make_job
from store.statements.lists import Course, read_on


def page(
    *,
    project_id: UUID | None,
    status: JobStatus | None,
    after: PageKey | None,
    limit: int,
    job_filter: JobFilter = NO_FILTER,
    readable: Set[Key] = job_filters.NAMED,
) -> Query[GenerationJob]:
    """One row more than `limit` where there is a next page. `readable` are the names that may be read."""
    listed = ListQuery(project_id=project_id, status=status, job_filter=job_filter)
    return read_on(listed, _course(after), make_job, rows=limit + 1, is_whole=True, readable=readable)


def _course(after: PageKey | None) -> Course:
    if after is None:
        return Course(place=End.FIRST)
    # A key that was printed says of a far time no more than that it is one.
    is_vague = after.created_at in timestamps.EXTREMES and not isinstance(after.created_at, timestamps.FarTime)
    return Course(place=RowKey(value=after.created_at, id=after.id), is_looked_up=is_vague)


def paged(rows: Sequence[GenerationJob], limit: int) -> Page[GenerationJob]:
    """The row beyond the limit tells that there is a next page."""
    items = tuple(rows[:limit])
    last = items[-1] if len(rows) > limit else None
    return Page(items=items, next_key=PageKey(created_at=last.created_at, id=last.id) if last else None)
