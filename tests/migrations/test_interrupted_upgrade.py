"""After an interrupted upgrade, a downgrade drops what is not recorded, and the app can write."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from gjobs.migrations import scripts
from gjobs.migrations.runner import downgrade, upgrade, verify
from tests.conftest import Conninfo, connect
from tests.migrations.conftest import ADA, BEN, add, app_schema, catalogue

STOPS = (
    ("0003/gjobs_newest.sql", "base"),
    ("0004/count.sql", "0002"),
    ("0005/users.sql", "base"),
    ("0006/gjobs_queue.sql", "0003"),
    ("0011/count.sql", "0004"),
)
"""The file after which an upgrade is interrupted, and the revision of the downgrade that follows."""

WRITES = (
    "insert into public.generation_jobs (user_id, project_id, mode) values (%(user)s, %(project)s, 'lifestyle')",
    "update public.generation_jobs set status = 'failed', error = 'Boom', user_id = %(other)s",
    "delete from public.generation_jobs",
    "truncate public.generation_jobs",
)


@contextmanager
def interrupting(file: str, monkeypatch: pytest.MonkeyPatch, *, before: bool = False) -> Iterator[None]:
    """Interrupt the migration that runs in the block, after this file or before it."""
    run = scripts._execute

    def interrupted(*names: str) -> None:
        if not (before and file in names):
            run(*names)
        if file in names:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(scripts, "_execute", interrupted)
        with pytest.raises(KeyboardInterrupt):
            yield


def assert_app_can_write(conninfo: Conninfo) -> None:
    with connect(conninfo) as connection:
        for write in WRITES:
            connection.execute(write.encode(), {"user": ADA.id, "project": ADA.project, "other": BEN.id})
        connection.rollback()


def test_downgrade_drops_what_an_interrupted_upgrade_left(
    attached_database: Conninfo, monkeypatch: pytest.MonkeyPatch
) -> None:
    with connect(attached_database) as connection:
        add(connection, ADA)
        add(connection, BEN)
    before = app_schema(catalogue(attached_database))

    for file, target in STOPS:
        with interrupting(file, monkeypatch):
            upgrade(attached_database)
        assert_app_can_write(attached_database)
        messages: list[str] = []
        downgrade(attached_database, target, report=messages.append)
        assert_app_can_write(attached_database)
        assert not [one for one in messages if "skipping" in one]
        if target != "base":
            downgrade(attached_database, "base")
        after = catalogue(attached_database)
        assert app_schema(after) == before, file
        assert [fact for fact in after["functions"] if fact[0] == "gjobs"] == [], file

    upgrade(attached_database)
    assert verify(attached_database).matches
