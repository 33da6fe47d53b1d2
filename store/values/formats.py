"""Text forms of times, durations, money, shares, ids and JSON values. Times may be far or infinite."""

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import MAXYEAR, MINYEAR, UTC, date, datetime, tzinfo
from enum import StrEnum
from functools import cache
from typing import TYPE_CHECKING, Any, Self, SupportsIndex, TypeVar
from uuid import UUID

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


EARLIEST = datetime.min.replace(tzinfo=UTC)
LATEST = datetime.max.replace(tzinfo=UTC)
EXTREMES = frozenset({EARLIEST, LATEST})
"""Each also stands for all times beyond it."""

_FIRST_YEAR_BC, _LAST_YEAR = 4714, 294_276
"""The first and the last year of Postgres."""
_FAR_TIME = re.compile(r"-?infinity|[0-9]{5,6}-[0-9]{2}-[0-9]{2}T[0-9:.]+Z|[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+Z BC")


class FarTime(datetime):
    """Python's earliest or latest time, in place of a time beyond it. `text` is the exact time in UTC."""

    text = ""
    """As `plain_time` writes it. Empty for a time that Python has computed from a far one."""

    @classmethod
    def of(cls, text: str) -> Self:
        limit = EARLIEST if text.startswith("-") or text.endswith("BC") else LATEST
        time = cls.combine(limit.date(), limit.timetz())
        time.text = text
        return time

    def __eq__(self, other: object) -> bool:
        return isinstance(other, datetime) and super().__eq__(other) and self.text == getattr(other, "text", "")

    def __ne__(self, other: object) -> bool:
        """Negate `__eq__`, because the comparison of datetime does not."""
        return not self == other

    __hash__ = datetime.__hash__

    def __reduce_ex__(self, protocol: SupportsIndex) -> str | tuple[Any, ...]:
        """Keep the exact time in copies."""
        return (FarTime.of, (self.text,)) if self.text else super().__reduce_ex__(protocol)

    def astimezone(self, tz: tzinfo | None = None) -> Self:
        return self if self.text else super().astimezone(tz)

    def isoformat(self, sep: str = "T", timespec: str = "auto") -> str:
        """Return the exact time, which Postgres reads. `str` calls this."""
        return self.text or super().isoformat(sep, timespec)


def far_text(time: datetime) -> str:
    """Return the exact time, such as `294276-12-31T23:59:59.000000Z`, `0044-03-15T12:00:00.000000Z BC` or `infinity`,
    if it is beyond Python's times. Otherwise return an empty text.
    """
    return time.text if isinstance(time, FarTime) else ""


def is_infinite(time: datetime) -> bool:
    return far_text(time).endswith("infinity")


def parse_far_time(text: str) -> FarTime | None:
    """Parse a far time as `plain_time` writes it. Return None for any other text, and for a year or a day that Postgres
    does not know. It also refuses some days of its first and last year, and a wrong February 29.
    """
    if not _FAR_TIME.fullmatch(text):
        return None
    if not text.endswith("infinity"):
        year, _, rest = text.removesuffix(" BC").partition("-")
        if not 0 < int(year) <= (_FIRST_YEAR_BC if text.endswith("BC") else _LAST_YEAR):
            return None
        try:
            datetime.fromisoformat(f"2000-{rest}")
        except ValueError:
            return None
    return FarTime.of(text)


def is_far(time: datetime) -> bool:
    """Return whether the time is in the first or last year that Python knows, or beyond.

    Durations to or from such a time are meaningless.
    """
    return time.year in (MINYEAR, MAXYEAR)


UNITS = {"w": 604_800, "d": 86_400, "h": 3_600, "m": 60, "s": 1}
"""In seconds, longest first."""
LONGEST = 36_500 * UNITS["d"]
LONGEST_WORDS = f"{LONGEST // UNITS['d']}d"

_DURATION = re.compile(r"(?:[0-9]{1,12}[smhdw])+")
_PART = re.compile(r"([0-9]+)([smhdw])")


def parse_duration(text: str) -> int | None:
    """Return seconds, or None if the text is not a duration. The result may exceed LONGEST."""
    if not _DURATION.fullmatch(text):
        return None
    return sum(int(number) * UNITS[unit] for number, unit in _PART.findall(text))


def format_duration(seconds: int, *, weeks: bool = True) -> str:
    """Return a duration that `parse_duration` reads, in the longest units. Weeks appear only alone: 30d, not 4w2d."""
    parts = []
    for unit, length in UNITS.items():
        if unit == "w" and (seconds % length or not weeks):
            continue
        number, seconds = divmod(seconds, length)
        if number:
            parts.append(f"{number}{unit}")
    return "".join(parts) or "0s"


_DOLLARS = "([0-9]{1,15}|[0-9]{1,3}(?:,[0-9]{3}){1,4})"
_AMOUNT = re.compile(rf"\$?{_DOLLARS}\.([0-9]{{2}})|\${_DOLLARS}(?:\.([0-9]))?")


def shown_host(host: str) -> str:
    """Return the host as it stands before a port: an IPv6 address in brackets."""
    return f"[{host}]" if ":" in host and not host.startswith(("/", "@", "[")) else host


def money(cents: int) -> str:
    dollars, rest = divmod(abs(cents), 100)
    return f"{'-' if cents < 0 else ''}${dollars:,}.{rest:02}"


