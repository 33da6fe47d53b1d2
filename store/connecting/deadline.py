"""An end to waiting for a link that is dead: no answer, and no error either."""

import asyncio
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager

from psycopg import AsyncConnection


class Deadline:
    """Whether the link has been cut because its time was over."""

    def __init__(self) -> None:
        self.passed = False


@contextmanager
def deadline(connection: AsyncConnection, seconds: float) -> Iterator[Deadline]:
    """Cuts the link if the block takes longer, so that whoever waits for it gets the driver's error.

    To cancel the waiting task instead would make the driver ask the server to stop, over a new link to the same
    silence, and wait some seconds more for each.
    """
    state = Deadline()

    def cut() -> None:
        state.passed = True
        _shut_down(connection)

    timer = asyncio.get_running_loop().call_later(seconds, cut)
    try:
        yield state
    finally:
        timer.cancel()


def _shut_down(connection: AsyncConnection) -> None:
    """Ends the traffic and leaves the descriptor to the driver, which then reads the end of it."""
    if connection.closed:
        return
    with socket.socket(fileno=os.dup(connection.fileno())) as link:
        try:
            link.shutdown(socket.SHUT_RDWR)
        except OSError:
            return  # The other side was quicker.
