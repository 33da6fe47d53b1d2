"""`gjobs migrate` on the app's own database: verify, take over, and remove."""

import signal
from contextlib import closing
from pathlib import Path

import pytest

from gjobs.migrations import HEAD
from gjobs.store.database.connection_url import without_password
from gjobs.store.embedded.server_files import ADMINISTRATOR
from tests.cli.command_line import OpenTerminal, PipedCommand, Run, UseProfile, assert_refused, uri
from tests.cli.commands.test_migrate import MIGRATED, UNMIGRATED
from tests.conftest import Conninfo, connect, temporary_login
from tests.hosted.server_directory import until
from tests.migrations.conftest import catalogue

CLEANUP = "cleanup --older-than 1d"


@pytest.fixture(autouse=True)
def app(attached_database: Conninfo, use_profile: UseProfile) -> Conninfo:
    use_profile("app", attached_database)
    return attached_database


def execute(conninfo: Conninfo, statement: str) -> None:
    with connect(conninfo) as connection:
        connection.execute(statement.encode())


def test_verify_reports_that_the_schema_matches_the_first_revision(gjobs: Run, app: Conninfo) -> None:
    before = catalogue(app)

    verified = gjobs("migrate", "verify")

    assert verified.code == 0
    title, *kinds = verified.out.splitlines()
    assert title.split() == ["KIND", "OK", "DIFFERENT"]
    assert ["relation", "4", "-"] in [kind.split() for kind in kinds]
    assert all(kind.endswith(" -") for kind in kinds)
    title, *rows = gjobs("migrate", "verify", "--all").out.split("\n\n")[1].splitlines()
    assert title.split() == ["STATE", "KIND", "OBJECT", "EXPECTED", "FOUND"]
    assert len(rows) == len(gjobs("migrate", "verify", "--json").document["objects"])
    assert all(row.startswith("ok ") for row in rows)
    database, *verdict = verified.err.splitlines()
    assert database.startswith("Database: app (")
    assert verdict == [
        "The schema matches revision 0001_app.",
        "'gjobs migrate up --profile app' can migrate this database.",
    ]
    read_only = gjobs("migrate", "verify", "--database-url", uri(app))
    advised = f"'gjobs migrate up --database-url \"{without_password(uri(app))}\" --write REASON'"
    assert read_only.err.endswith(f"{advised} can migrate this database.\n")
    assert catalogue(app) == before


def test_sentences_before_a_question_break_between_words_only_on_a_terminal(
    gjobs: Run, open_terminal: OpenTerminal
) -> None:
    for line in ("up", "columns"):
        piped = gjobs("migrate", line)
        assert piped.code == 2
        _, *sentences = piped.err.splitlines()[:-2]
        for columns, widest in ((60, 60), (200, 100)):
            terminal = open_terminal("migrate", line, columns=columns)
            terminal.decline()
            _, *lines, _ = terminal.screen.partition("?\r\n")[0].split("\r\n")
            assert max(map(len, lines)) <= widest
            assert " ".join(lines) == " ".join(sentences)
        assert gjobs("migrate", "up", "--yes").code == 0


def journal_entries(gjobs: Run) -> list[tuple[str, str, str | None]]:
    """Return the action, outcome and reason of each journal entry, the newest first."""
    return [(entry["what"], entry["outcome"], entry["reason"]) for entry in gjobs("journal", "--json").document]


STOPPED_AT_THE_INDEXES = [
    ("migrate from nothing to 0001_app", "done", None),
    (f"migrate from nothing to {HEAD}", "not done", None),
]


def test_migrating_up_and_removing_reports_the_takeover_and_journals_the_reasons(gjobs: Run, app: Conninfo) -> None:
    address = ("--database-url", uri(app))
    up = gjobs("migrate", "up", "--yes", "--write", "ticket 4711", "--json", *address)
    gjobs("migrate", "up", "--yes", "--write", "nothing to do", *address)
    removed = gjobs("migrate", "remove", "--yes", "--write", "undo", "--json", *address)

    assert (up.code, up.document) == (0, MIGRATED)
    assert "Recorded the app's own tables as revision 0001_app." in up.err
    assert "The app's tables were locked for " in up.err
    assert (removed.code, removed.document) == (0, UNMIGRATED)
    assert journal_entries(gjobs) == [
        (f"migrate from {HEAD} to nothing", "done", "undo"),
        (f"migrate from nothing to {HEAD}", "done", "ticket 4711"),
    ]


