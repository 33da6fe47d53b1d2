"""What happened to a job, line by line, and how long it was in each status. Pure; styles are theme variables."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from rich.cells import cell_len

from store.events.model import History, JobEvent
from store.events.stays import stays, time_in_each
from store.model import JobStatus
from tui.words import event_words
from tui.words.costs import Span
from tui.words.format import local_time
from tui.words.status import STATUS_GLYPHS, STATUS_STYLES, status_label
from tui.words.text import clean, clean_cell, pad, shorten

SHOWN = 12
"""The newest; 'gjobs jobs show ID --events' has more."""

_MUTED = "$foreground-muted"
_GAP = "  "
_LONGEST_WHAT = 30
_ROOM_FOR_COSTS = 84
"""Cells from which on costs have a column of their own: few events have one."""
_GOES_ON = "│"
"""Before what leaves the job in its status."""


def timeline_lines(history: History, *, now: datetime, width: int) -> list[list[Span]]:
    """Oldest first, each in so many cells. `now` is the server's time."""
    shown = history.events[-SHOWN:]
    left = len(history.events) - len(shown)
    lines = [_spent(history, now)] if history.stays else []
    if left or history.is_cut:
        earlier = f"{left}{' or more' if history.is_cut else ''} earlier"
        lines.append([(f"{earlier}: gjobs jobs show {history.job_id} --events", _MUTED)])
    before = history.events[-len(shown) - 1] if left else None
    rows = list(_rows(shown, before))
    layout = _layout(rows, width)
    return [*lines, *(list(_line(row, layout, width)) for row in rows)]


def _spent(history: History, now: datetime) -> list[Span]:
    spans: list[Span] = []
    for status, time in time_in_each(stays(history.events, now=now)).items():
        spans += [(f"{status_label(status)} ", STATUS_STYLES[status]), (f"{event_words.lasted(time)}   ", "")]
    return spans


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    glyph: str
    style: str
    """Of the status that the job has since."""
    is_move: bool
    day: str
    clock: str
    after: str
    what: str
    cost: str
    why: str
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Layout:
    has_days: bool
    """Whether the rows are of several days; one day is told by the job's own times."""
    after: int
    what: int
    cost: int
    """0 where costs have no column."""


def _rows(events: Sequence[JobEvent], before: JobEvent | None) -> Iterator[_Row]:
    style = ""
    last = before.at if before else None
    for event in events:
        status = event.to_status
        is_move = event.from_status is not status
        style = STATUS_STYLES[status] if status else style
        day, _, clock = local_time(event.at).rpartition(" ")
        yield _Row(
            glyph=_glyph(status) if is_move else _GOES_ON,
            style=style,
            is_move=is_move,
            day=day,
            clock=clock,
            after="" if last is None else f"+{event_words.lasted(max(event.at - last, timedelta()))}",
            what=clean(event_words.what(event), limit=_LONGEST_WHAT),
            cost=event_words.cost(event),
            why=event_words.why(event),
            by=event_words.by(event),
        )
        last = event.at


def _glyph(status: JobStatus | None) -> str:
    return STATUS_GLYPHS[status] if status else _GOES_ON


def _layout(rows: Sequence[_Row], width: int) -> _Layout:
    return _Layout(
        has_days=len({row.day for row in rows}) > 1,
        after=max((cell_len(row.after) for row in rows), default=0),
        what=max((cell_len(row.what) for row in rows), default=0),
        cost=max((cell_len(row.cost) for row in rows), default=0) if width >= _ROOM_FOR_COSTS else 0,
    )


def _line(row: _Row, layout: _Layout, width: int) -> Iterator[Span]:
    time = f"{row.day} {row.clock}" if layout.has_days else row.clock
    when = f" {time}{_GAP}{pad(row.after, layout.after, right=True)}{_GAP}"
    cost = f"{_GAP}{pad(row.cost, layout.cost)}" if layout.cost else ""
    yield row.glyph, row.style
    yield when, _MUTED
    yield pad(row.what, layout.what), row.style if row.is_move else ""
    yield cost, ""
    room = width - 1 - cell_len(when) - layout.what - cell_len(cost)
    for text, style in (("" if cost else row.cost, ""), (row.why, ""), (row.by, _MUTED)):
        if text and room > len(_GAP):
            told = _GAP + shorten(clean_cell(text, room), room - len(_GAP))
            room -= cell_len(told)
            yield told, style
