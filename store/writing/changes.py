"""Which of a job's columns an update changes."""

from enum import Enum
from typing import Final, Literal
from uuid import UUID

from store.errors import InvalidValue
from store.writing import validation


class _Unset(Enum):
    UNSET = "unset"


UNSET: Final = _Unset.UNSET
"""Stands for "leave it as it is", where None is a value."""

Unset = Literal[_Unset.UNSET]


def changed(
    *,
    mode: str | Unset,
    cost_cents: int | Unset,
    error: str | Unset | None,
    input_asset_id: UUID | Unset | None,
) -> dict[str, object]:
    """The columns to change, by name. Raises InvalidValue where a value is not accepted or none is given."""
    changes: dict[str, object] = {}
    if mode is not UNSET:
        changes["mode"] = validation.mode(mode)
    if cost_cents is not UNSET:
        changes["cost_cents"] = validation.cost_cents(cost_cents)
    if error is not UNSET:
        changes["error"] = None if error is None else validation.error_text(error)
    if input_asset_id is not UNSET:
        changes["input_asset_id"] = input_asset_id
    if not changes:
        raise InvalidValue("changes", "Nothing to change was given.", hint="Give mode, cost, error or input asset.")
    return changes
