"""After an interrupted upgrade, the app can write, and the upgrade can be continued or removed."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from gjobs.migrations import HEAD, scripts
from gjobs.migrations.rollups import check_rollups
from gjobs.migrations.runner import pending_sql, remove, upgrade
from gjobs.migrations.status import read_status
from gjobs.migrations.verification import verify
from tests.conftest import Conninfo, connect
from tests.migrations.conftest import ADA, BEN, add, app_schema, catalogue, run_with_psql

STOPS = ("indexes/gjobs_queue", "triggers", "count")
"""The files after which an upgrade is interrupted."""

WRITES = (
    "insert into public.generation_jobs (user_id, project_id, mode) values (%(user)s, %(project)s, 'lifestyle')",
    "update public.generation_jobs set status = 'failed', error = 'Boom', user_id = %(other)s",
    "delete from public.generation_jobs",
    "truncate public.generation_jobs",
)


@contextmanager
def interrupting(file: str, monkeypatch: pytest.MonkeyPatch, *, before: bool = False) -> Iterator[None]:
    """Interrupt the migration that runs in the block, after this file or before it."""

    def interrupted(run: Callable[..., None]) -> Callable[..., None]:
        def run_files(*names: str) -> None:
            if not (before and file in names):
                run(*names)
            if file in names:
                raise KeyboardInterrupt

        return run_files

    with monkeypatch.context() as patch:
        for function in ("_execute", "run_script"):
            patch.setattr(scripts, function, interrupted(getattr(scripts, function)))
        with pytest.raises(KeyboardInterrupt):
            yield


def assert_app_can_write(conninfo: Conninfo) -> None:
    with connect(conninfo) as connection:
        for write in WRITES:
            connection.execute(write.encode(), {"user": ADA.id, "project": ADA.project, "other": BEN.id})
        connection.rollback()


@pytest.mark.parametrize("stop", STOPS)
def test_app_writes_after_an_interrupted_upgrade_which_can_be_removed_or_continued(
    attached_database: Conninfo, monkeypatch: pytest.MonkeyPatch, stop: str
) -> None:
    with connect(attached_database) as connection:
        add(connection, ADA)
        add(connection, BEN)
    before = app_schema(catalogue(attached_database))

    with interrupting(stop, monkeypatch):
        upgrade(attached_database)
    assert_app_can_write(attached_database)
    assert read_status(attached_database).pending == (HEAD,)
    verified = verify(attached_database)
    assert (verified.is_upgrade_unfinished, verified.differences) == (True, ())
    remove(attached_database)
    assert_app_can_write(attached_database)
    after = catalogue(attached_database)
    assert app_schema(after) == before
    assert [fact for fact in after["functions"] if fact[0] == "gjobs"] == []

    with interrupting(stop, monkeypatch):
        upgrade(attached_database)
    with connect(attached_database) as connection:
        connection.execute("update public.generation_jobs set status = 'failed', error = 'Boom'")
    upgrade(attached_database)
    assert verify(attached_database).matches
    assert check_rollups(attached_database).matches


def test_interrupted_removal_can_be_continued_or_undone(
    migrated_copy: Conninfo, monkeypatch: pytest.MonkeyPatch
) -> None:
    with interrupting("indexes/remove", monkeypatch, before=True):
        remove(migrated_copy)
    assert read_status(migrated_copy).pending == (HEAD,)
    upgrade(migrated_copy)
    assert verify(migrated_copy).matches

    with interrupting("indexes/remove", monkeypatch, before=True):
        remove(migrated_copy)
    remove(migrated_copy)
    assert read_status(migrated_copy).current is None


@pytest.mark.parametrize("stop", STOPS)
def test_printed_sql_continues_an_interrupted_upgrade(
    attached_database: Conninfo, monkeypatch: pytest.MonkeyPatch, stop: str
) -> None:
    with connect(attached_database) as connection:
        add(connection, ADA)
    with interrupting(stop, monkeypatch):
        upgrade(attached_database)

    done = run_with_psql(attached_database, pending_sql(attached_database))

    assert (done.returncode, done.stderr) == (0, "")
    assert verify(attached_database).matches
    assert check_rollups(attached_database).matches
