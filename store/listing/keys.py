"""The place of a job in an ordered list. Pure."""

from datetime import UTC, datetime, timedelta
from typing import assert_never

from store.listing.query import ListOrder, OrderColumn, OrderValue, RowKey
from store.model import GenerationJob
from store.transitions import is_final


def key_of(job: GenerationJob, order: ListOrder) -> RowKey:
    """The job's place, which stays one when the job is gone or has moved."""
    return RowKey(value=_value_of(job, order.column), id=job.id)


def _value_of(job: GenerationJob, column: OrderColumn) -> OrderValue:
    match column:
        case OrderColumn.CREATED:
            return job.created_at
        case OrderColumn.UPDATED:
            return job.updated_at
        case OrderColumn.COST:
            return job.cost_cents
        case OrderColumn.TOTAL:
            return total_of(job)
    assert_never(column)


_TOTALS_FROM = datetime(1, 1, 1, tzinfo=UTC)
_TOTALS_UNTIL = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)


def total_of(job: GenerationJob) -> timedelta | None:
    """From its creation to its end, as the database orders by it; see `store.tables.total`."""
    first, last = sorted((job.created_at, job.updated_at))
    if not is_final(job.status) or not _TOTALS_FROM < first <= last < _TOTALS_UNTIL:
        return None
    return job.updated_at - job.created_at
