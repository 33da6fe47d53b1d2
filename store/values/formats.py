"""Text forms of times, durations, money, shares, ids and JSON values. Times may be far or infinite."""

import difflib
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, fields
from datetime import MAXYEAR, MINYEAR, UTC, date, datetime, timedelta, tzinfo
from enum import StrEnum
from functools import cache
from typing import TYPE_CHECKING, Any, Self, SupportsIndex, TypeVar
from uuid import UUID

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
"""Postgres counts microseconds from here."""
MICROSECOND = timedelta(microseconds=1)
EARLIEST = datetime.min.replace(tzinfo=UTC)
LATEST = datetime.max.replace(tzinfo=UTC)
EXTREMES = frozenset({EARLIEST, LATEST})
"""Each also stands for all times beyond it."""

_POSTGRES_FIRST, _POSTGRES_LAST = -211_813_488_000_000_000, 9_223_371_331_199_999_999
"""Postgres' earliest and latest finite time: 4714-11-24 BC and the end of the year 294276."""
_INFINITIES = {2**63 - 1: "infinity", -(2**63): "-infinity"}
_CYCLE_YEARS = 400
_CYCLE = timedelta(days=146_097)
"""The calendar repeats after this many years."""
_FAR_TIME = re.compile(r"([0-9]{4,6})(-[0-9]{2}-[0-9]{2}T[0-9:.]+Z)( BC)?")


class FarTime(datetime):
    """Python's earliest or latest time, in place of a time beyond it. The exact time is kept in `microseconds`."""

    held: int | None = None
    """The exact time in the database. None for a time that Python has computed from a far one."""

    @property
    def microseconds(self) -> int:
        """Microseconds since 2000, as Postgres counts them. The lowest and highest 64-bit values are the infinities."""
        return -((EPOCH - self) // MICROSECOND) if self.held is None else self.held

    @classmethod
    def nearest(cls, microseconds: int) -> Self:
        limit = LATEST if microseconds > 0 else EARLIEST
        time = cls.combine(limit.date(), limit.timetz())
        time.held = microseconds
        return time

    def __eq__(self, other: object) -> bool:
        if isinstance(other, FarTime):
            return self.microseconds == other.microseconds
        return self.held is None and super().__eq__(other)

    def __ne__(self, other: object) -> bool:
        """Negate `__eq__`, because the comparison of datetime does not."""
        return not self == other

    __hash__ = datetime.__hash__

    def __reduce_ex__(self, protocol: SupportsIndex) -> str | tuple[Any, ...]:
        """Keep the exact time in copies."""
        return super().__reduce_ex__(protocol) if self.held is None else (FarTime.nearest, (self.held,))

    @property
    def infinity(self) -> str:
        """`infinity` or `-infinity`. Empty for a finite time."""
        return _INFINITIES.get(self.microseconds, "")

    def __str__(self) -> str:
        return written(self, "-%m-%d %H:%M:%S.%f+00")


def written(time: datetime, form: str, zone: tzinfo | None = UTC) -> str:
    """Return the time as text: year, the rest formatted by strftime with `form`, and era: `294276-12-31`, `0044-03-15
    BC`, `infinity`.

    Postgres reads such a text. A zone of None is this machine's zone.
    """
    if isinstance(time, FarTime) and time.infinity:
        return time.infinity
    year, local = _calendar(time, zone)
    return f"{year:04}{local:{form}}" if year > 0 else f"{1 - year:04}{local:{form}} BC"


def year_in_era(time: datetime) -> str:
    """Return `294276 AD`, `44 BC` or `infinity`."""
    if isinstance(time, FarTime) and time.infinity:
        return time.infinity
    year, _ = _calendar(time, UTC)
    return f"{year} AD" if year > 0 else f"{1 - year} BC"


def _calendar(time: datetime, zone: tzinfo | None) -> tuple[int, datetime]:
    """Return the year, which is 0 for 1 BC, and the time in the zone. The year in that time may be wrong by a
    multiple of 400.
    """
    if not isinstance(time, FarTime):
        with suppress(OverflowError, ValueError):
            local = time.astimezone(zone)
            return local.year, local
    cycles, rest = divmod(_microseconds(time), _CYCLE // MICROSECOND)
    local = (EPOCH + timedelta(microseconds=rest)).astimezone(zone)
    return local.year + cycles * _CYCLE_YEARS, local


def _microseconds(time: datetime) -> int:
    return time.microseconds if isinstance(time, FarTime) else (time - EPOCH) // MICROSECOND


def parse_far_time(text: str) -> FarTime | None:
    """Parse a far time as `plain_time` writes it. Return None for any other text, and for a time that Postgres
    refuses.
    """
    for microseconds, infinity in _INFINITIES.items():
        if text == infinity:
            return FarTime.nearest(microseconds)
    if (found := _FAR_TIME.fullmatch(text)) is None:
        return None
    digits, rest, era = found.groups()
    number = int(digits)
    year = 1 - number if era else number
    # No year is numbered 0: the year before 1 is 1 BC.
    if number == 0 or 0 < year <= LATEST.year:
        return None
    cycles, near_year = divmod(year - EPOCH.year, _CYCLE_YEARS)
    with suppress(ValueError):
        near = datetime.fromisoformat(f"{EPOCH.year + near_year}{rest}")
        microseconds = _microseconds(near) + cycles * (_CYCLE // MICROSECOND)
        return FarTime.nearest(microseconds) if _POSTGRES_FIRST <= microseconds <= _POSTGRES_LAST else None
    return None


def is_far(time: datetime) -> bool:
    """Return whether the time is in the first or last year that Python knows, or beyond.

    Durations to or from such a time are meaningless.
    """
    return time.year in (MINYEAR, MAXYEAR)


def seconds_between(earlier: datetime, later: datetime) -> float:
    """Return the seconds from one time to the other, exactly even for far times. They may be infinite or negative."""
    for time, sign in ((later, 1), (earlier, -1)):
        if isinstance(time, FarTime) and time.infinity:
            return sign * math.copysign(math.inf, time.microseconds)
    return (_microseconds(later) - _microseconds(earlier)) / 1_000_000


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
    if isinstance(time, FarTime):
        return written(time, "-%m-%dT%H:%M:%S.%fZ")
    return time.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


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
            return str(value)
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
