"""Archived jobs with values of columns that the app has dropped since."""

from collections.abc import Iterator

import pytest

from tests.cli.command_line import Run, Sql, uri
from tests.conftest import Conninfo, connect
from tests.migrations.conftest import ADA, BEN, add


@pytest.fixture
def owner_sql(migrated_copy: Conninfo, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sql]:
    """Ada's and Ben's archived jobs, hers with a note in a column that is gone."""
    monkeypatch.setenv("GJOBS_DATABASE_URL", uri(migrated_copy))
    with connect(migrated_copy, autocommit=True) as owner:

        def run(statement: str, *values: object) -> list[tuple[object, ...]]:
            cursor = owner.execute(statement.encode(), values)
            return cursor.fetchall() if cursor.description else []

        for person in (ADA, BEN):
            add(owner, person)
        run("alter table public.generation_jobs add column note text, add column label text")
        run("update public.generation_jobs set note = 'mine', label = 'kept' where id = %s", ADA.job)
        run("select gjobs.archive_jobs(array(select id from public.generation_jobs))")
        run("alter table public.generation_jobs drop column note")
        yield run


@pytest.mark.parametrize("arguments", [(str(ADA.job), str(BEN.job)), ("--all", "--yes")], ids=["ids", "all"])
def test_restoring_reports_the_columns_that_are_gone(gjobs: Run, owner_sql: Sql, arguments: tuple[str, ...]) -> None:
    done = gjobs("archive", "restore", *arguments, "--write", "test")
    assert done.code == 0, done.err
    assert "Restored 2 jobs." in done.err
    assert (
        "The column note is gone, so its values were not restored. The jobs' events keep them:"
        " 'gjobs jobs show ID --events'."
    ) in done.err
    assert set(owner_sql("select id, label from public.generation_jobs")) == {(ADA.job, "kept"), (BEN.job, None)}
    assert '{"note": "mine"}' in gjobs("jobs", "show", str(ADA.job), "--events").out


def test_restoring_as_json_lists_the_columns_that_are_gone(gjobs: Run, owner_sql: Sql) -> None:
    assert gjobs("archive", "restore", str(ADA.job), "--write", "test", "--json").document["dropped_columns"] == [
        "note"
    ]
    assert gjobs("archive", "restore", "--all", "--yes", "--write", "test", "--json").document["dropped_columns"] == []
    assert owner_sql("select from gjobs.archived_jobs") == []
