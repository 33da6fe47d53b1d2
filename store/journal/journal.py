"""Write and read the journal: its lines and daily files."""

import fcntl
import json
import logging
import os
import stat
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from gjobs.store.errors import JournalUnavailable
from gjobs.store.journal.write_record import JournalEntry, WriteOutcome, WriteRecord
from gjobs.store.system.private_files import make_directory
from gjobs.store.users.actor import ActingUser, Actor, Operator, actor_name
from gjobs.store.values.data_classes import dataclass
from gjobs.store.values.formats import column_names, plain_row, plain_time, utc_now

PATIENCE_SECONDS = 2.0
"""Seconds to wait for another process that is writing."""

_PAUSE_SECONDS = 0.002
_SUFFIX = ".jsonl"


class JournalDirectory:
    """Daily files of lines. Methods may raise an OSError, whose `strerror` fits after "cannot be written: "."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def append(self, day: date, line: str, *, durably: bool) -> None:
        """Append a whole line or nothing, even if others append, too. `durably` waits until it is on disk."""
        with self._file(day, writing=True) as file:
            _lock(file)
            end = os.fstat(file).st_size
            data = line.encode()
            if end and os.pread(file, 1, end - 1) != b"\n":
                data = b"\n" + data
            try:
                _write_all(file, data)
                if durably:
                    os.fsync(file)
            except OSError:
                os.ftruncate(file, end)
                raise

    def remove_before(self, day: date) -> None:
        """Remove the files of all earlier days."""
        with self._opened(writing=False) as directory:
            for old in _days(directory):
                if old < day:
                    # Another process may be removing the same files.
                    with suppress(FileNotFoundError):
                        os.unlink(_name(old), dir_fd=directory)

    def days(self) -> list[date]:
        """Return the days, latest first; none if there is no directory yet."""
        try:
            with self._opened(writing=False) as directory:
                return sorted(_days(directory), reverse=True)
        except FileNotFoundError:
            return []

    def lines(self, day: date) -> list[str]:
        """Return the lines of a day, even if broken; none if another process has removed the file."""
        try:
            with self._file(day, writing=False) as file, open(file, "rb", closefd=False) as stream:
                data = stream.read()
                if data and not data.endswith(b"\n"):
                    # A process that is writing this line holds the lock until the line is whole.
                    with suppress(OSError):
                        _lock(file)
                    data += stream.read()
                return data.decode(errors="replace").split("\n")
        except FileNotFoundError:
            return []

    @contextmanager
    def _opened(self, *, writing: bool) -> Iterator[int]:
        """Yield the checked directory's descriptor. Files are opened through it, so the check stays valid."""
        if writing:
            make_directory(self.path.parent)
            with suppress(FileExistsError):
                self.path.mkdir(mode=0o700)
        directory = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            _require_own(directory, mode=0o700 if writing else None)
            yield directory
        finally:
            os.close(directory)

    @contextmanager
    def _file(self, day: date, *, writing: bool) -> Iterator[int]:
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT if writing else os.O_RDONLY
        # Never blocks on a pipe of that name, which is refused below.
        flags |= os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        with self._opened(writing=writing) as directory:
            file = os.open(_name(day), flags, 0o600, dir_fd=directory)
            try:
                if not stat.S_ISREG(os.fstat(file).st_mode):
                    raise OSError(None, f"{_name(day)} is not a regular file")
                _require_own(file, mode=0o600 if writing else None)
                yield file
            finally:
                os.close(file)


def _lock(file: int) -> None:
    """Lock the file against other processes of gjobs. The kernel releases the lock when the process ends.

    Gives up after some seconds, because a transaction is open meanwhile.
    """
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise OSError(None, "another process has locked it") from None
            time.sleep(_PAUSE_SECONDS)
        else:
            return


def _write_all(file: int, data: bytes) -> None:
    if os.write(file, data) < len(data):
        raise OSError(None, "the disk is full")


def _require_own(descriptor: int, *, mode: int | None) -> None:
    """Refuse a file or directory of another account, and set its mode unless `mode` is None."""
    found = os.fstat(descriptor)
    if found.st_uid != os.geteuid():
        raise OSError(None, f"it belongs to account number {found.st_uid}")
    if mode is not None and stat.S_IMODE(found.st_mode) != mode:
        os.fchmod(descriptor, mode)


def _days(directory: int) -> Iterator[date]:
    for name in os.listdir(directory):
        with suppress(ValueError):
            day = date.fromisoformat(name.removesuffix(_SUFFIX))
            if name == _name(day):
                yield day


def _name(day: date) -> str:
    return f"{day.isoformat()}{_SUFFIX}"


class BrokenLine(ValueError):
    """A line that is incomplete, or not from gjobs."""


def beginning_line(entry: JournalEntry) -> str:
    """Return an entry's first line, without its outcome, which is not known yet."""
    values = {name: getattr(entry, name) for name in column_names(JournalEntry) if name not in ("id", "outcome")}
    return _line({"entry": entry.id, **values, "at": plain_time(entry.at)})


def ending_line(entry: UUID, outcome: WriteOutcome, *, at: datetime) -> str:
    """Return an entry's second line, or a later line that replaces it."""
    return _line({"entry": entry, "at": plain_time(at), "outcome": outcome})


