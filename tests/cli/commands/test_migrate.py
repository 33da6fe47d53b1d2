"""`gjobs migrate` changes an empty database only after a confirmation."""

import re

import pytest

from gjobs.migrations import HEAD, REVISIONS
from tests.cli.command_line import OpenTerminal, Run, UseProfile, assert_refused, run_process, uri
from tests.conftest import Conninfo, connect, run_file
from tests.migrations.test_earlier_builds import DUMP

UNMIGRATED = {"current": None, "head": HEAD, "pending": list(REVISIONS), "managed": False}

MIGRATED = {"current": HEAD, "head": HEAD, "pending": [], "managed": True}


@pytest.fixture(autouse=True)
def blank_profile(blank_database: Conninfo, use_profile: UseProfile) -> None:
    use_profile("blank", blank_database)


def schemas(database: Conninfo) -> set[str]:
    with connect(database) as connection:
        return {str(name) for (name,) in connection.execute("select nspname from pg_catalog.pg_namespace")}


def test_migrate_runs_up_remove_and_up_again(gjobs: Run, blank_database: Conninfo) -> None:
    assert gjobs("migrate", "status", "--json").document == UNMIGRATED
    lines = dict(line.split(maxsplit=1) for line in gjobs("migrate", "status").out.splitlines())
    assert str(blank_database["dbname"]) in lines["database"]
    assert (lines["current"], lines["head"], lines["pending"]) == ("-", HEAD, ", ".join(REVISIONS))
    up = gjobs("migrate", "up", "--yes", "--json")
    assert (up.code, up.document) == (0, MIGRATED)
    assert f"The schema is at revision {HEAD}." in up.err
    for json in (["--json"], []):
        removed = gjobs("migrate", "remove", "--yes", *json)
        assert removed.code == 0
        assert removed.err.endswith("Everything of gjobs was removed. The app's tables stay.\n")
        assert gjobs("migrate", "status", "--json").document == UNMIGRATED
        assert removed.document == UNMIGRATED if json else removed.out == ""
        assert gjobs("jobs", "list", "--json").document == []
        again = gjobs("migrate", "up", "--yes")
        assert (again.code, again.out) == (0, "")
        assert gjobs("jobs", "list", "--json").document == []
    assert gjobs("migrate", "status", "--json").document == MIGRATED


def test_migrate_up_takes_over_an_earlier_build_only_at_its_last_revision(gjobs: Run, blank_database: Conninfo) -> None:
    run_file(blank_database, DUMP)
    set_revision = "update gjobs.alembic_version set version_num = %s"
    with connect(blank_database, autocommit=True) as connection:
        connection.execute(set_revision, ["0012"])
        for command in (["up", "--yes"], ["remove", "--yes"], ["sql"]):
            assert_refused(gjobs("migrate", *command), 5, "at its revision 0012. Only its last revision, 0013, can be")
        connection.execute(set_revision, ["0013"])

    assert gjobs("migrate", "status", "--json").document == {**MIGRATED, "current": "0013", "pending": [HEAD]}
    verified = gjobs("migrate", "verify")
    assert verified.code == 5
    assert "gjobs.job_summary is missing" in verified.err
    assert "'gjobs migrate up --profile blank' takes over what the earlier build of gjobs left." in verified.err
    up = gjobs("migrate", "up", "--yes", "--json")
    assert (up.code, up.document) == (0, MIGRATED)
    assert gjobs("migrate", "verify").code == 0
    newest = gjobs("journal", "--json").document[0]
    assert (newest["what"], newest["outcome"]) == (f"migrate from 0013 to {HEAD}", "done")


def test_migration_runs_only_after_a_yes(open_terminal: OpenTerminal, gjobs: Run, blank_database: Conninfo) -> None:
    printed = gjobs("migrate", "sql")
    assert printed.code == 0
    assert "generation_jobs" in printed.out
    assert gjobs("migrate", "sql", "--json").document["sql"].strip() == printed.out.strip()
    assert_refused(run_process("migrate", "up", stdin="y\n"), 2, "--yes")
    terminal = open_terminal("migrate", "up")
    terminal.decline(f"{blank_database['dbname']})?")
    assert "In the schema gjobs: 14 tables" in terminal.screen
    assert "Nothing was changed." in terminal.screen
    assert "gjobs" not in schemas(blank_database)

    assert open_terminal("migrate", "up").answer("yes\n") == 0
    assert gjobs("migrate", "status", "--json").document == MIGRATED
    done = gjobs("migrate", "sql")
    assert (done.code, done.out) == (0, "")
    assert re.fullmatch(r"Database: blank \(.+\)\.\nNothing is pending\.\n", done.err)

    with connect(blank_database) as connection:
        connection.execute("drop view public.stuck_jobs")
        connection.execute("drop trigger set_completed_at on public.generation_jobs")
        connection.execute("drop function public.set_completed_at")
        connection.execute("alter table public.generation_jobs drop retry_count, drop completed_at")
    assert "public.set_completed_at" in gjobs("migrate", "sql", "--columns").out
    terminal = open_terminal("migrate", "columns")
    terminal.decline("Add retry_count and completed_at to blank", f"{blank_database['dbname']})?")
    assert "Nothing was changed." in terminal.screen
    added = gjobs("migrate", "columns", "--yes", "--json")
    assert (added.code, added.document) == (0, {"added": ["retry_count", "completed_at"]})
    again = gjobs("migrate", "columns", "--yes", "--json")
    assert (again.code, again.document) == (0, {"added": []})
    assert gjobs("migrate", "sql", "--columns").out == ""

    assert_refused(run_process("migrate", "remove", stdin="y\n"), 2, "--yes")
    terminal = open_terminal("migrate", "remove")
    assert terminal.answer("\n", "Remove everything of gjobs from", str(blank_database["dbname"])) == 1
    assert "Nothing was removed." in terminal.screen
    assert gjobs("migrate", "status", "--json").document == MIGRATED


def test_refused_migration_does_nothing(gjobs: Run, blank_database: Conninfo, monkeypatch: pytest.MonkeyPatch) -> None:
    for line, code in (
        ("remove", 1),
        ("remove --yes", 1),
        ("up --yes --read-only", 6),
        ("remove --yes --read-only", 6),
        ("up --yes --as ada@example.com", 2),
    ):
        refused = gjobs("migrate", *line.split())
        assert (refused.code, refused.out) == (code, ""), line
    monkeypatch.delenv("GJOBS_PROFILE")
    address = ("--database-url", uri(blank_database))
    assert_refused(gjobs("migrate", "up", "--yes", *address), 6, "Add --write REASON")
    assert "gjobs" not in schemas(blank_database)
    assert gjobs("migrate", "status", "--as", "operator", *address).code == 0
    assert gjobs("migrate", "up", "--yes", *address, "--write", "the first schema").code == 0
    assert "gjobs" in schemas(blank_database)
