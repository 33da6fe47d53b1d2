"""`gjobs journal` lists the writes of gjobs on this machine."""

import os
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest

from gjobs.store.journal.journal import Journal
from gjobs.store.journal.write_record import WriteOutcome, WriteRecord
from gjobs.store.users.actor import OPERATOR
from tests.cli.cli_rows import FAILED, QUEUED, RUNNING, document
from tests.cli.command_line import Configure, Run, uri
from tests.conftest import Conninfo


@pytest.fixture
def directory() -> Path:
    return Path(os.environ["GJOBS_DATA_DIR"]) / "journal"


def columns(job: Mapping[str, object]) -> dict[str, object]:
    """Return the columns of the table in a JSON document. The journal keeps no lengths of time."""
    return {name: value for name, value in job.items() if name not in ("wait_seconds", "run_seconds")}


@pytest.mark.usefixtures("url")
def test_journal_lists_writes_newest_first(gjobs: Run) -> None:
    gjobs("jobs", "transition", str(QUEUED), "running", "--as", "ada@example.com")
    gjobs("jobs", "delete", str(FAILED), "--yes")
    gjobs("jobs", "transition", str(RUNNING), "running")
    deletion, transition = gjobs("journal", "--json").document
    assert (deletion["what"], transition["what"]) == ("delete job", "transition job to running")
    assert transition["actor"] == "ada@example.com"
    assert list(deletion) == [
        *("id", "time", "database", "actor", "actor_id", "reason", "what", "ids"),
        *("before", "after", "transaction_id", "outcome"),
    ]
    assert (deletion["ids"], deletion["before"], deletion["after"]) == ([str(FAILED)], [columns(document(FAILED))], [])
    assert [deletion[name] for name in ("actor", "actor_id", "reason", "outcome")] == ["operator", None, None, "done"]


def test_journal_command_requires_no_configuration_and_creates_nothing(
    gjobs: Run, configure: Configure, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    configure("this is no TOML")
    monkeypatch.setenv("GJOBS_PROFILE", "no such profile")
    assert gjobs("journal", "--json").document == []
    printed = gjobs("journal")
    assert (printed.code, printed.err) == (0, "No entries.\n")
    assert not directory.parent.exists()


def test_command_on_a_database_removes_old_journal_files(gjobs: Run, directory: Path, database: Conninfo) -> None:
    directory.mkdir(parents=True)
    (directory / "2020-01-01.jsonl").touch()
    assert gjobs("jobs", "list", "--database-url", uri(database)).code == 0
    assert list(directory.iterdir()) == []


@pytest.fixture
def entries(directory: Path) -> None:
    """Four entries, from four hours to one hour ago. The outcome of the newest is unknown."""
    for hours in (4, 3, 2, 1):
        time = hours_ago(hours)
        journal = Journal(directory, database="prod\x1b[2J", clock=lambda time=time: time)  # type: ignore[misc]
        mark = journal.begin(WriteRecord(what=f"write {hours}"), actor=OPERATOR, reason="why\nnot", transaction_id=1)
        if hours > 1:
            journal.end(mark, WriteOutcome.DONE)


def hours_ago(hours: int) -> datetime:
    return datetime.now(UTC) - timedelta(hours=hours)


def test_journal_table_shortens_long_id_lists_and_json_keeps_them(gjobs: Run, directory: Path) -> None:
    ids = tuple(UUID(int=number) for number in range(500))
    journal = Journal(directory, database="prod", clock=lambda: hours_ago(1))
    journal.begin(WriteRecord(what="archive old jobs", touched=ids), actor=OPERATOR, reason=None, transaction_id=1)

    _, line = gjobs("journal").out.splitlines()

    assert f" {ids[0]} {ids[1]} {ids[2]} and 497 more  operator" in line
    (entry,) = gjobs("journal", "--json").document
    assert len(entry["ids"]) == 500


@pytest.mark.usefixtures("entries")
class TestJournalEntries:
    def test_journal_prints_an_aligned_table_up_to_a_limit_and_since_a_time(self, gjobs: Run, directory: Path) -> None:
        printed = gjobs("journal")
        titles, *lines = printed.out.splitlines()
        assert titles.split() == ["TIME", "OUTCOME", "WHAT", "IDS", "AS", "DATABASE", "REASON"]
        assert [line[titles.index("WHAT") :][:7] for line in lines] == ["write 1", "write 2", "write 3", "write 4"]
        assert [line[titles.index("OUTCOME") :].split()[0] for line in lines] == ["unknown", "done", "done", "done"]
        assert all("prod␛[2J" in line and line.endswith("why⏎not") for line in lines)

        printed = gjobs("journal", "--limit", "2")
        assert len(printed.out.splitlines()) == 3
        assert printed.err == "There are more: --limit 20 shows them.\n"
        assert len(gjobs("journal", "--limit", "2", "--json").document) == 2
        assert gjobs("journal", "--limit", "4").err == ""
        for since in ("150m", hours_ago(3).isoformat()):
            recent = gjobs("journal", "--since", since, "--json").document
            assert [entry["what"] for entry in recent] == ["write 1", "write 2"]

        with next(directory.iterdir()).open("a") as file:
            file.write("{\n[]\n")
        printed = gjobs("journal", "--json")
        assert len(printed.document) == 4
        assert printed.err == "2 lines of the journal could not be read and are left out.\n"
