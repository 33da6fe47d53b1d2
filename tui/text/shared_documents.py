"""JSON documents that commands and cases share."""

from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from datetime import date, datetime
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias
from uuid import UUID

from gjobs.store.budgets.budget import Budget, used_up_at
from gjobs.store.formats import UnknownText, format_duration, plain_time

if TYPE_CHECKING:
    from gjobs.store.error_groups.error_group import ErrorGroup, ErrorGroups

Json: TypeAlias = "bool | int | float | str | Sequence[Json] | Mapping[str, Json] | None"


def document(value: Any, *names: str, **more: object) -> dict[str, Json]:
    """Return these fields and properties of a value, or else all fields, and then `more`."""
    chosen = names or tuple(field.name for field in fields(value))
    return {
        **{name: plain(getattr(value, name)) for name in chosen},
        **{name: plain(one) for name, one in more.items()},
    }


def plain(value: Any) -> Json:
    """Return a value as JSON has it: times in UTC, ids and dates as text, enumerations by their value."""
    match value:
        case Enum() | UnknownText():
            return str(value.value)
        case None | bool() | int() | float() | str():
            return value
        case datetime():
            return plain_time(value)
        case UUID() | date() | Path():
            return str(value)
        case Mapping():
            return {str(name): plain(one) for name, one in value.items()}
        case _ if is_dataclass(value):
            return document(value)
        case Sequence():
            return [plain(one) for one in value]
    raise TypeError(f"{type(value).__name__} has no JSON form")


def error_groups(value: "ErrorGroups") -> dict[str, Json]:
    """`window` is in the format of `--window`. `group_count` includes groups that are left out."""
    names = ("limit", "complete", "failures", "read_since", "taken_at", "group_count")
    window = format_duration(round(value.window.total_seconds()), weeks=False)
    return {"window": window, **document(value, *names), "groups": [_error_group(group) for group in value]}


def _error_group(value: "ErrorGroup") -> dict[str, Json]:
    """`modes` and `users` name some of those that are counted."""
    names = ("id", "fingerprint", "count", "first_seen", "last_seen", "modes", "mode_count", "users", "user_count")
    return document(value, *names, "cost_cents", "trend", "example_job_id", "example")


def budget(value: Budget, now: datetime) -> dict[str, Json]:
    names = (
        "id",
        "user_id",
        "project_id",
        "name",
        "period",
        "period_start",
        "limit_cents",
        "spent_cents",
        "left_cents",
    )
    later = document(value, "created_at")
    return {**document(value, *names, "warn_share", "state", used_up_at=used_up_at(value, now)), **later}
