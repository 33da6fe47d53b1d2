"""Times beyond the years 1 to 9999, which Python can't represent, and the infinities, with their exact value."""

import math
import re
from contextlib import suppress
from datetime import MAXYEAR, MINYEAR, UTC, datetime, timedelta, tzinfo
from typing import Any, Self, SupportsIndex

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
