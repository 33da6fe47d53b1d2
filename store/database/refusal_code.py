"""Find out why a server refused a connection, whatever language its messages are in.

Runs as a process of its own. The client library writes its trace to a C stream, which is only closed when the process
ends.
"""

import asyncio
import logging
import os
import re
import select
import signal
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from psycopg import pq
from psycopg.conninfo import make_conninfo

log = logging.getLogger(__name__)

PATIENCE_SECONDS = 2.0
"""For the whole attempt, from the start of the process."""
_ALONE_SECONDS = 60
_CODE = re.compile(rb'^B\t\d+\tErrorResponse\t.*? C "(\w{5})"', re.MULTILINE)
_LARGEST_TRACE = 65_536
_WITHOUT_PASSWORD = {"password": "", "passfile": "/nonexistent"}
_PROGRAM = (sys.executable, "-P", "-m", __name__)


async def refusal_code_async(parameters: Mapping[str, Any]) -> str | None:
    """Connect once more, and return the SQLSTATE of the server's refusal. Cancelling ends the process at once.

    For a failed sign-in, the client library reports the server's words, but only its trace contains the SQLSTATE.
    No password is sent, because a wrong one would count as a failed attempt. Returns None if the server accepts, asks
    for a password, or takes too long to answer.
    """
    process = None
    try:
        process = await asyncio.create_subprocess_exec(
            *_PROGRAM, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        async with asyncio.timeout(PATIENCE_SECONDS):
            # Pass the connection string through a pipe, because other users can read a process's arguments.
            conninfo = make_conninfo(**{**parameters, **_WITHOUT_PASSWORD})
            code, _ = await process.communicate(conninfo.encode())
    except OSError as error:
        # The library can't trace on this system, or the server stopped answering: a TimeoutError.
        log.info("The SQLSTATE of a refused connection is not known: %r", error)
        return None
    finally:
        if process is not None and process.returncode is None:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    return code.decode() or None


def refusal_code(parameters: Mapping[str, Any]) -> str | None:
    """Return the same, in a thread without an event loop."""
    return asyncio.run(refusal_code_async(parameters))


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
    while True:
        match connection.connect_poll():
            case pq.PollingStatus.READING:
                event = select.POLLIN
            case pq.PollingStatus.WRITING:
                event = select.POLLOUT
            case _:
                return
        waiting = select.poll()
        waiting.register(connection.socket, event)
        waiting.poll()


if __name__ == "__main__":
    # The parent ends this process, unless the parent was killed.
    signal.alarm(_ALONE_SECONDS)
    sys.stdout.buffer.write(_traced_code(sys.stdin.buffer.read()))