def _line(value: dict[str, Any]) -> str:
    """Return one line of ASCII, whatever characters the texts contain."""
    return json.dumps(value, separators=(",", ":"), default=str) + "\n"


def parse(line: str) -> JournalEntry | tuple[UUID, WriteOutcome]:
    """Return the entry, or the outcome of the entry with this id. Raises BrokenLine if it is neither."""
    try:
        value = json.loads(line)
        if "outcome" in value:
            return UUID(value["entry"]), WriteOutcome(value["outcome"])
        return JournalEntry(
            id=UUID(value["entry"]),
            at=_time(value["at"]),
            database=str(value["database"]),
            actor=str(value["actor"]),
            actor_id=UUID(value["actor_id"]) if value["actor_id"] else None,
            reason=None if value["reason"] is None else str(value["reason"]),
            what=str(value["what"]),
            ids=tuple(map(UUID, value["ids"])),
            before=tuple(dict(row) for row in value["before"]),
            after=tuple(dict(row) for row in value["after"]),
            transaction_id=None if value["transaction_id"] is None else int(value["transaction_id"]),
        )
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        raise BrokenLine from error


def _time(text: str) -> datetime:
    time = datetime.fromisoformat(text)
    if time.tzinfo is None:
        raise ValueError("The time has no time zone.")
    return time


log = logging.getLogger(__name__)

KEPT_DAYS = 30


class Journal:
    """The journal of one session's writes to one database. Call `remove_old` at the start of a session."""

    writes_done = 0
    """Number of writes that this process has made, in all journals."""

    def __init__(self, path: Path, *, database: str, clock: Callable[[], datetime] = utc_now) -> None:
        self._directory = JournalDirectory(path)
        self._database = database
        self._clock = clock

    def begin(
        self, written: WriteRecord, *, actor: Actor, reason: str | None, transaction_id: int | None
    ) -> JournalEntry:
        """Write an entry before the commit. Raises JournalUnavailable: then nothing may be committed."""
        entry = JournalEntry(
            id=uuid.uuid4(),
            at=self._clock().astimezone(UTC),
            database=self._database,
            actor="operator" if isinstance(actor, Operator) else actor_name(actor),
            actor_id=actor.id if isinstance(actor, ActingUser) else None,
            reason=reason,
            what=written.what,
            ids=written.ids,
            before=tuple(map(plain_row, written.before)),
            after=tuple(map(plain_row, written.after)),
            transaction_id=transaction_id,
        )
        try:
            self._directory.append(entry.at.date(), beginning_line(entry), durably=True)
        except OSError as error:
            raise JournalUnavailable(
                f"Nothing was changed: the journal in {self._directory.path} cannot be written: {error.strerror}."
            ) from error
        return entry

    def end(self, entry: JournalEntry, outcome: WriteOutcome) -> None:
        """Write the outcome. Never fails: the write is done, and an entry without an outcome reads as unknown."""
        Journal.writes_done += outcome is WriteOutcome.DONE
        try:
            line = ending_line(entry.id, outcome, at=self._clock())
            self._directory.append(entry.at.date(), line, durably=False)
        except OSError as error:
            path = self._directory.path
            log.warning("An outcome could not be written to the journal in %s: %s", path, error.strerror)

    def remove_old(self) -> None:
        """Remove files older than KEPT_DAYS, even if nothing is written. Never fails."""
        try:
            self._directory.remove_before(self._clock().astimezone(UTC).date() - timedelta(days=KEPT_DAYS))
        except FileNotFoundError:
            return  # Nothing has been written yet.
        except OSError as error:
            log.info("Old files of the journal in %s cannot be removed: %s", self._directory.path, error.strerror)


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalPage:
    entries: tuple[JournalEntry, ...]
    """The latest first."""
    broken_lines: int
    """Lines left out because they are incomplete or not from gjobs."""


def read_journal(path: Path, *, limit: int | None = None, since: datetime | None = None) -> JournalPage:
    """Read at most `limit` entries, none older than `since`. Raises JournalUnavailable if it can't be read."""
    directory = JournalDirectory(path)
    entries: list[JournalEntry] = []
    broken = 0
    try:
        for day in directory.days():
            if (since is not None and day < since.date()) or (limit is not None and len(entries) >= limit):
                break
            of_day, broken_of_day = _entries(directory.lines(day))
            entries += of_day
            broken += broken_of_day
    except OSError as error:
        raise JournalUnavailable(f"The journal in {path} cannot be read: {error.strerror}.") from error
    wanted = [entry for entry in entries if since is None or entry.at >= since]
    return JournalPage(entries=tuple(wanted[:limit]), broken_lines=broken)


def _entries(lines: list[str]) -> tuple[list[JournalEntry], int]:
    """Return the entries with their outcomes, latest first, and the number of broken lines."""
    begun: list[JournalEntry] = []
    outcomes: dict[UUID, WriteOutcome] = {}
    broken = 0
    for line in lines:
        try:
            parsed = parse(line)
        except BrokenLine:
            broken += bool(line.strip())
            continue
        if isinstance(parsed, JournalEntry):
            begun.append(parsed)
        else:
            outcomes[parsed[0]] = parsed[1]
    entries = [replace(entry, outcome=outcomes.get(entry.id, entry.outcome)) for entry in reversed(begun)]
    return sorted(entries, key=lambda entry: entry.at, reverse=True), broken
