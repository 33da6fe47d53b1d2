"""What is typed, as values. Each raises Mistyped with words that say what is accepted. Pure."""

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from store import durations
from store.model import JobStatus, PageKey
from store.money import cents
from store.shares import share_of
from store.suggestions import not_known
from tui.cli.file_format import FileFormat
from tui.cli.typed import Mistyped

if TYPE_CHECKING:
    from store.filters import JobFilter
    from tui.cli.watching.conditions import Condition

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


def amount(text: str) -> int:
    """In cents."""
    value = cents(text)
    if value is None:
        raise Mistyped(f"{text!r} is not an amount: give whole cents, such as 1250, or dollars, such as 12.50")
    return value


def share(text: str) -> float:
    """Of a whole: `80%` or `0.8`."""
    value = share_of(text)
    if value is None:
        raise Mistyped(f"{text!r} is not a share: give one such as 80% or 0.8")
    return value


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


def since(text: str) -> datetime | timedelta:
    """A time, in this machine's zone unless it says otherwise, or how long ago: `30m`, `24h`, `7d`."""
    seconds = durations.seconds_of(text)
    if seconds is not None:
        return timedelta(seconds=min(seconds, durations.LONGEST))
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError):
        raise Mistyped(
            f"{text!r} is not a time: give one such as 2026-01-31 or 2026-01-31T12:00, or how long ago, such as 24h"
        ) from None


def age(text: str) -> timedelta:
    """How old, as filters have durations: `30d`, `1w`, `12h`."""
    return _time_span(text, kind="an age", example="30d")


def length(text: str) -> timedelta:
    """How long: `30s`, `2m`."""
    return _time_span(text, kind="a length of time", example="30s")


def _time_span(text: str, *, kind: str, example: str) -> timedelta:
    seconds = durations.seconds_of(text)
    if not seconds:
        raise Mistyped(f"{text!r} is not {kind}: give a number with s, m, h, d or w, such as {example}")
    if seconds > durations.LONGEST:
        raise Mistyped(f"{text!r} is too long: the longest is {durations.LONGEST_WORDS}")
    return timedelta(seconds=seconds)


def port(text: str) -> int:
    number = whole_number(text)
    if not 0 <= number < 65_536:
        raise Mistyped(f"{text!r} is not a port: it is a number below 65536; 0 takes one that is free")
    return number


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


def statuses(text: str) -> list[JobStatus]:
    """One, or several with commas between."""
    return [status(part.strip()) for part in text.split(",")]


def job_filter(text: str) -> "JobFilter":
    """Raises FilterError, which says where in the text."""
    from store.filters import parse

    return parse(text, now=datetime.now(UTC))


def condition(text: str) -> "Condition":
    """Raises InvalidValue."""
    from tui.cli.watching.conditions import parse

    return parse(text)


def file_format(text: str) -> FileFormat:
    try:
        return FileFormat(text.lower())
    except ValueError:
        raise Mistyped(not_known(text, FileFormat)) from None
