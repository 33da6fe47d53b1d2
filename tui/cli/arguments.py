"""What is typed, as values. Each raises Mistyped with words that say what is accepted. Pure."""

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from store.model import JobStatus, PageKey
from store.suggestions import not_known
from tui.cli.file_format import FileFormat
from tui.cli.typed import Mistyped

if TYPE_CHECKING:
    from store.filters import JobFilter

Size = tuple[int, int]
"""Columns and rows."""

_SMALLEST, _LARGEST = 1, 1000


def identifier(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise Mistyped(f"{text!r} is not an id: an id is a whole UUID, as the lists print it") from None


def identifier_or_none(text: str) -> UUID | None:
    """An empty text stands for none."""
    return identifier(text) if text else None


def whole_number(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise Mistyped(f"{text!r} is not a whole number") from None


def page_key(text: str) -> PageKey:
    """`CREATED_AT,ID` as the last row of a page has them in JSON."""
    created_at, _, job_id = text.partition(",")
    try:
        time = datetime.fromisoformat(created_at)
        if time.tzinfo is not None:
            return PageKey(created_at=time.astimezone(UTC), id=UUID(job_id))
    except (ValueError, OverflowError):
        pass
    raise Mistyped(f"{text!r} is not CREATED_AT,ID as the JSON of 'jobs list' has them")


_LONGEST = timedelta(days=36_500)
_UNITS = {"m": "minutes", "h": "hours", "d": "days"}


def since(text: str) -> datetime | timedelta:
    """A time, in this machine's zone unless it says otherwise, or how long ago: `30m`, `24h`, `7d`."""
    try:
        if text[-1:] in _UNITS and text[:-1].isdecimal():
            return min(timedelta(**{_UNITS[text[-1]]: int(text[:-1])}), _LONGEST)
        return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError):
        raise Mistyped(
            f"{text!r} is not a time: give one such as 2026-01-31 or 2026-01-31T12:00, or how long ago, such as 24h"
        ) from None


def size(text: str) -> Size:
    columns, _, rows = text.lower().partition("x")
    try:
        width, height = int(columns), int(rows)
    except ValueError:
        raise Mistyped(f"{text!r} is not a size: give COLUMNSxROWS, such as 120x36") from None
    if not all(_SMALLEST <= number <= _LARGEST for number in (width, height)):
        raise Mistyped(f"{text!r} is not a size: both numbers must be from {_SMALLEST} to {_LARGEST}")
    return width, height


def status(text: str) -> JobStatus:
    try:
        return JobStatus(text)
    except ValueError:
        raise Mistyped(not_known(text, JobStatus)) from None


def job_filter(text: str) -> "JobFilter":
    """Raises FilterError, which says where in the text."""
    from store.filters import parse

    return parse(text, now=datetime.now(UTC))


def file_format(text: str) -> FileFormat:
    try:
        return FileFormat(text.lower())
    except ValueError:
        raise Mistyped(not_known(text, FileFormat)) from None
