"""One job as text: facts, events, timeline and the stuck verdict."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from uuid import UUID

from rich.cells import cell_len

from gjobs.store.errors import command
from gjobs.store.jobs.job import AnyStatus, GenerationJob, JobStatus, job_times
from gjobs.store.jobs.job_results import (
    NO_LINKS,
    TIME_FIELDS,
    EventKind,
    JobEvent,
    JobHistory,
    LeaseState,
    PastField,
    RetryLinks,
    StuckVerdict,
    log_start_words,
    status_spans,
    time_in_each,
)
from gjobs.store.values.data_classes import by_member
from gjobs.store.values.formats import NO_ID, UnknownText, is_infinite, money
from gjobs.tui.text.clean_text import clean, clean_cell, pad, shorten
from gjobs.tui.text.format import (
    MUTED,
    UNKNOWN,
    UNRECORDED,
    Span,
    age,
    count,
    duration,
    error_summary,
    id_text,
    is_unrecorded,
    local_time,
    short_id,
    utc_time,
)
from gjobs.tui.text.status_text import status_glyph, status_label, status_style, status_word

NO_USERS: Mapping[UUID, str] = {}

_TITLE_WIDTH = 13
_AGE_WIDTH = 12
_SHORTEST_NAME, _LONGEST_NAME = 8, 60
_UNRECORDED_MARK = f"{UNRECORDED} "


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """Names for ids that a job refers to. None if unknown or absent."""

    owner: str | None = None
    """The owner's e-mail."""
    asset: str | None = None
    """The asset's storage location."""
    links: RetryLinks = NO_LINKS
    stuck: StuckVerdict | None = None
    """None for a job that isn't running."""


STATE_FACTS = 2
"""The number of facts about status and times, which `fact_lines` returns first."""


def fact_lines(
    job: GenerationJob,
    *,
    project: str,
    now: datetime,
    width: int,
    names: Names | None = None,
    prefers_names: bool = False,
    zone: tzinfo | None = None,
) -> list[list[Span]]:
    """Return facts that fit `width`, which must exceed the width of an id. `now` is the server's time. Times are in
    `zone`; None means this machine's.

    If a name and its id do not both fit, the id is shown, unless the name is preferred.
    """
    names = names or Names()
    width -= len(_UNRECORDED_MARK) if is_unrecorded(job, "user_id", "input_asset_id") else 0

    def past(title: str, spans: list[Span], *fields: PastField) -> tuple[str, list[Span]]:
        return title, [(_UNRECORDED_MARK, "$text-warning"), *spans] if is_unrecorded(job, *fields) else spans

    def time(title: str, value: datetime, name: PastField) -> tuple[str, list[Span]]:
        return past(title, _time(value, now, zone, is_marked=is_unrecorded(job, name)), name)

    facts: list[tuple[str, list[Span]]] = [
        ("Status", [(status_label(job.status), f"bold {status_style(job.status)}")]),
        past(*_times(job, now, width), *TIME_FIELDS["total"]),
        past("Mode", [(clean(job.mode, limit=400) or UNKNOWN, "")], "mode"),
        ("Cost", [(money(job.cost_cents), "")]),
        time("Created", job.created_at, "created_at"),
        time("Updated", job.updated_at, "updated_at"),
        ("Id", [(str(job.id), "")]),
        ("Project", _named(project, job.project_id, width, prefers_names)),
        past("Owner", _named(names.owner, job.user_id, width, prefers_names), "user_id"),
        past(
            "Input asset",
            _named(names.asset, job.input_asset_id, width, prefers_names)
            if job.input_asset_id
            else [("" if is_unrecorded(job, "input_asset_id") else "none", "")],
            "input_asset_id",
        ),
        *_retry_facts(names.links),
    ]
    return [[(title.ljust(_TITLE_WIDTH), MUTED), *spans] for title, spans in facts]


