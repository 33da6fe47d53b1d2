"""The index, which is built while the tables are in use, and failures of its build."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest

from gjobs.migrations import HEAD, connection, progress, runner
from gjobs.migrations.connection import MigrationRefused
from gjobs.migrations.runner import remove, upgrade
from gjobs.migrations.status import read_status
from gjobs.store.errors import Locked
from tests.conftest import Conninfo, connect
from tests.hosted.pooler import CONSOLE, POOL_SIZE, Pooler
from tests.migrations.conftest import catalogue, execute
from tests.migrations.test_interrupted_upgrade import interrupting

INDEX = "gjobs_queue"


def gjobs_indexes(conninfo: Conninfo) -> dict[str, bool]:
    """Return the indexes on tables of the app, and whether each is valid."""
    with connect(conninfo) as connection:
        return dict(
            connection.execute(
                "select c.relname::text, i.indisvalid from pg_index i join pg_class c on c.oid = i.indexrelid"
                " where c.relname like 'gjobs%' and c.relnamespace = 'public'::regnamespace"
            ).fetchall()
        )


@contextmanager
def open_snapshot(conninfo: Conninfo) -> Iterator[psycopg.Connection]:
    """Open a transaction of another program, whose end a concurrent build must wait for."""
    with connect({**conninfo, "application_name": "nightly report"}) as connection:
        connection.execute("set transaction isolation level repeatable read")
        connection.execute("select count(*) from auth.users")
        yield connection
        connection.rollback()


def test_index_is_built_before_the_jobs_are_counted_and_dropped_by_a_removal(
    attached_database: Conninfo,
) -> None:
    messages: list[str] = []

    upgrade(attached_database, report=messages.append)

    assert gjobs_indexes(attached_database) == {INDEX: True}
    assert [one for one in messages if not one.startswith("The app's tables were locked")] == [
        "Recorded the app's own tables as revision 0001_app.",
        f"Building the index {INDEX}.",
        "Counting the jobs.",
        "Revision 0002_gjobs (everything of gjobs) is applied.",
    ]
    messages.clear()

    remove(attached_database, report=messages.append)

    assert gjobs_indexes(attached_database) == {}
    assert [one for one in messages if one.startswith("Dropping")] == [f"Dropping the index {INDEX}."]


def test_upgrade_keeps_the_index_of_an_interrupted_one(
    attached_database: Conninfo, monkeypatch: pytest.MonkeyPatch
) -> None:
    with interrupting("indexes/gjobs_queue", monkeypatch):
        upgrade(attached_database)
    built = oid(attached_database)

    upgrade(attached_database)

    assert oid(attached_database) == built
    assert read_status(attached_database).current == HEAD


OTHERS = {
    "create index gjobs_queue on public.generation_jobs (left(mode, 200), created_at, id)": "drop index gjobs_queue",
    "create index gjobs_queue on public.projects (created_at)": "drop index gjobs_queue",
    "create unique index gjobs_queue on public.generation_jobs (left(mode, 200), created_at, id)"
    " where status = 'queued'": "drop index gjobs_queue",
    "create view public.gjobs_queue as select 1 as one": "drop view gjobs_queue",
}
"""Statements that create another relation with the name of an index, and statements that drop it."""


def test_upgrade_refuses_to_replace_another_relation_with_an_index_name(attached_database: Conninfo) -> None:
    for create, drop in OTHERS.items():
        execute(attached_database, create)
        before = catalogue(attached_database)

        with pytest.raises(MigrationRefused, match=r"public\.gjobs_queue is not the index that gjobs makes") as refusal:
            upgrade(attached_database)

        assert "RENAME TO" in (refusal.value.hint or "")
        assert catalogue(attached_database) == before, create
        assert read_status(attached_database).current is None
        execute(attached_database, drop)


def test_index_build_reports_what_it_waits_for_and_a_second_migration_is_refused(
    attached_database: Conninfo, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second migration must not wait in the database, because the index build would wait for it."""
    monkeypatch.setattr(progress, "INTERVAL_SECONDS", 0.02)
    monkeypatch.setattr(runner, "ATTEMPTS", 2)
    monkeypatch.setattr(runner, "PAUSE_SECONDS", 0.0)
    monkeypatch.setattr(connection, "PATIENCE_SECONDS", 0.0)
    messages: list[str] = []
    of_the_second: list[str] = []
    reported = threading.Event()

    def report(sentence: str) -> None:
        messages.append(sentence)
        if "nightly report" in sentence:
            reported.set()

    first = threading.Thread(target=upgrade, args=(attached_database,), kwargs={"report": report})
    with open_snapshot(attached_database) as reader:
        pid = reader.info.backend_pid
        first.start()
        assert reported.wait(20)
        with pytest.raises(Locked, match="another migration is running; nothing was changed"):
            upgrade(attached_database, report=of_the_second.append)
    first.join()

    assert f"Waiting for the transaction of process {pid} (gjobs, nightly report, idle in transaction)." in messages
    assert "gjobs_queue: waiting for old snapshots." in messages
    assert of_the_second == ["Another migration is running. Trying again."]
    assert read_status(attached_database).current == HEAD


