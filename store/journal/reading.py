"""Reads the journal; changes nothing, whatever it finds."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from uuid import UUID

from store.errors import JournalUnavailable
from store.journal.directory import JournalDirectory
from store.journal.entry import JournalEntry
from store.journal.lines import BrokenLine, Ending, ended, parse


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    entries: tuple[JournalEntry, ...]
    """The latest first."""
    broken_lines: int
    """Left out: they are none of ours, or half of one."""


def read_journal(path: Path, *, limit: int | None = None, since: datetime | None = None) -> Reading:
    """At most `limit` entries, none from before `since`. Raises JournalUnavailable where it may not be read."""
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
    return Reading(entries=tuple(wanted[:limit]), broken_lines=broken)


def _entries(lines: list[str]) -> tuple[list[JournalEntry], int]:
    """The latest first, with how each ended; and how many lines are none."""
    begun: list[JournalEntry] = []
    endings: dict[UUID, Ending] = {}
    broken = 0
    for line in lines:
        try:
            parsed = parse(line)
        except BrokenLine:
            broken += bool(line.strip())
            continue
        if isinstance(parsed, Ending):
            endings[parsed.entry] = parsed
        else:
            begun.append(parsed)
    entries = [ended(entry, endings.get(entry.id)) for entry in reversed(begun)]
    return sorted(entries, key=lambda entry: entry.at, reverse=True), broken
