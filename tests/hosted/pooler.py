"""A PgBouncer in front of a cluster."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import psycopg

from tests.conftest import Conninfo, connect
from tests.hosted.cluster import PASSWORD, Server
from tests.hosted.server_directory import LOCALHOST, end, free_port, until

Mode = Literal["transaction", "session"]

POOL_SIZE = 2
"""The number of server connections per database and role."""

CONSOLE = "pooler_admin"

_CONFIGURATION = """\
[databases]
* = host={host} port={server_port}

[pgbouncer]
listen_addr = {host}
listen_port = {port}
unix_socket_dir =
auth_type = scram-sha-256
auth_file = {users}
admin_users = {console}
pool_mode = {mode}
default_pool_size = {size}
server_check_delay = 3600
{more}
"""
"""All other settings keep their defaults. The pooler does not check idle connections of the server, because the log
would show its statement as one of gjobs.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pooler:
    server: Server
    port: int

    def login(self, database: str, role: str = "postgres") -> Conninfo:
        return {**self.server.login(database, role), "port": self.port}

    def console(self, command: str) -> list[tuple[object, ...]]:
        """Run a command on the console of PgBouncer and return the rows."""
        with psycopg.connect(
            **self.login("pgbouncer", CONSOLE),  # type: ignore[arg-type]
            autocommit=True,
        ) as connection:
            return psycopg.ClientCursor(connection).execute(command.encode()).fetchall()


@contextmanager
def start_pooler(
    server: Server, program: str, mode: Mode, *, server_port: int | None = None, more: str = ""
) -> Iterator[Pooler]:
    """Start a pooler. `server_port` replaces the port of the server; `more` adds lines to the configuration."""
    port = free_port()
    directory = server.place.make_directory(f"pooler.{port}", server.account)
    users, configuration, log = directory / "users", directory / "pgbouncer.ini", directory / "log"
    roles = [*_logins(server), CONSOLE]
    _write(users, "".join(f'"{role}" "{PASSWORD}"\n' for role in roles), server)
    text = _CONFIGURATION.format(
        host=LOCALHOST,
        server_port=server_port or server.port,
        port=port,
        users=users,
        console=CONSOLE,
        mode=mode,
        size=POOL_SIZE,
        more=more,
    )
    _write(configuration, text, server)
    pid = server.place.start(server.account, [program, str(configuration)], log=log)
    pooler = Pooler(server=server, port=port)
    until(lambda: _lets_in(pooler), logs=[log], pid=pid)
    try:
        yield pooler
    finally:
        end(pid, signal.SIGQUIT)


def _logins(server: Server) -> list[str]:
    with connect(server.administrator()) as administrator:
        rows = administrator.execute("select rolname from pg_roles where rolcanlogin and not rolsuper").fetchall()
    return [name for (name,) in rows]


def _write(path: Path, text: str, server: Server) -> None:
    path.write_text(text)
    path.chmod(0o600)
    server.account.give(path)


def _lets_in(pooler: Pooler) -> bool:
    try:
        pooler.console("show version")
    except psycopg.OperationalError:
        return False
    return True