def cents(text: str) -> int | None:
    """Parse whole cents ("250") or dollars ("2.50", "$1,234.50", "$2.5", "$2"). Return None for any other text."""
    if text.isascii() and text.isdecimal():
        return int(text)
    found = _AMOUNT.fullmatch(text)
    if found is None:
        return None
    with_cents, part, whole, tenths = found.groups()
    return int((with_cents or whole).replace(",", "")) * 100 + int(part or f"{tenths or 0}0")


_UNITS = ("bytes", "kB", "MB", "GB", "TB")


def size(number_of_bytes: int) -> str:
    """Format a size with one to four digits, as psql does."""
    number, unit = float(number_of_bytes), 0
    while number >= 10_000 and unit < len(_UNITS) - 1:
        number, unit = number / 1024, unit + 1
    return f"{number:.0f} {_UNITS[unit]}"


def share_of(text: str) -> float | None:
    """Parse `80%`, `80 %` or `0.8`. Return None unless the share is above 0 and at most 1."""
    number, percent, rest = text.strip().partition("%")
    try:
        value = float(number) / (100 if percent else 1)
    except ValueError:
        return None
    return value if 0 < value <= 1 and not rest else None


class UnknownText(str):
    """A value unknown to this program, because the app or a newer program has added it."""

    __slots__ = ()

    @property
    def value(self) -> str:
        """The text, as in a StrEnum's `value`."""
        return str(self)


E = TypeVar("E", bound=StrEnum)


def known_or_text(kind: type[E], text: str) -> E | UnknownText:
    try:
        return kind(text)
    except ValueError:
        return UnknownText(text)


PlainRow = Mapping[str, str | int | float | None]
"""Values by column name."""


def plain_time(time: datetime) -> str:
    """Return the time in UTC, always with six digits and a Z, so that texts sort in time order.

    Times beyond the years 1 to 9999 have more digits, end with ` BC`, or are `infinity` or `-infinity`.
    """
    return time.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


NO_ID = UUID(int=0)
"""Stands for a NULL in the database. Documents have null for it."""


def plain_row(row: "DataclassInstance", kind: "type[DataclassInstance] | None" = None) -> PlainRow:
    """Return the values of a row. With `kind`, a base class, leave out what a derived class adds."""
    return {name: _plain(getattr(row, name)) for name in column_names(kind or type(row))}


@cache
def column_names(kind: "type[DataclassInstance]") -> tuple[str, ...]:
    """Return the fields that are columns of a table, in their order."""
    return tuple(field.name for field in fields(kind) if field.metadata.get("is_column", True))


def _plain(value: Any) -> str | int | float | None:
    match value:
        case datetime():
            return plain_time(value)
        case UUID() | str() | date():
            return None if value == NO_ID else str(value)
        case None | int() | float():
            return value
    raise TypeError(f"{type(value).__name__} is not a column value")


_LIKENESS = 0.65
"""The share of letters that a suggestion has in common with what was typed. A three-letter word with one wrong letter
still shares two letters.
"""


_MOST_QUOTED = 60


def quote_typed(text: str) -> str:
    """Quote what was typed, for an error. Cut a long paste, so that the reason stays visible."""
    return repr(text if len(text) <= _MOST_QUOTED else f"{text[: _MOST_QUOTED - 1]}…")


def not_known(word: str, known: Iterable[str]) -> str:
    """Return a clause that suggests the nearest known word, or lists all of them."""
    return f"{quote_typed(word)} is not known. {alternatives(word, known)}"


def alternatives(word: str, known: Iterable[str]) -> str:
    """Return a sentence that suggests the nearest known word, or lists all of them."""
    words = [str(other) for other in known]
    close = nearest(word, words)
    return f"Did you mean {close!r}?" if close else f"Use one of {', '.join(words)}."


def nearest(word: str, known: Iterable[str]) -> str | None:
    """Return the nearest known word, or None. Leading dashes of an option don't count as similarity."""
    by_text = {other.lstrip("-").lower(): other for other in known}
    close = difflib.get_close_matches(word.lstrip("-").lower(), by_text, n=1, cutoff=_LIKENESS)
    return by_text[close[0]] if close else None


def close_names(typed: str, names: Sequence[str]) -> list[str]:
    """Return at most three names that start with the text, or else that resemble it. Case is ignored."""
    folded = typed.casefold()
    by_folded: dict[str, str] = {}
    for name in names:
        by_folded.setdefault(name.casefold(), name)
    begin = [name for name in by_folded if folded and name.startswith(folded)]
    alike = begin[:3] or difflib.get_close_matches(folded, by_folded, n=3, cutoff=_LIKENESS)
    return [by_folded[name] for name in alike]


LEAST_DIGITS = 4
"""Shorter texts match too much, and are often words."""

ERROR_GROUP_DIGITS = 10
"""The length of the id of an error group."""

_ALL_DIGITS = 32
_AROUND = " \t\r\n\"'`{}()<>,;"
"""Characters that are often copied together with an id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IdRange:
    """All ids that start with the same digits. An index finds them as a range."""

    low: UUID
    high: UUID
    """The last id, inclusive."""

    @property
    def digits(self) -> str:
        """The digits that all ids start with."""
        return "".join(low for low, high in zip(self.low.hex, self.high.hex, strict=True) if low == high)


def id_range(text: str) -> IdRange | None:
    """Return the range, or None if the text is no id and no start of one. Dashes may be left out, not misplaced."""
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
