"""A connection that outlives the tests: a new one has to get to know every table first, which takes many times as long
as what a test asks.
"""

import select

import psycopg
from psycopg.conninfo import make_conninfo

_AS_NEW = "reset session authorization; reset all; discard temp"


class SharedConnection:
    """In autocommit, and given out as if it were new. Where a test has ended it, the next one gets another."""

    def __init__(self, conninfo: str) -> None:
        # A transaction that a test left open makes an error of what waits for it, not a wait.
        self._conninfo = make_conninfo(conninfo, options="-c lock_timeout=5s")
        self._connection = self._connect()

    def as_new(self) -> psycopg.Connection:
        if select.select([self._connection], [], [], 0)[0]:  # the server's farewell
            self.close()
            self._connection = self._connect()
        self._connection.execute(_AS_NEW)
        return self._connection

    def close(self) -> None:
        self._connection.close()

    def _connect(self) -> psycopg.Connection:
        return psycopg.connect(self._conninfo, autocommit=True, prepare_threshold=None)
