"""The journal's files: their content, their permissions, and files that are not the journal's."""

import fcntl
import multiprocessing
import os
import stat
from datetime import UTC, date, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gjobs.store.errors import JournalUnavailable
from gjobs.store.jobs.job import JobStatus
from gjobs.store.journal.journal import (
    KEPT_DAYS,
    BrokenLine,
    Journal,
    JournalDirectory,
    beginning_line,
    ending_line,
    parse,
    read_journal,
)
from gjobs.store.journal.write_record import JournalEntry, WriteOutcome, WriteRecord
from gjobs.store.users.actor import OPERATOR, ActingUser
from tests.store.store_fixtures import ADA, NOW, ManualClock, a_job

JOB = a_job(status=JobStatus.FAILED, error='two\nlines of "text" \x1b[31m 日本語')
FILE = "2026-01-15.jsonl"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "journal"


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def journal(path: Path, clock: ManualClock) -> Journal:
    return Journal(path, database="production", clock=clock)


def write(journal: Journal, what: str = "delete job", outcome: WriteOutcome | None = WriteOutcome.DONE) -> None:
    """Write an entry. An entry without an outcome looks as if its process had died."""
    entry = journal.begin(WriteRecord(what=what, before=(JOB,)), actor=OPERATOR, reason=None, transaction_id=7)
    if outcome is not None:
        journal.end(entry, outcome)


def entries(path: Path, limit: int | None = None) -> list[tuple[str, str]]:
    return [(entry.what, entry.outcome.value) for entry in read_journal(path, limit=limit).entries]


class TestContent:
    def test_journal_entry_holds_rows_actor_reason_and_database(self, journal: Journal, path: Path) -> None:
        ada = ActingUser(id=ADA, email="ada@example.com")
        begun = journal.begin(
            WriteRecord(what="delete job", before=(JOB,)), actor=ada, reason="ticket 7", transaction_id=99
        )
        journal.end(begun, WriteOutcome.DONE)
        (entry,) = read_journal(path).entries
        assert (entry.at, entry.database, entry.actor, entry.actor_id) == (NOW, "production", "ada@example.com", ADA)
        assert (entry.reason, entry.what, entry.ids, entry.transaction_id) == ("ticket 7", "delete job", (JOB.id,), 99)
        assert entry.after == ()
        assert entry.before == (
            {
                "id": str(JOB.id),
                "user_id": str(ADA),
                "project_id": str(JOB.project_id),
                "status": "failed",
                "mode": "lifestyle",
                "input_asset_id": None,
                "error": JOB.error,
                "cost_cents": 250,
                "created_at": "2026-01-15T12:00:00.000000Z",
                "updated_at": "2026-01-15T12:00:00.000000Z",
                "retry_count": None,
                "completed_at": None,
            },
        )

    def test_journal_entry_records_its_outcome_or_none(self, journal: Journal, path: Path) -> None:
        for outcome in (*WriteOutcome, None):
            write(journal, outcome=outcome)
            assert entries(path)[0] == ("delete job", outcome.value if outcome else "unknown")

    def test_last_recorded_outcome_wins_and_is_written_to_the_file_of_its_entry(
        self, journal: Journal, path: Path, clock: ManualClock
    ) -> None:
        entry = journal.begin(WriteRecord(what="x", after=(JOB,)), actor=OPERATOR, reason=None, transaction_id=1)
        journal.end(entry, WriteOutcome.UNKNOWN)
        assert entries(path) == [("x", "unknown")]
        clock.now += timedelta(days=1)
        journal.end(entry, WriteOutcome.NOT_DONE)
        assert [file.name for file in path.iterdir()] == [FILE]
        assert entries(path) == [("x", "not done")]


texts = st.text()


@given(
    entry=st.builds(
        JournalEntry,
        id=st.uuids(),
        at=st.datetimes(timezones=st.just(UTC)),
        database=texts,
        actor=texts,
        actor_id=st.none() | st.uuids(),
        reason=st.none() | texts,
        what=texts,
        ids=st.lists(st.uuids()).map(tuple),
        before=st.lists(st.dictionaries(texts, st.none() | st.integers() | texts)).map(tuple),
        after=st.just(()),
        transaction_id=st.integers(min_value=0),
        outcome=st.just(WriteOutcome.UNKNOWN),
    ),
    outcome=st.sampled_from(WriteOutcome),
)
def test_journal_line_reads_back_as_it_was_written(entry: JournalEntry, outcome: WriteOutcome) -> None:
    ending = ending_line(entry.id, outcome, at=entry.at)
    for line, value in ((beginning_line(entry), entry), (ending, (entry.id, outcome))):
        assert line.isascii()
        assert line.splitlines() == [line.removesuffix("\n")]
        assert parse(line) == value


@given(st.text() | st.binary().map(lambda data: data.decode(errors="replace")))
def test_any_other_line_is_rejected_as_broken(line: str) -> None:
    with pytest.raises(BrokenLine):
        parse(line)


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


