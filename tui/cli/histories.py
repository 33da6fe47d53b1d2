"""What happened to a job, as a document for programs and as a table for people. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from store.events.model import History, JobEvent
from store.events.stays import time_in_each
from store.plain import plain_row, plain_time
from tui.cli.jsonable import Json
from tui.cli.tables import Column
from tui.words import event_words
from tui.words.format import local_time

_COLUMNS = (
    Column(title="WHEN"),
    Column(title="AFTER", right=True),
    Column(title="WHAT"),
    Column(title="COST", right=True),
    Column(title="BY", narrowest=8),
    Column(title="NOTE", narrowest=10),
)


def document(history: History) -> Mapping[str, Json]:
    """Oldest first. Seconds have a fraction."""
    return {
        "events": [plain_row(event) for event in history.events],
        "has_older_events": history.is_cut,
        "started_at": plain_time(history.started_at) if history.started_at else None,
        "seconds_in_status": {
            status.value: time.total_seconds() for status, time in time_in_each(history.stays).items()
        },
    }


def table(history: History) -> tuple[Sequence[Column], list[list[str]]]:
    """Oldest first; beside each event how long after the one before."""
    return _COLUMNS, list(_rows(history.events))


def _rows(events: Sequence[JobEvent]) -> Iterator[list[str]]:
    before: datetime | None = None
    for event in events:
        yield [
            local_time(event.at),
            "" if before is None else event_words.lasted(event.at - before),
            event_words.what(event),
            event_words.cost(event),
            event_words.by(event),
            event_words.why(event),
        ]
        before = event.at


def spent(history: History) -> str:
    """How long the job was in each status, as far as its events tell; empty where they do not."""
    return ", ".join(f"{status} {event_words.lasted(time)}" for status, time in time_in_each(history.stays).items())
