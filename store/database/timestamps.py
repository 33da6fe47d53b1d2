"""timestamptz to aware UTC datetimes, infinities included."""

import struct
from datetime import UTC, datetime, timedelta
from typing import Self

from psycopg import AsyncConnection
from psycopg.abc import Buffer
from psycopg.adapt import Loader
from psycopg.pq import Format

_unpack = struct.Struct("!q").unpack
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
EARLIEST = datetime.min.replace(tzinfo=UTC)
LATEST = datetime.max.replace(tzinfo=UTC)
EXTREMES = frozenset({EARLIEST, LATEST})
"""Each stands for all the times beyond it, too."""

_INFINITIES = {2**63 - 1: "infinity", -(2**63): "-infinity"}
_CYCLE_YEARS = 400
_CYCLE = timedelta(days=146_097)
"""The calendar repeats itself after these years."""


class FarTime(datetime):
    """The earliest or the latest time that Python has, for one beyond it, which it still tells apart from others."""

    microseconds: int
    """Since 2000, as Postgres counts them; the first and the last of 64 bits are the infinities."""

    @classmethod
    def nearest(cls, microseconds: int) -> Self:
        limit = LATEST if microseconds > 0 else EARLIEST
        time = cls.combine(limit.date(), limit.timetz())
        time.microseconds = microseconds
        return time


class UtcLoader(Loader):
    """`-infinity`, `infinity` and the years that Python lacks become the earliest and the latest time that it has."""

    format = Format.BINARY

    def load(self, data: Buffer) -> datetime:
        microseconds: int
        (microseconds,) = _unpack(data)
        try:
            # A product, for the constructor takes half as long again.
            return _EPOCH + microseconds * _MICROSECOND
        except OverflowError:
            return FarTime.nearest(microseconds)


def register(connection: AsyncConnection) -> None:
    connection.adapters.register_loader("timestamptz", UtcLoader)


def as_text(time: datetime) -> str:
    """For the database to read, which gets the very time that it gave."""
    if not isinstance(time, FarTime):
        return time.isoformat()
    if infinity := _INFINITIES.get(time.microseconds):
        return infinity
    cycles, microseconds = divmod(time.microseconds, _CYCLE // _MICROSECOND)
    near = _EPOCH + timedelta(microseconds=microseconds)
    year = near.year + cycles * _CYCLE_YEARS
    written, era = (year, "") if year > 0 else (1 - year, " BC")
    return f"{written:04}-{near:%m-%d %H:%M:%S.%f}+00{era}"