class TestReading:
    def test_journal_is_read_newest_first_up_to_the_limit(
        self, journal: Journal, path: Path, clock: ManualClock
    ) -> None:
        for number in range(6):
            clock.now = NOW + timedelta(hours=9 * number)
            write(journal, what=str(number))
        assert [what for what, _ in entries(path)] == ["5", "4", "3", "2", "1", "0"]
        assert [what for what, _ in entries(path, limit=4)] == ["5", "4", "3", "2"]
        since = read_journal(path, since=NOW + timedelta(hours=18)).entries
        assert [entry.what for entry in since] == ["5", "4", "3", "2"]

    def test_missing_journal_is_empty_and_is_not_created(self, journal: Journal, path: Path) -> None:
        journal.remove_old()
        assert read_journal(path).entries == ()
        assert not path.parent.exists()

    def test_broken_lines_are_skipped_and_counted(self, journal: Journal, path: Path) -> None:
        broken_lines = [b"{\n\n", b"[]\n\n", b"null\n", b'"outcome"\n', b'{"entry": 3}\n', b"\xff\xfe\0\n", b"{" * 5000]
        for number, broken in enumerate([*broken_lines, b'{"entry":'], 1):
            write(journal, what="before")
            with (path / FILE).open("ab") as file:
                file.write(broken)
            write(journal, what="after")
            reading = read_journal(path, limit=2)
            assert [entry.what for entry in reading.entries] == ["after", "before"], broken
            assert read_journal(path).broken_lines == number, broken

    def test_reader_waits_for_a_line_that_another_process_is_writing(
        self, journal: Journal, path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        write(journal, what="first")
        write(journal, what="second")
        file = path / FILE
        whole = file.read_bytes()
        file.write_bytes(whole[: len(whole) - 300])
        with file.open("ab", buffering=0) as writer:
            fcntl.flock(writer, fcntl.LOCK_EX)

            def finish_line(_: float) -> None:
                """Finish the line and release the lock, instead of the reader's pause."""
                writer.write(whole[-300:])
                fcntl.flock(writer, fcntl.LOCK_UN)

            monkeypatch.setattr("gjobs.store.journal.journal.time.sleep", finish_line)
            reading = read_journal(path)
        assert [entry.what for entry in reading.entries] == ["second", "first"]
        assert reading.broken_lines == 0

    def test_reading_ignores_foreign_files_and_changes_nothing(self, journal: Journal, path: Path) -> None:
        write(journal)
        (path / "20260114.jsonl").touch()
        old = path / "2020-01-01.jsonl"
        old.touch()
        old.chmod(0o644)
        assert entries(path) == [("delete job", "done")]
        assert mode_of(old) == 0o644
        assert JournalDirectory(path).lines(date(2026, 1, 14)) == [], "another process has removed it"


def test_remove_old_deletes_only_old_journal_files(journal: Journal, path: Path) -> None:
    path.mkdir(parents=True)
    kept = f"{(NOW - timedelta(days=KEPT_DAYS)).date()}.jsonl"
    old = f"{(NOW - timedelta(days=KEPT_DAYS + 1)).date()}.jsonl"
    others = ("notes.txt", "2020-13-45.jsonl", "2020-01-01.json", "20200101.jsonl")
    for name in (kept, old, *others):
        (path / name).touch()
    journal.remove_old()
    assert {file.name for file in path.iterdir()} == {kept, *others}


class TestPrivacy:
    def test_write_makes_the_journal_private_again(self, journal: Journal, path: Path) -> None:
        write(journal)
        path.chmod(0o755)
        (path / FILE).chmod(0o644)
        write(journal)
        assert (mode_of(path), mode_of(path / FILE)) == (0o700, 0o600)

    @pytest.mark.parametrize(
        ("what", "words"),
        [("linked directory", "cannot be read"), ("linked file", None), ("pipe", "is not a regular file")],
    )
    def test_link_or_pipe_in_place_of_the_journal_is_refused(
        self, journal: Journal, path: Path, tmp_path: Path, what: str, words: str | None
    ) -> None:
        elsewhere = tmp_path / "elsewhere"
        elsewhere.mkdir()
        target = elsewhere / "target"
        target.touch()
        if what == "linked directory":
            path.parent.mkdir()
            path.symlink_to(elsewhere)
        else:
            path.mkdir(parents=True)
            if what == "pipe":
                os.mkfifo(path / FILE)
            else:
                (path / FILE).symlink_to(target)
        refused(journal, path)
        assert [(file, file.read_bytes()) for file in elsewhere.iterdir()] == [(target, b"")]
        if words:
            with pytest.raises(JournalUnavailable, match=words):
                read_journal(path)

    @pytest.mark.skipif(os.geteuid() != 0, reason="only root can change the owner of a file")
    def test_journal_owned_by_another_account_is_refused(self, journal: Journal, path: Path) -> None:
        write(journal)
        for owned in (path, path / FILE):
            os.chown(owned, 12345, -1)
            with pytest.raises(JournalUnavailable, match="it belongs to account number 12345"):
                write(journal)
            os.chown(owned, 0, -1)


def test_journal_write_is_refused_while_another_process_locks_the_file(
    journal: Journal, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gjobs.store.journal.journal.PATIENCE_SECONDS", 0.05)
    write(journal)
    with (path / FILE).open() as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        refused(journal, path)
    write(journal)


def refused(journal: Journal, path: Path) -> None:
    with pytest.raises(JournalUnavailable) as caught:
        write(journal)
    assert caught.value.message.startswith(f"Nothing was changed: the journal in {path} cannot be written: ")


def append(path: Path, name: str, times: int) -> None:
    journal = Journal(path, database=name)
    for number in range(times):
        write(journal, what=f"{name} {number}")


def test_concurrent_processes_write_every_journal_line_whole(path: Path) -> None:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])  # Imported once instead of in each process.
    writers = [context.Process(target=append, args=(path, name, 15)) for name in "abcd"]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    reading = read_journal(path)
    assert reading.broken_lines == 0
    assert {entry.what for entry in reading.entries} == {f"{name} {number}" for name in "abcd" for number in range(15)}
    assert {entry.outcome for entry in reading.entries} == {WriteOutcome.DONE}
