"""Find out why a server refused a connection, in any language.

Runs as a process of its own. The client library's trace needs a C stream, which only the end of a process closes.
"""

import logging
import os
import re
import select
import subprocess
import sys
import time
from collections.abc import Mapping
from typing import Any

from psycopg import pq
from psycopg.conninfo import make_conninfo

log = logging.getLogger(__name__)

PATIENCE_SECONDS = 5.0
"""For the whole attempt, from the start of the process."""
_CODE = re.compile(rb'^B\t\d+\tErrorResponse\t.*? C "(\w{5})"', re.MULTILINE)
_LARGEST_TRACE = 65_536
_WITHOUT_PASSWORD = {"password": "", "passfile": "/nonexistent"}


def refusal_code(parameters: Mapping[str, Any]) -> str | None:
    """Connect once more, and return the SQLSTATE of the server's refusal.

    For a failed sign-in, the client library reports the server's words, but only its trace contains the SQLSTATE.
    No password is sent, because a wrong one would count as a failed attempt. Returns None if the server refuses nothing
    before it asks for a password, or if the answer takes too long.
    """
    conninfo = make_conninfo(**{**parameters, **_WITHOUT_PASSWORD})
    try:
        # The connection's parameters go through a pipe, because other users can read a process's arguments.
        done = subprocess.run(
            [sys.executable, "-P", "-m", __name__],
            input=conninfo.encode(),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=PATIENCE_SECONDS,
            check=True,
        )
    except (OSError, subprocess.SubprocessError) as error:
        # The library can't trace on this system, or the server sends nothing more.
        log.info("The SQLSTATE of a refused connection is not known: %s", error)
        return None
    return done.stdout.decode() or None


def _traced_code(conninfo: bytes) -> bytes:
    """Return the SQLSTATE of the refusal, or nothing if the server asks for a password or accepts the connection."""
    trace, traced = os.pipe()
    os.set_blocking(trace, False)
    connection = pq.PGconn.connect_start(conninfo)
    connection.trace(traced)
    connection.set_trace_flags(pq.Trace.SUPPRESS_TIMESTAMPS)
    _connect(connection)
    connection.untrace()
    found = _CODE.search(os.read(trace, _LARGEST_TRACE))
    return found[1] if found else b""


def _connect(connection: pq.abc.PGconn) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        match connection.connect_poll():
            case pq.PollingStatus.READING:
                event = select.POLLIN
            case pq.PollingStatus.WRITING:
                event = select.POLLOUT
            case _:
                return
        waiting = select.poll()
        waiting.register(connection.socket, event)
        waiting.poll(PATIENCE_SECONDS * 1000)


if __name__ == "__main__":
    sys.stdout.buffer.write(_traced_code(sys.stdin.buffer.read()))
