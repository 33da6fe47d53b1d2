"""Times as aware UTC, whatever the session's time zone, and for every value that a timestamptz can hold."""

import struct
from datetime import UTC, datetime, timedelta

from psycopg import AsyncConnection
from psycopg.abc import Buffer
from psycopg.adapt import Loader
from psycopg.pq import Format

_unpack = struct.Struct("!q").unpack
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
EARLIEST = datetime.min.replace(tzinfo=UTC)
LATEST = datetime.max.replace(tzinfo=UTC)
EXTREMES = frozenset({EARLIEST, LATEST})
"""Each stands for all the times beyond it, too."""


class UtcLoader(Loader):
    """`-infinity`, `infinity` and the years that Python lacks become the earliest and the latest time that it has."""

    format = Format.BINARY

    def load(self, data: Buffer) -> datetime:
        (microseconds,) = _unpack(data)
        try:
            return _EPOCH + timedelta(0, 0, microseconds)
        except OverflowError:
            return LATEST if microseconds > 0 else EARLIEST


def register(connection: AsyncConnection) -> None:
    connection.adapters.register_loader("timestamptz", UtcLoader)


def as_text(time: datetime) -> str:
    """For the database to read: of what stands for all the times beyond, the one that it most likely was."""
    return {EARLIEST: "-infinity", LATEST: "infinity"}.get(time) or time.isoformat()
