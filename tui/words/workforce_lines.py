"""A worker, or a job that one holds, as a line of so many cells. Pure; styles are theme variables."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from rich.cells import cell_len

from store.model import JobStatus
from store.model.worker import HeldJob, WorkerStatus
from tui.words.costs import Span
from tui.words.format import count, duration, elapsed, local_time, short_id
from tui.words.status import STATUS_GLYPHS
from tui.words.text import clean, clean_cell, pad, shorten

MUTED = "$foreground-muted"

_GOOD, _WARNING, _BAD = "$text-success", "$text-warning", "$text-error"
_GAP = "  "
_NAME_CELLS, _STATE_CELLS, _HOLDS_CELLS = 28, 16, 14
_MODE_CELLS, _PROJECT_CELLS, _TIME_CELLS = 16, 20, 14
_WIDE = 84
"""Cells from which on there is room for projects, and for how long a worker runs."""
_LONGEST = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    key: str
    """The same as long as it is about the same thing; no two lines have one key."""
    spans: tuple[Span, ...]
    about: str = ""
    """All of what stands in the line, which may be cut there; empty of a title."""
    job_id: UUID | None = None
    """Where the line is about a job."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Eyes:
    """Whose they are, and what they know of projects."""

    name: str
    is_user: bool
    project: Callable[[UUID], str]


def title(key: str, text: str) -> Line:
    return Line(key=f"title {key}", spans=((text, MUTED),))


def names_width(workers: Iterable[WorkerStatus], width: int) -> int:
    """Cells for the names of these."""
    longest = max((cell_len(clean_cell(worker.name, _NAME_CELLS)) for worker in workers), default=0)
    return min(longest, _NAME_CELLS, width // 4)


def worker_line(worker: WorkerStatus, *, now: datetime, width: int, name_cells: int) -> Line:
    state, style = _state(worker, now)
    name = pad(clean_cell(worker.name, name_cells), name_cells)
    holds = f"holds {count(worker.held_jobs)} of {count(worker.concurrency)}"
    start: list[Span] = [(name, "bold"), _state_span(state, style), (pad(holds, _HOLDS_CELLS), "")]
    modes = "all modes" if worker.modes is None else ", ".join(worker.modes)
    is_up = worker.is_alive and width >= _WIDE
    up = f"up {elapsed(seconds(now - worker.started_at))}, " if is_up else ""
    about = (
        f"{clean(worker.name, limit=_LONGEST)}: process {worker.process} on {clean(worker.host, limit=100)}",
        f"for {'the operator' if worker.user_id is None else f'user {worker.user_id}'}",
        f"since {local_time(worker.started_at)}, last seen {local_time(worker.seen_at)}",
        clean(modes, limit=_LONGEST),
    )
    return Line(key=f"worker {worker.id}", spans=_ended(start, up + modes, MUTED, width), about="; ".join(about))


def _state_span(state: str, style: str) -> Span:
    return f"{_GAP}{pad(state, _STATE_CELLS)}{_GAP}", style


def _state(worker: WorkerStatus, now: datetime) -> Span:
    if worker.stopped_at is not None:
        return "◌ stopped", MUTED
    if worker.is_alive:
        return "▸ alive", _GOOD
    return f"✗ silent {elapsed(seconds(now - worker.seen_at))}", _BAD


def unseen_line(owner: UUID, eyes: Eyes, *, width: int) -> Line:
    """A worker that holds jobs and that these eyes do not see."""
    why = "of somebody else" if eyes.is_user else "not listed"
    start: list[Span] = [(f"worker {short_id(owner)}", "bold")]
    about = f"The worker {owner}: {clean(eyes.name, limit=60)} sees what it holds, and not the worker itself."
    return Line(key=f"worker {owner}", spans=_ended(start, why, MUTED, width), about=about)


def job_line(job: HeldJob, eyes: Eyes, *, now: datetime, width: int) -> Line:
    glyph = STATUS_GLYPHS[JobStatus.RUNNING if job.owner else JobStatus.QUEUED]
    project = clean(eyes.project(job.project_id), limit=_LONGEST)
    time, style = _time(job, now)
    words = _words(job, now)
    start: list[Span] = [
        (f"  {glyph} {short_id(job.job_id)}{_GAP}", MUTED),
        (pad(clean_cell(job.mode, _MODE_CELLS), _MODE_CELLS) + _GAP, ""),
    ]
    if width >= _WIDE:
        start.append((pad(project, _PROJECT_CELLS) + _GAP, MUTED))
    start.append((pad(time, _TIME_CELLS), style))
    about = f"{job.job_id} in {project}, claimed {local_time(job.acquired_at)}"
    if words:
        about = f"{about}: {clean(words, limit=_LONGEST)}"
    return Line(key=f"job {job.job_id}", spans=_ended(start, words, style, width), about=about, job_id=job.job_id)


def _time(job: HeldJob, now: datetime) -> Span:
    if job.owner is not None:
        return f"for {elapsed(seconds(now - job.acquired_at))}", _WARNING if job.expires_at <= now else ""
    left = seconds(job.expires_at - now)
    return (f"again in {duration(left)}" if left >= 1 else "due"), ""


def _words(job: HeldJob, now: datetime) -> str:
    """Not clean yet."""
    if job.owner is None:
        return f"attempt {job.attempt} failed · {job.note}" if job.note else "handed back"
    lost = f"its lease ran out {elapsed(seconds(now - job.expires_at))} ago" if job.expires_at <= now else ""
    attempt = f"attempt {job.attempt}" if job.attempt > 1 else ""
    return " · ".join(filter(None, (lost, attempt, job.note)))


def _ended(start: Sequence[Span], text: str, style: str, width: int) -> tuple[Span, ...]:
    """With a text that is cut where there is no more room."""
    room = max(width - sum(cell_len(part) for part, _ in start) - len(_GAP), 0)
    return (*start, (_GAP, ""), (shorten(clean_cell(text, room), room), style))


def seconds(time: timedelta) -> float:
    return max(time.total_seconds(), 0.0)
