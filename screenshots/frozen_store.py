"""A store with a stopped clock, so that pictures never change."""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import wraps
from inspect import getmembers, isfunction, signature
from typing import Any, ClassVar

from store.store import Store

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
