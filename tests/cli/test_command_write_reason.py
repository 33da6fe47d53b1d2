"""`--write REASON`: a command writes to a protected database only with a reason, which the journal records."""

import shlex

from tests.cli.cli_rows import AUTUMN, FAILED, QUEUED
from tests.cli.command_line import Run, Sql, assert_refused
from tests.conftest import Conninfo

WRITES = (
    f"jobs create --project {AUTUMN} --mode lifestyle",
    f"jobs update {QUEUED} --cost-cents 7",
    f"jobs transition {QUEUED} running",
    f"jobs delete {FAILED} --yes",
    "projects create Winter --as ada@example.com",
    "cleanup --older-than 1d --delete --yes",
)

ALL_ROWS = (
    "select (select jsonb_agg(j order by id) from generation_jobs j), (select count(*) from projects),"
    " (select count(*) from gjobs.budgets), (select count(*) from gjobs.retention_policies)"
)


def test_address_without_a_profile_takes_only_writes_with_a_reason(gjobs: Run, url: str, sql: Sql) -> None:
    before = sql(ALL_ROWS)
    for write in WRITES:
        refused = gjobs(*shlex.split(write), "--database-url", url)
        assert_refused(refused, 6, "This session is read-only: nothing was changed.", "Give --write REASON")
    assert sql(ALL_ROWS) == before
    assert gjobs("journal", "--json").document == []

    for number, write in enumerate(WRITES):
        written = gjobs(*shlex.split(write), "--database-url", url, "--write", f"ticket {number}")
        assert written.code == 0, written.err
    entries = gjobs("journal", "--json").document
    assert [entry["reason"] for entry in entries] == [f"ticket {number}" for number in (5, 4, 3, 2, 1, 0)]
    assert {entry["outcome"] for entry in entries} == {"done"}
    assert gjobs("jobs", "update", str(QUEUED), "--cost-cents", "8", "--database-url", url).code == 6


def test_read_only_session_changes_nothing(gjobs: Run, sql: Sql) -> None:
    before = sql(ALL_ROWS)
    for line in (
        *WRITES,
        f"jobs retry {FAILED}",
        f"archive restore {FAILED}",
        "archive restore --all --yes",
        "budgets set --project 'Autumn catalog' --period all --limit 1",
        "cleanup policies set --older-than 30d --yes",
        "worker --simulate --once",
    ):
        refused = gjobs(*shlex.split(line), "--read-only")
        assert (refused.code, refused.out) == (6, ""), line
        # A worker names its database first.
        assert refused.err.splitlines()["worker" in line].startswith("This session is read-only"), line
        assert sql(ALL_ROWS) == before, line


def test_journal_records_a_reason_that_was_not_required(gjobs: Run, url: str, database: Conninfo) -> None:
    gjobs("jobs", "update", str(QUEUED), "--cost-cents", "7", "--write", "ticket 7")
    gjobs("jobs", "update", str(QUEUED), "--cost-cents", "8")
    entries = gjobs("journal", "--json").document
    assert [entry["reason"] for entry in entries] == [None, "ticket 7"]
    for entry in entries:
        assert entry["database"].startswith("world (")
        assert str(database["dbname"]) in entry["database"]
