"""`--write REASON`: where a database takes writes only on purpose, one command may write; the journal has why."""

import shlex

import pytest

from tests.cli.cli_rows import AUTUMN, FAILED, QUEUED
from tests.cli.command_line import Run, Sql, assert_refused
from tests.conftest import Conninfo


@pytest.fixture
def leased(url: str) -> tuple[str, str]:
    """An address without a profile: read-only unless a reason is given."""
    return ("--database-url", url)


WRITES = (
    ("jobs", "create", "--project", str(AUTUMN), "--mode", "lifestyle"),
    ("jobs", "update", str(QUEUED), "--cost-cents", "7"),
    ("jobs", "transition", str(QUEUED), "running"),
    ("jobs", "delete", str(FAILED), "--yes"),
    ("projects", "create", "Winter", "--as", "ada@example.com"),
)


def test_every_write_without_a_reason_is_refused_with_a_hint(gjobs: Run, leased: tuple[str, str], sql: Sql) -> None:
    before = sql("select * from public.generation_jobs order by id")
    for write in WRITES:
        assert_refused(
            gjobs(*write, *leased), 6, "This session is read-only: nothing was changed.", "Give --write REASON"
        )
    assert sql("select * from public.generation_jobs order by id") == before
    assert gjobs("journal", "--json").document == []


@pytest.mark.parametrize(
    "line",
    [
        *map(shlex.join, WRITES),
        f"jobs retry {FAILED}",
        "cleanup --older-than 1d --delete --yes",
        "budgets set --project 'Autumn catalog' --period all --limit 1",
        "retention set --older-than 30d --yes",
        "worker --simulate --once",
    ],
)
def test_read_only_session_changes_nothing(gjobs: Run, sql: Sql, line: str) -> None:
    everything = (
        "select (select jsonb_agg(j) from generation_jobs j), (select count(*) from projects),"
        " (select count(*) from gjobs.budgets), (select count(*) from gjobs.retention_policies)"
    )
    before = sql(everything)
    refused = gjobs(*shlex.split(line), "--read-only")
    assert (refused.code, refused.out) == (6, "")
    assert refused.err.startswith("This session is read-only")
    assert sql(everything) == before


def test_every_write_with_a_reason_is_done_and_journaled(gjobs: Run, leased: tuple[str, str]) -> None:
    for number, write in enumerate(WRITES):
        assert gjobs(*write, *leased, "--write", f"ticket {number}").code == 0
    entries = gjobs("journal", "--json").document
    assert [entry["reason"] for entry in entries] == [f"ticket {number}" for number in (4, 3, 2, 1, 0)]
    assert {entry["outcome"] for entry in entries} == {"done"}


def test_write_reason_applies_to_one_command(gjobs: Run, leased: tuple[str, str]) -> None:
    assert gjobs("jobs", "update", str(QUEUED), "--cost-cents", "7", *leased, "--write", "ticket 7").code == 0
    assert gjobs("jobs", "update", str(QUEUED), "--cost-cents", "8", *leased).code == 6


def test_journal_names_the_database_and_a_reason_that_was_not_required(
    gjobs: Run, url: str, database: Conninfo
) -> None:
    gjobs("jobs", "update", str(QUEUED), "--cost-cents", "7", "--write", "ticket 7")
    gjobs("jobs", "update", str(QUEUED), "--cost-cents", "8")
    entries = gjobs("journal", "--json").document
    assert [entry["reason"] for entry in entries] == [None, "ticket 7"]
    for entry in entries:
        assert entry["database"].startswith("world (")
        assert str(database["dbname"]) in entry["database"]
