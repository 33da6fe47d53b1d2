"""Convert timestamptz to aware UTC datetimes, including the infinities."""

import struct
from datetime import datetime

from psycopg import AsyncConnection
from psycopg.abc import Buffer
from psycopg.adapt import Loader
from psycopg.pq import Format

from gjobs.store.far_times import EPOCH, MICROSECOND, FarTime

_unpack = struct.Struct("!q").unpack


class UtcLoader(Loader):
    """Converts times that Python can't represent, such as `infinity`, to its earliest or latest time."""

    format = Format.BINARY

    def load(self, data: Buffer) -> datetime:
        microseconds: int
        (microseconds,) = _unpack(data)
        try:
            # Multiply: the constructor of timedelta takes 50 % longer.
            return EPOCH + microseconds * MICROSECOND
        except OverflowError:
            return FarTime.nearest(microseconds)


def register(connection: AsyncConnection) -> None:
    connection.adapters.register_loader("timestamptz", UtcLoader)


def as_text(time: datetime) -> str:
    """Return a time as text for the database. The database reads this text as exactly the time that it returned
    before.
    """
    return str(time) if isinstance(time, FarTime) else time.isoformat()
