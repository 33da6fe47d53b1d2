"""Rows as JSON holds them: ids and statuses as text, times and days in ISO 8601. Pure."""

from collections.abc import Mapping
from dataclasses import fields
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

PlainRow = Mapping[str, str | int | float | None]
"""By the columns' names."""


def plain_time(time: datetime) -> str:
    """In UTC, always with six digits and a Z, so that texts sort as times do."""
    return time.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def plain_row(row: "DataclassInstance") -> PlainRow:
    return {field.name: _plain(getattr(row, field.name)) for field in fields(row)}


def _plain(value: Any) -> str | int | float | None:
    match value:
        case datetime():
            return plain_time(value)
        case UUID() | str() | date():
            return str(value)
        case None | int() | float():
            return value
    raise TypeError(f"{type(value).__name__} is no column's value")
