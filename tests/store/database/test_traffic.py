"""TrafficMeter adds up what the system counts for each connection."""

import socket
import sys
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from gjobs.store.database.load_meter import Traffic, TrafficMeter, read_traffic


class Connection(socket.socket):
    closed = False


@pytest.fixture
def pairs() -> Iterator[list[tuple[Connection, socket.socket]]]:
    with ExitStack() as stack:
        found = []
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        for _ in range(2):
            ours = stack.enter_context(Connection())
            ours.connect(listener.getsockname())
            found.append((ours, stack.enter_context(listener.accept()[0])))
        yield found


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux counts the bytes of a socket")
def test_meter_adds_up_bytes_of_open_and_closed_connections(pairs: list[tuple[Connection, socket.socket]]) -> None:
    meter = TrafficMeter()
    assert meter.total() is None
    for number, (ours, other) in enumerate(pairs, start=1):
        meter.add(ours)
        ours.sendall(bytes(1000 * number))
        assert len(other.recv(1000 * number, socket.MSG_WAITALL)) == 1000 * number
        other.sendall(bytes(70_000 * number))
        ours.recv(70_000 * number, socket.MSG_WAITALL)
    total = meter.total()
    assert total is not None
    # The system may count the start of a connection as a byte.
    assert total.received == 210_000
    assert total.sent in range(3000, 3003)

    pairs[0][0].closed = True
    pairs[1][1].sendall(bytes(5))
    pairs[1][0].recv(5, socket.MSG_WAITALL)
    after = meter.total()
    assert after is not None
    assert (after - total).received == 5


def test_unix_sockets_are_not_counted() -> None:
    ours, other = socket.socketpair()
    with ours, other:
        assert read_traffic(ours.fileno()) is None
    assert Traffic(3, 2) - Traffic(1, 1) == Traffic(2, 1)
