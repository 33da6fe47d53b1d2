"""From a row of the driver to a value of the model."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar
from uuid import UUID

from store.errors import UnexpectedError
from store.model import JobStatus

T = TypeVar("T")

Row = Sequence[Any]
RowMaker = Callable[[Row], T]


_STATUSES = {status.value: status for status in JobStatus}


def job_status(value: str) -> JobStatus:
    """Raises UnexpectedError for a status that an app has added to its own database."""
    status = _STATUSES.get(value)
    if status is None:
        known = ", ".join(_STATUSES)
        raise UnexpectedError(f"The database holds a job that is {value!r}, which is none of {known}.")
    return status


def make_id(row: Row) -> UUID:
    identifier: UUID = row[0]
    return identifier


def make_number(row: Row) -> int:
    """Of a count, or of a sum, which Postgres may tell as a decimal number."""
    return int(row[0])
