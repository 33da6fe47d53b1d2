"""Exact, estimated and capped counts; position in a list."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gjobs.store.member_table import by_member
from gjobs.store.statistics.totals import Count, Precision
from gjobs.store.users.actor import actor_name
from gjobs.tui.text.clean_text import clean
from gjobs.tui.text.format import PARTIAL_CLAIMS, count, elapsed

if TYPE_CHECKING:
    from gjobs.store.statistics.totals import Totals

MARKS = by_member(Precision, {Precision.EXACT: "", Precision.ESTIMATED: "~", Precision.CAPPED: "≥ "})
UNKNOWN = "–"

STALE_AFTER = 180.0
"""Seconds after which numbers are shown as stale. This is longer than the time between two counts while nothing
changes.
"""
_JUST_NOW = 10.0
"""Seconds. Below this limit, an age would change with every refresh."""

_PRECISION_WORDS = by_member(
    Precision,
    {
        Precision.EXACT: "exact",
        Precision.ESTIMATED: "~ estimated",
        Precision.CAPPED: "≥ counted so far",
    },
)


def count_words(number: Count | None) -> str:
    """Return `1,234`, `~412,000` or `≥ 10,000`. An unknown number is a dash, not a zero."""
    if number is None:
        return UNKNOWN
    shown = _rounded(number.number) if number.precision is Precision.ESTIMATED else number.number
    return f"{MARKS[number.precision]}{count(shown)}"


def _rounded(number: int) -> int:
    """Round to three digits. Estimates are not more precise."""
    return round(number, min(3 - len(str(abs(number))), 0))


def totals_age(seconds: float, *, is_current: bool = True) -> str:
    """Return the time since the numbers were read. Only current numbers are called "just now"."""
    if seconds < _JUST_NOW and is_current:
        return "just now"
    return f"{'stale: ' if is_stale(seconds) else ''}{elapsed(seconds)} old"


def is_stale(seconds: float) -> bool:
    return seconds >= STALE_AFTER


def totals_note(totals: "Totals", *, seconds: float, key: str, is_current: bool = True, is_past: bool = False) -> str:
    """Return a note like `exact · 40 s old · as ada@example.com`. `key` starts an exact count, and is named if
    pressing it helps.
    """
    is_exact = totals.precision is Precision.EXACT
    is_qualified = totals.partial_claims or totals.may_lack_changes
    parts = [
        *([] if is_exact and is_qualified else [_PRECISION_WORDS[totals.precision]]),
        *([PARTIAL_CLAIMS] if totals.partial_claims else []),
        *(["changes may be missing"] if totals.may_lack_changes else []),
        *_filter_notes(totals),
        "at this moment" if is_past else totals_age(seconds, is_current=is_current),
        f"as {clean(actor_name(totals.actor), limit=60)}",
    ]
    if is_past:
        return " · ".join(parts)
    if not is_whole(totals):
        parts.append(f"{key} counts exactly")
    elif is_stale(seconds):
        parts.append(f"{key} counts again")
    return " · ".join(parts)


def _filter_notes(totals: "Totals") -> Iterator[str]:
    """Yield a note if the count of a filter is less precise than the other counts."""
    if totals.query.matching is None:
        return
    if totals.matching is None:
        yield "filter not counted"
    elif totals.matching.precision is not totals.precision:
        yield f"filter {_PRECISION_WORDS[totals.matching.precision]}"


def is_whole(totals: "Totals") -> bool:
    """Whether every requested number was counted, and exactly."""
    there = (totals.statistics, totals.days, totals.projects)
    is_matching_whole = totals.query.matching is None or (
        totals.matching is not None and totals.matching.precision is Precision.EXACT
    )
    return is_matching_whole and all(part is not None for part in there)


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """Where the cursor is in the whole list."""

    number: int
    """The row's place in the whole list, from 1."""
    is_exact: bool
    length: Count | None
    """None if the length of the list is unknown."""


def position_words(position: Position) -> str:
    """Return `412 of 1,000`, `≈ 412,000 of 1,000,000`, `412 of ≥ 10,000`, `412 of ~1,000,000` or `412 …`."""
    number = count(position.number) if position.is_exact else f"≈ {count(position.number)}"
    return f"{number} …" if position.length is None else f"{number} of {count_words(position.length)}"
