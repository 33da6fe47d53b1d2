"""JSON documents that commands and cases share."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, TypeAlias

from store.budgets.budget import Budget, used_up_at
from store.formats import format_duration, plain_time

if TYPE_CHECKING:
    from store.error_groups.error_group import ErrorGroup, ErrorGroups

Json: TypeAlias = "bool | int | float | str | Sequence[Json] | Mapping[str, Json] | None"


def error_groups(value: "ErrorGroups") -> dict[str, Json]:
    """`window` is in the format of `--window`. `group_count` includes groups that are left out."""
    return {
        "window": format_duration(round(value.window.total_seconds()), weeks=False),
        "limit": value.limit,
        "complete": value.complete,
        "failures": value.failures,
        "read_since": plain_time(value.read_since),
        "taken_at": plain_time(value.taken_at),
        "group_count": value.group_count,
        "groups": [_error_group(group) for group in value],
    }


def _error_group(value: "ErrorGroup") -> dict[str, Json]:
    """`modes` and `users` name some of those that are counted."""
    return {
        "id": value.id,
        "fingerprint": value.fingerprint,
        "count": value.count,
        "first_seen": plain_time(value.first_seen),
        "last_seen": plain_time(value.last_seen),
        "modes": list(value.modes),
        "mode_count": value.mode_count,
        "users": [str(user_id) for user_id in value.users],
        "user_count": value.user_count,
        "cost_cents": value.cost_cents,
        "trend": list(value.trend),
        "example_job_id": str(value.example_job_id),
        "example": value.example,
    }


def budget(value: Budget, now: datetime) -> dict[str, Json]:
    moment = used_up_at(value, now)
    return {
        "id": str(value.id),
        "user_id": str(value.user_id) if value.user_id else None,
        "project_id": str(value.project_id) if value.project_id else None,
        "name": value.name,
        "period": value.period.value,
        "period_start": value.period_start.isoformat() if value.period_start else None,
        "limit_cents": value.limit_cents,
        "spent_cents": value.spent_cents,
        "left_cents": value.left_cents,
        "warn_share": value.warn_share,
        "state": value.state.value,
        "used_up_at": plain_time(moment) if moment else None,
        "created_at": plain_time(value.created_at),
    }
