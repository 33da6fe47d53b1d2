"""A connection that outlives the tests. A new one loads the catalogue first, which takes longer than most tests."""

import select

import psycopg
from psycopg.conninfo import make_conninfo

_AS_NEW = "reset session authorization; reset all; discard temp"


class SharedConnection:
    """A connection in autocommit that looks new to each test. If a test ended it, the next test gets another one."""

    def __init__(self, conninfo: str) -> None:
        # A statement that waits for a transaction left open by a test fails instead of hanging.
        self._conninfo = make_conninfo(conninfo, options="-c lock_timeout=5s")
        self._connection = self._connect()

    def as_new(self) -> psycopg.Connection:
        if select.select([self._connection], [], [], 0)[0]:  # The server has ended the connection.
            self.close()
            self._connection = self._connect()
        self._connection.execute(_AS_NEW)
        return self._connection

    def close(self) -> None:
        self._connection.close()

    def _connect(self) -> psycopg.Connection:
        return psycopg.connect(self._conninfo, autocommit=True, prepare_threshold=None)