def _retry_facts(links: RetryLinks) -> list[tuple[str, list[Span]]]:
    """Return the links between a job and its retries. Only the newest retry is named, because only that one matters."""
    facts: list[tuple[str, list[Span]]] = []
    if links.repeats:
        facts.append(("Repeats", [(str(links.repeats), "")]))
    if links.repeated_by:
        earlier = len(links.repeated_by) - 1
        more = [(f"  and {count(earlier)} earlier", MUTED)] if earlier else []
        facts.append(("Repeated by", [(str(links.repeated_by[-1]), ""), *more]))
    return facts


def _named(name: str | None, identifier: UUID, width: int, prefers_name: bool) -> list[Span]:
    """Return the name beside the id. The name is cut to fit. If almost nothing of the name fits, only the id is
    shown.
    """
    shown = "" if identifier == NO_ID else f"  {identifier}"
    room = min(width - _TITLE_WIDTH - len(shown), _LONGEST_NAME)
    if name is not None and prefers_name and room < cell_len(name):
        room, shown = width - _TITLE_WIDTH, ""
    if name is None or room < _SHORTEST_NAME:
        return [(id_text(identifier), "")]
    return [(shorten(clean_cell(name, room), room), ""), (shown, MUTED)]


def time_facts(job: GenerationJob, now: datetime) -> dict[str, str]:
    """Return the wait, the run and the total, as far as they are known. A time that has not ended gets “so far”."""
    times = job_times(job, now)
    is_queued, is_over = job.status is JobStatus.QUEUED, job.status.is_final
    # Details of an earlier moment may show a job that did not exist yet.
    begun = {} if not is_over and now < job.created_at else {"wait": times.wait, "run": times.run, "total": times.total}
    goes_on = {"wait": is_queued, "run": not is_over, "total": not is_over}
    return {
        name: f"{duration(time.total_seconds())}{' so far' if goes_on[name] else ''}"
        for name, time in begun.items()
        if time is not None
    }


def _times(job: GenerationJob, now: datetime, width: int) -> tuple[str, list[Span]]:
    """Return the run, the wait, and the total if it fits. Without a start, only one of them is known."""
    facts = time_facts(job, now)
    title = next((name for name in ("run", "total", "wait") if name in facts), "total")
    value = facts.get(title, UNKNOWN)
    others = [f"{name} {words}" for name, words in facts.items() if name != title]
    if _TITLE_WIDTH + cell_len("  ".join((value, *others))) > width:
        others = others[:1]
    return title.capitalize(), [(value, ""), ("".join(f"  {words}" for words in others), MUTED)]


def _time(time: datetime, now: datetime, zone: tzinfo | None, *, is_marked: bool) -> list[Span]:
    """Return the age, the time in the zone and UTC. The date and UTC are left out if they repeat that time. A mark
    before the age uses space of the age column, so that all times stay aligned.
    """
    if is_infinite(time):
        return [(str(time), "")]
    local, utc = local_time(time, zone), utc_time(time)
    other_clock = utc.removeprefix(local.partition(" ")[0]).strip()
    shown = utc if utc in (local, f"{local} UTC") else f"{local} ({other_clock})"
    room = _AGE_WIDTH - (len(_UNRECORDED_MARK) if is_marked else 0)
    return [(age(time, now).ljust(room), ""), (shown, MUTED)]


def event_words(event: JobEvent) -> str:
    """Return the change, without its reason or actor."""
    match event.kind:
        case EventKind.CREATED:
            return f"created, {_state(event.to_status)}"
        case EventKind.DELETED:
            return f"deleted, was {_state(event.from_status)}"
        case EventKind.ARCHIVED:
            return f"archived, was {_state(event.from_status)}"
        case EventKind.RESTORED:
            return f"restored, {_state(event.to_status)}"
        case EventKind.STATUS:
            return f"{_state(event.from_status)} → {_state(event.to_status)}"
        case EventKind.RETRY:
            return "postponed" if event.to_status is None else f"retry {event.retry_count or 0}"
        case EventKind.ERROR:
            return "error recorded" if event.error else "error removed"
        case EventKind.COST:
            return "cost changed"
        case EventKind.CHANGED:
            return f"changed, mode {event.mode}"
        case EventKind.OWNER:
            return "lease"
        case EventKind.PROGRESS:
            return "progress"
        case UnknownText():
            return clean(event.kind.value, limit=_LONGEST_WHAT)


