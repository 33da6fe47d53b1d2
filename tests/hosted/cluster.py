"""A Postgres cluster set up like a hosted project's, on TCP and with passwords."""

import os
import signal
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg.sql import SQL, Identifier

from store.embedded.os_account import OsAccount
from tests.conftest import TESTS, Conninfo, connect, copy_database, run_file
from tests.hosted.server_directory import LOCALHOST, Place, end, free_port, is_running, until

ADMINISTRATOR = "supabase_admin"

"""The bootstrap superuser. Comes in by the socket, without a password."""

OWNER = "postgres"

"""Owns the databases and what the app makes in them; no superuser."""

PASSWORD = "p@ss:w/rd?"

"""Of each login. As a generator of passwords makes them: a URL has to quote it."""

HERE = Path(__file__).parent

SETTINGS: Mapping[str, str] = {
    "listen_addresses": LOCALHOST,
    "fsync": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    # As small plans of hosts have it.
    "max_connections": "60",
    "statement_timeout": "2min",
    # The records of what was run, one JSON document a line.
    "logging_collector": "on",
    "log_destination": "jsonlog",
    "log_filename": "server.log",
    "log_file_mode": "0600",
    "log_rotation_age": "0",
    "log_rotation_size": "0",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """One on a data directory of its own. It can be stopped and started again, on the same port."""

    place: Place
    account: OsAccount
    programs: Path
    data: Path
    sockets: Path
    port: int
    settings: Mapping[str, str]

    @classmethod
    def on(cls, place: Place, programs: Path, name: str, settings: Mapping[str, str] = SETTINGS) -> "Server":
        """Its data directory is still to be made."""
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
        """Waits until it lets somebody in, read-only or not."""
        settings = {**self.settings, "port": str(self.port), "unix_socket_directories": str(self.sockets)}
        command = [str(self.programs / "postgres"), "-D", str(self.data)]
        command += [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        pid = self.place.start(self.account, command, log=self.log)
        until(self._lets_in, logs=(self.log, self.records), pid=pid)

    def stop(self, request: signal.Signals = signal.SIGINT) -> None:
        """Fast, as with `pg_ctl stop`; SIGQUIT is the immediate one."""
        end(self.pid, request)

    def restart(self) -> None:
        with self.down():
            pass

    @contextmanager
    def down(self) -> Iterator[None]:
        """Killed inside the block, as with `pg_ctl stop -m immediate`, and up again after it."""
        self.stop(signal.SIGQUIT)
        try:
            yield
        finally:
            self.start()

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """No process of it does anything inside the block. The system still takes connections for it."""
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
        """What it says before its log's collector is there."""
        return self.place.directory / f"{self.data.name}.log"

    @property
    def records(self) -> Path:
        """What it says from then on, a JSON document a line."""
        return self.data / "log" / "server.json"

    def administrator(self, database: str = "postgres") -> Conninfo:
        """Never as an application, so that it is told from those that are watched."""
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
        administrator.execute((HERE / "roles.sql").read_bytes())
        if has_safeupdate(administrator):
            administrator.execute("alter role authenticator set session_preload_libraries = 'safeupdate'")


def has_safeupdate(administrator: psycopg.Connection) -> bool:
    """Whether the extension is installed that a hosted project loads for the login of the API."""
    found = administrator.execute("select setting from pg_config where name = 'PKGLIBDIR'").fetchone()
    return found is not None and (Path(found[0]) / "safeupdate.so").exists()


def make_project(server: Server, name: str, *, old_privileges: bool, grown: bool = False) -> None:
    """A database with the app's schema, which the owner has made. Nobody is connected to it: it can be copied.

    The schema has `grown` where the app has added what gjobs does not know.
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
    """The name of a copy that is dropped on leaving, whoever is connected to it."""
    name = f"app_{uuid.uuid4().hex[:12]}"
    with connect(server.administrator(), autocommit=True) as administrator:
        copy_database(administrator, template, name, owner=OWNER)
    try:
        yield name
    finally:
        with connect(server.administrator(), autocommit=True) as administrator:
            administrator.execute(SQL("drop database {} with (force)").format(Identifier(name)))
