"""Whole rows, newest first, page by page."""

from collections.abc import Sequence, Set

from store.connecting import timestamps
from store.database import Query
from store.filters.keys import Key
from store.listing.query import End, ListQuery, RowKey
from store.model import GenerationJob, Page, PageKey
from store.statements import job_filters
from store.statements.job_rows import make_job
from store.statements.lists import PLAIN, Course, Means, read_on


def page(
    listed: ListQuery,
    *,
    after: PageKey | None,
    limit: int,
    readable: Set[Key] = job_filters.NAMED,
    means: Means = PLAIN,
) -> Query[GenerationJob]:
    """One row more than `limit` where there is a next page. `readable` are the names that may be read."""
    return read_on(listed, _course(after), make_job, rows=limit + 1, is_whole=True, readable=readable, means=means)


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