PROGRAM = """
import json, sys
from gjobs.migrations.runner import upgrade
upgrade(json.loads(sys.argv[1]), report=lambda messages: print(messages, flush=True))
"""


def test_interrupted_index_build_can_be_continued(attached_database: Conninfo) -> None:
    """The next run rebuilds the index that the interruption left invalid."""
    with open_snapshot(attached_database), connect(attached_database, autocommit=True) as observer:
        run = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, json.dumps(dict(attached_database))],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        while not waits_for_snapshots(observer):
            assert run.poll() is None
            time.sleep(0.01)
        os.kill(run.pid, signal.SIGINT)
        messages, _ = run.communicate(timeout=90)

    assert run.returncode != 0
    assert messages.splitlines()[-2:] == [
        "Stopped while building the index gjobs_queue. The finished steps are kept.",
        "Run the same command to continue. It rebuilds an incomplete index.",
    ]
    assert gjobs_indexes(attached_database) == {INDEX: False}
    assert read_status(attached_database).current == "0001_app"
    upgrade(attached_database)
    assert gjobs_indexes(attached_database) == {INDEX: True}


def oid(conninfo: Conninfo) -> object:
    with connect(conninfo) as database:
        return database.execute("select 'public.gjobs_queue'::regclass::oid").fetchone()


def waits_for_snapshots(observer: psycopg.Connection) -> bool:
    phase = "select phase from pg_stat_progress_create_index where phase = 'waiting for old snapshots'"
    return observer.execute(phase.encode()).fetchone() is not None


def test_upgrade_through_a_transaction_pooler_is_refused(app_database: Conninfo, transaction_pooler: Pooler) -> None:
    before = catalogue(app_database)

    with pytest.raises(MigrationRefused, match="This address is a pooler in transaction mode") as refusal:
        upgrade(transaction_pooler.login(str(app_database["dbname"])))

    assert "session mode" in (refusal.value.hint or "")
    assert catalogue(app_database) == before


@contextmanager
def pool_size(pooler: Pooler, size: int) -> Iterator[None]:
    with psycopg.connect(
        **pooler.login("pgbouncer", CONSOLE),  # type: ignore[arg-type]
        autocommit=True,
    ) as console:
        cursor = psycopg.ClientCursor(console)
        cursor.execute(f"set default_pool_size = {size}".encode())
        try:
            yield
        finally:
            cursor.execute(f"set default_pool_size = {POOL_SIZE}".encode())


def test_upgrade_works_through_a_session_pooler(
    app_database: Conninfo, session_pooler: Pooler, monkeypatch: pytest.MonkeyPatch
) -> None:
    """This also works when the pool has no second connection to watch the build."""
    monkeypatch.setattr(connection, "PATIENCE_SECONDS", 0.2)
    conninfo = session_pooler.login(str(app_database["dbname"]))

    with pool_size(session_pooler, 1):
        upgrade(conninfo)
        remove(conninfo)
    upgrade(conninfo)

    assert read_status(app_database).current == HEAD
