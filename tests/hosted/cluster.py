"""A Postgres cluster with the settings, roles and passwords of a hosted project."""

import os
import signal
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg.sql import SQL, Identifier

from gjobs.store.embedded.server_files import OsAccount
from tests.conftest import TESTS, Conninfo, connect, copy_database, run_file
from tests.hosted.server_directory import LOCALHOST, Place, end, free_port, is_running, until

ADMINISTRATOR = "supabase_admin"
"""The bootstrap superuser, who connects through the socket without a password."""

OWNER = "postgres"
"""The owner of the databases and of the app's objects; not a superuser."""

PASSWORD = "p@ss:w/rd?"
"""The password of each login. A URL has to quote its characters."""

HERE = Path(__file__).parent

SETTINGS: Mapping[str, str] = {
    "listen_addresses": LOCALHOST,
    "fsync": "off",
    # Compiling the plans of each new session takes longer than a test.
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    # The limits of a small plan.
    "max_connections": "60",
    "statement_timeout": "2min",
    # The log of all statements, with one JSON document per line.
    "logging_collector": "on",
    "log_destination": "jsonlog",
    "log_filename": "server.log",
    "log_file_mode": "0600",
    "log_rotation_age": "0",
    "log_rotation_size": "0",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """A server with a separate data directory. It keeps its port when it is restarted."""

    place: Place
    account: OsAccount
    programs: Path
    data: Path
    sockets: Path
    port: int
    settings: Mapping[str, str]

    @classmethod
    def on(cls, place: Place, programs: Path, name: str, settings: Mapping[str, str] = SETTINGS) -> "Server":
        """Return a server whose data directory does not exist yet."""
        account = place.account(programs)
        return cls(
            place=place,
            account=account,
            programs=programs,
            data=place.directory / name,
            sockets=place.make_directory(f"{name}.s", account),
            port=free_port(),
            settings=settings,
        )

    def run(self, program: str, *arguments: str) -> str:
        return self.place.run(self.account, str(self.programs / program), *arguments)

    def initialise(self) -> None:
        self.run(
            *("initdb", f"--pgdata={self.data}", f"--username={ADMINISTRATOR}", "--encoding=UTF8", "--locale=C"),
            *("--auth-local=trust", "--auth-host=scram-sha-256", "--no-sync", "--no-instructions"),
        )

    def start(self) -> None:
        """Start the server and wait until it accepts connections."""
        settings = {**self.settings, "port": str(self.port), "unix_socket_directories": str(self.sockets)}
        command = [str(self.programs / "postgres"), "-D", str(self.data)]
        command += [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        pid = self.place.start(self.account, command, log=self.log)
        until(self._lets_in, logs=(self.log, self.records), pid=pid)

    def stop(self, request: signal.Signals = signal.SIGINT) -> None:
        """Stop the server: SIGINT is the fast shutdown of `pg_ctl stop`, SIGQUIT the immediate one."""
        end(self.pid, request)

    def restart(self) -> None:
        with self.down():
            pass

    @contextmanager
    def down(self) -> Iterator[None]:
        """Kill the server like `pg_ctl stop -m immediate`, and start it again after the block."""
        self.stop(signal.SIGQUIT)
        try:
            yield
        finally:
            self.start()

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Stop all its processes during the block. The system still accepts connections."""
        stopped = [self.pid, *self._children()]
        for pid in stopped:
            os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            for pid in stopped:
                if is_running(pid):
                    os.kill(pid, signal.SIGCONT)

    @property
    def pid(self) -> int:
        return int((self.data / "postmaster.pid").read_text().split("\n", 1)[0])

    @property
    def log(self) -> Path:
        """The file with the messages from before the log collector starts."""
        return self.place.directory / f"{self.data.name}.log"

    @property
    def records(self) -> Path:
        """The file with the messages of the log collector, one JSON document per line."""
        return self.data / "log" / "server.json"

    def administrator(self, database: str = "postgres") -> Conninfo:
        """Return the superuser's login. It has no application name, so its sessions are not recorded."""
        return {"host": str(self.sockets), "port": self.port, "user": ADMINISTRATOR, "dbname": database}

    def login(self, database: str, role: str = OWNER) -> Conninfo:
        return {"host": LOCALHOST, "port": self.port, "user": role, "password": PASSWORD, "dbname": database}

    def _lets_in(self) -> bool:
        try:
            connect(self.administrator()).close()
        except psycopg.OperationalError:
            return False
        return True

    def _children(self) -> list[int]:
        with connect(self.administrator()) as administrator:
            rows = administrator.execute("select pid from pg_stat_activity where pid <> pg_backend_pid()").fetchall()
        return [pid for (pid,) in rows]


def make_roles(server: Server) -> None:
    with connect(server.administrator()) as administrator:
        administrator.execute("select set_config('tests.password', %s, true)", [PASSWORD])
        if administrator.info.server_version >= 160_000:
            # Checking a password with the usual 4,096 iterations takes a client longer than a query.
            administrator.execute("set scram_iterations = 1")
        administrator.execute((HERE / "roles.sql").read_bytes())
        if has_safeupdate(administrator):
            administrator.execute("alter role authenticator set session_preload_libraries = 'safeupdate'")


def has_safeupdate(administrator: psycopg.Connection) -> bool:
    """Whether the safeupdate extension, which hosted projects load for API logins, is installed."""
    found = administrator.execute("select setting from pg_config where name = 'PKGLIBDIR'").fetchone()
    return found is not None and (Path(found[0]) / "safeupdate.so").exists()


def make_project(server: Server, name: str, *, old_privileges: bool, grown: bool = False) -> None:
    """Create a database with the app's schema. It has no connections, so that it can be copied.

    A `grown` schema has objects of the app that gjobs does not know.
    """
    with connect(server.administrator(), autocommit=True) as administrator:
        administrator.execute(SQL("create database {} owner {}").format(Identifier(name), Identifier(OWNER)))
    inside = server.administrator(name)
    run_file(inside, TESTS / "auth_schema.sql")
    run_file(inside, HERE / "project.sql")
    run_file(inside, HERE / f"{'old' if old_privileges else 'new'}_default_privileges.sql")
    run_file(server.login(name), TESTS / "app_schema.sql")
    run_file(server.login(name), HERE / "further_logins.sql")
    if grown:
        run_file(server.login(name), HERE / "grown_app.sql")


@contextmanager
def copied(server: Server, template: str) -> Iterator[str]:
    """Copy a database, and drop the copy and its connections after the block."""
    name = f"app_{uuid.uuid4().hex[:12]}"
    with connect(server.administrator(), autocommit=True) as administrator:
        copy_database(administrator, template, name, owner=OWNER)
    try:
        yield name
    finally:
        with connect(server.administrator(), autocommit=True) as administrator:
            administrator.execute(SQL("drop database {} with (force)").format(Identifier(name)))
