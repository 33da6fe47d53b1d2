"""Revision 0003: indexes that are built while the tables are in use, and failures of a build."""

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
from gjobs.migrations.runner import downgrade, upgrade
from gjobs.migrations.status import read_status
from gjobs.store.embedded.server_files import ServerHandle
from gjobs.store.errors import Locked
from gjobs.store.schema.schema_diff import compare, expected, read_catalogue
from tests.conftest import Conninfo, connect, temporary_database
from tests.hosted.pooler import CONSOLE, POOL_SIZE, Pooler
from tests.migrations.conftest import catalogue, execute

INDEXES = [
    "gjobs_costs",
    "gjobs_newest",
    "gjobs_newest_of_project",
    "gjobs_newest_of_project_status",
    "gjobs_newest_of_status",
    "gjobs_newest_of_user",
    "gjobs_queue",
    "gjobs_total",
    "gjobs_updated",
]
"""Revision 0004 adds the fourth index, and revision 0006 adds `gjobs_queue`."""


@pytest.fixture(scope="module")
def template_without_indexes(server: ServerHandle, migrated: str) -> Iterator[str]:
    with temporary_database(server, template=migrated) as conninfo:
        downgrade(conninfo, "0002")
        yield str(conninfo["dbname"])


@pytest.fixture
def without_indexes(server: ServerHandle, template_without_indexes: str) -> Iterator[Conninfo]:
    """A database at revision 0002."""
    with temporary_database(server, template=template_without_indexes) as conninfo:
        yield conninfo


def gjobs_indexes(conninfo: Conninfo) -> dict[str, bool]:
    """Return the indexes of gjobs, and whether each is valid."""
    with connect(conninfo) as connection:
        return dict(
            connection.execute(
                "select c.relname::text, i.indisvalid from pg_index i join pg_class c on c.oid = i.indexrelid"
                " where c.relname like 'gjobs%' order by 1"
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


def test_indexes_are_built_in_sequence_before_the_revision_is_recorded(without_indexes: Conninfo) -> None:
    assert gjobs_indexes(without_indexes) == {}
    with connect(without_indexes) as database:
        assert compare(read_catalogue(database), expected("0002")) == ()
    messages: list[str] = []

    upgrade(without_indexes, report=messages.append)

    assert gjobs_indexes(without_indexes) == dict.fromkeys(INDEXES, True)
    built = [
        one.removeprefix("Building the index ").removesuffix(".") for one in messages if one.startswith("Building")
    ]
    assert sorted(built) == INDEXES
    assert built[-2:] == ["gjobs_newest_of_project_status", "gjobs_queue"]
    assert messages[7:11] == [
        "Revision 0003 (indexes) is applied.",
        "Building the index gjobs_newest_of_project_status.",
        "Counting the jobs.",
        "Revision 0004 (rollups) is applied.",
    ]

    # An earlier version of revision 0003 lacked these indexes.
    downgrade(without_indexes, "0003")
    execute(without_indexes, "drop index gjobs_updated", "drop index gjobs_costs", "drop index gjobs_total")
    messages.clear()

    upgrade(without_indexes, report=messages.append)

    assert gjobs_indexes(without_indexes) == dict.fromkeys(INDEXES, True)
    assert messages[:3] == [f"Building the index gjobs_{name}." for name in ("updated", "costs", "total")]


OTHERS = {
    "create index gjobs_newest on public.generation_jobs (created_at)": "drop index gjobs_newest",
    "create index gjobs_newest on public.projects (created_at desc, id desc)": "drop index gjobs_newest",
    "create unique index gjobs_newest on public.generation_jobs (created_at desc, id desc)": "drop index gjobs_newest",
    "create view public.gjobs_newest as select 1 as one": "drop view gjobs_newest",
}
"""Statements that create another relation with the name of an index, and statements that drop it."""


def test_upgrade_refuses_to_replace_another_relation_with_an_index_name(without_indexes: Conninfo) -> None:
    for create, drop in OTHERS.items():
        execute(without_indexes, create)
        before = catalogue(without_indexes)

        with pytest.raises(
            MigrationRefused, match=r"public\.gjobs_newest is not the index that revision 0003 makes"
        ) as refusal:
            upgrade(without_indexes)

        assert "RENAME TO" in (refusal.value.hint or "")
        assert catalogue(without_indexes) == before, create
        assert read_status(without_indexes).current == "0002"
        execute(without_indexes, drop)


def test_index_build_reports_what_it_waits_for_and_a_second_migration_is_refused(
    without_indexes: Conninfo, monkeypatch: pytest.MonkeyPatch
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

    first = threading.Thread(target=upgrade, args=(without_indexes,), kwargs={"report": report})
    with open_snapshot(without_indexes) as reader:
        pid = reader.info.backend_pid
        first.start()
        assert reported.wait(20)
        with pytest.raises(Locked, match="another migration is running; nothing was changed"):
            upgrade(without_indexes, report=of_the_second.append)
    first.join()

    assert f"Waiting for the transaction of process {pid} (gjobs, nightly report, idle in transaction)." in messages
    assert "gjobs_newest: waiting for old snapshots." in messages
    assert of_the_second == ["Another migration is running. Trying again."]
    assert read_status(without_indexes).current == HEAD


PROGRAM = """
import json, sys
from gjobs.migrations.runner import upgrade
upgrade(json.loads(sys.argv[1]), report=lambda messages: print(messages, flush=True))
"""


def test_interrupted_index_build_can_be_continued(without_indexes: Conninfo) -> None:
    """The next run rebuilds the index that the interruption left invalid, and keeps one that exists."""
    execute(
        without_indexes,
        "create index gjobs_newest_of_user on public.generation_jobs (user_id, created_at desc, id desc)",
    )
    existing = oid(without_indexes, "gjobs_newest_of_user")
    with open_snapshot(without_indexes), connect(without_indexes, autocommit=True) as observer:
        run = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, json.dumps(dict(without_indexes))],
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
        "Stopped while building the index gjobs_newest. The finished steps are kept.",
        "Run the same command to continue. It rebuilds an incomplete index.",
    ]
    assert gjobs_indexes(without_indexes) == {"gjobs_newest": False, "gjobs_newest_of_user": True}
    assert read_status(without_indexes).current == "0002"
    upgrade(without_indexes)
    assert gjobs_indexes(without_indexes) == dict.fromkeys(INDEXES, True)
    assert oid(without_indexes, "gjobs_newest_of_user") == existing


def oid(conninfo: Conninfo, name: str) -> object:
    with connect(conninfo) as database:
        return database.execute("select %s::regclass::oid", [f"public.{name}"]).fetchone()


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
        downgrade(conninfo, "0001")
    upgrade(conninfo)

    assert read_status(app_database).current == HEAD
