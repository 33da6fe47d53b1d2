"""Find out why a server refused a connection, in any language."""

import logging
import os
import re
import select
import time
from collections.abc import Mapping
from typing import Any

from psycopg import Error, pq
from psycopg.conninfo import make_conninfo

log = logging.getLogger(__name__)

PATIENCE_SECONDS = 3.0
_CODE = re.compile(rb'^B\t\d+\tErrorResponse\t.*? C "(\w{5})"', re.MULTILINE)
_LARGEST_TRACE = 65_536
_WITHOUT_PASSWORD = {"password": "", "passfile": "/nonexistent"}


def refusal_code(parameters: Mapping[str, Any]) -> str | None:
    """Connect once more, and return the SQLSTATE of the server's refusal.

    For a failed sign-in, the client library reports the server's words, but only its trace contains the SQLSTATE.
    No password is sent, because a wrong one would count as a failed attempt. Returns None if the server refuses nothing
    before it asks for a password.
    """
    trace, traced = os.pipe()
    try:
        os.set_blocking(trace, False)
        connection = pq.PGconn.connect_start(make_conninfo(**{**parameters, **_WITHOUT_PASSWORD}).encode())
        try:
            connection.trace(traced)
            connection.set_trace_flags(pq.Trace.SUPPRESS_TIMESTAMPS)
            _connect(connection)
            connection.untrace()
        finally:
            connection.finish()
        found = _CODE.search(os.read(trace, _LARGEST_TRACE))
    except (Error, OSError) as error:
        # The library can't trace on this system, or the server sends nothing more.
        log.info("The SQLSTATE of a refused connection is not known: %s", error)
        return None
    finally:
        os.close(trace)
        os.close(traced)
    return found[1].decode() if found else None


def _connect(connection: pq.abc.PGconn) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        match connection.connect_poll():
            case pq.PollingStatus.READING:
                select.select([connection.socket], [], [], PATIENCE_SECONDS)
            case pq.PollingStatus.WRITING:
                select.select([], [connection.socket], [], PATIENCE_SECONDS)
            case _:
                return
