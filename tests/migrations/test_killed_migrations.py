"""A migration that is killed before any of its statements can be run again, and loses nothing."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from itertools import count

import pytest

from gjobs.migrations import HEAD
from gjobs.migrations.columns import lacking_columns
from gjobs.migrations.rollups import check_rollups
from gjobs.migrations.runner import add_columns, remove, upgrade
from gjobs.migrations.status import read_status
from gjobs.migrations.verification import verify
from gjobs.store.embedded.server_files import ServerHandle
from tests.conftest import Conninfo, connect, run_file, temporary_database
from tests.migrations.conftest import ADA, BEN, add, catalogue
from tests.migrations.test_earlier_builds import DUMP, rows

ALL = bool(os.environ.get("GJOBS_KILL_ALL"))
"""Whether to kill before each statement instead of before one of each migration, which takes some minutes."""

PROGRAM = """
import json, os, signal, sys
import psycopg

def counted(send):
    def send_or_die(*args, **kwargs):
        global sent
        sent += 1
        if sent == last:
            os.kill(os.getpid(), signal.SIGKILL)
        return send(*args, **kwargs)
    return send_or_die

sent, last = 0, int(sys.argv[3])
for place, name in ((psycopg.Cursor, "execute"), (psycopg.Connection, "commit")):
    setattr(place, name, counted(getattr(place, name)))
from tests.migrations.test_killed_migrations import MIGRATIONS
MIGRATIONS[sys.argv[2]](json.loads(sys.argv[1]))
"""


def add_lacking_columns(conninfo: Conninfo) -> None:
    if lacking := lacking_columns(conninfo):
        add_columns(conninfo, lacking)


def remove_all(conninfo: Conninfo) -> None:
    if read_status(conninfo).current is not None:
        remove(conninfo)


MIGRATIONS: dict[str, Callable[[Conninfo], None]] = {
    "up": upgrade,
    "columns": add_lacking_columns,
    "remove": remove_all,
    "takeover": upgrade,
}
SAMPLES = {"up": 30, "columns": 6, "remove": 20, "takeover": 40}


def start(conninfo: Conninfo, migration: str, last: int = 0) -> "subprocess.Popen[str]":
    """Start the migration in a process that kills itself before it sends the statement with this number."""
    command = [sys.executable, "-c", PROGRAM, json.dumps(dict(conninfo)), migration, str(last)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def prepare(conninfo: Conninfo, migration: str) -> None:
    """Bring an empty database of the app, or a blank one for a takeover, to the state before the migration."""
    if migration == "takeover":
        run_file(conninfo, DUMP)
        return
    with connect(conninfo) as connection:
        add(connection, ADA)
        add(connection, BEN)
    if migration != "up":
        upgrade(conninfo)


def data(conninfo: Conninfo, migration: str) -> object:
    if migration == "takeover":
        return rows(conninfo)
    tables = ("auth.users", "public.projects", "public.assets", "public.generation_jobs")
    query = "select (to_jsonb(t) - '{{retry_count,completed_at}}'::text[])::text as row from {} t order by row"
    with connect(conninfo) as connection:
        return [connection.execute(query.format(table).encode()).fetchall() for table in tables]


@pytest.mark.parametrize("migration", MIGRATIONS)
def test_killed_migration_can_be_run_again_and_loses_no_row(
    server: ServerHandle, attached_template: str, migration: str
) -> None:
    template = "template1" if migration == "takeover" else attached_template
    completed = None
    if ALL:
        with temporary_database(server, template) as conninfo:
            prepare(conninfo, migration)
            before = data(conninfo, migration)
            # Two at once: one waits for the other.
            runs = [start(conninfo, migration) for _ in range(2)]
            answers = [run.communicate(timeout=90) for run in runs]
            assert [run.returncode for run in runs] == [0, 0], answers
            assert data(conninfo, migration) == before
            completed = catalogue(conninfo)

    for last in count(1) if ALL else (SAMPLES[migration],):
        with temporary_database(server, template) as conninfo:
            prepare(conninfo, migration)
            before = data(conninfo, migration)
            killed = start(conninfo, migration, last)
            _, errors = killed.communicate(timeout=90)
            if ALL and killed.returncode == 0:
                print(f"{migration}: killed before each of {last - 1} statements")  # noqa: T201
                break
            assert killed.returncode == -signal.SIGKILL, errors
            MIGRATIONS[migration](conninfo)
            assert data(conninfo, migration) == before, last
            assert completed in (None, catalogue(conninfo)), last
            if migration != "remove":
                assert read_status(conninfo).current == HEAD
                assert verify(conninfo).matches
                assert check_rollups(conninfo).matches