def _state(status: AnyStatus | None) -> str:
    return "nothing" if status is None else status_word(status)


def cost_words(event: JobEvent) -> str:
    """Return the job's new cost if the event changed it, otherwise an empty text."""
    if event.kind in (EventKind.DELETED, EventKind.ARCHIVED) or not event.cents_change:
        return ""
    if event.kind in (EventKind.CREATED, EventKind.RESTORED):
        return money(event.cost_cents)
    sign = "+" if event.cents_change > 0 else ""
    return f"{sign}{money(event.cents_change)} = {money(event.cost_cents)}"


def note_words(event: JobEvent) -> str:
    """Return the worker's note, and the error's first line if the event is about it."""
    return ": ".join(filter(None, (event.note, error_summary(event.error))))


def actor_words(event: JobEvent, users: Mapping[UUID, str] = NO_USERS) -> str:
    """Return who acted: the user or database role, the program if known, and the worker with the lease.

    A user without a name in `users` is shown by the id.
    """
    worker = f"worker {event.lease_owner[:8]}" if event.lease_owner else ""
    if worker and event.from_status is None and event.to_status is None:
        return worker
    user_id = event.actor_user_id
    who = event.actor_role if user_id is None else users.get(user_id) or f"user {short_id(user_id)}"
    where = f" in {event.application}" if event.application else ""
    return f"{who}{where}, {worker}" if worker else f"{who}{where}"


def time_by_status(history: JobHistory) -> str:
    """Return how long the job was in each status. Empty if its events do not show it."""
    return ", ".join(
        f"{status_word(status)} {duration(time.total_seconds())}"
        for status, time in time_in_each(history.spans).items()
    )


def beginning_words(history: JobHistory) -> str:
    """Return a sentence if the log does not reach back to the job's creation."""
    known = history.log_begins_at
    return log_start_words(known) if history.lacks_beginning and known is not None else ""


SHOWN = 12
"""The number of newest events that are shown. 'gjobs jobs show ID --events' shows more."""
_GAP = "  "
_LONGEST_WHAT = 30
_ROOM_FOR_COSTS = 84
"""The width from which costs have their own column. Few events have a cost."""
_CONTINUATION = "│"
"""Precedes an event that does not change the status."""


def timeline_lines(history: JobHistory, *, now: datetime, width: int, zone: tzinfo | None = None) -> list[list[Span]]:
    """Return lines of this width, oldest first. `now` is the server's time."""
    spent = [spent_line(history, now=now, width=width)] if history.spans else []
    return [*spent, *event_lines(history, width=width, zone=zone)]


def event_lines(
    history: JobHistory, *, width: int, zone: tzinfo | None = None, users: Mapping[UUID, str] = NO_USERS
) -> list[list[Span]]:
    """Return a line for each of the newest events, oldest first, after a line about the earlier ones. `users` has the
    known names of users.
    """
    shown = history.events[-SHOWN:]
    left = len(history.events) - len(shown)
    lines: list[list[Span]] = []
    if left or history.is_cut:
        earlier = f"{left}{' or more' if history.is_cut else ''} earlier"
        lines.append([(f"{earlier}: {command(f'jobs show {history.job_id} --events')}", MUTED)])
    elif words := beginning_words(history):
        lines.append([(words, MUTED)])
    before = history.events[-len(shown) - 1] if left else None
    return [*lines, *_lines(shown, before, width, zone, users)]


