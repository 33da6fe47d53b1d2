"""The journal's lines: JSON objects, one for a write that is about to be committed, and another for its end. Pure.

Whoever dies between the two leaves a write whose outcome is unknown, which is what it is.
"""

import json
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from store.journal.entry import JournalEntry
from store.plain import plain_time
from store.writing.written import WriteOutcome


class BrokenLine(ValueError):
    """A line that is none of ours, or half of one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """The second line of an entry, or a later one that knows better."""

    entry: UUID
    outcome: WriteOutcome


def beginning_line(entry: JournalEntry) -> str:
    """Without its outcome, which is not known yet."""
    return _line(
        {
            "entry": str(entry.id),
            "at": plain_time(entry.at),
            "database": entry.database,
            "actor": entry.actor,
            "actor_id": str(entry.actor_id) if entry.actor_id else None,
            "reason": entry.reason,
            "what": entry.what,
            "ids": [str(identifier) for identifier in entry.ids],
            "before": entry.before,
            "after": entry.after,
            "transaction_id": entry.transaction_id,
        }
    )


def ending_line(ending: Ending, *, at: datetime) -> str:
    return _line({"entry": str(ending.entry), "at": plain_time(at), "outcome": ending.outcome.value})


def _line(value: dict[str, Any]) -> str:
    """ASCII without a line break within, whatever the texts hold."""
    return json.dumps(value, separators=(",", ":")) + "\n"


def parse(line: str) -> JournalEntry | Ending:
    """Raises BrokenLine where it is neither."""
    try:
        value = json.loads(line)
        if "outcome" in value:
            return Ending(entry=UUID(value["entry"]), outcome=WriteOutcome(value["outcome"]))
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
            outcome=WriteOutcome.UNKNOWN,
        )
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        raise BrokenLine from error


def _time(text: str) -> datetime:
    time = datetime.fromisoformat(text)
    if time.tzinfo is None:
        raise ValueError("a time without its zone")
    return time


def ended(entry: JournalEntry, ending: Ending | None) -> JournalEntry:
    """Unknown where nothing was written of its end."""
    return replace(entry, outcome=ending.outcome) if ending else entry
