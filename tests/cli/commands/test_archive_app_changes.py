"""Archived jobs after the app has changed its table or its policies."""

from collections.abc import Iterator

import psycopg
import pytest

from tests.cli.command_line import Run, uri
from tests.conftest import Conninfo, connect
from tests.migrations.conftest import ADA, BEN, add

AS_ADA = ("--as", "ada@example.com")


@pytest.fixture
def owner(migrated_copy: Conninfo, monkeypatch: pytest.MonkeyPatch) -> Iterator[psycopg.Connection]:
    """A connection of the owner to a database with an archived job of Ada and one of Ben."""
    monkeypatch.setenv("GJOBS_DATABASE_URL", uri(migrated_copy))
    with connect(migrated_copy, autocommit=True) as connection:
        for user in (ADA, BEN):
            add(connection, user)
        connection.execute("update auth.users set email = 'ada@example.com' where id = %s", [ADA.id])
        connection.execute("alter table public.generation_jobs add column note text, add column label text")
        connection.execute("update public.generation_jobs set note = 'mine', label = 'kept' where id = %s", [ADA.job])
        connection.execute("select gjobs.archive_jobs(array(select id from public.generation_jobs))")
        yield connection


def test_archive_restore_reports_the_dropped_columns(gjobs: Run, owner: psycopg.Connection) -> None:
    owner.execute("alter table public.generation_jobs drop column note")

    done = gjobs("archive", "restore", "--all", "--yes", "--write", "test")

    assert done.code == 0, done.err
    assert "Restored 2 jobs." in done.err
    assert (
        "The column note is gone, so its values were not restored. The jobs' events keep them:"
        " 'gjobs jobs show ID --events'."
    ) in done.err
    restored = owner.execute("select id, label from public.generation_jobs").fetchall()
    assert set(restored) == {(ADA.job, "kept"), (BEN.job, None)}
    assert '{"note": "mine"}' in gjobs("jobs", "show", str(ADA.job), "--events").out


def test_archive_restore_as_json_lists_the_dropped_columns(gjobs: Run, owner: psycopg.Connection) -> None:
    owner.execute("alter table public.generation_jobs drop column note")
    for arguments, dropped in (([str(ADA.job)], ["note"]), (["--all", "--yes"], [])):
        done = gjobs("archive", "restore", *arguments, "--write", "test", "--json")
        assert done.document["dropped_columns"] == dropped
    assert owner.execute("select from gjobs.archived_jobs").fetchall() == []


def test_user_reads_no_complete_archive_under_policies_of_the_app(owner: psycopg.Connection, gjobs: Run) -> None:
    assert gjobs("stats", "--archive", "--json", *AS_ADA).document["includes_archive"] is True
    partial = (
        "gjobs cannot apply the app's own policies to the archive."
        " The result includes only ada@example.com's own archived jobs, and perhaps not all of them."
        " The operator sees all archived jobs.\n"
    )
    owner.execute(
        "create policy of_the_app on public.generation_jobs as restrictive for select using (cost_cents < 1000)"
    )
    found = gjobs("stats", "--archive", "--json", *AS_ADA)
    assert (found.document["includes_archive"], found.err) == (False, partial)
    assert gjobs("stats", "--archive", "--by", "project", *AS_ADA).err == partial
    assert gjobs("archive", "list", *AS_ADA).err.endswith(partial)
    owner.execute("drop policy of_the_app on public.generation_jobs")
    assert gjobs("stats", "--archive").err == "Includes the archived jobs.\n"
    assert gjobs("archive", "list").err == ""
