"""What happened to a job, line by line, and how long it was in each status. Pure; styles are theme variables."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from store.events.model import History, JobEvent
from store.events.stays import stays, time_in_each
from tui.words import event_words
from tui.words.costs import Span
from tui.words.format import local_time
from tui.words.status import STATUS_STYLES
from tui.words.text import clean

SHOWN = 12
"""The newest; 'gjobs jobs show ID --events' has more."""

_MUTED = "$foreground-muted"
_AFTER_WIDTH = 11
_WHAT_WIDTH = 20
_LONGEST = 200


def timeline_lines(history: History, *, now: datetime) -> list[list[Span]]:
    """Oldest first. `now` is the server's time."""
    shown = history.events[-SHOWN:]
    left = len(history.events) - len(shown)
    lines = [_spent(history, now)] if history.stays else []
    if left or history.is_cut:
        earlier = f"{left}{' or more' if history.is_cut else ''} earlier"
        lines.append([(f"{earlier}: gjobs jobs show {history.job_id} --events", _MUTED)])
    before = history.events[-len(shown) - 1].at if left else None
    for event in shown:
        lines.append(list(_line(event, None if before is None else event.at - before)))
        before = event.at
    return lines


def _spent(history: History, now: datetime) -> list[Span]:
    spans: list[Span] = []
    for status, time in time_in_each(stays(history.events, now=now)).items():
        spans += [(f"{status} ", STATUS_STYLES[status]), (f"{event_words.lasted(time)}   ", "")]
    return spans


def _line(event: JobEvent, after: timedelta | None) -> Iterator[Span]:
    passed = "" if after is None else f"+{event_words.lasted(max(after, timedelta()))}"
    yield f"{local_time(event.at)}  ", _MUTED
    yield f"{passed:>{_AFTER_WIDTH}}  ", _MUTED
    style = STATUS_STYLES[event.to_status] if event.to_status and event.to_status is not event.from_status else ""
    yield clean(event_words.what(event), limit=_LONGEST).ljust(_WHAT_WIDTH), style
    if cost := event_words.cost(event):
        yield f"  {cost}", ""
    yield f"  {clean(event_words.by(event), limit=_LONGEST)}", _MUTED
    if why := event_words.why(event):
        yield f"  {clean(why, limit=_LONGEST)}", ""
