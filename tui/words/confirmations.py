"""What a person is asked before something that is hard to undo: pure words, which name the jobs and the database."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from rich.cells import cell_len

from store.model import GenerationJob, JobStatus
from store.transitions import sources
from tui.words.format import count, money, short_id
from tui.words.status import status_label
from tui.words.text import clean, pad

_MOST_LISTED = 5
_LIVE = (JobStatus.QUEUED, JobStatus.RUNNING)


@dataclass(frozen=True, slots=True, kw_only=True)
class Confirmation:
    title: str
    lines: tuple[str, ...]
    """Clean text."""
    warning: str | None
    """Stronger words, where work that is still to come is lost."""
    agree: str
    """The label of the button that does it."""
    is_dangerous: bool
    """Whether it is hard to undo."""


def confirm_deletion(
    jobs: Sequence[GenerationJob], *, project_names: Mapping[UUID, str], database: str, undo: str
) -> Confirmation:
    """`undo` is a sentence: what brings them back."""
    noun = "this job" if len(jobs) == 1 else f"these {count(len(jobs))} jobs"
    return Confirmation(
        title=f"Delete {noun}?",
        lines=(*described_jobs(jobs, project_names), "", where(database), undo),
        warning=_live_warning(jobs),
        agree="Delete" if len(jobs) == 1 else f"Delete {count(len(jobs))}",
        is_dangerous=True,
    )


def undo_words(key: str, jobs: int, following: Sequence[str]) -> str:
    """`following` are the tables that lose something with a job for good."""
    them = "it" if jobs == 1 else "them"
    words = f"{key} brings {them} back, while this dashboard is open"
    if not following:
        return f"{words}."
    named = ", ".join(clean(name, limit=60) for name in following[:_MOST_LISTED])
    return f"{words}; rows of {named} that are deleted or unlinked with {them} stay so."


def confirm_transition(
    jobs: Sequence[GenerationJob], target: JobStatus, *, project_names: Mapping[UUID, str], database: str
) -> Confirmation:
    """For several jobs at once, of which some may, those named first; one job moves without a question."""
    able = sum(job.status in sources(target) for job in jobs)
    movable_first = sorted(jobs, key=lambda job: job.status not in sources(target))
    every = f"these {count(len(jobs))} jobs"
    which = every if able == len(jobs) else f"{count(able)} of {every}"
    verb = {JobStatus.RUNNING: "Start", JobStatus.SUCCEEDED: "Complete", JobStatus.FAILED: "Fail"}[target]
    return Confirmation(
        title=f"{verb} {which}?",
        lines=(*described_jobs(movable_first, project_names), "", where(database)),
        warning=None,
        agree=f"{verb} {count(able)}",
        is_dangerous=False,
    )


def confirm_retry(
    jobs: Sequence[GenerationJob], *, project_names: Mapping[UUID, str], database: str, repeated: bool = False
) -> Confirmation:
    """For several jobs at once, of which some may, those named first; or for one that another repeats by now."""
    failed = sum(job.status is JobStatus.FAILED for job in jobs)
    failed_first = sorted(jobs, key=lambda job: job.status is not JobStatus.FAILED)
    every = "this job" if len(jobs) == 1 else f"these {count(len(jobs))} jobs"
    which = every if failed == len(jobs) else f"{count(failed)} of {every}"
    kept = "Each is queued anew as a job of its own, and stays failed itself."
    return Confirmation(
        title=f"Retry {which}{' once more' if repeated else ''}?",
        lines=(*described_jobs(failed_first, project_names), "", where(database), kept),
        warning="Another job repeats it by now." if repeated else None,
        agree="Retry" if len(jobs) == 1 else f"Retry {count(failed)}",
        is_dangerous=False,
    )


def described_jobs(jobs: Sequence[GenerationJob], project_names: Mapping[UUID, str]) -> list[str]:
    """A line each, in columns: status, mode, cost, id, project; of many jobs only the first ones."""
    lines = described_all(jobs[:_MOST_LISTED], project_names)
    more = len(jobs) - _MOST_LISTED
    return [*lines, f"and {count(more)} more"] if more > 0 else lines


def described_all(jobs: Sequence[GenerationJob], project_names: Mapping[UUID, str]) -> list[str]:
    rows = [_cells(job, project_names) for job in jobs]
    widths = [max(map(cell_len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(map(pad, row, widths)).rstrip() for row in rows]


def described(job: GenerationJob, project_names: Mapping[UUID, str]) -> str:
    """A line that tells a job from others."""
    return "  ".join(_cells(job, project_names))


def _cells(job: GenerationJob, project_names: Mapping[UUID, str]) -> tuple[str, ...]:
    project = clean(project_names.get(job.project_id, str(job.project_id)), limit=60)
    return (status_label(job.status), clean(job.mode, limit=40), money(job.cost_cents), short_id(job.id), project)


def where(database: str) -> str:
    """Names the database that is about to be changed."""
    return f"Database: {clean(database, limit=120)}"


def _live_warning(jobs: Sequence[GenerationJob]) -> str | None:
    counts = Counter(job.status for job in jobs if job.status in _LIVE)
    if not counts:
        return None
    if len(jobs) == 1:
        (status,) = counts
        lost = "its worker loses it" if status is JobStatus.RUNNING else "it will never run"
        return f"This job is still {status}: {lost}."
    named = " and ".join(f"{count(counts[status])} still {status}" for status in _LIVE if counts[status])
    return f"Among them {named}: they will never finish."
