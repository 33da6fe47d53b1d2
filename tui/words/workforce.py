"""Who works, and on what, in lines. Pure."""

from collections import defaultdict
from collections.abc import Collection, Iterator
from datetime import datetime, timedelta
from uuid import UUID

from store.model.worker import HeldJob, WorkerStatus, Workforce
from tui.words.format import count, elapsed
from tui.words.job_names import jobs_count
from tui.words.text import clean
from tui.words.workforce_lines import Eyes, Line, job_line, names_width, seconds, title, unseen_line, worker_line

LONG_GONE = timedelta(hours=1)
"""A worker that was not seen for so long, and holds nothing, is only counted."""


def lines(force: Workforce, eyes: Eyes, *, now: datetime, width: int) -> Iterator[Line]:
    """Each worker with what it holds below it, then what nobody has at present. `now` is the server's time."""
    held: defaultdict[UUID, list[HeldJob]] = defaultdict(list)
    nobodys: list[HeldJob] = []
    for job in force.held:
        (nobodys if job.owner is None else held[job.owner]).append(job)
    workers = _shown(force, held)
    name_cells = names_width(workers, width)
    for worker in workers:
        jobs = held.pop(worker.id, [])
        yield worker_line(worker, now=now, width=width, name_cells=name_cells)
        yield from (job_line(job, eyes, now=now, width=width) for job in jobs)
        if (left := worker.held_jobs - len(jobs)) > 0:
            yield title(f"more of {worker.id}", f"  … {jobs_count(left)} more, held for less long")
    for owner, jobs in held.items():
        yield unseen_line(owner, eyes, width=width)
        yield from (job_line(job, eyes, now=now, width=width) for job in jobs)
    if nobodys:
        yield title("nobody's", "Between two attempts, with nobody")
        yield from (job_line(job, eyes, now=now, width=width) for job in nobodys)


def summary(force: Workforce, *, now: datetime) -> str:
    """What is said above the lines."""
    alive = sum(worker.is_alive for worker in force.workers)
    held = [job for job in force.held if job.owner is not None]
    parts = [f"{count(alive)} {'worker' if alive == 1 else 'workers'} alive"]
    if held:
        longest = elapsed(seconds(now - min(job.acquired_at for job in held)))
        parts.append(f"{'≥ ' if force.is_cut else ''}{jobs_count(len(held))} held, the longest for {longest}")
    if waiting := len(force.held) - len(held):
        parts.append(f"{jobs_count(waiting)} between two attempts")
    return " · ".join(parts)


def remark(force: Workforce, eyes: Eyes) -> str:
    """What is said below them, of what is not shown; empty where that is nothing."""
    sentences = []
    if not force.workers and not force.held:
        sentences.append("'gjobs worker MODULE:REGISTRY' starts a worker.")
    if number := len(force.workers) - len(_shown(force, {job.owner for job in force.held if job.owner})):
        sentences.append(f"{count(number)} more were here within a week: gjobs workers.")
    if eyes.is_user:
        sentences.append(f"Workers that do not act as {clean(eyes.name, limit=60)} are the operator's to see.")
    return " ".join(sentences)


def _shown(force: Workforce, holding: Collection[UUID]) -> list[WorkerStatus]:
    """Those alive first, then by name: in an order that does not change while they work."""
    shown = [
        worker
        for worker in force.workers
        if worker.id in holding or (worker.stopped_at is None and force.taken_at - worker.seen_at < LONG_GONE)
    ]
    return sorted(shown, key=lambda worker: (not worker.is_alive, worker.name, worker.started_at, worker.id))
