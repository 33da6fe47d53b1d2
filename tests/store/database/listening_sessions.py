"""Sessions that listen on the server, and changes that notify them."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from psycopg import Connection

from gjobs.store.database.wake_ups import LISTENER_LOCK
from tests.conftest import Conninfo, connect
from tests.store.store_fixtures import ADA

_LISTENERS = """
select l.pid from pg_locks l join pg_database d on d.oid = l.database
 where d.datname = current_database() and l.locktype = 'advisory' and l.mode = 'ShareLock'
   and (l.classid, l.objid, l.objsubid) = (%s, %s, 2)
"""


@dataclass(frozen=True, slots=True)
class Server:
    connection: Connection[tuple[Any, ...]]

    @classmethod
    @contextmanager
    def on(cls, conninfo: Conninfo) -> Iterator["Server"]:
        with connect(conninfo, autocommit=True) as connection:
            connection.execute("insert into auth.users (id) values (%s) on conflict do nothing", [ADA])
            yield cls(connection)
            connection.execute("delete from auth.users")

    @property
    def listeners(self) -> list[int]:
        """The process ids of the listening sessions."""
        return [pid for (pid,) in self.connection.execute(_LISTENERS, LISTENER_LOCK)]

    def change(self, rows: int = 1) -> None:
        """Create a project with `rows` jobs in one statement, as if the last notification were long ago."""
        self.connection.execute("select setval('gjobs.notified_at', 1)")
        self.connection.execute(
            "with project as (insert into projects (user_id, name) values (%s, 'Catalog') returning id, user_id)"
            " insert into generation_jobs (user_id, project_id, status, mode)"
            " select user_id, id, 'queued', 'lifestyle' from project, generate_series(1, %s)",
            [ADA, rows],
        )

    def terminate(self, pid: int) -> None:
        self.connection.execute("select pg_terminate_backend(%s)", [pid])
