"""A removal first exports the archived jobs to a file."""

import json
import stat
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from gjobs.migrations.connection import MigrationRefused
from gjobs.migrations.exports import export_archive
from gjobs.migrations.runner import remove
from gjobs.migrations.status import read_status
from gjobs.store.errors import InvalidValue
from tests.cli.command_line import Run, uri
from tests.cli.conftest import gjobs
from tests.conftest import Conninfo, connect
from tests.migrations.conftest import ADA, BEN, add

__all__ = ["gjobs"]


@pytest.fixture
def owner(migrated_copy: Conninfo) -> Iterator[psycopg.Connection]:
    """A connection of the owner; the jobs of Ada and Ben are archived, hers with a value in a column of the app."""
    with connect(migrated_copy, autocommit=True) as connection:
        for user in (ADA, BEN):
            add(connection, user)
        connection.execute("alter table public.generation_jobs add column note text")
        connection.execute("update public.generation_jobs set note = E'mine\\n' where id = %s", [ADA.job])
        connection.execute("select gjobs.archive_jobs(array(select id from public.generation_jobs))")
        yield connection


def test_removal_drops_an_exported_archive(owner: psycopg.Connection, migrated_copy: Conninfo, tmp_path: Path) -> None:
    file = tmp_path / "archive.jsonl"
    rows = {row["id"]: row for (row,) in owner.execute("select to_jsonb(a) from gjobs.archived_jobs a")}

    exported = export_archive(migrated_copy, file)
    remove(migrated_copy, exported=exported)

    assert exported.jobs == 2
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert {row["id"]: row for row in map(json.loads, file.read_text().splitlines())} == rows
    assert rows[str(ADA.job)]["further"] == {"note": "mine\n", "retry_count": "0", "completed_at": None}
    assert read_status(migrated_copy).current is None


def test_removal_keeps_an_archive_that_changed_since_the_export(
    owner: psycopg.Connection, migrated_copy: Conninfo, tmp_path: Path
) -> None:
    exported = export_archive(migrated_copy, tmp_path / "archive.jsonl")
    owner.execute("select gjobs.restore_jobs(array[%s]::uuid[])", [ADA.job])
    owner.execute("select gjobs.archive_jobs(array[%s]::uuid[])", [ADA.job])

    with pytest.raises(MigrationRefused, match="The archive has changed since it was exported"):
        remove(migrated_copy, exported=exported)

    assert owner.execute("select count(*) from gjobs.archived_jobs").fetchone() == (2,)


def test_export_overwrites_no_file_and_follows_no_link(
    owner: psycopg.Connection, migrated_copy: Conninfo, tmp_path: Path
) -> None:
    target, link = tmp_path / "mine", tmp_path / "link"
    target.write_text("kept")
    link.symlink_to(tmp_path / "elsewhere")
    for file in (target, link):
        with pytest.raises(InvalidValue, match="exists"):
            export_archive(migrated_copy, file)
    with pytest.raises(InvalidValue, match="Can't write"):
        export_archive(migrated_copy, tmp_path / "nowhere" / "file")
    assert target.read_text() == "kept"
    assert {path.name for path in tmp_path.iterdir()} == {"mine", "link"}


def test_empty_or_missing_archive_is_not_exported(
    migrated_copy: Conninfo, attached_database: Conninfo, tmp_path: Path
) -> None:
    file = tmp_path / "archive.jsonl"
    for conninfo in (migrated_copy, attached_database):
        assert export_archive(conninfo, file).jobs == 0
    assert not file.exists()


def test_migrate_remove_with_export_writes_the_file_and_removes_gjobs(
    owner: psycopg.Connection, migrated_copy: Conninfo, tmp_path: Path, gjobs: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GJOBS_DATABASE_URL", uri(migrated_copy))
    file = tmp_path / "archive.jsonl"
    refused = gjobs("migrate", "remove", "--yes", "--write", "test")
    assert refused.code != 0
    assert "--export-archive FILE" in refused.err

    done = gjobs("migrate", "remove", "--yes", "--write", "test", "--export-archive", str(file))
    assert done.code == 0, done.err
    assert "along with the start times of the jobs.\n" in done.err
    assert f"gjobs will write 2 archived jobs to {file}, then remove them from the database." in done.err
    assert f"Exported 2 jobs from the archive to {file}." in done.err
    assert len(file.read_text().splitlines()) == 2