def test_journal_records_the_last_revision_of_a_failed_migration(gjobs: Run, app: Conninfo) -> None:
    administrator = {**app, "user": ADMINISTRATOR}
    execute(
        administrator,
        "create function refuse() returns event_trigger language plpgsql as $$ begin"
        " if current_query() ilike 'create index concurrently %' then"
        " raise 'no index today' using errcode = 'object_not_in_prerequisite_state'; end if; end $$;"
        "create event trigger refuse on ddl_command_start when tag in ('CREATE INDEX') execute function refuse()",
    )
    assert_refused(gjobs("migrate", "up", "--yes"), 1, "no index today")
    assert journal_entries(gjobs) == STOPPED_AT_THE_INDEXES


def test_journal_records_one_entry_for_a_migration_that_changed_nothing(gjobs: Run, app: Conninfo) -> None:
    execute(app, "create table public.gjobs_queue (id integer)")
    assert gjobs("migrate", "up", "--yes").code == 1
    assert journal_entries(gjobs) == [(f"migrate from nothing to {HEAD}", "not done", None)]


def test_terminated_migration_leaves_no_statement_running(gjobs: Run, app: Conninfo) -> None:
    running = "select count(*) from pg_stat_activity where datname = current_database() and query ilike 'create index%'"
    with connect(app) as snapshot, connect(app, autocommit=True) as observer:
        snapshot.execute("set transaction isolation level repeatable read")
        snapshot.execute("select 1")  # Building an index waits for the end of older snapshots.
        with closing(PipedCommand("migrate", "up", "--yes")) as migrating:
            until(lambda: observer.execute(running).fetchone() == (1,), pid=migrating.pid)
            migrating.send_signal(signal.SIGTERM)
            assert migrating.end().code == -signal.SIGTERM
        until(lambda: observer.execute(running).fetchone() == (0,))

    assert journal_entries(gjobs) == STOPPED_AT_THE_INDEXES


def test_migration_is_refused_when_the_journal_cannot_be_written(
    gjobs: Run, app: Conninfo, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "journal").touch()
    monkeypatch.setenv("GJOBS_DATA_DIR", str(tmp_path))
    before = catalogue(app)

    assert gjobs("migrate", "up", "--yes").code == 1
    assert catalogue(app) == before


def test_verify_lists_each_object_that_differs(gjobs: Run, app: Conninfo) -> None:
    execute(app, "alter table public.generation_jobs alter column mode drop not null, add column priority integer")

    verified = gjobs("migrate", "verify", "--json")

    assert verified.code == 5
    document = verified.document
    assert (document["revision"], document["matches"], document["adoptable"]) == ("0001_app", False, False)
    assert list(document["objects"][0]) == ["kind", "name", "state", "required", "expected", "found"]
    assert [tuple(one.values()) for one in document["objects"] if one["state"] != "ok"] == [
        ("column", "public.generation_jobs.mode", "different", True, "text not null", "text"),
        ("column", "public.generation_jobs.priority", "extra", False, None, "integer"),
    ]
    as_text = gjobs("migrate", "verify")
    counts, differences = as_text.out.split("\n\n")
    assert ["column", "36", "2"] in [line.split() for line in counts.splitlines()]
    title, extra, different = differences.splitlines()
    assert title.split() == ["STATE", "KIND", "OBJECT", "EXPECTED", "FOUND"]
    assert extra.split() == ["extra,", "tolerated", "column", "public.generation_jobs.priority", "integer"]
    assert different.split() == [*("different", "column", "public.generation_jobs.mode", "text", "not", "null", "text")]
    assert as_text.err.splitlines()[1:] == [
        "1 object does not match revision 0001_app:",
        "column public.generation_jobs.mode is text instead of text not null.",
        "'gjobs migrate up --profile app' can't migrate this database. You can still use gjobs with it.",
    ]
    for command in (["up", "--yes"], ["sql"]):
        refused = gjobs("migrate", *command)
        assert_refused(refused, 5, "column public.generation_jobs.mode is text", "Change these objects in your app")


def test_verify_reports_a_login_that_cannot_migrate(gjobs: Run, app: Conninfo) -> None:
    with temporary_login(app, "reader", bypasses=False) as login:
        verified = gjobs("migrate", "verify", "--database-url", uri(login))

    assert verified.code == 0
    assert "Only their owner can migrate them, and you are connected as reader." in verified.err
    assert "take this database over" not in verified.err


def test_command_that_needs_a_migration_advises_it(gjobs: Run) -> None:
    archive = "lacks what gjobs adds: events, workers, budgets, and the archive.\nRun 'gjobs migrate up --profile app'"
    rollups = "Run 'gjobs migrate up --profile app' to add rollups.\n"
    for line, words in (
        ("budgets", archive),
        (f"{CLEANUP} --dry-run", archive),
        ("archive list", archive),
        ("migrate verify --totals", rollups),
        ("migrate repair-rollups --yes", rollups),
    ):
        assert_refused(gjobs(*line.split()), 5, words)
    assert gjobs(*CLEANUP.split(), "--dry-run", "--delete").code == 0