def spent_line(history: JobHistory, *, now: datetime, width: int) -> list[Span]:
    """Return the time in each status that is not final: the time since the end would only count up.

    If the words do not fit, only glyphs stand for the statuses.
    """
    times = time_in_each(span for span in status_spans(history.events, now=now) if not span.status.is_final)
    spent: list[Span] = []
    for name in (status_label, status_glyph):
        spent = [
            span
            for status, time in times.items()
            for span in ((f"{name(status)} ", status_style(status)), (f"{duration(time.total_seconds())}   ", ""))
        ]
        if cell_len("".join(text for text, _ in spent).rstrip()) <= width:
            break
    return spent


def _lines(
    events: Sequence[JobEvent], before: JobEvent | None, width: int, zone: tzinfo | None, users: Mapping[UUID, str]
) -> Iterator[list[Span]]:
    waits = [
        f"+{duration(max((event.at - last.at).total_seconds(), 0.0))}" if last else ""
        for last, event in zip((before, *events), events, strict=False)
    ]
    changes = [clean(event_words(event), limit=_LONGEST_WHAT) for event in events]
    costs = [cost_words(event) for event in events]
    wait_cells, change_cells, cost_cells = (
        max(map(cell_len, column), default=0) for column in (waits, changes, costs if width >= _ROOM_FOR_COSTS else ())
    )
    times = [local_time(event.at, zone).partition(" ") for event in events]
    # Omit the day if all events have the same one. The times of the job already show it.
    has_days = len({day for day, _, _ in times}) > 1
    style_now = ""
    for event, (day, _, clock), wait, change, cost in zip(events, times, waits, changes, costs, strict=True):
        status, is_move = event.to_status, event.from_status != event.to_status
        style_now = style_now if status is None else status_style(status)
        glyph = status_glyph(status) if is_move and status is not None else _CONTINUATION
        when = f" {f'{day} {clock}' if has_days else clock}{_GAP}{pad(wait, wait_cells, right=True)}{_GAP}"
        own_cost = f"{_GAP}{pad(cost, cost_cells)}" if cost_cells else ""
        what = (pad(change, change_cells), style_now if is_move else "")
        line = [(glyph, style_now), (when, MUTED), what, (own_cost, "")]
        room = width - 1 - cell_len(when) - change_cells - cell_len(own_cost)
        further = ("" if own_cost else cost, ""), (note_words(event), ""), (actor_words(event, users), MUTED)
        for text, style in further:
            if text and room > len(_GAP):
                note = _GAP + shorten(clean_cell(text, room), room - len(_GAP))
                room -= cell_len(note)
                line.append((note, style))
        yield line


_SAFE = by_member(
    LeaseState,
    {
        LeaseState.UNKNOWN: "It may still be running outside gjobs. Make sure that nothing runs it, then fail it.",
        LeaseState.NONE: "No gjobs worker holds it. Make sure that nothing else runs it, then fail it and retry it.",
        LeaseState.LIVE: "",
        LeaseState.EXPIRED: (
            "Its lease expired. Another worker will take it over. If no worker runs, fail it and retry it."
        ),
    },
)
"""What to do about a stuck job. Jobs with a live lease are not stuck."""


def stuck_words(verdict: StuckVerdict | None) -> str:
    """Return two or three sentences; empty if the job is not stuck."""
    if verdict is None or not verdict.is_stuck:
        return ""
    why = f"after {duration(verdict.after.total_seconds())}"
    if verdict.lease is not LeaseState.UNKNOWN and verdict.usual is None:
        why += ", because the usual duration of its mode is unknown"
    elif verdict.lease is not LeaseState.UNKNOWN and verdict.usual is not None:
        usual = duration(max(verdict.usual.total_seconds(), 1.0))
        why += f", because 95 % of its mode's jobs end within {usual}"
    untouched = duration(verdict.untouched.total_seconds())
    return f"Stuck: no update for {untouched}. It counts as stuck {why}. {_SAFE[verdict.lease]}"
