"""Counts the bytes of connections, as the operating system reports them."""

import socket
import struct
import sys
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

# On Linux, `struct tcp_info` has these two counters since version 4.1, after 120 bytes of other values.
_COUNTERS = struct.Struct("=120xQQ")


@dataclass(frozen=True, slots=True)
class Traffic:
    """Bytes of TCP's payload, which includes the encryption."""

    sent: int = 0
    received: int = 0

    def __add__(self, other: "Traffic") -> "Traffic":
        return Traffic(self.sent + other.sent, self.received + other.received)

    def __sub__(self, other: "Traffic") -> "Traffic":
        return Traffic(self.sent - other.sent, self.received - other.received)


def read_traffic(file: int) -> Traffic | None:
    """Return the bytes of an open socket, or None if the system does not count them, as for a Unix socket."""
    if sys.platform != "linux":
        return None
    try:
        with socket.socket(fileno=socket.dup(file)) as connected:
            if connected.family not in (socket.AF_INET, socket.AF_INET6):
                return None
            return Traffic(*_COUNTERS.unpack(connected.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _COUNTERS.size)))
    except (OSError, struct.error):
        return None


class TrafficMeter:
    """Adds up the bytes of all connections of a session. The last bytes of a closed connection may be missing."""

    def __init__(self) -> None:
        self._last: WeakKeyDictionary[Any, Traffic] = WeakKeyDictionary()
        self._total = Traffic()
        self._is_counted = False

    def add(self, connection: Any) -> None:
        """Count an open connection of the driver, if the system counts its bytes."""
        if read_traffic(connection.fileno()) is not None:
            self._last[connection] = Traffic()

    def total(self) -> Traffic | None:
        """Return the bytes so far, or None if nothing was counted."""
        for connection, last in list(self._last.items()):
            found = None if connection.closed else read_traffic(connection.fileno())
            if found is not None:
                self._is_counted = True
                self._total += found - last
                self._last[connection] = found
        return self._total if self._is_counted else None
