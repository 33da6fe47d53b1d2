"""A store and a database with a stopped clock, so that pictures never change."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import wraps
from inspect import getmembers, isfunction, signature
from typing import Any, ClassVar

import psycopg
from psycopg.conninfo import make_conninfo

from gjobs.store.store import Store

NOW = datetime(2026, 11, 24, 15, 30, tzinfo=UTC)


class FrozenStore(Store):
    """A store for which the current time is always `frozen_at`. A caller can still name another time."""

    frozen_at: ClassVar[datetime] = NOW


def _frozen(method: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(method)
    def answer(store: FrozenStore, *arguments: Any, at: datetime | None = None, **options: Any) -> Any:
        return method(store, *arguments, at=at or store.frozen_at, **options)

    return answer


for _name, _method in getmembers(Store, isfunction):
    if (_at := signature(_method).parameters.get("at")) is not None and _at.default is None:
        setattr(FrozenStore, _name, _frozen(_method))


def freeze_budgets(conninfo: Mapping[str, str | int], at: datetime) -> None:
    """Keep the budgets of a migrated database in the day and month of `at`, even on later days.

    A new budget starts with the spending of the server's day or month. A store can't choose another one.
    """
    day = f"least(p_day, date '{at:%Y-%m-%d}')"
    with psycopg.connect(make_conninfo("", **conninfo)) as connection:
        connection.execute(
            "create or replace function gjobs.budget_period_start(p_period text, p_day date) returns date"
            " language sql immutable parallel safe security invoker set search_path = '' as $$ select case p_period"
            f" when 'day' then {day} when 'month' then date_trunc('month', {day}::timestamp)::date"
            " else '-infinity' end $$".encode()
        )
