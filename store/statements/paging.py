"""From the rows that a statement returns to a page of them."""

from collections.abc import Sequence

from store.model import GenerationJob, Page, PageKey


def paged(rows: Sequence[GenerationJob], limit: int) -> Page[GenerationJob]:
    """The row beyond the limit tells that there is a next page."""
    items = tuple(rows[:limit])
    last = items[-1] if len(rows) > limit else None
    return Page(items=items, next_key=PageKey(created_at=last.created_at, id=last.id) if last else None)
