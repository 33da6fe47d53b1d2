"""What a filter is made of. Pure."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from store.filters.keys import Key


class Comparison(StrEnum):
    AT_LEAST = ">="
    AT_MOST = "<="
    MORE = ">"
    LESS = "<"
    EQUAL = "="


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """`amount` is in whole cents, or in whole seconds."""

    comparison: Comparison
    amount: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Between:
    """Both ends belong to it."""

    low: int
    high: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Age:
    """So long before whenever the filter is used, by the database's clock: a list that is read again stays young."""

    seconds: int


Value = str | datetime | Age | Compared | Between
"""A text, an id or its beginning, a status, `none` or `any` are text; times are aware UTC."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """Holds for a job for which one of the values does, or where it is negated, none."""

    key: Key | None
    """None for a bare word."""
    values: tuple[Value, ...]
    """At least one."""
    is_negated: bool = False
