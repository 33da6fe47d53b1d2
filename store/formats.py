"""Durations, money, shares, ids, JSON values as text; texts in place of unknown values; UTC clock."""

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import UUID

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

UNITS = {"w": 604_800, "d": 86_400, "h": 3_600, "m": 60, "s": 1}
"""In seconds, the longest first."""
LONGEST = 36_500 * UNITS["d"]
LONGEST_WORDS = f"{LONGEST // UNITS['d']}d"

_DURATION = re.compile(r"(?:[0-9]{1,12}[smhdw])+")
_PART = re.compile(r"([0-9]+)([smhdw])")


def parse_duration(text: str) -> int | None:
    """In seconds; None where it is none. It may be longer than the longest."""
    if not _DURATION.fullmatch(text):
        return None
    return sum(int(number) * UNITS[unit] for number, unit in _PART.findall(text))


def format_duration(seconds: int) -> str:
    """As it is parsed, in the longest units; weeks only where they are whole, for nobody says 4w2d for 30d."""
    parts = []
    for unit, length in UNITS.items():
        if unit == "w" and seconds % length:
            continue
        number, seconds = divmod(seconds, length)
        if number:
            parts.append(f"{number}{unit}")
    return "".join(parts) or "0s"


_AMOUNT = re.compile(
    r"\$?([0-9]{1,15}|[0-9]{1,3}(?:,[0-9]{3}){1,4})\.([0-9]{2})|\$([0-9]{1,15}|[0-9]{1,3}(?:,[0-9]{3}){1,4})"
)


def money(cents: int) -> str:
    dollars, rest = divmod(abs(cents), 100)
    return f"{'-' if cents < 0 else ''}${dollars:,}.{rest:02}"


def cents(text: str) -> int | None:
    """Of whole cents, or of dollars with both digits after the point or a dollar sign before, as `money` writes them.

    None of anything else.
    """
    if text.isascii() and text.isdecimal():
        return int(text)
    found = _AMOUNT.fullmatch(text)
    if found is None:
        return None
    dollars, part, whole = (group and group.replace(",", "") for group in found.groups())
    return int(whole) * 100 if whole else int(dollars) * 100 + int(part)


def share_of(text: str) -> float | None:
    """`80%`, `80 %` or `0.8`: above 0 and at most 1; None of anything else."""
    number, percent, rest = text.strip().partition("%")
    try:
        value = float(number) / (100 if percent else 1)
    except ValueError:
        return None
    return value if 0 < value <= 1 and not rest else None


class UnknownText(str):
    """A value of a closed set that this program does not know: the app, or a newer program, has added it."""

    __slots__ = ()

    @property
    def value(self) -> str:
        """As a StrEnum has it."""
        return str(self)


E = TypeVar("E", bound=StrEnum)


def known_or_text(kind: type[E], text: str) -> E | UnknownText:
    try:
        return kind(text)
    except ValueError:
        return UnknownText(text)


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


def not_known(word: str, known: Iterable[str]) -> str:
    """A clause that names the nearest of the known words, or all of them where none is near."""
    words = [str(other) for other in known]
    if close := nearest(word, words):
        return f"{word!r} is not known. Did you mean {close!r}?"
    return f"{word!r} is not known; it is one of {', '.join(words)}."


def nearest(word: str, known: Iterable[str]) -> str | None:
    """None where none of the known words is near."""
    close = difflib.get_close_matches(word.lower(), list(known), n=1)
    return close[0] if close else None


def close_names(typed: str, names: Sequence[str]) -> list[str]:
    """At most three: those that begin so, else those that are spelt alike, whatever the case of letters."""
    folded = typed.casefold()
    by_folded: dict[str, str] = {}
    for name in names:
        by_folded.setdefault(name.casefold(), name)
    begin = [name for name in by_folded if folded and name.startswith(folded)]
    return [by_folded[name] for name in begin[:3] or difflib.get_close_matches(folded, by_folded, n=3)]


LEAST_DIGITS = 4
"""Fewer find too much, and are words as often as not."""

_ALL_DIGITS = 32
_AROUND = " \t\r\n\"'`{}()<>,;"
"""What comes along when an id is copied out of a text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IdRange:
    """All ids with one beginning: an index finds them as it finds any range."""

    low: UUID
    high: UUID
    """The last of them, itself included."""

    @property
    def digits(self) -> str:
        """Those that all of them begin with."""
        return "".join(low for low, high in zip(self.low.hex, self.high.hex, strict=True) if low == high)


def id_range(text: str) -> IdRange | None:
    """None where the text is no id and no beginning of one. Dashes stand where an id has them, or nowhere."""
    written = text.strip(_AROUND).lower()
    digits = written.replace("-", "")
    if not LEAST_DIGITS <= len(digits) <= _ALL_DIGITS or not set(digits) <= set("0123456789abcdef"):
        return None
    low, high = (UUID(digits.ljust(_ALL_DIGITS, filler)) for filler in "0f")
    if "-" in written and not str(low).startswith(written):
        return None
    return IdRange(low=low, high=high)


def utc_now() -> datetime:
    return datetime.now(UTC)
