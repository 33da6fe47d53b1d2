"""What a run needs of its connection: that it stays the same session, and that no other run is at work."""

import select
import time
from collections.abc import Mapping

import psycopg

from migrations.connecting import connect
from migrations.errors import AnotherRun, MigrationRefused
from store.errors import StoreError

PATIENCE_SECONDS = 2.0
_PAUSE_SECONDS = 0.1
_ROUNDS = 4

_PROCESS = "select pg_catalog.pg_backend_pid()"
_TURN = "select pg_catalog.pg_try_advisory_lock(pg_catalog.hashtextextended('gjobs migrate', 0))"


def take_turn(link: psycopg.Connection) -> None:
    """Until the connection, which is in autocommit, ends. Raises AnotherRun where another run is at work.

    It asks again and again instead of waiting in the database: there a concurrent build would wait for it in turn.
    """
    deadline = time.monotonic() + PATIENCE_SECONDS
    while _value(link, _TURN) is not True:
        if time.monotonic() > deadline:
            raise AnotherRun("Another migration is running.")
        time.sleep(_PAUSE_SECONDS)


def require_session(link: psycopg.Connection, conninfo: Mapping[str, str | int]) -> None:
    """Raises MigrationRefused behind a pooler that serves each transaction by another process."""
    if is_shared(link, conninfo):
        raise MigrationRefused(
            "This address leads to a pooler that serves each transaction by another connection: nothing was changed.",
            hint="Migrate over a direct connection, or over a pooler in session mode.",
        )


def is_shared(link: psycopg.Connection, conninfo: Mapping[str, str | int]) -> bool:
    """Whether a pooler stands between that serves each transaction by another process.

    A pooler is known by its processes not being the one that answered at the beginning. One that keeps a process for
    each session never gives this one's to another connection. Both are asked by turns, for some poolers take the
    process that was free for longest, and others the last one.
    """
    process = _process(link)
    if process == link.info.backend_pid:
        return False
    try:
        with connect(conninfo) as other:
            for _ in range(_ROUNDS):
                answer = _process_in_time(other)
                if answer is None:
                    return False
                if answer == process or _process(link) != process:
                    return True
    except (psycopg.Error, StoreError):
        # No room for another session beside this one: then this one keeps its own.
        return _process(link) != process
    return False


def _process(link: psycopg.Connection) -> object:
    """In a transaction of its own, so that nothing is left behind that a pooler would give to the next."""
    with link.transaction():
        return _value(link, _PROCESS)


def _process_in_time(other: psycopg.Connection) -> int | None:
    """None where the pooler has no free process to answer: then the first connection's is not free either."""
    if _answer_in_time(other, "BEGIN READ ONLY") is None:
        return None
    process = _answer_in_time(other, _PROCESS)
    _answer_in_time(other, "COMMIT")
    return None if process is None else int(process)


def _answer_in_time(connection: psycopg.Connection, query: str) -> bytes | None:
    """A query's first value, which is empty where it has none; None where no answer comes."""
    connection.pgconn.send_query(query.encode())
    while connection.pgconn.is_busy():
        if not select.select([connection.pgconn.socket], [], [], PATIENCE_SECONDS)[0]:
            return None
        connection.pgconn.consume_input()
    value = b""
    while (result := connection.pgconn.get_result()) is not None:
        if result.ntuples:
            value = result.get_value(0, 0) or b""
    return value


def _value(link: psycopg.Connection, query: str) -> object:
    row = link.execute(query.encode()).fetchone()
    return row[0] if row else None
