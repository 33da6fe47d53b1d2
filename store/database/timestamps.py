"""Convert timestamptz to aware UTC datetimes, including the infinities."""

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
"""Each also stands for all times beyond it."""

_INFINITIES = {2**63 - 1: "infinity", -(2**63): "-infinity"}
_CYCLE_YEARS = 400
_CYCLE = timedelta(days=146_097)
"""The calendar repeats after this many years."""


class FarTime(datetime):
    """Python's earliest or latest time, in place of a time beyond it. The exact time is kept in `microseconds`."""

    microseconds: int
    """Microseconds since 2000, as Postgres counts them. The lowest and highest 64-bit values are the infinities."""

    @classmethod
    def nearest(cls, microseconds: int) -> Self:
        limit = LATEST if microseconds > 0 else EARLIEST
        time = cls.combine(limit.date(), limit.timetz())
        time.microseconds = microseconds
        return time


class UtcLoader(Loader):
    """Converts times that Python can't represent, such as `infinity`, to its earliest or latest time."""

    format = Format.BINARY

    def load(self, data: Buffer) -> datetime:
        microseconds: int
        (microseconds,) = _unpack(data)
        try:
            # Multiply: the constructor of timedelta takes 50 % longer.
            return _EPOCH + microseconds * _MICROSECOND
        except OverflowError:
            return FarTime.nearest(microseconds)


def register(connection: AsyncConnection) -> None:
    connection.adapters.register_loader("timestamptz", UtcLoader)


def as_text(time: datetime) -> str:
    """Return a time as text for the database. It reads back exactly the time that it returned."""
    if not isinstance(time, FarTime):
        return time.isoformat()
    if infinity := _INFINITIES.get(time.microseconds):
        return infinity
    cycles, microseconds = divmod(time.microseconds, _CYCLE // _MICROSECOND)
    near = _EPOCH + timedelta(microseconds=microseconds)
    year = near.year + cycles * _CYCLE_YEARS
    written, era = (year, "") if year > 0 else (1 - year, " BC")
    return f"{written:04}-{near:%m-%d %H:%M:%S.%f}+00{era}"
